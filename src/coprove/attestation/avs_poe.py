"""Proof of execution in the shape of the multi-prover AVS: five roots, which quorums sign."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.types import Hash32

__all__ = ["AvsPoe", "batch_hash"]

_NO_SIGNATURE: Final = bytes(65)
_ROOTS: Final = ("batch_hash", "state_hash", "prev_state_root", "new_state_root", "withdrawal_root")
_STATE: Final = re.compile(
    (
        r"\{"
        + "".join(rf'"{name}":"0x(?P<{name}>[0-9a-f]{{64}})",' for name in _ROOTS)
        + rf'"signature":"0x{_NO_SIGNATURE.hex()}"\}}'
    ).encode()
)
_SHOWN: Final = 80


def batch_hash(
    *,
    l2_chain_id: int,
    rollup_config_hash: Hash32,
    l1_head: Hash32,
    pre_block: int,
    post_block: int,
) -> Hash32:
    """Return what a range is, and of which chain: keccak256 of these five words."""
    words = (
        l2_chain_id.to_bytes(32, "big"),
        rollup_config_hash,
        l1_head,
        pre_block.to_bytes(32, "big"),
        post_block.to_bytes(32, "big"),
    )
    return Hash32(keccak256(b"".join(words)))


@dataclass(frozen=True, slots=True, kw_only=True)
class AvsPoe:
    """A range in the shape of the multi-prover AVS's Poe: five roots, in the order of its hash.

    Neither code nor platform nor witness is in it, so that operators on different platforms sign
    the same state; the registration of the signing key tells these.
    """

    batch_hash: Hash32
    """`batch_hash` of the range."""
    state_hash: Hash32
    """keccak256 of the encoded BootInfo, the claim that the ZK lane proves as well."""
    prev_state_root: Hash32
    """Output root of the agreed block."""
    new_state_root: Hash32
    """Output root of the claimed block."""
    withdrawal_root: Hash32
    """Storage root of the L2ToL1MessagePasser in the claimed block."""

    @property
    def outcome(self) -> tuple[Hash32, Hash32, Hash32]:
        """What an honest chain gives for the range under any L1 head that has all its data.

        Output root before and after, withdrawal root; the other two hashes name the L1 head.
        """
        return self.prev_state_root, self.new_state_root, self.withdrawal_root

    def digest(self) -> Hash32:
        """Return keccak256 of the five roots one after the other, which `poe_signature` signs."""
        return Hash32(keccak256(b"".join(getattr(self, name) for name in _ROOTS)))

    def to_json(self) -> dict[str, str]:
        """Return it as the AVS writes it; its own `signature` has always been 65 zeros there."""
        roots = {name: str(getattr(self, name).hex0x) for name in _ROOTS}
        return {**roots, "signature": f"0x{_NO_SIGNATURE.hex()}"}

    def encode(self) -> bytes:
        """Return the JSON as the AVS's operators write a `state`: the one form that is accepted."""
        return json.dumps(self.to_json(), separators=(",", ":")).encode()

    @classmethod
    def decode(cls, state: bytes) -> AvsPoe:
        """Read a `state`; InputError for any other bytes than `encode` gives."""
        match = _STATE.fullmatch(state)
        if match is None:
            raise InputError(
                "state", expected="a PoE's JSON as Go writes it, unsigned", actual=state[:_SHOWN]
            )
        return cls(**{name: Hash32(bytes.fromhex(match[name].decode())) for name in _ROOTS})

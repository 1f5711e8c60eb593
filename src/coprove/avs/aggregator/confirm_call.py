"""What calldata of `confirmState` says: read back after a restart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from coprove.contracts.avs.headers import STATE_HEADER_TYPE, StateHeader
from coprove.contracts.avs.records import SIGNED_BY_TYPE
from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.types import Hash32

__all__ = ["CONFIRM_STATE", "ConfirmCall"]

CONFIRM_STATE: Final = f"confirmState({STATE_HEADER_TYPE},{SIGNED_BY_TYPE})"
"""Signature of the function; its second argument is a NonSignerStakesAndSignature."""
_SELECTOR: Final = keccak256(CONFIRM_STATE.encode())[:4]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmCall:
    """What a confirmation says, as far as it is needed afterwards."""

    header: StateHeader
    """What is confirmed."""
    non_signers: tuple[Hash32, ...]
    """Who did not sign, by operator id: part of the record on chain."""

    @classmethod
    def decode(cls, calldata: bytes) -> ConfirmCall:
        """Read calldata of `confirmState`; InputError for any other."""
        try:
            if calldata[:4] != _SELECTOR:
                raise ValueError("another function")
            header, proof = decode([STATE_HEADER_TYPE, SIGNED_BY_TYPE], calldata[4:])
        except (DecodingError, OverflowError, ValueError) as error:
            raise InputError(
                "calldata", expected=CONFIRM_STATE, actual=f"0x{calldata[:4].hex()}…"
            ) from error
        committee_id, metadata, state, quorums, thresholds, block = header
        points: Any = proof[1]
        return cls(
            header=StateHeader(
                committee_id=committee_id,
                metadata=metadata,
                state=state,
                quorum_numbers=tuple(quorums),
                thresholds=tuple(thresholds),
                reference_block=block,
            ),
            non_signers=tuple(
                Hash32(keccak256(x.to_bytes(32, "big") + y.to_bytes(32, "big"))) for x, y in points
            ),
        )

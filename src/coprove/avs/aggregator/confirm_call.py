"""The calldata of `confirmState`: made of an aggregate, and read back after a restart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from eth_abi.abi import decode
from eth_abi.abi import encode as abi_encode
from eth_abi.exceptions import DecodingError

from coprove.contracts.avs.headers import STATE_HEADER_TYPE, StateHeader
from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.types import Hash32

if TYPE_CHECKING:
    from coprove.avs.aggregator.aggregation import Aggregate

__all__ = ["CONFIRM_STATE", "ConfirmCall", "HistoryIndices", "encode_call"]

_G1: Final = "(uint256,uint256)"
_G2: Final = "(uint256[2],uint256[2])"
_PROOF: Final = f"(uint32[],{_G1}[],{_G1}[],{_G2},{_G1},uint32[],uint32[],uint32[][])"
CONFIRM_STATE: Final = f"confirmState({STATE_HEADER_TYPE},{_PROOF})"
"""Signature of the function; its second argument is a NonSignerStakesAndSignature."""
_SELECTOR: Final = keccak256(CONFIRM_STATE.encode())[:4]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryIndices:
    """Where the contract finds histories (`OperatorStateRetriever.getCheckSignaturesIndices`)."""

    non_signer_bitmaps: tuple[int, ...]
    """Of each non-signer's quorums."""
    quorum_apks: tuple[int, ...]
    """Of each quorum's sum of keys."""
    total_stakes: tuple[int, ...]
    """Of each quorum's stake."""
    non_signer_stakes: tuple[tuple[int, ...], ...]
    """By quorum: of the stake of each non-signer that is in it."""


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
            header, proof = decode([STATE_HEADER_TYPE, _PROOF], calldata[4:])
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


def encode_call(found: Aggregate, indices: HistoryIndices) -> bytes:
    """Return the calldata that confirms an aggregate."""
    proof = (
        indices.non_signer_bitmaps,
        [key.coordinates for key in found.non_signer_keys],
        [key.coordinates for key in found.quorum_apks],
        found.apk_g2.coordinates,
        found.sigma.point.coordinates,
        indices.quorum_apks,
        indices.total_stakes,
        indices.non_signer_stakes,
    )
    return _SELECTOR + bytes(
        abi_encode([STATE_HEADER_TYPE, _PROOF], [found.header.to_abi(), proof])
    )

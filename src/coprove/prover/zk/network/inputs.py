"""Artifacts of guest inputs, built in worker processes, and the receipts they need."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from coprove.program import RangeInput
from coprove.prover.zk.guest_range import missing_receipts, range_witness
from coprove.prover.zk.stdin import Stdin, write_artifact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coprove.rpc import L1Client
    from coprove.types import Hash32

__all__ = ["L1Receipts", "ReceiptSource", "receipts_wanted", "write_range_artifact"]


class ReceiptSource(Protocol):
    """Where the receipts come from that a RangeInput leaves out and the guest reads."""

    async def receipts(self, blocks: Sequence[Hash32]) -> Mapping[Hash32, Sequence[bytes]]:
        """Return the EIP-2718 receipts of L1 blocks by their hash."""


class L1Receipts:
    """Receipts from an L1 node."""

    def __init__(self, l1: L1Client) -> None:
        """The client stays its owner's to close."""
        self._l1 = l1

    async def receipts(self, blocks: Sequence[Hash32]) -> Mapping[Hash32, Sequence[bytes]]:
        """As in ReceiptSource; the client checks them against the blocks' roots."""
        found = await self._l1.blocks(list(blocks))
        receipts = await self._l1.receipts(found)
        return dict(zip(blocks, receipts, strict=True))


def receipts_wanted(input_path: str) -> tuple[Hash32, ...]:
    """Return the blocks whose receipts a RangeInput file leaves out and the guest reads."""
    return missing_receipts(RangeInput.decode(Path(input_path).read_bytes()))


def write_range_artifact(
    input_path: str,
    receipts: Mapping[Hash32, Sequence[bytes]],
    artifact_path: str,
    zstd: bool,
) -> int:
    """Write the artifact of a range guest's input; return its size in bytes."""
    given = RangeInput.decode(Path(input_path).read_bytes())
    stdin = Stdin(buffers=(range_witness(given, receipts),))
    return write_artifact(Path(artifact_path), stdin.parts(), zstd=zstd)

"""What the proposer asks of the contract that takes outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from coprove.devnet.sender import Mined
    from coprove.types import Hash32

__all__ = ["Settlement"]


class Settlement(Protocol):
    """The L2 output oracle, read and written."""

    async def latest_block(self) -> int:
        """Return the L2 block of the newest output."""

    async def next_block(self) -> int:
        """Return the lowest L2 block that the next output may have."""

    async def range_vkey_commitment(self) -> Hash32:
        """Return the commitment to the range program's key that proofs must have."""

    async def aggregation_vkey(self) -> Hash32:
        """Return the key of the aggregation program that proofs must have."""

    async def checkpointed_hash(self, l1_block: int) -> Hash32 | None:
        """Return the hash checkpointed for an L1 block; None when there is none."""

    async def checkpoint(self, l1_block: int, *, key: str) -> Mined:
        """Have the contract store the hash of an L1 block."""

    async def simulate(self, root: Hash32, l2_block: int, l1_block: int, proof: bytes) -> None:
        """Call proposeL2Output without sending; raise a leaf error when it would revert."""

    async def propose(
        self, root: Hash32, l2_block: int, l1_block: int, proof: bytes, *, key: str
    ) -> Mined:
        """Propose an output."""

    async def proposed_in(self, l2_block: int) -> Hash32 | None:
        """Return the transaction that proposed the output at `l2_block`; None: there is none."""

    async def is_mined(self, tx_hash: Hash32) -> bool:
        """Whether L1 still has the transaction in a block."""

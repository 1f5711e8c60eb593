"""The store's methods for checkpoints, upon any database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.storage.base import StoreBase
from coprove.storage.cancellation import unbroken
from coprove.storage.checks import checked_block, checked_number
from coprove.storage.records import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.storage.records import Lease
    from coprove.types import BlockId, Hash32

__all__ = ["CheckpointMethods"]


class CheckpointMethods(StoreBase):
    """What a `RequestStore` notes of checkpoints."""

    @unbroken
    async def put_checkpoint(
        self, lease: Lease, block: BlockId, *, tx_hash: Hash32 | None = None
    ) -> None:
        """Note that the contract keeps a block's hash; a later note of the number counts."""
        checked_block("checkpoint", block)
        async with self._writing(lease) as (session, now):
            await session.put_checkpoint(Checkpoint(block=block, tx_hash=tx_hash, created_at=now))

    @unbroken
    async def drop_checkpoint(self, lease: Lease, number: int) -> None:
        """Forget a checkpoint that the contract does not have (any more)."""
        checked_number("checkpoint", number)
        async with self._writing(lease) as (session, _):
            await session.drop_checkpoint(number)

    @unbroken
    async def checkpoints(self) -> Sequence[Checkpoint]:
        """Return all checkpoints by number, highest first."""
        async with self._session(write=False) as session:
            return await session.checkpoints()

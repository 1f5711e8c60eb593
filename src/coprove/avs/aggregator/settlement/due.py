"""One thing that is to be brought before a contract, and where such things come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.contracts import ContractCall
    from coprove.contracts.caller import Block
    from coprove.storage import AvsSettlementKind
    from coprove.types import Hash32

__all__ = ["Due", "DueSource"]


class Due(Protocol):
    """One thing to bring on chain; reading raises what contracts' readers raise."""

    @property
    def kind(self) -> AvsSettlementKind:
        """What it is."""
        ...

    @property
    def key(self) -> Hash32:
        """Name of the task on chain."""
        ...

    @property
    def operator_id(self) -> Hash32:
        """Whom it is about; zeros for nobody alone."""
        ...

    async def is_done(self, block: Block) -> bool:
        """Whether the chain has it at a block, whoever brought it."""
        ...

    async def call(self) -> ContractCall:
        """Return the call that brings it: always the same one."""
        ...


class DueSource(Protocol):
    """Where things come from that are to be brought on chain."""

    async def due(self, *, since: float) -> Sequence[Due]:
        """Return what arose since then (Unix seconds) and is not final, oldest first."""
        ...

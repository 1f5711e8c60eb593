"""Evidence that the core kept, for the slasher."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.avs.aggregator.evidence import slashing_call
from coprove.storage import AvsSettlementKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.avs.aggregator.settlement.due import Due
    from coprove.contracts import ContractCall
    from coprove.contracts.avs.slashing import AvsSlasher
    from coprove.contracts.caller import Block
    from coprove.storage import AvsSettlementLog, StoredEvidence
    from coprove.types import Hash32

__all__ = ["Slashings"]

_LIMIT = 64


@dataclass(frozen=True, slots=True)
class _Slashing:
    slasher: AvsSlasher
    evidence: StoredEvidence

    @property
    def kind(self) -> AvsSettlementKind:
        return AvsSettlementKind(self.evidence.kind.value)

    @property
    def key(self) -> Hash32:
        return self.evidence.key

    @property
    def operator_id(self) -> Hash32:
        return self.evidence.operator_id

    async def is_done(self, block: Block) -> bool:
        return await self.slasher.is_slashed(self.key, self.operator_id, block=block)

    async def call(self) -> ContractCall:
        return slashing_call(self.slasher.address, self.evidence)


class Slashings:
    """Evidence of two states, and of another state than was confirmed."""

    def __init__(self, log: AvsSettlementLog, slasher: AvsSlasher) -> None:
        """Read the records, and slash at `slasher`."""
        self._log, self._slasher = log, slasher

    async def due(self, *, since: float) -> Sequence[Due]:
        """See DueSource."""
        found = await self._log.evidence(since=since, limit=_LIMIT)
        return [_Slashing(self._slasher, evidence) for evidence in found]

"""How the AVS of a running devnet does, as its contracts tell."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.contracts.avs import ServiceManager
from coprove.contracts.avs.slashing import AvsSlasher
from coprove.contracts.eigenlayer import operator_shares
from coprove.devnet.avs.byzantine import byzantine_kind
from coprove.devnet.avs.deployment import QUORUMS
from coprove.devnet.avs.keys import bls_key_of, operator_account
from coprove.errors import CoproveError
from coprove.types import Address

if TYPE_CHECKING:
    from coprove.contracts.avs import TaskConfirmed
    from coprove.devnet.avs.byzantine import ByzantineKind
    from coprove.devnet.manifest import AvsManifest
    from coprove.rpc import JsonRpcTransport
    from coprove.types import Hash32

__all__ = ["AvsObserver", "AvsOperatorState", "AvsState"]

_ANY_BLOCK = 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AvsOperatorState:
    """An operator at one moment."""

    name: str
    """Of its process."""
    account: Address
    """Its account."""
    quorum: int
    """The quorum it is in."""
    counts: bool | None
    """Whether the contract counts its signature now; None: L1 does not answer."""
    signed: int
    """Confirmations that it signed."""
    slashed: int = 0
    """How often it was slashed."""
    shares: int | None = None
    """What it has of the strategy, in its smallest unit; None: L1 does not answer."""
    byzantine: ByzantineKind | None = None
    """How it does wrong; None for an honest one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AvsState:
    """The AVS at one moment."""

    operators: tuple[AvsOperatorState, ...]
    """Its operators."""
    confirmed: int
    """Ranges that were confirmed."""
    latest: int | None
    """Last block of the highest of them."""
    latest_root: Hash32 | None
    """Output root there."""


class AvsObserver:
    """Looks at the contracts; what does not answer keeps its last value."""

    def __init__(
        self, transport: JsonRpcTransport, manifest: AvsManifest, *, byzantine: int = 0
    ) -> None:
        """`transport` is the L1's, and stays the caller's to close."""
        self._count, self._byzantine = manifest.operators, byzantine
        self._slasher = AvsSlasher(transport, Address.from_hex(manifest.slasher))
        self._delegation = Address.from_hex(manifest.delegation_manager)
        self._strategy = Address.from_hex(manifest.strategy)
        self._transport = transport
        self._slashed: Counter[Hash32] = Counter()
        self._ids = [
            bls_key_of(index).public_key.operator_id for index in range(manifest.operators)
        ]
        self._manager = ServiceManager(transport, Address.from_hex(manifest.service_manager))
        self._confirmed: dict[Hash32, TaskConfirmed] = {}

    async def look(self) -> AvsState:
        """Return how it does; never raises for a part that does not answer."""
        with suppress(CoproveError):
            found = await self._manager.tasks_confirmed(first=0)
            self._confirmed = {item.task_id: item for item in found}
        with suppress(CoproveError):
            self._slashed = Counter(
                item.operator_id for item in await self._slasher.slashed(first=0)
            )
        confirmed = list(self._confirmed.values())
        highest = max(confirmed, key=lambda item: item.end_block, default=None)
        states = await asyncio.gather(
            *(self._operator(index, id_, confirmed) for index, id_ in enumerate(self._ids))
        )
        return AvsState(
            operators=tuple(states),
            confirmed=len(confirmed),
            latest=None if highest is None else highest.end_block,
            latest_root=None if highest is None else highest.output_root,
        )

    async def _operator(
        self, index: int, id_: Hash32, confirmed: list[TaskConfirmed]
    ) -> AvsOperatorState:
        quorum = index % QUORUMS
        counts: bool | None = None
        with suppress(CoproveError):
            counts = await self._manager.counts(id_, quorum, reference_block=_ANY_BLOCK)
        account, shares = operator_account(index), None
        with suppress(CoproveError):
            (shares,) = await operator_shares(
                self._transport, self._delegation, account, [self._strategy]
            )
        return AvsOperatorState(
            name=f"operator_{index + 1}",
            account=account,
            quorum=quorum,
            counts=counts,
            signed=sum(id_ not in item.non_signers for item in confirmed),
            slashed=self._slashed[id_],
            shares=shares,
            byzantine=byzantine_kind(index, operators=self._count, byzantine=self._byzantine),
        )

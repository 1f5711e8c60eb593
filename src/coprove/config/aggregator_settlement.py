"""Who slashes and settles rewards for an aggregator, as the settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.avs.aggregator.settlement import DueSource, ProvenWrong, Rewards, Settler, Slashings
from coprove.config.avs_modules import check_module
from coprove.contracts.avs.rewards import AvsRewards
from coprove.contracts.avs.slashing import AvsSlasher
from coprove.types import Address

if TYPE_CHECKING:
    from coprove.config.settings import Settings
    from coprove.contracts import TransactionManager
    from coprove.contracts.avs import ServiceManager
    from coprove.contracts.eigenlayer.registries import QuorumRegistries
    from coprove.rpc import RpcTransport
    from coprove.storage import AvsSettlementLog
    from coprove.telemetry import Metrics

__all__ = ["check_settlement", "settler_of"]


async def check_settlement(
    settings: Settings, transport: RpcTransport, manager: ServiceManager
) -> None:
    """Hold slasher and rewards contract against the AVS; SettingError for those of another one."""
    given = settings.aggregator
    for name, text, contract in (
        ("slasher", given.slasher, AvsSlasher),
        ("rewards", given.rewards, AvsRewards),
    ):
        if text is None:
            continue
        module = contract(transport, Address.from_hex(text))
        await check_module(f"aggregator.{name}", module, manager)


def settler_of(
    settings: Settings,
    log: AvsSettlementLog,
    *,
    manager: ServiceManager,
    registries: QuorumRegistries,
    transport: RpcTransport,
    sender: TransactionManager,
    metrics: Metrics,
) -> Settler | None:
    """Return who brings what is due on chain; None where neither contract is set."""
    given = settings.aggregator
    sources: list[DueSource] = []
    if given.slasher is not None:
        slasher = AvsSlasher(transport, Address.from_hex(given.slasher))
        sources.append(Slashings(log, slasher))
        sources.append(
            ProvenWrong(
                log,
                transport=transport,
                manager=manager,
                registries=registries,
                slasher=slasher,
                metrics=metrics,
            )
        )
    if given.rewards is not None:
        sources.append(Rewards(log, manager, registries, Address.from_hex(given.rewards)))
    if not sources:
        return None
    return Settler(sources, log=log, transport=transport, sender=sender, metrics=metrics)

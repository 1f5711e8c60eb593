"""Where an operator's rewards are, as the settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.config.avs_modules import check_module
from coprove.config.errors import SettingError
from coprove.config.wiring import require
from coprove.contracts.avs.rewards import AvsRewards
from coprove.contracts.eigenlayer import RewardsCoordinator
from coprove.types import Address

if TYPE_CHECKING:
    from coprove.config.settings import Settings
    from coprove.contracts.avs import ServiceManager
    from coprove.rpc import RpcTransport

__all__ = ["avs_rewards", "rewards_coordinator"]


async def avs_rewards(
    settings: Settings, transport: RpcTransport, manager: ServiceManager
) -> AvsRewards:
    """Return the AVS' rewards contract; SettingError for none, or for another AVS' one."""
    text = require("operator.rewards", settings.operator.rewards)
    contract = AvsRewards(transport, Address.from_hex(text))
    await check_module("operator.rewards", contract, manager)
    return contract


async def rewards_coordinator(
    settings: Settings, transport: RpcTransport, rewards: AvsRewards | None
) -> RewardsCoordinator:
    """Return EigenLayer's distributor: the one that is set, or the AVS' own.

    SettingError when both are known and are not the same.
    """
    given = settings.operator.rewards_coordinator
    if rewards is None:
        address = Address.from_hex(require("operator.rewards_coordinator", given))
        return RewardsCoordinator(transport, address)
    found = await rewards.coordinator()
    if given is not None and Address.from_hex(given) != found:
        raise SettingError("operator.rewards_coordinator", expected=found, actual=given)
    return RewardsCoordinator(transport, found)

"""Where an operator's rewards are: what is set has to be the AVS' own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from coprove.config import Settings, operator_rewards
from coprove.config.errors import SettingError
from coprove.config.operator_rewards import avs_rewards, rewards_coordinator
from coprove.types import Address

if TYPE_CHECKING:
    from coprove.contracts.avs import ServiceManager
    from coprove.rpc import RpcTransport

AVS, OTHER, COORDINATOR = (Address(bytes([number]) * 20) for number in (1, 2, 3))
NOWHERE = cast("RpcTransport", object())


class Rewards:
    """A rewards contract of AVS."""

    def __init__(self, _: object, address: Address) -> None:
        """Whatever the address is."""
        self.address = address

    async def service_manager(self) -> Address:
        return AVS

    async def coordinator(self) -> Address:
        return COORDINATOR


@pytest.fixture(autouse=True)
def _played(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator_rewards, "AvsRewards", Rewards)


def settings(**given: Any) -> Settings:
    return Settings.model_validate({"operator": given})


def manager(address: Address) -> ServiceManager:
    return cast("ServiceManager", SimpleNamespace(address=address))


async def test_the_contract_is_the_avs_own() -> None:
    """Another AVS' one is named, and so is one that is not set."""
    given = settings(rewards=str(OTHER))
    assert (await avs_rewards(given, NOWHERE, manager(AVS))).address == OTHER
    with pytest.raises(SettingError, match=f"operator.rewards: expected one of {OTHER}"):
        await avs_rewards(given, NOWHERE, manager(OTHER))
    with pytest.raises(SettingError, match=r"operator.rewards: .*COPROVE_OPERATOR_REWARDS"):
        await avs_rewards(settings(), NOWHERE, manager(AVS))


async def test_the_coordinator_is_what_is_set_or_what_the_contract_names() -> None:
    """Both where both are known, or neither."""
    contract: Any = Rewards(None, OTHER)
    for given, known in (
        (settings(), contract),
        (settings(rewards_coordinator=str(COORDINATOR)), contract),
        (settings(rewards_coordinator=str(COORDINATOR)), None),
    ):
        assert (await rewards_coordinator(given, NOWHERE, known)).address == COORDINATOR
    with pytest.raises(SettingError, match="rewards_coordinator"):
        await rewards_coordinator(settings(rewards_coordinator=str(OTHER)), NOWHERE, contract)
    with pytest.raises(SettingError, match="rewards_coordinator"):
        await rewards_coordinator(settings(), NOWHERE, None)

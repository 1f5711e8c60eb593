"""`coprove deploy avs` on a real anvil: the address, the registries, then all the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coprove.contracts.avs import ServiceManager
from coprove.contracts.avs.rewards import AvsRewards
from coprove.contracts.avs.slashing import AvsSlasher
from coprove.contracts.eigenlayer.deployment import DevTimes, deploy_eigenlayer, deploy_middleware
from coprove.types import Address
from tests.integration.anvil_l1 import OTHER, PROPOSER, running_l1
from tests.integration.test_attestation_commands import ran
from tests.unit.contracts.avs_file import toml

if TYPE_CHECKING:
    from pathlib import Path

    from coprove.contracts.eigenlayer import Middleware

pytestmark = pytest.mark.anvil
CHAIN_ID = 900


async def test_an_avs_is_deployed_in_two_steps(tmp_path: Path) -> None:
    """Its address, and with registries for it everything; run again, nothing is sent."""
    async with running_l1(chain_id=CHAIN_ID) as l1:
        async with l1.manager(PROPOSER) as manager:
            dev = await deploy_eigenlayer(
                manager, l1.transport, chain_id=CHAIN_ID, times=DevTimes()
            )
        file = tmp_path / "avs.toml"

        def with_registries(registries: Middleware | None, registry: Address) -> str:
            return toml(
                eigenlayer=dev.core.to_json(),
                middleware=None if registries is None else registries.to_json(),
                strategy=str(dev.strategy),
                registry=str(registry),
            )

        file.write_text(with_registries(None, dev.token))
        given = ("deploy", "avs", "--file", file)
        first = await ran(tmp_path, l1, *given)
        assert set(first) == {"chain_id", "service_manager", "next"}
        avs = Address.from_hex(first["service_manager"])
        async with l1.manager(PROPOSER) as manager:
            registries = await deploy_middleware(
                manager, l1.transport, dev.core, avs=avs, key="registries"
            )
        file.write_text(with_registries(registries, OTHER.address))
        failed = await ran(tmp_path, l1, *given, code=2)
        assert "registry: expected a deployed contract" in failed["error"]
        text = with_registries(registries, dev.token)
        file.write_text(text.replace("quorums = [1, 0]", "quorums = [1, 2]"))
        failed = await ran(tmp_path, l1, *given, code=2)
        assert "quorums of committee 1" in failed["error"]
        # Any contract will do: nothing is attested here.
        file.write_text(text)
        deployed = await ran(tmp_path, l1, *given)
        assert deployed["service_manager"] == first["service_manager"]
        sent = await l1.nonce(PROPOSER.address)
        assert await ran(tmp_path, l1, *given) == deployed
        assert await l1.nonce(PROPOSER.address) == sent

        service = ServiceManager(l1.transport, avs)
        committee = await service.committee(1)
        policy = await service.rollup_policy(1)
        assert committee is not None
        assert policy is not None
        assert (committee.description, committee.quorums) == ("a rollup", (0, 1))
        assert (policy.l2_chain_id, policy.interval, policy.reward_token) == (
            901,
            10,
            Address(b"\x0d" * 20),
        )
        for kind, name in ((AvsSlasher, "slasher"), (AvsRewards, "rewards")):
            contract = kind(l1.transport, Address.from_hex(deployed[name]))
            assert await contract.service_manager() == avs


async def test_what_does_not_fit_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    """A public deployment of another chain, and a quorum that there is none of."""
    async with running_l1(chain_id=CHAIN_ID) as l1:
        file = tmp_path / "avs.toml"
        for text, named in (
            (toml(eigenlayer="eigenlayer-mainnet"), "one of chain 900"),
            (toml(eigenlayer="nowhere"), "profile"),
            (toml(middleware={"registry_coordinator": str(OTHER.address)}), "exactly"),
        ):
            file.write_text(text)
            failed = await ran(tmp_path, l1, "deploy", "avs", "--file", file, code=2)
            assert named in failed["error"]
        assert await l1.nonce(PROPOSER.address) == 0

"""An operator on EigenLayer's own contracts: its stake, its quorums, its prover's attestation."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from coprove.attestation import Platform
from coprove.avs.bls import SecretKey
from coprove.avs.operator.attesting import FoundCollateral, LivenessRoute, TimedProver
from coprove.avs.operator.discovery import GivenAddresses, discover
from coprove.avs.operator.report import report
from coprove.config import load_settings
from coprove.config.operator import open_operator
from coprove.contracts.attestation.registry import challenge_call
from coprove.contracts.eigenlayer import WAD, OperatorStatus
from coprove.contracts.settlement import ContractCall
from coprove.errors import InputError
from coprove.prover.tee.registrar import (
    PcsClient,
    PcsOptions,
    Registrar,
    RegistrarOptions,
    Step,
    TeeProverClientOptions,
)
from coprove.types import Address
from tests.integration import tee_lab
from tests.integration.anvil_l1 import CHALLENGER, OTHER
from tests.integration.operator_lab import KEY, OPERATOR, STAKE, running_operator_lab
from tests.unit.avs.operator.aggregators import FakeAggregator

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

pytestmark = pytest.mark.anvil
KEY_BYTES = KEY.public_key.g1.encoded


async def until(met: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition; the test's own time limit ends it."""
    while not await met():  # noqa: ASYNC110 - another process's state
        await asyncio.sleep(0.05)


async def test_an_operator_joins_and_leaves() -> None:
    """Each step is done once, told by name, and undone."""
    async with running_operator_lab() as lab, lab.membership() as membership:
        sent = await membership.register(metadata_uri="", allocation_delay=0)
        assert [item.step for item in sent] == ["register"]
        assert await membership.register(metadata_uri="", allocation_delay=0) == []
        sent = await membership.deposit(lab.dev.strategy, STAKE)
        assert [item.step for item in sent] == ["approve", "deposit"]
        with pytest.raises(InputError):
            await membership.deposit(lab.dev.strategy, 1)
        await lab.tee.l1.mine(2)
        for quorums in ([1], [], [-1]):
            with pytest.raises(InputError):
                await membership.opt_in(quorums, KEY, socket="")
        assert len(await membership.opt_in([0], KEY, socket="")) == 1
        assert await membership.opt_in([0], KEY, socket="") == []
        with pytest.raises(InputError):
            await membership.opt_in([0], SecretKey.generate(), socket="")
        assert len(await membership.allocate(0, WAD // 4)) == 1
        assert await membership.allocate(0, WAD // 4) == []
        with pytest.raises(InputError):
            await membership.allocate(0, WAD // 4, [Address(b"\x01" * 20)])
        found = await report(lab.contracts, OPERATOR.address)
        (quorum,) = found.quorums
        assert (found.is_operator, found.status) == (True, OperatorStatus.REGISTERED)
        assert found.operator_id == KEY.public_key.operator_id
        assert (quorum.is_member, quorum.stake > 0) == (True, True)
        assert [part.allocated + part.pending for part in quorum.strategies] == [WAD // 4]
        assert len(await membership.opt_out()) == 1
        assert await membership.opt_out() == []
        found = await report(lab.contracts, OPERATOR.address)
        assert found.status is OperatorStatus.DEREGISTERED
        assert await membership.delegate(OTHER.address, allowed=True)
        assert not await membership.delegate(OTHER.address, allowed=True)


async def test_all_contracts_are_found_from_one() -> None:
    """From the service manager or the coordinator; one that is not the AVS' own is refused."""
    async with running_operator_lab() as lab:
        transport, found = lab.tee.l1.transport, lab.contracts
        coordinator = found.registries.addresses.registry_coordinator
        other = await discover(transport, GivenAddresses(registry_coordinator=coordinator))
        assert other.service_manager.address == lab.avs
        assert other.eigenlayer.addresses == found.eigenlayer.addresses
        assert other.prover_registry.address == lab.tee.registry.address
        assert await other.collateral(Platform.INTEL_SGX) == lab.tee.dcap.address
        for wrong in (
            GivenAddresses(),
            GivenAddresses(service_manager=OTHER.address),
            GivenAddresses(service_manager=lab.avs, liveness_verifier=OTHER.address),
            GivenAddresses(service_manager=lab.avs, registry_coordinator=OTHER.address),
        ):
            with pytest.raises(InputError):
                await discover(transport, wrong)


async def test_a_running_operator_keeps_its_prover_attested(tmp_path: Path) -> None:
    """At once, after the prover started again, and when challenged; health tells each time."""
    async with running_operator_lab() as lab, FakeAggregator() as aggregator:
        aggregator.answers["aggregator_fetchTask"] = [{"result": {"ok": False}}]
        prover = await lab.tee.prover(Platform.INTEL_SGX)
        await lab.join()
        config = lab.config(tmp_path, prover, aggregator.url, attest_interval="0.1")
        settings = load_settings(config=config, environment={})
        verifier, registry = lab.contracts.verifier, lab.tee.registry

        async def attached() -> bool:
            return await verifier.is_live(KEY_BYTES, prover.address)

        async with open_operator(settings) as service:
            running = asyncio.create_task(service.run())
            try:
                await until(attached)
                head = await lab.tee.l1.number()
                assert await lab.contracts.service_manager.counts(
                    KEY.public_key.operator_id, 0, reference_block=head
                )

                async def healthy() -> bool:
                    return service.health.status == 200

                await until(healthy)
                old = prover.address
                await prover.down()

                async def unhealthy() -> bool:
                    return service.health.status == 503

                await until(unhealthy)
                await prover.up()
                assert prover.address != old
                # Another key: the old one is taken out, the new one counts.
                await until(attached)
                await until(healthy)

                async def retired() -> bool:
                    return not await registry.is_live(old)

                await until(retired)
                assert not await verifier.is_live(KEY_BYTES, old)
                call = ContractCall(
                    to=registry.address, data=challenge_call(prover.address), value=10**15
                )
                await lab.send(call, by=CHALLENGER)

                async def answered() -> bool:
                    record = await registry.prover(prover.address)
                    return record is not None and not record.challenged

                await until(answered)
                assert await attached()
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("way", ["remote signer", "delegate"])
async def test_a_prover_is_attached_by_others_than_the_operators_key(way: str) -> None:
    """A remote signer takes two transactions; a delegate pays and consents for the operator."""
    async with running_operator_lab() as lab:
        prover = await lab.tee.prover(Platform.INTEL_SGX)
        await lab.join()
        async with lab.membership() as membership:
            await membership.delegate(OTHER.address, allowed=True)
        sender = OPERATOR if way == "remote signer" else OTHER
        before = await lab.tee.l1.nonce(sender.address)
        async with (
            lab.tee.l1.manager(sender) as manager,
            PcsClient(PcsOptions()) as pcs,
            TimedProver(TeeProverClientOptions(url=f"http://127.0.0.1:{prover.port}")) as client,
        ):
            registrar = Registrar(
                transport=lab.tee.l1.transport,
                chain_id=tee_lab.CHAIN_ID,
                manager=manager,
                registry=lab.tee.registry,
                prover=client,
                collateral=FoundCollateral(lab.contracts, pcs),
                options=RegistrarOptions(),
                operator=OPERATOR.address,
                route=LivenessRoute(
                    manager=manager,
                    registry=lab.tee.registry,
                    verifier=lab.contracts.verifier,
                    public_key=KEY_BYTES,
                    endpoint="http://prover",
                    consent=None if way == "remote signer" else sender,
                ),
            )
            assert (await registrar.tick()).step is Step.REGISTER
            sent = await lab.tee.l1.nonce(sender.address) - before
            assert await lab.contracts.verifier.is_live(KEY_BYTES, prover.address)
            assert (await registrar.tick()).step is Step.WAIT
            # The report's end is near: one transaction renews it and keeps it attached.
            await lab.tee.later(3600 - 300)
            assert (await registrar.tick()).step is Step.RENEW
            assert await lab.tee.l1.nonce(sender.address) == before + sent + 1
            assert client.report_ms > 0


async def test_a_prover_that_is_registered_elsewhere_gets_attached() -> None:
    """One that is live at the registry and not attached to the key is renewed through it."""
    async with running_operator_lab() as lab:
        prover = await lab.tee.prover(Platform.INTEL_SGX)
        await lab.join()
        direct = await lab.tee.registrar(prover, OPERATOR)
        assert (await direct.tick()).step is Step.REGISTER
        assert not await lab.contracts.verifier.is_live(KEY_BYTES, prover.address)
        async with lab.tee.l1.manager(OPERATOR) as manager:
            route = LivenessRoute(
                manager=manager,
                registry=lab.tee.registry,
                verifier=lab.contracts.verifier,
                public_key=KEY_BYTES,
                endpoint="http://prover",
                consent=OPERATOR,
            )
            standing = await direct.standing(prover.address)
            action = await route.action(
                prover.address, standing, operator=OPERATOR.address, margin=300
            )
        assert (action.step, "not attached" in action.why) == (Step.RENEW, True)

"""Tasks, submissions and confirmations of one engine, from the outside."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from coprove.avs.aggregator.errors import ReferenceBlockLostError, UnknownCommitteeError
from coprove.avs.aggregator.gate import ChainConfirmation
from coprove.avs.tasks import Refusal
from coprove.contracts.errors import (
    CallRevertedError,
    FeeCapError,
    ManagerClosedError,
    TransactionRevertedError,
)
from coprove.storage import AvsTaskState
from coprove.storage.errors import StoreUnavailableError
from tests.unit.avs.aggregator.lab import (
    EXPIRES,
    NOW,
    World,
    draft,
    operators,
    poe,
    refused,
)

if TYPE_CHECKING:
    from pathlib import Path

    from coprove.types.transactions import Mined
    from tests.unit.avs.aggregator.lab import FakeChain

BOTH = {0: 100, 1: 100}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, operators(BOTH, BOTH, BOTH, BOTH))


async def test_a_task_is_confirmed_once_enough_stake_has_signed(world: World) -> None:
    """MinWait 0: the signature that meets all thresholds sends the confirmation."""
    async with world.engine() as engine:
        task = await world.open(engine)
        roots = poe(task.draft)
        for one in world.people[:2]:
            await engine.submit(one.submission(task, roots))
        await engine.settled()
        assert not world.chain.calls
        await engine.submit(world.people[2].submission(task, roots))
        await engine.settled()
        (call,) = world.chain.calls
        assert call.header.state == roots.encode()
        assert call.non_signers == (world.people[3].id,)
        late = world.people[3].submission(task, roots)
        assert await refused(engine, late) is Refusal.COMPLETED
        await engine.tick()
        assert len(world.chain.calls) == 1
        assert await engine.next_task(0, 3, 0.0) is None


async def test_tasks_come_in_order_and_waiters_hear_of_new_ones(world: World) -> None:
    """The next after the number that an operator had; none of a kind that nobody issues."""
    async with world.engine() as engine:
        waiting = asyncio.create_task(engine.next_task(0, 3, 30.0))
        await asyncio.sleep(0)
        first = await world.open(engine)
        assert await waiting == first
        second = await world.open(engine, draft(101, 200))
        assert (first.number, second.number) == (1, 2)
        assert await engine.next_task(0, 3, 0.0) == first
        assert await engine.next_task(1, 3, 0.0) == second
        assert await engine.next_task(2, 3, 0.01) is None
        assert await engine.next_task(0, 1, 0.0) is None
        name = "avs_aggregator_fetch_task_counter"
        assert world.metric(name, type="3", with_context="false") == 3
        assert world.metric("avs_aggregator_new_task_counter", type="3") == 2


async def test_a_draft_that_comes_again_is_the_same_task(world: World) -> None:
    """Open or confirmed; an expired one is issued again under a new number."""
    async with world.engine() as engine:
        task = await world.open(engine)
        assert await world.open(engine) == task
        for one in world.people:
            await refused(engine, one.submission(task, poe(task.draft)))
        await engine.settled()
        assert await world.open(engine) == task
        other = await world.open(engine, draft(101, 200))
        world.clock.now = EXPIRES
        await engine.tick()
        again = await engine.open(
            other.draft,
            reference_block=100,
            quorums=(0, 1),
            thresholds=(67, 67),
            expires_at=EXPIRES + 600,
        )
        assert again.number == other.number + 1
        states = [one.state for one in await world.log.tasks(recent=9)]
        assert states == [AvsTaskState.CONFIRMED, AvsTaskState.EXPIRED, AvsTaskState.OPEN]


async def test_a_range_that_the_chain_has_is_not_issued(world: World) -> None:
    """An aggregator with an empty database does not let operators prove what is confirmed."""
    async with world.engine() as engine:
        task = await world.open(engine)
        for one in world.people:
            await refused(engine, one.submission(task, poe(task.draft)))
        await engine.settled()
    world.url = world.url.replace("aggregator.db", "other.db")
    async with world.engine() as engine:
        known = await world.open(engine)
        assert await engine.next_task(0, 3, 0.0) is None
        assert await world.open(engine) == known
        assert len(await world.log.tasks(recent=9)) == 1


async def test_a_committee_without_a_rollup_gets_no_task(world: World) -> None:
    async with world.engine() as engine:
        with pytest.raises(UnknownCommitteeError, match="committee"):
            await world.open(engine, replace(draft(), committee_id=9))


async def test_a_reference_block_that_is_gone_gets_no_task(world: World) -> None:
    world.registry.lost = True
    async with world.engine() as engine:
        with pytest.raises(ReferenceBlockLostError):
            await world.open(engine)
        world.registry.lost = False
        assert (await world.open(engine)).number == 1


async def test_minwait_lets_more_operators_sign(tmp_path: Path) -> None:
    """With enough signed, the confirmation waits for MinWait from the task's creation."""
    world = World(tmp_path, operators(BOTH, BOTH, BOTH, BOTH), min_wait=30.0)
    async with world.engine() as engine:
        task = await world.open(engine)
        for one in world.people[:3]:
            await engine.submit(one.submission(task, poe(task.draft)))
        world.clock.now = NOW + 29
        await engine.tick()
        await engine.settled()
        assert not world.chain.calls
        await engine.submit(world.people[3].submission(task, poe(task.draft)))
        world.clock.now = NOW + 30
        await engine.tick()
        await engine.settled()
        assert world.chain.calls[0].non_signers == ()


async def test_minwait_over_the_threshold_alone_is_waited_for(tmp_path: Path) -> None:
    """After MinWait the next signature that meets the thresholds sends at once."""
    world = World(tmp_path, operators(BOTH, BOTH, BOTH), min_wait=30.0)
    async with world.engine() as engine:
        task = await world.open(engine)
        for one in world.people[:2]:
            await engine.submit(one.submission(task, poe(task.draft)))
        world.clock.now = NOW + 31
        await engine.tick()
        await engine.settled()
        assert not world.chain.calls
        await engine.submit(world.people[2].submission(task, poe(task.draft)))
        await engine.settled()
        assert len(world.chain.calls) == 1


async def test_nobody_signed_and_the_task_expires(world: World) -> None:
    """No signature is no crash and no transaction."""
    async with world.engine() as engine:
        task = await world.open(engine)
        await engine.tick()
        world.clock.now = EXPIRES
        await engine.tick()
        assert not world.chain.sent
        late = world.people[0].submission(task, poe(task.draft))
        assert await refused(engine, late) is Refusal.EXPIRED
        assert await engine.next_task(0, 3, 0.0) is None
        closed = world.metric("coprove_avs_aggregator_closed_tasks_total", state="expired")
        assert closed == 1


async def test_the_state_with_most_behind_it_is_confirmed_and_the_rest_is_evidence(
    tmp_path: Path,
) -> None:
    """States that differ raise the alarm; who signed the other one can be slashed for it."""
    world = World(tmp_path, operators(BOTH, BOTH, BOTH, BOTH))
    async with world.engine() as engine:
        task = await world.open(engine)
        liar, *honest = world.people
        await engine.submit(liar.submission(task, poe(task.draft, tag=1)))
        for one in honest:
            await engine.submit(one.submission(task, poe(task.draft)))
        await engine.settled()
        assert world.chain.calls[0].header.state == poe(task.draft).encode()
        assert liar.id in world.chain.calls[0].non_signers
        assert world.metric("coprove_avs_aggregator_disagreements_total") == 1
        (evidence,) = await world.log.evidence()
        assert evidence.operator_id == liar.id
        assert evidence.kind.value == "contradicts-quorum"


async def test_an_operator_whose_prover_was_lost_does_not_count(world: World) -> None:
    """Liveness is asked again when it is sent; the others must be enough without it."""
    async with world.engine() as engine:
        task = await world.open(engine)
        for one in world.people[:2]:
            await engine.submit(one.submission(task, poe(task.draft)))
        world.registry.dead.add(world.people[0].id)
        await engine.submit(world.people[2].submission(task, poe(task.draft)))
        await engine.settled()
        assert not world.chain.calls
        world.clock.now += 20
        await engine.submit(world.people[3].submission(task, poe(task.draft)))
        await engine.settled()
        assert world.chain.calls[0].non_signers == (world.people[0].id,)


async def test_a_signer_that_the_contract_refuses_is_left_out(world: World) -> None:
    """The contract's word on a prover counts, whatever was followed of it."""
    world.chain.refuses.add(world.people[1].id)
    async with world.engine() as engine:
        task = await world.open(engine)
        for one in world.people:
            await refused(engine, one.submission(task, poe(task.draft)))
            await engine.settled()
            world.clock.now += 20
        await engine.tick()
        await engine.settled()
        assert world.chain.calls[0].non_signers == (world.people[1].id,)


async def test_a_confirmation_that_reverts_is_tried_again_later(world: World) -> None:
    """No gas goes into what the contract refuses; the reason is counted by name."""
    world.chain.revert = "CurrentlyPaused"
    async with world.engine() as engine:
        task = await world.open(engine)
        for one in world.people:
            await engine.submit(one.submission(task, poe(task.draft)))
        await engine.settled()
        await engine.tick()
        await engine.settled()
        assert not world.chain.sent
        name = "coprove_avs_aggregator_confirmation_failures_total"
        assert world.metric(name, error="CurrentlyPaused") == 1
        world.chain.revert = None
        world.clock.now += 13
        await engine.tick()
        await engine.settled()
        assert len(world.chain.calls) == 1


async def test_a_reorg_that_takes_a_confirmation_back_opens_the_task(world: World) -> None:
    """The stored transaction comes first; the task ends confirmed once more."""
    async with world.engine() as engine:
        task = await world.open(engine)
        for one in world.people:
            await refused(engine, one.submission(task, poe(task.draft)))
        await engine.settled()
        world.chain.confirmed.clear()
        await engine.tick()
        assert await engine.next_task(0, 3, 0.0) is None
        world.clock.now += 13
        await engine.tick()
        await engine.settled()
        assert task.key in world.chain.confirmed
        assert len(world.chain.sent) == 1
        assert world.metric("coprove_avs_aggregator_reorgs_total") == 1


async def test_a_reorg_that_takes_the_reference_block_voids_the_task(world: World) -> None:
    """What was signed can never be confirmed: the range is issued anew."""
    async with world.engine() as engine:
        task = await world.open(engine)
        await engine.submit(world.people[0].submission(task, poe(task.draft)))
        world.registry.fork = 1
        world.clock.now += 13
        await engine.tick()
        again = world.people[1].submission(task, poe(task.draft))
        assert await refused(engine, again) is Refusal.EXPIRED
        issued = await world.open(engine)
        assert issued.number == task.number + 1
        assert await refused(engine, world.people[1].submission(issued, poe(task.draft))) is None


class _Flaky:
    """A chain whose `send` fails in given ways first."""

    def __init__(self, chain: FakeChain, *failures: Exception | ChainConfirmation) -> None:
        """Raise each error once; a confirmation is put on chain instead of ours."""
        self._chain, self._failures = chain, list(failures)
        self.keys: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chain, name)

    async def send(self, key: str, calldata: bytes) -> Mined:
        self.keys.append(key)
        if self._failures:
            failure = self._failures.pop(0)
            if isinstance(failure, Exception):
                raise failure
            self._chain.confirmed[draft().key] = failure
            raise CallRevertedError("confirmState", error="TaskAlreadyConfirmed")
        return await self._chain.send(key, calldata)


async def _to_the_end(world: World, *failures: Exception | ChainConfirmation) -> list[str]:
    """Run a task to its end over such a chain; return the keys that were sent for."""
    flaky = _Flaky(world.chain, *failures)
    async with world.engine(chain=lambda _chain: flaky) as engine:
        task = await world.open(engine)
        for one in world.people:
            await engine.submit(one.submission(task, poe(task.draft)))
        for _ in failures:
            await engine.settled()
            world.clock.now += 100
            await engine.tick()
        await engine.settled()
        states = [(one.attempt, one.state.value) for one in await world.log.confirmations(1)]
        (stored,) = await world.log.tasks(recent=9)
        assert stored.state is AvsTaskState.CONFIRMED
        return [*flaky.keys, *(f"{attempt} {state}" for attempt, state in states)]


async def test_a_transaction_that_failed_is_followed_by_another_under_its_own_key(
    world: World,
) -> None:
    """A key stands for one transaction: what was mined and failed is not asked for again."""
    failed = TransactionRevertedError("k", tx_hash="0x1", error="OutOfGas")
    found = await _to_the_end(world, failed)
    assert found == ["avs-confirm/1/1", "avs-confirm/1/2", "1 failed", "2 done"]


async def test_a_transaction_whose_end_is_not_known_is_asked_for_again(world: World) -> None:
    """The same attempt with the same key: the manager knows whether it was sent."""
    found = await _to_the_end(world, StoreUnavailableError("gone"), FeeCapError("too much"))
    assert found == ["avs-confirm/1/1"] * 3 + ["1 done"]


async def test_a_manager_that_closes_leaves_the_attempt_open(world: World) -> None:
    found = await _to_the_end(world, ManagerClosedError("closed"))
    assert found == ["avs-confirm/1/1"] * 2 + ["1 done"]


def _held(tag: int) -> ChainConfirmation:
    roots = poe(draft(), tag=tag)
    return ChainConfirmation(
        confirmed_at=NOW, block=1, output_root=roots.new_state_root, batch_hash=roots.batch_hash
    )


async def test_a_task_that_somebody_else_confirmed_meanwhile_is_done(world: World) -> None:
    """The same state: as if it were ours."""
    assert await _to_the_end(world, _held(0)) == ["avs-confirm/1/1", "1 done"]


async def test_another_state_on_chain_than_was_sent_is_told_apart(world: World) -> None:
    """The task is over, our attempt failed, and nobody is accused of contradicting it."""
    assert await _to_the_end(world, _held(1)) == ["avs-confirm/1/1", "1 failed"]


async def test_tasks_of_a_committee_that_is_served_no_more_are_left_aside(world: World) -> None:
    async with world.engine() as engine:
        await world.open(engine)
    world.rollups = {}
    async with world.engine() as engine:
        assert await engine.next_task(0, 3, 0.0) is None
        with pytest.raises(UnknownCommitteeError):
            await world.open(engine)


async def test_closed_tasks_are_let_go_of(tmp_path: Path) -> None:
    """So many are known for late submissions; the database has all, and gives no number twice."""
    world = World(tmp_path, operators(BOTH), kept=1, watch=0.0)
    async with world.engine() as engine:
        for number in range(3):
            task = await world.open(engine, draft(1 + 100 * number, 100 + 100 * number))
            await engine.submit(world.people[0].submission(task, poe(task.draft)))
            await engine.settled()
            await engine.tick()
        first = world.people[0].submission(replace(task, draft=draft()), poe(draft()))
        assert await refused(engine, first) is Refusal.UNKNOWN_TASK
        last = world.people[0].submission(task, poe(task.draft))
        assert await refused(engine, last) is Refusal.COMPLETED
        assert (await world.open(engine)).number == 1
        assert len(await world.log.tasks(recent=9)) == 3


async def test_what_the_chain_has_already_is_not_sent(world: World) -> None:
    """Whoever confirmed it: no simulation, no attempt, no transaction."""
    async with world.engine() as engine:
        task = await world.open(engine)
        for one in world.people[:2]:
            await engine.submit(one.submission(task, poe(task.draft)))
        world.chain.confirmed[task.key] = _held(0)
        await engine.submit(world.people[2].submission(task, poe(task.draft)))
        await engine.settled()
        (stored,) = await world.log.tasks(recent=9)
        assert stored.state is AvsTaskState.CONFIRMED
        assert not await world.log.confirmations(1)
        assert not world.chain.sent


async def test_what_was_sent_in_time_does_not_expire(world: World) -> None:
    """A transaction that is on its way when the time runs out is waited for."""
    flaky = _Flaky(world.chain, StoreUnavailableError("gone"))
    async with world.engine(chain=lambda _chain: flaky) as engine:
        task = await world.open(engine)
        for one in world.people:
            await engine.submit(one.submission(task, poe(task.draft)))
        await engine.settled()
        world.clock.now = EXPIRES
        await engine.tick()
        await engine.settled()
        (stored,) = await world.log.tasks(recent=9)
        assert stored.state is AvsTaskState.CONFIRMED

"""Single steps in special situations, on chains in memory."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, cast

import pytest

from coprove.errors import CoproveError
from coprove.proposer.errors import ConfigMismatchError, SimulatedProofsError
from coprove.proposer.look import look
from coprove.proposer.steps.aggregation import aggregate
from coprove.proposer.steps.startup import require_same_config, require_usable_backend
from coprove.prover import AggregationJob, BudgetExceededError, ProofRefusedError, RangeJob
from coprove.storage import IntentKind, RequestKind, RequestStatus
from coprove.types import Hash32
from tests.unit.proposer.bench import ASSIGNED, FULFILLED, IDENTITY, Proposer, World, word

COMPLETE, CANCELLED = RequestStatus.COMPLETE, RequestStatus.CANCELLED


async def reaches(proposer: Proposer, block: int, *, most: int = 30) -> bool:
    for _ in range(most):
        await proposer.tick(seconds=20)
        if proposer.world.contract.latest >= block:
            return True
    return False


async def ticks_until(proposer: Proposer, what: Callable[[], Awaitable[bool]]) -> None:
    """Tick without waiting for the work beside the loop, which may hang."""
    while not await what():
        await proposer.tick(wait=False)
        await asyncio.sleep(0.002)


# ---- startup


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("aggregation_vkey", "aggregation vkey"),
        ("range_vkey_commitment", "range vkey commitment"),
        ("rollup_config_hash", "rollup config hash"),
    ],
)
async def test_every_mismatch_with_the_contract_is_named(
    world: World, field: str, name: str
) -> None:
    """Alone, and with others."""
    world.contract.program_keys = replace(world.contract.program_keys, **{field: word("other")})
    with pytest.raises(ConfigMismatchError) as one:
        await require_same_config(cast("Any", world.contract), IDENTITY, seconds=5)
    assert [item[0] for item in one.value.mismatches] == [name]
    assert str(word("other")) in str(one.value)
    ours = replace(
        IDENTITY,
        aggregation_vkey=word("1"),
        range_vkey_commitment=word("2"),
        rollup_config_hash=word("3"),
    )
    with pytest.raises(ConfigMismatchError) as all_three:
        await require_same_config(cast("Any", world.contract), ours, seconds=5)
    assert len(all_three.value.mismatches) == 3


async def test_a_contract_that_changes_its_keys_ends_the_term(world: World) -> None:
    """Before another proof is asked for."""
    proposer = await world.begin()
    world.contract.program_keys = replace(world.contract.program_keys, aggregation_vkey=word("x"))
    with pytest.raises(ConfigMismatchError):
        await proposer.tick()
    assert not world.backend.submissions


def test_simulated_proofs_are_for_development_chains() -> None:
    """Any other L1 refuses the backend."""
    require_usable_backend("mock", is_simulated=True, chain_id=31337)
    require_usable_backend("network", is_simulated=False, chain_id=1)
    with pytest.raises(SimulatedProofsError):
        require_usable_backend("mock", is_simulated=True, chain_id=1)


async def test_proofs_for_other_programs_are_given_up(world: World) -> None:
    """What an older version had proven is proven again under the new keys."""
    world.backend.answers = lambda job: FULFILLED if isinstance(job, RangeJob) else ASSIGNED
    first = await world.begin("one")
    await first.until(lambda: world.backend.count(AggregationJob) == 1)
    await first.die()
    keys = replace(world.contract.program_keys, range_vkey_commitment=word("new range"))
    world.contract.program_keys = keys
    second = await world.begin("two")
    identity = replace(IDENTITY, range_vkey_commitment=word("new range"))
    fields = {name: getattr(second.ctx, name) for name in second.ctx.__slots__}
    second = Proposer(world, type(second.ctx)(**fields | {"identity": identity}))
    world.backend.answers = lambda _job: FULFILLED
    assert await reaches(second, 20)
    assert world.backend.count(RangeJob) == 8
    live = await world.live()
    assert all(item.config == identity for item in live)


# ---- reorgs and other proposers


async def test_an_l2_reorg_cuts_the_path(world: World) -> None:
    """What ends above the fork is given up and proven again on the new chain."""
    world.contract.interval = 40
    proposer = await world.begin(allow_non_finalized=True)
    await proposer.ticks(3)
    assert [status for *_, status in await world.ranges()] == [COMPLETE] * 5
    world.l2.forks.append(12)
    await proposer.ticks(3)
    cancelled = await world.store.find(statuses={CANCELLED})
    assert [item.blocks.start for item in cancelled] == [10, 15, 20]
    world.node.safe = 40
    assert await reaches(proposer, 40)
    assert world.contract.outputs[-1][1] == world.l2.root(40)


async def test_an_l1_reorg_of_the_checkpoint_makes_a_new_aggregation(world: World) -> None:
    """Under a new checkpoint; the ranges stay."""
    world.backend.answers = lambda job: FULFILLED if isinstance(job, RangeJob) else ASSIGNED
    proposer = await world.begin()
    await proposer.until(lambda: world.backend.count(AggregationJob) == 1)
    world.l1.reorg(6)
    world.contract.checkpoints.clear()
    world.backend.answers = lambda _job: FULFILLED
    world.l1.grow(1)
    assert await reaches(proposer, 20)
    assert world.backend.count(AggregationJob) == 2
    assert world.backend.count(RangeJob) == 4


async def test_an_output_that_left_l1_is_proposed_again(world: World) -> None:
    """RELAYED goes back to COMPLETE, and the same proof is proposed under the next key."""
    proposer = await world.begin()
    assert await reaches(proposer, 20)
    await proposer.tick()
    world.contract.outputs.pop()
    await proposer.tick()
    await proposer.ticks(4)
    assert world.contract.latest == 20
    assert world.backend.count(AggregationJob) == 1
    (aggregation,) = await world.live(RequestKind.AGGREGATION)
    assert aggregation.status is RequestStatus.RELAYED
    assert len(world.sender.proposals()) == 2


async def test_an_output_of_someone_else_inside_a_range_moves_the_path(world: World) -> None:
    """The path begins at its block; what lies behind the range that it cut is kept."""
    world.backend.answers = lambda job: FULFILLED if isinstance(job, RangeJob) else ASSIGNED
    proposer = await world.begin()
    await proposer.until(lambda: world.backend.count(AggregationJob) == 1)
    world.contract.outputs.append((12, world.l2.root(12), word("someone's")))
    world.node.finalized = 30
    world.node.safe = 30
    world.backend.answers = lambda _job: FULFILLED
    assert await reaches(proposer, 25)
    blocks = [(start, end) for start, end, _ in await world.ranges() if end > 12]
    # New ranges end where outputs do, ten blocks from the latest.
    assert blocks[:3] == [(12, 15), (15, 20), (20, 22)]
    asked = [job.blocks.start for job in world.backend.jobs.values() if isinstance(job, RangeJob)]
    assert asked.count(15) == 1


@pytest.mark.parametrize("killed", [False, True])
async def test_a_request_that_is_given_up_on_its_way_leaves_nothing_open(
    world: World, *, killed: bool
) -> None:
    """Its output came from someone else while the backend was being asked for it."""
    asked = asyncio.Event()

    async def hang(job: RangeJob | AggregationJob) -> None:
        if isinstance(job, AggregationJob):
            asked.set()
            await asyncio.Event().wait()

    world.backend.before = hang
    proposer = await world.begin()

    async def is_asked() -> bool:
        return asked.is_set()

    await ticks_until(proposer, is_asked)
    assert len(await world.store.open_intents(IntentKind.PROOF_REQUEST)) == 1
    if killed:
        await proposer.die()
        # A successor cancelled the request, and died before it had closed what was open of it.
        lease = await world.store.acquire("two", 1)
        await world.store.reanchor(lease, 20)
        world.clock.now += 2
        proposer = await world.begin("three")
    world.contract.outputs.append((20, world.l2.root(20), word("someone's")))
    await proposer.ticks(3)
    assert not await world.store.open_intents()
    assert world.backend.count(AggregationJob) == 0


async def test_no_second_aggregation_is_planned_on_an_old_look(world: World) -> None:
    """The first was relayed after the tick had looked, and more ranges are proven by now."""
    is_sent, go_on = asyncio.Event(), asyncio.Event()

    async def hold(key: str) -> None:
        if key.startswith("propose"):
            is_sent.set()
            await go_on.wait()

    world.sender.before = hold
    proposer = await world.begin()

    async def is_proven(ranges: int = 8) -> bool:
        proven = {RequestStatus.COMPLETE}
        found = await world.store.find(kind=RequestKind.RANGE, statuses=proven)
        return is_sent.is_set() and len(found) == ranges

    await ticks_until(proposer, partial(is_proven, 4))
    world.node.finalized = world.node.safe = 40
    await ticks_until(proposer, is_proven)
    old = await look(proposer.ctx)
    assert old.latest == 0
    go_on.set()
    (aggregation,) = await world.store.find(kind=RequestKind.AGGREGATION)
    await proposer.idle()
    assert (await world.store.get(aggregation.id)).status is RequestStatus.RELAYED
    await aggregate(proposer.ctx, old)
    assert len(await world.store.find(kind=RequestKind.AGGREGATION)) == 1
    assert await reaches(proposer, 40)


async def test_the_same_output_by_someone_else_is_taken_for_ours(world: World) -> None:
    """The aggregation is noted as relayed, with their transaction."""
    world.backend.answers = lambda job: FULFILLED if isinstance(job, RangeJob) else ASSIGNED
    proposer = await world.begin()
    await proposer.until(lambda: world.backend.count(AggregationJob) == 1)
    world.contract.refuse = "paused"
    world.backend.answers = lambda _job: FULFILLED
    await proposer.ticks(2)
    world.contract.outputs.append((20, world.l2.root(20), word("someone's")))
    await proposer.ticks(2, seconds=20)
    (aggregation,) = await world.live(RequestKind.AGGREGATION)
    assert aggregation.status is RequestStatus.RELAYED
    assert aggregation.relay_tx == word("someone's")


async def test_another_root_on_l1_is_told(world: World) -> None:
    """Someone proposed a root that our program did not compute."""
    world.contract.refuse = "paused"
    proposer = await world.begin()
    await proposer.ticks(5)
    world.contract.outputs.append((20, word("their root"), word("someone's")))
    await proposer.ticks(2, seconds=20)
    assert "root mismatch" in world.alerts.kinds()
    assert not world.sender.proposals()


# ---- roots


async def test_a_root_that_the_program_contradicts_is_never_proposed(world: World) -> None:
    """The node says one thing, the program another: a person is told, nothing is proven."""
    world.pool.wrong = {10}
    proposer = await world.begin()
    assert not await reaches(proposer, 10, most=8)
    assert "root mismatch" in world.alerts.kinds()
    asked = {job.blocks.end for job in world.backend.jobs.values()}
    assert 10 not in asked


async def test_a_node_that_changes_its_mind_stops_the_proposal(world: World) -> None:
    """The comparison is made again right before the proposal."""
    world.backend.answers = lambda job: FULFILLED if isinstance(job, RangeJob) else ASSIGNED
    proposer = await world.begin()
    await proposer.until(lambda: world.backend.count(AggregationJob) == 1)
    world.node.wrong = {20}
    world.backend.answers = lambda _job: FULFILLED
    assert not await reaches(proposer, 20, most=5)
    assert "root mismatch" in world.alerts.kinds()
    assert not world.sender.proposals()
    world.node.wrong = set()
    assert await reaches(proposer, 20)


async def test_another_pre_root_in_the_contract_stops_the_proposal(world: World) -> None:
    """The contract stands on a root that our ranges did not start from."""
    world.contract.outputs[0] = (0, word("another genesis"), word("genesis"))
    proposer = await world.begin()
    assert not await reaches(proposer, 20, most=5)
    assert "root mismatch" in world.alerts.kinds()
    assert not world.sender.proposals()


# ---- backends


async def test_a_refused_job_counts_and_is_split(world: World) -> None:
    """Twice refused, halved."""

    async def refuse(job: object) -> None:
        if isinstance(job, RangeJob) and len(job.blocks) > 3:
            raise ProofRefusedError("too many cycles")

    world.backend.before = refuse
    proposer = await world.begin()
    assert await reaches(proposer, 10)
    assert all(end - start <= 3 for start, end, _ in await world.ranges())


async def test_an_exceeded_budget_waits_for_the_next_day(world: World) -> None:
    """A person is told; at midnight (UTC) it goes on."""
    midnight = (world.clock.now // 86_400 + 1) * 86_400

    async def spent(_job: object) -> None:
        if world.clock.now < midnight:
            raise BudgetExceededError("200 requests today")

    world.backend.before = spent
    proposer = await world.begin()
    for _ in range(5):
        await proposer.tick(seconds=60)
    assert world.pool.runs == 4
    assert "budget exceeded" in world.alerts.kinds()
    assert not world.backend.submissions
    await proposer.pass_time(midnight - world.clock.now)
    assert await reaches(proposer, 20)
    assert not await world.store.open_intents(IntentKind.PROOF_REQUEST)


async def test_only_so_many_requests_are_in_work(world: World) -> None:
    """Neither cap is broken while ranges wait."""
    world.node.finalized, world.node.safe = 100, 110
    world.backend.answers = lambda _job: ASSIGNED
    proposer = await world.begin(max_concurrent_proof_requests=3, max_concurrent_witness_gen=2)
    release = asyncio.Event()
    most = 0

    async def collecting(_start: int, _end: int) -> None:
        nonlocal most
        counts = await world.store.counts()
        most = max(most, counts[RequestStatus.WITNESS_GENERATION])
        await release.wait()

    world.witness.hook = collecting
    await proposer.tick(wait=False)
    await proposer.tick(wait=False)
    release.set()
    await proposer.idle()
    await proposer.ticks(3)
    assert most == 2
    counts = await world.store.counts()
    assert counts[RequestStatus.PROVING] == 3
    assert len(world.backend.submissions) == 3


async def test_a_witness_that_takes_too_long_is_given_up(world: World) -> None:
    """It counts as a failure, and the others go on."""
    world.node.finalized = 5

    async def hang(start: int, end: int) -> None:
        if end - start == 5:
            await asyncio.Event().wait()

    world.witness.hook = hang
    proposer = await world.begin(witness_timeout=0.05)
    assert not await reaches(proposer, 20, most=8)
    assert [(start, end) for start, end, _ in await world.ranges()] == [(0, 2), (2, 5)]


async def test_a_task_that_ignores_its_time_is_cancelled(world: World) -> None:
    """The step that looks after work is the last resort."""
    world.node.finalized = 5

    hangs = asyncio.Event()

    async def hang(_start: int, _end: int) -> None:
        hangs.set()
        await asyncio.Event().wait()

    world.witness.hook = hang
    proposer = await world.begin(witness_timeout=1000, submit_timeout=1000)
    await proposer.tick(wait=False)
    await hangs.wait()
    world.witness.hook = None
    await proposer.tick(seconds=2001)
    await proposer.ticks(3)
    assert await world.ranges() == [(0, 5, COMPLETE)]


# ---- optimistic mode


async def test_in_optimistic_mode_outputs_need_no_proof(world: World) -> None:
    """Exactly at the next block, the node's root, nothing proven, once each."""
    world.contract.is_optimistic = True
    world.node.finalized = 25
    proposer = await world.begin()
    await proposer.ticks(6)
    assert [(block, root) for block, root, _ in world.contract.outputs] == [
        (0, world.l2.root(0)),
        (10, world.l2.root(10)),
        (20, world.l2.root(20)),
    ]
    assert not world.backend.submissions
    assert len(world.sender.effects) == 2
    assert not await world.store.open_intents()
    world.contract.is_optimistic = False
    world.node.finalized = world.node.safe = 40
    assert await reaches(proposer, 40)


async def test_killed_in_optimistic_mode_it_proposes_once(world: World) -> None:
    """The intent holds the L1 block that the first process chose."""
    world.contract.is_optimistic = True
    world.node.finalized = 15

    async def die(_key: str) -> None:
        raise asyncio.CancelledError

    world.sender.after = die
    first = await world.begin("one")
    await first.tick()
    assert world.contract.latest == 10
    world.contract.outputs.pop()
    await first.die()
    world.sender.after = None
    world.l1.grow(3)
    second = await world.begin("two")
    await second.tick()
    assert len(world.sender.effects) == 1
    # The contract lost it while the transaction counts as mined: never sent twice under one key.
    assert world.contract.latest == 0


# ---- errors


async def test_a_reverted_proposal_gets_a_new_key(world: World) -> None:
    """A key whose transaction failed is used up."""
    world.sender.revert = 1
    proposer = await world.begin()
    assert await reaches(proposer, 20)
    (key,) = world.sender.proposals()
    assert key.endswith("-2")


async def test_a_refusing_contract_is_told_and_nothing_is_sent(world: World) -> None:
    """The simulation comes before the transaction."""
    world.contract.refuse = "only approved proposers can propose new outputs"
    proposer = await world.begin()
    for _ in range(12):
        await proposer.tick(seconds=30)
    assert not world.sender.proposals()
    assert "repeated failure" in world.alerts.kinds()
    assert world.backend.count(AggregationJob) == 1


async def test_a_spoilt_checkpoint_is_replaced(world: World) -> None:
    """The contract's hash is compared with L1's; the next safe block is taken."""
    world.contract.spoil_checkpoints = 1
    proposer = await world.begin()
    assert not await reaches(proposer, 20, most=4)
    world.l1.grow(1)
    assert await reaches(proposer, 20)


@pytest.mark.parametrize("held", [None, word("spoilt")])
async def test_a_checkpoint_that_is_lost_after_the_proof_is_replaced(
    world: World, held: Hash32 | None
) -> None:
    """A proof under a checkpoint that the contract does not hold is not waited with for ever.

    What one answer says does not cost a proof; what three in a row say does.
    """
    world.backend.answers = lambda job: FULFILLED if isinstance(job, RangeJob) else ASSIGNED
    proposer = await world.begin()
    await proposer.until(lambda: world.backend.count(AggregationJob) == 1)
    ((number, good),) = world.contract.checkpoints.items()

    def spoil(value: Hash32 | None) -> None:
        world.contract.checkpoints.clear()
        if value is not None:
            world.contract.checkpoints[number] = value

    spoil(held)
    world.backend.answers = lambda _job: FULFILLED
    await proposer.tick(seconds=30)
    spoil(good)
    assert world.backend.count(AggregationJob) == 1
    spoil(held)
    for _ in range(5):
        world.l1.grow(1)
        await proposer.tick(seconds=30)
    assert await reaches(proposer, 20)
    assert world.backend.count(AggregationJob) == 2
    assert world.backend.count(RangeJob) == 4
    assert "repeated failure" in world.alerts.kinds()


async def test_proving_goes_on_while_the_contract_does_not_answer(world: World) -> None:
    """Only what needs the contract waits."""
    world.backend.answers = lambda _job: ASSIGNED
    proposer = await world.begin()
    await proposer.ticks(2)
    world.backend.answers = lambda _job: FULFILLED

    async def away() -> None:
        raise CoproveError("no answer")

    world.contract.keys = away  # type: ignore[method-assign,assignment]
    assert not await proposer.tick()
    assert [status for *_, status in await world.ranges()] == [COMPLETE] * 4

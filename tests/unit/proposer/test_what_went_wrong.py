"""What went wrong in op-succinct's proposers, one test a row; each also runs with our guard out.

Every test is a scenario that ends in True when the guard holds. With `guarded` False the guard is
replaced by what a proposer without it would do, and the scenario must end in False: so each test is
known to fail when its guard is taken out.

The rows about transactions and about endpoints that refuse need nodes: they stand in
tests/integration/test_what_went_wrong.py.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import pytest

from coprove.proposer import aggregation_work as aggregations
from coprove.proposer import boundaries, l1_head, loop, requests
from coprove.proposer.errors import NotLeadingError
from coprove.proposer.steps import proving, revalidation, startup, witness_timeouts
from coprove.proposer.witness_cache import WitnessCache
from coprove.prover import (
    AggregationJob,
    AmbiguousSubmissionError,
    Execution,
    Fulfillment,
    ProofStatus,
    RangeJob,
)
from coprove.rpc import NotYetAvailableError
from coprove.storage import RangePlan, RequestKind, RequestStatus, leases
from coprove.storage.errors import LeaseLostError
from coprove.types import BlockId, BlockRange
from tests.unit.proposer.bench import (
    ASSIGNED,
    FULFILLED,
    UNEXECUTABLE,
    UNFULFILLABLE,
    Proposer,
    World,
    word,
)

with_and_without = pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "unguarded"])
COMPLETE, UNREQUESTED = RequestStatus.COMPLETE, RequestStatus.UNREQUESTED


def is_range(job: object, start: int, end: int) -> bool:
    return isinstance(job, RangeJob) and job.blocks == BlockRange(start=start, end=end)


async def reaches(proposer: Proposer, block: int, *, most: int = 30, seconds: float = 20.0) -> bool:
    """Whether the contract gets an output at or above `block` within some ticks."""
    for _ in range(most):
        await proposer.tick(seconds=seconds)
        if proposer.world.contract.latest >= block:
            return True
    return False


@with_and_without
async def test_a_split_leaves_no_gap(
    world: World, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    """The halves share the middle block; a gap is refused by the database."""

    def with_gap(blocks: BlockRange) -> tuple[BlockRange, BlockRange]:
        middle = (blocks.start + blocks.end) // 2
        return (
            BlockRange(start=blocks.start, end=middle),
            BlockRange(start=middle + 1, end=blocks.end),
        )

    if not guarded:
        monkeypatch.setattr(requests, "halves", with_gap)
    world.backend.answers = lambda job: UNEXECUTABLE if is_range(job, 0, 5) else FULFILLED
    proposer = await world.begin()
    assert await reaches(proposer, 20) is guarded
    blocks = [(start, end) for start, end, _ in await world.ranges()]
    assert ((0, 2) in blocks and (2, 5) in blocks) is guarded


@with_and_without
async def test_no_aggregation_past_an_unproven_range(
    world: World, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    """Ranges behind a hole count for nothing until it is filled."""

    async def from_anywhere(_start: int) -> Sequence[Any]:
        return [item for item in await world.store.live_ranges() if item.status is COMPLETE]

    if not guarded:
        monkeypatch.setattr(world.store, "proven_prefix", from_anywhere)
        monkeypatch.setattr(
            "coprove.proposer.steps.aggregation.output_end",
            lambda ends, **_: max(ends.values(), default=None),
        )
    world.backend.answers = lambda job: ASSIGNED if is_range(job, 0, 5) else FULFILLED
    proposer = await world.begin()
    fine = [await proposer.tick() for _ in range(8)]
    assert [status for _, _, status in await world.ranges()][1:] == [COMPLETE] * 3
    assert all(fine) is guarded
    assert world.contract.latest == 0
    if guarded:
        assert not await world.live(RequestKind.AGGREGATION)
        world.backend.answers = lambda _job: FULFILLED
        assert await reaches(proposer, 20)


@with_and_without
async def test_a_checkpoint_lies_at_or_behind_the_safe_block(
    world: World, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    """A reorg of what is not safe leaves an aggregation's checkpoint alone."""
    if not guarded:

        async def tip(_tag: str) -> Any:
            return world.l1.ref(len(world.l1.chain) - 1)

        monkeypatch.setattr(world.l1, "block_ref", tip)
    world.backend.answers = lambda job: FULFILLED if isinstance(job, RangeJob) else ASSIGNED
    proposer = await world.begin()
    await proposer.until(lambda: world.backend.count(AggregationJob) == 1)
    (aggregation,) = await world.live(RequestKind.AGGREGATION)
    world.l1.reorg(world.l1.safe_distance)
    assert aggregation.checkpoint is not None
    found = await world.l1.header(aggregation.checkpoint.number)
    assert (found.hash == aggregation.checkpoint.hash) is guarded


@with_and_without
async def test_a_checkpoint_lies_at_or_above_every_l1_head(
    world: World, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    """The header chain to the checkpoint must hold every range's L1 head: else it waits."""
    if not guarded:

        async def any_safe(ctx: Any, _request: Any) -> BlockId:
            safe: BlockId = (await ctx.l1.block_ref("safe")).id
            return safe

        monkeypatch.setattr("coprove.proposer.steps.requesting.choose_checkpoint", any_safe)
    proposer = await world.begin()
    world.backend.answers = lambda job: FULFILLED if isinstance(job, RangeJob) else ASSIGNED
    await proposer.until(lambda: world.backend.count(RangeJob) == 4)
    world.l1.safe_distance = 35  # the safe tag of another node, far behind
    world.backend.answers = lambda _job: FULFILLED
    fine = await reaches(proposer, 20, most=5)
    assert not fine
    assert ("checkpoint" in "".join(world.sender.effects)) is not guarded
    world.l1.safe_distance = 2
    assert await reaches(proposer, 20)


@with_and_without
async def test_a_cached_checkpoint_is_read_again_before_it_is_used(
    world: World, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    """The contract lost a hash that the store has: it is stored again."""
    if not guarded:

        async def believe(_ctx: Any, _request: Any, _block: BlockId) -> None:
            """Trust what the store says."""

        monkeypatch.setattr(aggregations, "_have_checkpointed", believe)
    proposer = await world.begin()
    block = world.l1.ref(world.l1.safe).id
    await world.store.put_checkpoint(proposer.ctx.lease, block, tx_hash=word("lost"))
    assert await reaches(proposer, 20, most=10) is guarded
    assert (block.number in world.contract.checkpoints) is guarded


@with_and_without
async def test_ranges_on_a_reorged_l1_block_are_proven_again(
    world: World, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    """Stored hashes are compared at every tick; what is stale is cancelled and queued afresh."""
    if not guarded:

        async def believe(_ctx: Any, _seen: Any) -> None:
            """Trust what was true once."""

        monkeypatch.setattr(loop, "revalidate", believe)
    world.node.finalized = 5
    proposer = await world.begin()
    await proposer.ticks(3)
    assert await world.ranges() == [(0, 5, COMPLETE)]
    world.l1.reorg(30)
    world.node.finalized = 20
    assert await reaches(proposer, 20, most=15) is guarded
    jobs = [job for job in world.backend.jobs.values() if is_range(job, 0, 5)]
    assert len(jobs) == (2 if guarded else 1)


@with_and_without
async def test_a_final_status_is_acted_on_before_any_timeout(
    world: World, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    """After a call that timed out, long past its deadline: unfulfillable is still seen as such."""

    def time_first(status: ProofStatus, *, now: float, grace: float) -> str | None:
        if status.deadline is not None and now > status.deadline + grace:
            return None  # it is late: ask again at the next tick
        return status.fulfillment.name if status.fulfillment.is_final else None

    if not guarded:
        monkeypatch.setattr(proving, "verdict", time_first)
    world.node.finalized = 5
    late = ProofStatus(
        fulfillment=Fulfillment.UNFULFILLABLE,
        execution=Execution.EXECUTED,
        deadline=world.clock.now + 60,
    )
    world.backend.answers = lambda _job: ASSIGNED
    proposer = await world.begin(network_calls_timeout=0.05)
    await proposer.ticks(2)
    (first,) = world.backend.submissions
    world.backend.hang_status.add(first)
    world.backend.answers = lambda _job: late
    await proposer.tick(seconds=10_000)
    assert [status for *_, status in await world.ranges()] == [RequestStatus.PROVING]
    world.backend.hang_status.clear()
    await proposer.tick()
    failed = await world.store.find(statuses={RequestStatus.FAILED})
    assert (len(failed) == 1) is guarded


@with_and_without
async def test_a_hung_call_stops_neither_the_loop_nor_other_requests(
    world: World, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    """Each call has its limit, and its failure stays with its request."""

    async def no_limit(_seconds: float, _what: str, call: Any) -> Any:
        return await call

    if not guarded:
        monkeypatch.setattr(proving, "within", no_limit)
    proposer = await world.begin(network_calls_timeout=0.05)
    await proposer.tick()
    (lowest,) = (key for key in world.backend.submissions if key.startswith("range-0-5-"))
    world.backend.hang_status.add(lowest)

    # Without the limit the tick hangs for ever, so any bound will do.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(60 if guarded else 0.5):
            await proposer.tick()
    statuses = [status for *_, status in await world.ranges()]
    assert statuses[0] is RequestStatus.PROVING
    assert (world.contract.latest == 0 and statuses[1:] == [COMPLETE] * 3) or not guarded
    world.backend.hang_status.clear()
    if guarded:
        assert await reaches(proposer, 20)


@with_and_without
async def test_a_failing_call_stops_neither_the_loop_nor_other_requests(
    world: World, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    """Also an error that nobody thought of."""

    async def not_isolated(_ctx: Any, _event: Any, works: Any) -> bool:
        for _, work in works:
            await work()
        return True

    if not guarded:
        monkeypatch.setattr(proving, "all_isolated", not_isolated)

    def answer(job: object) -> ProofStatus:
        if is_range(job, 0, 5):
            raise ZeroDivisionError
        return FULFILLED

    proposer = await world.begin()
    world.backend.answers = answer
    await proposer.ticks(2)
    statuses = [status for *_, status in await world.ranges()]
    assert (statuses[1:] == [COMPLETE] * 3) is guarded


@with_and_without
async def test_a_paid_backlog_is_not_asked_for_again(
    world: World, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    """Only the backend's own deadline ends a proof; before it, days change nothing."""
    deadline = world.clock.now + 30 * 86_400

    def with_timeout(status: ProofStatus, *, now: float, grace: float) -> str | None:
        return "took four hours" if now > deadline - 30 * 86_400 + 14_400 + grace else None

    if not guarded:
        monkeypatch.setattr(proving, "verdict", with_timeout)
    queued = ProofStatus(
        fulfillment=Fulfillment.REQUESTED, execution=Execution.UNEXECUTED, deadline=deadline
    )
    world.backend.answers = lambda _job: queued
    proposer = await world.begin()
    await proposer.ticks(3)
    await proposer.ticks(3, seconds=3 * 86_400)
    assert (len(world.backend.submissions) == 4) is guarded
    if guarded:
        await proposer.pass_time(deadline - world.clock.now)
        await proposer.tick(seconds=proposer.ctx.settings.deadline_grace + 1)
        world.backend.answers = lambda _job: ASSIGNED
        await proposer.ticks(3)
        assert len(world.backend.submissions) == 8


@with_and_without
async def test_a_failed_aggregation_is_retried_as_an_aggregation(
    world: World, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    """The ranges stay proven, the aggregation is asked for again, under a new key."""
    if not guarded:
        replace = world.store.replace

        async def as_range(lease: Any, number: int, source: Any, target: Any, *_: Any, **kw: Any):  # type: ignore[no-untyped-def]
            blocks = (await world.store.get(number)).blocks
            return await replace(lease, number, source, target, [RangePlan(blocks=blocks)], **kw)

        monkeypatch.setattr(world.store, "replace", as_range)
    failures = 1

    def answer(job: object) -> ProofStatus:
        nonlocal failures
        if isinstance(job, AggregationJob) and failures:
            failures -= guarded
            return UNFULFILLABLE
        return FULFILLED

    world.backend.answers = answer
    proposer = await world.begin()
    assert await reaches(proposer, 20, most=12) is guarded
    assert (world.backend.count(AggregationJob) == 2) is guarded
    assert world.backend.count(RangeJob) == 4


@with_and_without
async def test_questions_go_out_in_batches(
    world: World, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    """A tick over many ranges asks each node for all their blocks at once."""
    if not guarded:

        async def one_by_one(_ctx: Any, client: Any, numbers: Any) -> dict[int, Any]:
            return {number: (await client.headers([number]))[0].hash for number in numbers}

        monkeypatch.setattr(revalidation, "_hashes", one_by_one)
    world.node.finalized, world.node.safe = 100, 110
    world.backend.answers = lambda _job: ASSIGNED
    proposer = await world.begin(max_concurrent_proof_requests=50, max_concurrent_witness_gen=50)
    await proposer.ticks(2)
    assert len(await world.ranges()) == 20
    asked = 0
    headers = world.l2.headers

    async def counted(numbers: list[int]) -> Any:
        nonlocal asked
        asked += 1
        return await headers(numbers)

    monkeypatch.setattr(world.l2, "headers", counted)
    await proposer.tick()
    assert (asked <= 2) is guarded


@with_and_without
async def test_the_l1_head_keeps_its_distance_and_adapts(
    world: World, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    """Twenty blocks beyond the first that is enough; more when they turn out too few."""

    async def fixed(ctx: Any, end: Any, *, tries: int) -> int:
        return await l1_head.choose_l1_head(ctx, end, tries=min(tries, 0))

    if not guarded:
        monkeypatch.setattr("coprove.proposer.range_work.choose_l1_head", fixed)
    world.l1.grow(60)
    world.node.first_safe = None
    world.witness.enough = lambda end, head: head >= end // 8 + 70
    proposer = await world.begin()
    assert await reaches(proposer, 20, most=20) is guarded
    firsts = {start: head for start, _, head in reversed(world.witness.calls)}
    assert firsts[0] == 5 // 8 + 20


def test_the_l1_head_is_far_enough_safe_if_it_can_be_and_never_behind_the_tip() -> None:
    """The bounds of the choice."""
    head = l1_head.head_number
    assert head(first_safe=100, origin=90, buffer=20, tries=0, safe=200, latest=230) == 120
    assert head(first_safe=100, origin=90, buffer=20, tries=0, safe=110, latest=230) == 110
    assert head(first_safe=100, origin=90, buffer=20, tries=0, safe=95, latest=105) == 105
    assert head(first_safe=None, origin=90, buffer=20, tries=2, safe=95, latest=300) == 170
    assert head(first_safe=None, origin=90, buffer=20, tries=50, safe=95, latest=300) == 300


@with_and_without
async def test_a_restart_keeps_queued_work_and_witnesses(
    world: World, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    """Killed between witness and request: the next process collects nothing anew."""
    if not guarded:

        async def forgetful(_self: Any, _blocks: BlockRange) -> list[Any]:
            return []

        monkeypatch.setattr(WitnessCache, "find", forgetful)
    handed, all_handed = 0, asyncio.Event()

    async def wait(_job: object) -> None:
        nonlocal handed
        handed += 1
        if handed == 4:
            all_handed.set()
        await asyncio.Event().wait()

    world.backend.before = wait
    first = await world.begin("one")
    await first.tick(wait=False)
    await all_handed.wait()
    assert len(await world.ranges()) == 4
    await first.die()
    world.backend.before = None
    second = await world.begin("two")
    assert await reaches(second, 20)
    assert (len(world.witness.calls) == 4) is guarded
    assert world.backend.count(RangeJob) == 4


@pytest.mark.parametrize("lost", ["crash", "answer"])
@with_and_without
async def test_a_lost_request_id_is_looked_up(
    world: World, monkeypatch: pytest.MonkeyPatch, lost: str, *, guarded: bool
) -> None:
    """Accepted, and the answer or the process was gone: the intent leads to the proof."""
    if not guarded:

        async def again(ctx: Any, request: Any, *, error: str) -> None:
            await requests.requeue(ctx, request, error=error)

        for module in (startup, witness_timeouts):
            monkeypatch.setattr(module, "reconcile", again)
    world.node.finalized = 5
    entered = asyncio.Event()

    async def lose(_job: object) -> None:
        entered.set()
        if lost == "answer":
            raise AmbiguousSubmissionError("the connection broke")
        await asyncio.Event().wait()

    world.backend.after = lose
    proposer = await world.begin("one")
    await proposer.tick(wait=False)
    await entered.wait()
    world.backend.after = None
    if lost == "crash":
        await proposer.die()
        proposer = await world.begin("two")
    else:
        await proposer.idle()
    await proposer.ticks(5)
    assert (world.backend.count(RangeJob) == 1) is guarded
    assert await world.ranges() == [(0, 5, COMPLETE)]


async def test_nothing_is_asked_again_while_the_backend_cannot_say(world: World) -> None:
    """As long as the look-up fails, the request stays as it is."""
    world.node.finalized = 5

    async def lose(_job: object) -> None:
        raise AmbiguousSubmissionError("the connection broke")

    world.backend.after = lose
    world.backend.find_error = NotYetAvailableError("not yet")
    proposer = await world.begin()
    await proposer.ticks(10, seconds=3000)
    assert len(world.backend.submissions) == 1
    world.backend.find_error = None
    world.backend.after = None
    await proposer.ticks(3)
    assert await world.ranges() == [(0, 5, COMPLETE)]
    assert len(world.backend.submissions) == 1


@with_and_without
async def test_a_leader_that_slept_too_long_writes_and_sends_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    """Its token is old, whatever its own clock says."""
    if not guarded:

        async def believe(session: Any, _scope: Any, _lease: Any) -> float:
            return float(await session.now())

        monkeypatch.setattr(leases, "check", believe)
    world.backend.answers = lambda _job: ASSIGNED
    first = await world.begin("one")
    await first.ticks(2)
    stale = first.ctx.lease
    await first.die()
    second = await world.begin("two")
    await second.tick()
    # The sleeper wakes, and its clock stood still.
    first.ctx.leadership._until = world.clock.now + 1000
    first.ctx.background._is_stopped = False
    world.backend.answers = lambda _job: FULFILLED
    is_refused = False
    try:
        await first.loop.tick()
        await first.ctx.leadership.confirm()
    except (LeaseLostError, NotLeadingError):
        is_refused = True
    assert first.ctx.leadership._lease == stale
    assert is_refused is guarded
    completed = [status for *_, status in await world.ranges() if status is COMPLETE]
    assert (not completed) is guarded


@with_and_without
async def test_a_range_that_is_too_big_is_halved_until_it_fits(
    world: World, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    """Out of memory here, or unexecutable there."""
    if not guarded:
        monkeypatch.setattr(requests, "halves", lambda _blocks: None)
    world.pool.dies_above = 2
    world.backend.answers = lambda job: (
        UNEXECUTABLE if isinstance(job, RangeJob) and len(job.blocks) > 1 else FULFILLED
    )
    proposer = await world.begin(max_concurrent_proof_requests=50, max_concurrent_witness_gen=50)
    assert await reaches(proposer, 20, most=40) is guarded
    if guarded:
        assert all(end - start == 1 for start, end, _ in await world.ranges())


@with_and_without
async def test_ranges_are_bounded_by_gas_as_well(
    world: World, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    """A few heavy blocks make a short range."""
    if not guarded:
        monkeypatch.setattr(
            "coprove.proposer.steps.ranges.cut",
            lambda start, tip, *, limits, most, **_: boundaries.cut(
                start, tip, limits=boundaries.RangeLimits(max_blocks=limits.max_blocks), most=most
            ),
        )
    world.l2.gas = dict.fromkeys(range(6, 11), 1000)
    proposer = await world.begin(gas_per_range=2000)
    await proposer.tick()
    blocks = [(start, end) for start, end, _ in await world.ranges()]
    assert (blocks == [(0, 5), (5, 7), (7, 9), (9, 10), (10, 15), (15, 20)]) is guarded

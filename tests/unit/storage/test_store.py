"""What the store does with requests, the same in memory, on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from coprove.errors import InputError
from coprove.storage import (
    TRANSITIONS,
    IntentKind,
    IntentState,
    Lease,
    ProofRequest,
    RangePlan,
    RequestIntentLog,
    RequestKind,
    RequestStatus,
    RequestStore,
    Scope,
    steps,
)
from coprove.storage.errors import (
    IllegalTransitionError,
    IntentConflictError,
    NotProvenError,
    RangeGapError,
    StaleRequestError,
    UnknownIntentError,
    UnknownRequestError,
)
from coprove.types import Address, BlockRange, Hash32
from tests.unit.storage.lab import CONFIG, SCOPE, TTL, block, complete, plans, spans, walk

if TYPE_CHECKING:
    from tests.unit.storage.lab import Lab

S = RequestStatus


async def test_planned_ranges_are_there_for_the_next_process(lab: Lab) -> None:
    """What is queued survives a restart, with all its fields."""
    async with lab.leading(100) as (store, lease):
        ranges = [
            RangePlan(blocks=BlockRange(start=100, end=110), end_hash=block(110).hash),
            RangePlan(blocks=BlockRange(start=110, end=115)),
        ]
        planned = await store.plan_ranges(lease, ranges, backend="network", config=CONFIG)
    async with lab.store() as store:
        found = await store.live_ranges()
        assert list(found) == list(planned)
        assert [request.end_hash for request in found] == [block(110).hash, None]
        assert {request.config for request in found} == {CONFIG}
        assert {request.backend for request in found} == {"network"}
        assert await store.highest_end() == 115
        assert await store.anchor() == 100


@pytest.mark.parametrize("boundaries", [(101, 110), (99, 110), (110, 120)])
async def test_a_plan_that_does_not_join_the_path_is_refused(
    lab: Lab, boundaries: tuple[int, ...]
) -> None:
    async with lab.leading(100) as (store, lease):
        with pytest.raises(RangeGapError, match="100"):
            await store.plan_ranges(lease, plans(*boundaries), backend="mock")
        with pytest.raises(RangeGapError, match="110"):
            await store.plan_ranges(lease, [*plans(100, 110), *plans(111, 120)], backend="mock")
        assert await store.find() == []


async def test_nothing_is_planned_before_there_is_an_anchor(lab: Lab) -> None:
    """The first range must start at the contract's latest block, which has to be known."""
    async with lab.leading(None) as (store, lease):
        assert await store.highest_end() is None
        with pytest.raises(RangeGapError, match="anchored"):
            await store.plan_ranges(lease, plans(0, 10), backend="mock")
        with pytest.raises(RangeGapError, match="anchored"):
            await store.cut_above(lease, 5, error="reorg")


async def _in_state(
    store: RequestStore, lease: Lease, kind: RequestKind, status: RequestStatus
) -> ProofRequest:
    """Return a request that went the shortest way to a state."""
    start = await store.highest_end()
    assert start is not None
    (request,) = await store.plan_ranges(lease, plans(start, start + 10), backend="mock")
    if kind is RequestKind.AGGREGATION:
        request = await walk(store, lease, request, S.COMPLETE)
        request = await store.add_aggregation(lease, request.blocks, backend="mock")
    ways: list[list[RequestStatus]] = [[S.UNREQUESTED]]
    while ways[0][-1] is not status:
        way = ways.pop(0)
        ways += [
            [*way, step.target]
            for step in TRANSITIONS
            if step.source is way[-1] and step.target not in way and kind in step.kinds
        ]
    for source, target in itertools.pairwise(ways[0]):
        if kind is RequestKind.RANGE and target in (S.FAILED, S.CANCELLED):
            request = (await store.replace(lease, request.id, source, target, error="x")).old
        else:
            request = await store.move(lease, request.id, source, target)
    return request


@pytest.mark.parametrize("kind", RequestKind)
async def test_every_step_of_the_table_and_no_other_can_be_taken(
    lab: Lab, kind: RequestKind
) -> None:
    """Each pair of states, from a request that is in the first of them."""
    async with lab.leading() as (store, lease):
        for source, target in itertools.product(RequestStatus, RequestStatus):
            if kind is RequestKind.RANGE and S.RELAYED in (source, target):
                continue
            request = await _in_state(store, lease, kind, source)
            allowed = any((t.source, t.target) == (source, target) for t in TRANSITIONS)
            dies_alone = kind is RequestKind.RANGE and target in (S.FAILED, S.CANCELLED)
            if allowed and not dies_alone:
                moved = await store.move(lease, request.id, source, target)
                assert moved.status is target
                assert await store.get(request.id) == moved
            else:
                with pytest.raises(IllegalTransitionError, match=f"{source.name} to {target.name}"):
                    await store.move(lease, request.id, source, target)
                assert await store.get(request.id) == request


async def test_a_step_from_a_state_that_is_past_is_stale(lab: Lab) -> None:
    """The guard is the stored state, not the caller's memory."""
    async with lab.leading() as (store, lease):
        (request,) = await store.plan_ranges(lease, plans(0, 10), backend="mock")
        await store.move(lease, request.id, S.UNREQUESTED, S.WITNESS_GENERATION)
        with pytest.raises(StaleRequestError) as stale:
            await store.move(lease, request.id, S.UNREQUESTED, S.WITNESS_GENERATION)
        assert (stale.value.expected, stale.value.actual) == (S.UNREQUESTED, S.WITNESS_GENERATION)
        with pytest.raises(StaleRequestError):
            await store.replace(lease, request.id, S.PROVING, S.FAILED, error="late")
        with pytest.raises(UnknownRequestError):
            await store.move(lease, request.id + 99, S.UNREQUESTED, S.WITNESS_GENERATION)
        assert len(await store.find()) == 1


async def test_fields_set_with_a_step_are_read_back(lab: Lab) -> None:
    async with lab.leading() as (store, lease):
        (request,) = await store.plan_ranges(lease, plans(0, 10), backend="mock")
        begun = await store.move(
            lease,
            request.id,
            S.UNREQUESTED,
            S.WITNESS_GENERATION,
            l1_head=block(77),
            agreed_root=Hash32(b"1" * 32),
            claimed_root=Hash32(b"2" * 32),
        )
        assert begun.witness_begun_at == begun.updated_at
        proving = await store.move(
            lease,
            request.id,
            S.WITNESS_GENERATION,
            S.PROVING,
            proof_id=b"\x00\xff",
            deadline=1e9,
            witness_path="/data/w",
            witness_digest=Hash32(b"3" * 32),
            witness_seconds=1.5,
            statistics={"gas": 10**30, "simulated": True, "note": "a\0b", "none": None, "f": 0.1},
        )
        assert proving.requested_at == proving.updated_at
        noted = await store.note(lease, request.id, cost={"cycles": 5}, execution_seconds=2.0)
        assert noted.status is S.PROVING
        done = await store.move(
            lease, request.id, S.PROVING, S.COMPLETE, proof=b"\x00proof", proof_seconds=3.5
        )
        assert await store.get(request.id) == done
        assert await store.proof(request.id) == b"\x00proof"
        assert done.l1_head == block(77)
        assert (done.agreed_root, done.claimed_root) == (b"1" * 32, b"2" * 32)
        assert (done.proof_id, done.deadline) == (b"\x00\xff", 1e9)
        assert (done.witness_path, done.witness_digest) == ("/data/w", b"3" * 32)
        assert (done.witness_seconds, done.execution_seconds, done.proof_seconds) == (1.5, 2.0, 3.5)
        assert done.statistics == {
            "gas": 10**30,
            "simulated": True,
            "note": "a\0b",
            "none": None,
            "f": 0.1,
        }
        assert done.cost == {"cycles": 5}
        aggregation = await store.add_aggregation(
            lease, request.blocks, backend="mock", config=CONFIG, checkpoint=block(99)
        )
        noted = await store.note(
            lease,
            aggregation.id,
            relay_tx=Hash32(b"t" * 32),
            prover_address=Address(b"p" * 20),
            checkpoint=block(100),
        )
        assert (aggregation.checkpoint, noted.checkpoint) == (block(99), block(100))
        assert (noted.relay_tx, noted.prover_address) == (b"t" * 32, b"p" * 20)
        cleared = await store.note(lease, aggregation.id, checkpoint=None, relay_tx=None)
        assert (cleared.checkpoint, cleared.relay_tx) == (None, None)
        assert await store.get(aggregation.id) == cleared


async def test_values_that_no_database_holds_are_refused_or_made_fit(lab: Lab) -> None:
    """Texts and numbers from outside never break a write half-way."""
    async with lab.leading() as (store, lease):
        (request,) = await store.plan_ranges(lease, plans(0, 10), backend="mock")
        noted = await store.note(lease, request.id, error="bad\0 \ud800 text " + "x" * 10_000)
        assert noted.error is not None
        assert noted.error.startswith("bad\ufffd ? text xxx")
        assert len(noted.error) == 4_000
        assert await store.get(request.id) == noted
        for changes in (
            {"deadline": float("nan")},
            {"statistics": {"a": float("inf")}},
            {"statistics": {"a": [1]}},
            {"statistics": {"a": "x" * 300_000}},
            {"witness_path": "a\0b"},
            {"l1_head": block(2**63)},
        ):
            with pytest.raises(InputError):
                await store.note(lease, request.id, **changes)
        with pytest.raises(InputError):
            await store.plan_ranges(lease, plans(10, 2**63), backend="mock")
        with pytest.raises(InputError):
            await store.open_intent(lease, "\ud800", IntentKind.PROPOSAL)
        assert await store.get(request.id) == noted


async def test_a_split_shares_the_middle_and_a_retry_counts(lab: Lab) -> None:
    """Halves leave no gap, as those at mid + 1 did; attempts go on counting."""
    async with lab.leading() as (store, lease):
        ranges = await store.plan_ranges(lease, plans(0, 10, 20), backend="network", config=CONFIG)
        first = await walk(store, lease, ranges[0], S.PROVING)
        split = await store.replace(
            lease, first.id, S.PROVING, S.FAILED, plans(0, 5, 10), error="unexecutable"
        )
        assert (split.old.status, split.old.error) == (S.FAILED, "unexecutable")
        assert spans(split.new) == [(0, 5), (5, 10)]
        assert {(r.attempts, r.replaces, r.config, r.backend) for r in split.new} == {
            (1, first.id, CONFIG, "network")
        }
        half = await walk(store, lease, split.new[0], S.WITNESS_GENERATION)
        again = await store.replace(lease, half.id, S.WITNESS_GENERATION, S.FAILED, error="rpc")
        assert again.new[0].attempts == 2
        fresh = await walk(store, lease, again.new[0], S.PROVING)
        reset = await store.replace(
            lease, fresh.id, S.PROVING, S.CANCELLED, error="reorg", attempts=0
        )
        assert reset.new[0].attempts == 0
        assert spans(await store.live_ranges()) == [(0, 5), (5, 10), (10, 20)]
        assert [r.id for r in await store.history(3)] == [
            first.id,
            half.id,
            fresh.id,
            reset.new[0].id,
        ]


@pytest.mark.parametrize("boundaries", [(0, 5, 9), (1, 10), (0, 11), (0, 5)])
async def test_a_replacement_with_a_gap_or_overlap_changes_nothing(
    lab: Lab, boundaries: tuple[int, ...]
) -> None:
    async with lab.leading() as (store, lease):
        (request, _) = await store.plan_ranges(lease, plans(0, 10, 20), backend="mock")
        request = await walk(store, lease, request, S.PROVING)
        before = await store.find()
        with pytest.raises(RangeGapError):
            await store.replace(
                lease, request.id, S.PROVING, S.FAILED, plans(*boundaries), error="x"
            )
        with pytest.raises(RangeGapError):
            await store.replace(
                lease, request.id, S.PROVING, S.FAILED, [*plans(0, 5), *plans(6, 10)], error="x"
            )
        assert await store.find() == before


async def test_a_failed_aggregation_is_retried_as_an_aggregation(lab: Lab) -> None:
    async with lab.leading() as (store, lease):
        await store.plan_ranges(lease, plans(0, 10, 20), backend="mock")
        await complete(store, lease, 20)
        blocks = BlockRange(start=0, end=20)
        aggregation = await store.add_aggregation(lease, blocks, backend="mock")
        aggregation = await walk(store, lease, aggregation, S.PROVING)
        with pytest.raises(InputError, match="same blocks"):
            await store.replace(
                lease, aggregation.id, S.PROVING, S.FAILED, plans(0, 10, 20), error="x"
            )
        retried = await store.replace(lease, aggregation.id, S.PROVING, S.FAILED, error="x")
        (again,) = retried.new
        assert (again.kind, again.blocks, again.attempts) == (RequestKind.AGGREGATION, blocks, 1)


async def test_an_aggregation_needs_complete_ranges_from_its_start_to_its_end(lab: Lab) -> None:
    """None is built past an unproven prefix, or between boundaries."""
    async with lab.leading() as (store, lease):
        await store.plan_ranges(lease, plans(0, 10, 20, 30), backend="mock")
        for request in await store.live_ranges():
            if request.blocks.start != 10:
                await walk(store, lease, request, S.COMPLETE)
        for start, end in ((0, 20), (0, 30), (10, 30), (0, 5), (5, 10), (20, 40), (40, 50)):
            with pytest.raises(NotProvenError):
                await store.add_aggregation(lease, BlockRange(start=start, end=end), backend="mock")
        await complete(store, lease, 30)
        one = await store.add_aggregation(lease, BlockRange(start=0, end=30), backend="mock")
        same = await store.add_aggregation(lease, BlockRange(start=0, end=30), backend="mock")
        other = await store.add_aggregation(lease, BlockRange(start=0, end=20), backend="mock")
        assert one == same
        assert other.id != one.id


async def test_an_aggregation_falls_with_a_range_that_it_stands_on(lab: Lab) -> None:
    """But not when its output is on L1, or its proposal may be on its way there."""
    async with lab.leading() as (store, lease):
        await store.plan_ranges(lease, plans(0, 10, 20, 30), backend="mock")
        await complete(store, lease, 30)
        made = {}
        for name, start, end in (("falls", 0, 20), ("apart", 20, 30), ("sent", 0, 10)):
            made[name] = await store.add_aggregation(
                lease, BlockRange(start=start, end=end), backend="mock"
            )
        on_l1 = await store.add_aggregation(lease, BlockRange(start=0, end=30), backend="mock")
        on_l1 = await walk(store, lease, on_l1, S.COMPLETE)
        await store.move(lease, on_l1.id, S.COMPLETE, S.RELAYED)
        await store.open_intent(lease, "p", IntentKind.PROPOSAL, request_id=made["sent"].id)
        (first, *_) = await store.live_ranges()
        replaced = await store.replace(lease, first.id, S.COMPLETE, S.CANCELLED, error="reorg")
        assert [request.id for request in replaced.cancelled] == [made["falls"].id]
        states = {request.id: request.status for request in await store.find()}
        assert states[made["apart"].id] is S.UNREQUESTED
        assert states[made["sent"].id] is S.UNREQUESTED
        assert states[on_l1.id] is S.RELAYED


async def test_the_queue_gives_aggregations_first_then_the_lowest_range(lab: Lab) -> None:
    async with lab.leading() as (store, lease):
        assert await store.next_unrequested() is None
        await store.plan_ranges(lease, plans(0, 10, 20, 30), backend="mock")
        await complete(store, lease, 10)
        (_, second, third) = await store.live_ranges()
        assert await store.next_unrequested() == second
        proving = await walk(store, lease, second, S.PROVING)
        assert await store.next_unrequested() == third
        again = await store.replace(lease, proving.id, S.PROVING, S.FAILED, error="x")
        assert await store.next_unrequested() == again.new[0]
        aggregation = await store.add_aggregation(
            lease, BlockRange(start=0, end=10), backend="mock"
        )
        assert await store.next_unrequested() == aggregation


async def test_the_proven_prefix_ends_at_the_first_range_without_a_proof(lab: Lab) -> None:
    async with lab.leading(5) as (store, lease):
        boundaries = (5, 10, 20, 30, 40)
        await store.plan_ranges(lease, plans(*boundaries), backend="mock")
        await complete(store, lease, 20)
        (*_, last) = await store.live_ranges()
        await walk(store, lease, last, S.COMPLETE)
        assert spans(await store.proven_prefix(5)) == [(5, 10), (10, 20)]
        assert spans(await store.proven_prefix(10)) == [(10, 20)]
        for start in (0, 7, 20, 40):
            assert await store.proven_prefix(start) == []
        assert spans(await store.proven_prefix(30)) == [(30, 40)]


async def test_the_proven_prefix_of_a_long_path_is_whole(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many ranges there are: they are read page by page."""
    monkeypatch.setattr(steps, "_PAGE", 3)
    async with lab.leading() as (store, lease):
        await store.plan_ranges(lease, plans(*range(11)), backend="mock")
        for upto in (6, 8, 10):
            await complete(store, lease, upto)
            assert spans(await store.proven_prefix(0)) == [(n, n + 1) for n in range(upto)]


async def test_listings_filter_and_page(lab: Lab) -> None:
    async with lab.leading() as (store, lease):
        await store.plan_ranges(lease, plans(0, 10, 20, 30), backend="mock")
        await complete(store, lease, 10)
        await store.add_aggregation(lease, BlockRange(start=0, end=10), backend="mock")
        ids = [request.id for request in await store.find()]
        assert ids == sorted(ids)
        newest = await store.find(newest_first=True, limit=3)
        assert [request.id for request in newest] == ids[:0:-1]
        rest = await store.find(newest_first=True, before_id=newest[-1].id)
        assert [request.id for request in rest] == ids[:1]
        touching = await store.find(touching=BlockRange(start=10, end=21))
        assert spans(touching) == [(10, 20), (20, 30)]
        assert spans(await store.find(kind=RequestKind.AGGREGATION)) == [(0, 10)]
        assert spans(await store.find(statuses={S.COMPLETE, S.PROVING})) == [(0, 10)]
        assert await store.find(statuses=()) == []
        assert spans(await store.live_ranges(above=10)) == [(10, 20), (20, 30)]
        assert await store.history(0) == ()
        counts = await store.counts()
        assert (counts[S.UNREQUESTED], counts[S.COMPLETE], counts[S.FAILED]) == (3, 1, 0)
        assert (await store.counts(RequestKind.AGGREGATION))[S.COMPLETE] == 0


async def test_a_restart_takes_up_the_work_of_a_dead_process(lab: Lab) -> None:
    """Queued, proving and complete work is untouched; what may have been asked for is left."""
    async with lab.leading() as (store, lease):
        await store.plan_ranges(lease, plans(0, 10, 20, 30, 40, 50), backend="mock")
        await complete(store, lease, 10)
        _, collecting, executing, proving, asked = await store.live_ranges()
        collecting = await walk(store, lease, collecting, S.WITNESS_GENERATION)
        await walk(store, lease, executing, S.WITNESS_GENERATION)
        executing = await store.move(lease, executing.id, S.WITNESS_GENERATION, S.EXECUTION)
        proving = await walk(store, lease, proving, S.PROVING)
        asked = await walk(store, lease, asked, S.WITNESS_GENERATION)
        aggregation = await store.add_aggregation(
            lease, BlockRange(start=0, end=10), backend="mock"
        )
        aggregation = await walk(store, lease, aggregation, S.WITNESS_GENERATION)
        log = RequestIntentLog(store, lease, asked.id)
        assert await log.read("key") == {}
        await log.note("key", {"nonce": 3})
        await log.note("key", {"artifact": "a"})
        await store.release(lease)
    async with lab.store() as store:
        lease = await store.acquire("next", TTL)
        recovery = await store.recover(lease, error="the process died")
        assert [done.old.id for done in recovery.requeued] == [
            collecting.id,
            executing.id,
            aggregation.id,
        ]
        assert {done.old.status for done in recovery.requeued} == {S.FAILED}
        assert [spans(done.new) for done in recovery.requeued] == [
            [(10, 20)],
            [(20, 30)],
            [(0, 10)],
        ]
        assert recovery.requeued[2].new[0].kind is RequestKind.AGGREGATION
        assert [request.id for request in recovery.unsettled] == [asked.id]
        assert await store.get(proving.id) == proving
        assert await RequestIntentLog(store, lease, asked.id).read("key") == {
            "nonce": 3,
            "artifact": "a",
        }
        await store.close_intent(lease, "key", IntentState.ABANDONED)
        recovery = await store.recover(lease, error="the process died")
        assert [done.old.id for done in recovery.requeued] == [asked.id]


async def test_an_intent_stands_for_one_effect(lab: Lab) -> None:
    """Opening it again finds it, with what was noted; closed, it stays closed."""
    async with lab.leading() as (store, lease):
        (request,) = await store.plan_ranges(lease, plans(0, 10), backend="mock")
        opened = await store.open_intent(
            lease, "a", IntentKind.PROOF_REQUEST, request_id=request.id, values={"n": 1}
        )
        assert (opened.state, opened.values) == (IntentState.OPEN, {"n": 1})
        await store.open_intent(lease, "0", IntentKind.CHECKPOINT)
        noted = await store.note_intent(lease, "a", {"hash": "0x1"})
        assert noted.values == {"n": 1, "hash": "0x1"}
        again = await store.open_intent(
            lease, "a", IntentKind.PROOF_REQUEST, request_id=request.id, values={"n": 2}
        )
        assert again == noted == await store.intent("a")
        for kind, request_id in ((IntentKind.PROPOSAL, request.id), (opened.kind, None)):
            with pytest.raises(IntentConflictError):
                await store.open_intent(lease, "a", kind, request_id=request_id)
        with pytest.raises(UnknownRequestError):
            await store.open_intent(lease, "b", IntentKind.PROPOSAL, request_id=request.id + 9)
        assert [intent.key for intent in await store.open_intents()] == ["a", "0"]
        assert [i.key for i in await store.open_intents(IntentKind.CHECKPOINT)] == ["0"]
        assert [i.key for i in await store.open_intents(request_id=request.id)] == ["a"]
        done = await store.close_intent(lease, "a", IntentState.DONE, {"block": 5})
        assert done.values == {"n": 1, "hash": "0x1", "block": 5}
        await store.close_intent(lease, "a", IntentState.DONE)
        with pytest.raises(IntentConflictError):
            await store.close_intent(lease, "a", IntentState.ABANDONED)
        with pytest.raises(IntentConflictError):
            await store.note_intent(lease, "a", {"late": 1})
        with pytest.raises(UnknownIntentError):
            await store.note_intent(lease, "none", {})
        with pytest.raises(InputError):
            await store.close_intent(lease, "0", IntentState.OPEN)
        assert [intent.key for intent in await store.open_intents()] == ["0"]


async def test_checkpoints_are_noted_renewed_and_dropped(lab: Lab) -> None:
    async with lab.leading() as (store, lease):
        await store.put_checkpoint(lease, block(5))
        await store.put_checkpoint(lease, block(9), tx_hash=Hash32(b"t" * 32))
        await store.put_checkpoint(lease, block(5), tx_hash=Hash32(b"u" * 32))
        found = await store.checkpoints()
        assert [(c.block, c.tx_hash) for c in found] == [
            (block(9), b"t" * 32),
            (block(5), b"u" * 32),
        ]
        await store.drop_checkpoint(lease, 9)
        await store.drop_checkpoint(lease, 1)
        assert [c.block for c in await store.checkpoints()] == [block(5)]


async def test_scopes_in_one_database_never_see_each_other(lab: Lab) -> None:
    """Another contract, chain or configuration has its own path, leader and intents."""
    other = Scope(
        l1_chain_id=SCOPE.l1_chain_id,
        l2_chain_id=SCOPE.l2_chain_id,
        contract=SCOPE.contract,
        config_name="second",
    )
    async with lab.leading() as (store, lease), lab.store(other) as second:
        (request,) = await store.plan_ranges(lease, plans(0, 10), backend="mock")
        await store.open_intent(lease, "k", IntentKind.PROPOSAL)
        await store.put_checkpoint(lease, block(1))
        assert await second.leader() is None
        its_lease = await second.acquire("other", TTL)
        assert await second.anchor() is None
        await second.reanchor(its_lease, 5)
        await second.plan_ranges(its_lease, plans(5, 10), backend="mock")
        assert spans(await second.find()) == [(5, 10)]
        with pytest.raises(UnknownRequestError):
            await second.get(request.id)
        with pytest.raises(UnknownRequestError):
            await second.proof(request.id)
        with pytest.raises(UnknownRequestError):
            await second.note(its_lease, request.id, error="not mine")
        assert await second.intent("k") is None
        assert await second.checkpoints() == []
        with pytest.raises(InputError, match="scope of the lease"):
            await second.plan_ranges(lease, plans(10, 20), backend="mock")
        assert spans(await store.find()) == [(0, 10)]

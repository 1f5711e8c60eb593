"""Whatever is asked of a store, in any order: databases do as their in-memory twin, one path."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from coprove.errors import CoproveError
from coprove.storage import (
    IntentKind,
    IntentState,
    Lease,
    MemoryDatabase,
    MemoryRequestStore,
    ProofRequest,
    RangePlan,
    Reanchored,
    Recovery,
    Replaced,
    RequestKind,
    RequestStatus,
    RequestStore,
    Scope,
    open_store,
)
from coprove.types import Address, BlockRange
from tests.unit.storage.lab import CONFIG, TTL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_NUMBERS = itertools.count()
_BLOCKS = st.integers(0, 12)
_CUTS = st.lists(_BLOCKS, max_size=4).map(tuple)
_RANK = st.integers(0, 9)
_STATUS = st.sampled_from(RequestStatus)


def _plans(cuts: tuple[int, ...]) -> list[RangePlan]:
    return [
        RangePlan(blocks=BlockRange(start=start, end=end))
        for start, end in itertools.pairwise(cuts)
        if start < end
    ]


class Twins(RuleBasedStateMachine):
    """Asks two stores the same, and compares all that they answer and hold."""

    runner: ClassVar[asyncio.Runner]
    url: ClassVar[str]

    def __init__(self) -> None:
        """Open both stores on a scope of their own."""
        super().__init__()
        self._run = self.runner.run
        contract = Address(next(_NUMBERS).to_bytes(20, "big"))
        scope = Scope(l1_chain_id=1, l2_chain_id=2, contract=contract)
        self.stores: list[RequestStore] = [
            MemoryRequestStore(MemoryDatabase(), scope),
            self._run(open_store(self.url, scope)),
        ]
        self.leases = [self._run(store.acquire("leader", TTL)) for store in self.stores]

    def teardown(self) -> None:
        for store in self.stores:
            self._run(store.close())

    def _ids(self, store: RequestStore) -> list[int]:
        return [request.id for request in self._run(store.find())]

    def _both(self, call: Callable[[RequestStore, Lease, list[int]], Awaitable[object]]) -> None:
        """Numbers and times differ: requests are named by their rank, times left out."""

        async def tried(store: RequestStore, lease: Lease, ids: list[int]) -> object:
            try:
                return await call(store, lease, ids)
            except (CoproveError, IndexError) as error:
                return type(error)

        answers = []
        for store, lease in zip(self.stores, self.leases, strict=True):
            answer = self._run(tried(store, lease, self._ids(store)))
            answers.append(_plain(answer, self._ids(store)))
        assert answers[0] == answers[1]

    @initialize(block=_BLOCKS, cuts=_CUTS)
    def begin(self, block: int, cuts: tuple[int, ...]) -> None:
        self._both(lambda store, lease, _: store.reanchor(lease, block))
        ranges = _plans((block, *(block + cut for cut in cuts)))
        self._both(lambda store, lease, _: store.plan_ranges(lease, ranges, backend="mock"))

    @rule(lengths=st.lists(st.integers(1, 3), max_size=4), shift=st.sampled_from([0, 0, 0, 1, -1]))
    def plan(self, lengths: list[int], shift: int) -> None:
        end = self._run(self.stores[0].highest_end())
        assert end is not None
        ranges = _plans(tuple(itertools.accumulate(lengths, initial=max(end + shift, 0))))
        self._both(
            lambda store, lease, _: store.plan_ranges(lease, ranges, backend="mock", config=CONFIG)
        )

    @rule(rank=_RANK, source=_STATUS, to=_STATUS)
    def move(self, rank: int, source: RequestStatus, to: RequestStatus) -> None:
        self._both(lambda store, lease, ids: store.move(lease, ids[rank], source, to))

    @rule(rank=_RANK, to=_STATUS)
    def move_from_its_state(self, rank: int, to: RequestStatus) -> None:
        async def step(store: RequestStore, lease: Lease, ids: list[int]) -> object:
            request = await store.get(ids[rank])
            return await store.move(lease, request.id, request.status, to, error="e")

        self._both(step)

    @rule(upto=_BLOCKS)
    def complete(self, upto: int) -> None:
        async def walk(store: RequestStore, lease: Lease, _: list[int]) -> None:
            for request in await store.live_ranges():
                if request.blocks.end > upto or request.status is not RequestStatus.UNREQUESTED:
                    continue
                for source, target in itertools.pairwise(
                    (
                        RequestStatus.UNREQUESTED,
                        RequestStatus.WITNESS_GENERATION,
                        RequestStatus.PROVING,
                        RequestStatus.COMPLETE,
                    )
                ):
                    await store.move(lease, request.id, source, target)

        self._both(walk)

    @rule(rank=_RANK, cuts=st.none() | _CUTS, cancel=st.booleans())
    def replace(self, rank: int, cuts: tuple[int, ...] | None, cancel: bool) -> None:
        target = RequestStatus.CANCELLED if cancel else RequestStatus.FAILED

        async def give_up(store: RequestStore, lease: Lease, ids: list[int]) -> object:
            request = await store.get(ids[rank])
            ranges = None
            if cuts is not None:
                inner = sorted({c for c in cuts if request.blocks.start < c < request.blocks.end})
                ranges = _plans((request.blocks.start, *inner, request.blocks.end))
            return await store.replace(lease, request.id, request.status, target, ranges, error="e")

        self._both(give_up)

    @rule(start=_BLOCKS, length=st.integers(1, 6))
    def aggregate(self, start: int, length: int) -> None:
        blocks = BlockRange(start=start, end=start + length)
        self._both(lambda store, lease, _: store.add_aggregation(lease, blocks, backend="mock"))

    @rule(start=st.integers(0, 2), count=st.integers(1, 3))
    def aggregate_proven(self, start: int, count: int) -> None:
        async def add(store: RequestStore, lease: Lease, _: list[int]) -> object:
            ranges = (await store.live_ranges())[start : start + count]
            blocks = BlockRange(start=ranges[0].blocks.start, end=ranges[-1].blocks.end)
            return await store.add_aggregation(lease, blocks, backend="mock")

        self._both(add)

    @rule(block=_BLOCKS, cuts=_CUTS)
    def reanchor(self, block: int, cuts: tuple[int, ...]) -> None:
        fill = _plans((block, *sorted({cut for cut in cuts if cut > block})))
        self._both(lambda store, lease, _: store.reanchor(lease, block, fill=fill, backend="mock"))

    @rule(block=_BLOCKS)
    def cut(self, block: int) -> None:
        self._both(lambda store, lease, _: store.cut_above(lease, block, error="e"))

    @rule(rank=_RANK, kind=st.sampled_from([IntentKind.PROOF_REQUEST, IntentKind.PROPOSAL]))
    def intend(self, rank: int, kind: IntentKind) -> None:
        async def intent(store: RequestStore, lease: Lease, ids: list[int]) -> object:
            opened = await store.open_intent(lease, f"{kind}{rank}", kind, request_id=ids[rank])
            return opened.state

        self._both(intent)

    @rule(
        rank=_RANK,
        kind=st.sampled_from([IntentKind.PROOF_REQUEST, IntentKind.PROPOSAL]),
        state=st.sampled_from(IntentState),
    )
    def settle(self, rank: int, kind: IntentKind, state: IntentState) -> None:
        async def close(store: RequestStore, lease: Lease, _: list[int]) -> object:
            return (await store.close_intent(lease, f"{kind}{rank}", state, {"a": 1})).values

        self._both(close)

    @rule()
    def recover(self) -> None:
        self._both(lambda store, lease, _: store.recover(lease, error="e"))

    @rule()
    def read(self) -> None:
        for read in (
            lambda store: store.anchor(),
            lambda store: store.highest_end(),
            lambda store: store.live_ranges(above=5),
            lambda store: store.proven_prefix(3),
            lambda store: store.next_unrequested(),
            lambda store: store.counts(),
            lambda store: store.history(4),
            lambda store: store.find(
                newest_first=True, limit=2, statuses={RequestStatus.UNREQUESTED}
            ),
        ):
            self._both(lambda store, _, __, read=read: read(store))  # type: ignore[misc]

    @invariant()
    def the_stores_hold_the_same(self) -> None:
        self._both(lambda store, _, __: store.find())

    @invariant()
    def the_live_ranges_are_one_path(self) -> None:
        for store in self.stores:
            at = self._run(store.anchor())
            requests = self._run(store.find())
            live = [r for r in requests if r.kind is RequestKind.RANGE and r.is_live]
            for request in sorted(live, key=lambda request: request.blocks.start):
                assert request.blocks.start == at
                at = request.blocks.end
            assert self._run(store.highest_end()) == at


def _plain(answer: object, ids: list[int]) -> object:
    rank = {request_id: rank for rank, request_id in enumerate(ids)}
    match answer:
        case ProofRequest():
            replaces = None if answer.replaces is None else rank[answer.replaces]
            began = None if answer.witness_begun_at is None else 0.0
            asked = None if answer.requested_at is None else 0.0
            return replace(
                answer,
                id=rank[answer.id],
                replaces=replaces,
                created_at=0.0,
                updated_at=0.0,
                witness_begun_at=began,
                requested_at=asked,
            )
        case Replaced():
            return [_plain(part, ids) for part in (answer.old, answer.new, answer.cancelled)]
        case Reanchored():
            return [answer.anchor, _plain(answer.new, ids), _plain(answer.cancelled, ids)]
        case Recovery():
            return [_plain(answer.requeued, ids), _plain(answer.unsettled, ids)]
        case list() | tuple():
            return [_plain(part, ids) for part in answer]
    return answer


def test_a_database_does_as_its_twin(url: str) -> None:
    """Random calls, most of them refused for one reason or another."""
    with asyncio.Runner() as runner:
        here = type("TwinsHere", (Twins,), {"runner": runner, "url": url})
        run_state_machine_as_test(
            here,
            settings=settings(
                max_examples=10,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )

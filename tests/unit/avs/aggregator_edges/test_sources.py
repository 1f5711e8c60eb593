"""Where tasks come from: what is final, open and a task on chain, oldest first."""

from __future__ import annotations

import contextlib
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.avs.aggregator.sources import (
    CreatedTasks,
    LogTopics,
    LogTopicsOptions,
    Moments,
    NewOutputs,
    OpStackRanges,
    RangeLayout,
    RangeStates,
)
from coprove.contracts import OutputOracle
from coprove.contracts.avs import ServiceManager, task_id
from coprove.contracts.avs.records import POLICY_TYPE
from coprove.errors import InputError, Temporary
from coprove.primitives import keccak256
from coprove.rpc import EndpointsDisagreeError, L1Client, NotYetAvailableError, RollupNodeClient
from coprove.rpc.encoding import encode_header
from coprove.types import Address, Hash32
from tests.unit.avs.aggregator_edges.chain import MANAGER, Chain, log
from tests.unit.rpc.fake import FakeNode, RpcFault, transport_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from coprove.avs.tasks import TaskDraft
    from coprove.rpc import RpcTransport

ORACLE = Address(b"\xc1" * 20)
COMMITTEE = 2
FIRST_BLOCK, INTERVAL, GENESIS, BLOCK_TIME, WINDOW = 11, 10, 1000, 2, 500


@dataclass
class World:
    """An L1 with a service manager, and a rollup node."""

    chain: Chain
    l1: RpcTransport
    node: RpcTransport
    l2_final: int = 0
    l1_told: dict[str, Any] | None = None
    """The final L1 block as the rollup node has it; None for L1's."""
    confirmed: dict[tuple[int, int], int] = field(default_factory=dict)
    """L1 block of each confirmation."""
    created: dict[tuple[int, int], int] = field(default_factory=dict)
    """Deadlines."""
    policy: bool = True

    def __post_init__(self) -> None:
        """Put what sources share on top."""
        self.moments = Moments(RollupNodeClient(self.node), L1Client(self.l1))
        self.manager = ServiceManager(self.l1, MANAGER)
        self.states = RangeStates(self.manager)

    def ranges(self, **options: Any) -> OpStackRanges:
        return OpStackRanges(
            COMMITTEE,
            manager=self.manager,
            moments=self.moments,
            states=self.states,
            **options,
        )

    def deadline(self, start: int, end: int) -> int:
        is_range = (start - FIRST_BLOCK) % INTERVAL == 0 and end - start == INTERVAL - 1
        if (start, end) in self.created:
            return self.created[start, end]
        return GENESIS + end * BLOCK_TIME + WINDOW if is_range and start >= FIRST_BLOCK else 0


def ref(number: int, origin: dict[str, Any] | None = None) -> dict[str, Any]:
    found = {
        "hash": "0x" + number.to_bytes(32, "big").hex(),
        "number": number,
        "parentHash": "0x" + "00" * 32,
        "timestamp": 0,
    }
    if origin is not None:
        found |= {"l1origin": origin, "sequenceNumber": 0}
    return found


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    chain = Chain()
    for _ in range(9):
        chain.mine()
    chain.final = 5
    rollup = FakeNode()
    async with transport_to(chain.node()) as l1, transport_to(rollup) as node:
        made = World(chain, l1, node)

        def status() -> dict[str, Any]:
            block = chain.header(chain.final or chain.head)
            told = made.l1_told or {**ref(chain.final or chain.head), "hash": block["hash"]}
            l2 = ref(made.l2_final, {"hash": told["hash"], "number": told["number"]})
            heads = dict.fromkeys(("current_l1", "head_l1", "safe_l1", "finalized_l1"), told)
            return {**heads, **dict.fromkeys(("unsafe_l2", "safe_l2", "finalized_l2"), l2)}

        def confirmed(_: int, start: int, end: int) -> tuple[list[str], list[Any]]:
            at = made.confirmed.get((start, end))
            values = [b"\x01" * 32, b"\x02" * 32, 7] if at and at <= chain.viewed_at else None
            return ["bytes32", "bytes32", "uint64"], values or [bytes(32), bytes(32), 0]

        def policy(_: int) -> tuple[list[str], list[Any]]:
            nobody = "0x" + "00" * 20
            times = (FIRST_BLOCK, INTERVAL, GENESIS, BLOCK_TIME, WINDOW)
            some = (901, bytes(32), nobody, *times, 0, 0, nobody)
            none = (0, bytes(32), nobody, *[0] * 7, nobody)
            kind = POLICY_TYPE
            return [kind], [some if made.policy else none]

        rollup.methods["optimism_syncStatus"] = status
        chain.calls |= {
            "rollupPolicy(uint256)": policy,
            "confirmedOutput(uint256,uint64,uint64)": confirmed,
            "deadlineOf(uint256,uint64,uint64)": lambda _, start, end: (
                ["uint256"],
                [made.deadline(start, end)],
            ),
        }
        yield made


def shown(drafts: Sequence[TaskDraft]) -> list[tuple[int, int]]:
    return [(found.metadata.start_block, found.metadata.end_block) for found in drafts]


# What is final


async def test_a_range_is_given_once_its_last_block_is_final() -> None:
    async with world() as made:
        source = made.ranges()
        for l2_final, expected in ((19, []), (20, [(11, 20)]), (35, [(11, 20), (21, 30)])):
            made.l2_final = l2_final
            assert shown(await source.poll()) == expected


async def test_the_l1_head_is_the_final_block_that_the_rollup_node_had_read() -> None:
    async with world() as made:
        made.l2_final = 20
        (found,) = await made.ranges().poll()
        assert found.l1_head.hex0x == made.chain.header(5)["hash"]
        assert (found.l1_head_number, found.committee_id) == (5, COMMITTEE)
        assert found.key == task_id(COMMITTEE, 11, 20)


async def test_a_rollup_node_on_another_l1_gives_no_task() -> None:
    """Whichever of the two lies."""
    async with world() as made:
        made.l2_final = 20
        made.l1_told = {**ref(5), "hash": "0x" + "66" * 32}
        with pytest.raises(EndpointsDisagreeError):
            await made.ranges().poll()


async def test_what_is_final_only_for_the_rollup_node_waits() -> None:
    async with world() as made:
        made.l2_final = 20
        made.l1_told = {**ref(7), "hash": made.chain.header(7)["hash"]}
        with pytest.raises(NotYetAvailableError):
            await made.ranges().poll()
        made.chain.final = 7
        assert shown(await made.ranges().poll()) == [(11, 20)]


# Ranges by policy


async def test_confirmed_ranges_are_not_given_and_come_back_after_a_reorg() -> None:
    async with world() as made:
        made.l2_final = 40
        source = made.ranges()
        made.confirmed[11, 20] = 8
        assert shown(await source.poll()) == [(21, 30), (31, 40)]
        made.confirmed.clear()
        assert shown(await source.poll()) == [(11, 20), (21, 30), (31, 40)]


async def test_what_is_confirmed_for_good_is_not_asked_about_again() -> None:
    async with world() as made:
        made.l2_final = 30
        source = made.ranges()
        made.confirmed[11, 20] = 4
        assert shown(await source.poll()) == [(21, 30)]
        made.chain.viewed.clear()
        assert shown(await source.poll()) == [(21, 30)]
        assert made.chain.viewed.count("confirmedOutput(uint256,uint64,uint64)") == 1


async def test_no_more_are_given_than_may_be_open_the_oldest_first() -> None:
    async with world() as made:
        made.l2_final = 200
        source = made.ranges(max_open=2)
        assert shown(await source.poll()) == [(11, 20), (21, 30)]
        made.confirmed[11, 20] = 8
        assert shown(await source.poll()) == [(21, 30), (31, 40)]


async def test_ranges_whose_time_is_over_are_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """By L1's clock, which the contract goes by; no blocks are asked about one by one for it."""
    async with world() as made:
        made.l2_final = 500
        at = GENESIS + WINDOW + 2 * 400
        truth = made.chain.header

        def later(number: int) -> dict[str, Any]:
            fields = {**truth(number), "timestamp": hex(at)}
            return {**fields, "hash": "0x" + keccak256(encode_header(fields)).hex()}

        monkeypatch.setattr(made.chain, "header", later)
        found = shown(await made.ranges(max_open=100).poll())
        assert found[0] == (391, 400)
        assert found[-1] == (491, 500)


async def test_a_committee_without_a_rollup_is_an_error() -> None:
    async with world() as made:
        made.policy = False
        with pytest.raises(InputError):
            await made.ranges().poll()


# Created tasks and outputs


def created_log(start: int, end: int, committee: int = COMMITTEE) -> dict[str, Any]:
    return log(
        MANAGER,
        "TaskCreated(bytes32,uint256,address,uint64,uint64,uint64,uint96)",
        [task_id(committee, start, end), committee.to_bytes(32, "big"), bytes(32)],
        ["uint64", "uint64", "uint64", "uint96"],
        [start, end, 10**9, 5],
    )


async def test_created_tasks_are_given_until_they_are_over() -> None:
    """Those of our committees, in final blocks, once their last L2 block is final."""
    async with world() as made:
        made.chain.reorg(4, "tasks")
        made.chain.mine(created_log(5, 7), created_log(6, 8, committee=9))
        made.chain.mine()
        made.chain.mine(created_log(1, 2))
        for _ in range(3):
            made.chain.mine()
        made.created = {(5, 7): 10**9, (1, 2): 10**9}
        source = CreatedTasks(
            [COMMITTEE], manager=made.manager, moments=made.moments, states=made.states, start=1
        )
        assert shown(await source.poll()) == []
        made.l2_final = 7
        assert shown(await source.poll()) == [(5, 7)]
        made.chain.final = 8
        assert shown(await source.poll()) == [(1, 2), (5, 7)]
        made.created[1, 2] = 0
        made.confirmed[5, 7] = 9
        assert shown(await source.poll()) == []
        made.confirmed.clear()
        made.created[1, 2] = 10**9
        assert shown(await source.poll()) == [(5, 7)]


async def test_proposed_outputs_are_given_where_they_are_tasks() -> None:
    async with world() as made:
        proposed = "OutputProposed(bytes32,uint256,uint256,uint256)"

        def output(index: int, block: int) -> dict[str, Any]:
            words = [bytes(32), index.to_bytes(32, "big"), block.to_bytes(32, "big")]
            return log(ORACLE, proposed, words, ["uint256"], [1])

        blocks = [10, 20, 23, 30]
        made.chain.reorg(2, "outputs")
        made.chain.mine(*(output(index, block) for index, block in enumerate(blocks)))
        for _ in range(6):
            made.chain.mine()

        def get(index: int) -> tuple[list[str], list[Any]]:
            if index >= len(blocks):
                raise RpcFault(3, "execution reverted")
            return ["(bytes32,uint128,uint128)"], [(bytes(32), 1, blocks[index])]

        made.chain.calls["getL2Output(uint256)"] = get
        made.l2_final = 40
        source = NewOutputs(
            COMMITTEE,
            oracle=OutputOracle(made.l1, ORACLE),
            moments=made.moments,
            states=made.states,
            start=1,
        )
        assert shown(await source.poll()) == [(11, 20)]


async def test_events_are_read_on_where_they_were_after_a_failure() -> None:
    """A poll that fails loses no event."""
    async with world() as made:
        made.chain.reorg(4, "tasks")
        made.chain.mine(created_log(1, 2))
        for _ in range(5):
            made.chain.mine()
        made.created[1, 2] = 10**9
        made.l2_final = 9
        source = CreatedTasks(
            [COMMITTEE], manager=made.manager, moments=made.moments, states=made.states, start=1
        )

        def fails() -> None:
            raise RpcFault(-32000, "internal trouble")

        made.chain.when["eth_getLogs"] = fails
        with pytest.raises(Exception, match="internal trouble"):
            await source.poll()
        assert shown(await source.poll()) == [(1, 2)]


# Any event

DECLARED = "RangeReady(uint64 indexed startBlock, bytes32 x, uint64 endBlock)"


def ready(start: int, end: int) -> dict[str, Any]:
    signature = "RangeReady(uint64,bytes32,uint64)"
    topic = start.to_bytes(32, "big")
    return log(ORACLE, signature, [topic], ["bytes32", "uint64"], [bytes(32), end])


async def test_log_topics_stay_five_blocks_behind_and_ask_for_a_hundred_at_once() -> None:
    async with world() as made:
        for _ in range(250):
            made.chain.mine()
        made.chain.mine(ready(11, 20))
        for _ in range(4):
            made.chain.mine()
        made.l2_final, now, asked = 30, 0.0, []
        layout = RangeLayout.parse(DECLARED, start="startBlock", end="endBlock")
        node = made.chain.node()
        honest = node.methods["eth_getLogs"]

        def counted(criteria: dict[str, Any]) -> Any:
            asked.append((int(criteria["fromBlock"], 16), int(criteria["toBlock"], 16)))
            return honest(criteria)

        node.methods["eth_getLogs"] = counted
        async with transport_to(node) as transport:
            source = LogTopics(
                LogTopicsOptions(
                    committee_id=COMMITTEE,
                    topics=((Hash32(layout.event.topic),),),
                    addresses=(ORACLE,),
                    layout=layout,
                    start=1,
                    interval=12,
                ),
                transport=transport,
                moments=made.moments,
                states=made.states,
                clock=lambda: now,
            )
            assert shown(await source.poll()) == []
            assert asked == [(1, 100), (101, 200), (201, made.chain.head - 5)]
            made.chain.mine()
            assert shown(await source.poll()) == []
            now = 12.5
            assert shown(await source.poll()) == [(11, 20)]
            assert asked[-1] == (made.chain.head - 5, made.chain.head - 5)


async def test_log_topics_without_a_first_block_begin_where_they_are() -> None:
    async with world() as made:
        layout = RangeLayout.parse(DECLARED, start="startBlock", end="endBlock")
        made.chain.reorg(2, "early")
        made.chain.mine(ready(11, 20))
        for _ in range(9):
            made.chain.mine()
        made.l2_final = 30
        source = LogTopics(
            LogTopicsOptions(
                committee_id=COMMITTEE, topics=(), addresses=(ORACLE,), layout=layout, interval=0
            ),
            transport=made.l1,
            moments=made.moments,
            states=made.states,
        )
        assert shown(await source.poll()) == []
        made.chain.mine(ready(21, 30), ready(0, 5), log(ORACLE, "Other()", [], [], []))
        for _ in range(5):
            made.chain.mine()
        assert shown(await source.poll()) == [(21, 30)]


@pytest.mark.parametrize(
    ("declaration", "names"),
    [
        ("", {"start": "a", "end": "b"}),
        ("E(uint64 a, uint64 b", {"start": "a", "end": "b"}),
        ("E((uint64 a) t, uint64 b)", {"start": "a", "end": "b"}),
        ("E(uint64 a, uint64 a)", {"start": "a", "end": "a"}),
        ("E(uint64 a, bytes32 b)", {"start": "a", "end": "b"}),
        ("E(uint64 a, uint64 b)", {"start": "a", "end": "c"}),
        ("E(uint64 a, uint64 b)", {"start": "a", "end": "b", "length": 3}),
        ("E(uint64 a)", {"start": None, "end": "a"}),
        ("E(uint64 a)", {"start": None, "end": "a", "length": 0}),
    ],
)
def test_what_declares_no_range_is_refused(declaration: str, names: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        RangeLayout.parse(declaration, **names)


def test_a_range_may_be_named_by_its_last_block_and_a_length() -> None:
    layout = RangeLayout.parse(
        "event Out(bytes32 indexed root, uint256 indexed l2Block);",
        start=None,
        end="l2Block",
        length=10,
    )
    assert layout.event.signature == "Out(bytes32,uint256)"
    topics = [layout.event.topic, bytes(32), (40).to_bytes(32, "big")]
    assert layout.range_of(topics, b"") == (31, 40)
    assert layout.range_of([*topics[:2], (9).to_bytes(32, "big")], b"") is None


@given(topics=st.lists(st.binary(min_size=32, max_size=32), max_size=4), data=st.binary())
def test_logs_of_strangers_are_read_or_refused(topics: list[bytes], data: bytes) -> None:
    """What comes out is a range, none, or InputError."""
    layout = RangeLayout.parse(DECLARED, start="startBlock", end="endBlock")
    for words in (topics, [layout.event.topic, *topics[1:]]):
        try:
            found = layout.range_of(words, data)
        except InputError:
            continue
        assert found is None or 1 <= found[0] <= found[1]


@given(text=st.text(max_size=60))
def test_declarations_of_strangers_are_read_or_refused(text: str) -> None:
    for declaration in (text, f"E({text})", f"E(uint64 a, {text}, uint64 b)"):
        try:
            RangeLayout.parse(declaration, start="a", end="b")
        except InputError:
            continue


async def test_a_node_that_fails_for_once_costs_no_range() -> None:
    async with world() as made:

        def fails() -> None:
            raise RpcFault(-32000, "header not found")

        made.chain.when["eth_getBlockByNumber"] = fails
        made.l2_final = 20
        source = made.ranges()
        with contextlib.suppress(Temporary):
            assert shown(await source.poll()) == [(11, 20)]
        assert shown(await source.poll()) == [(11, 20)]

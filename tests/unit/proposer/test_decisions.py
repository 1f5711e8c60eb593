"""Pure decisions: where ranges end, what is taken up next, which output comes next."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from coprove.proposer.boundaries import RangeLimits, cover, cut, halves, output_end, stride_of
from coprove.proposer.pauses import Pauses, retry_pause
from coprove.proposer.selection import select
from coprove.proposer.steps.proving import verdict
from coprove.proposer.steps.submission import best
from coprove.proposer.witness_cache import WitnessCache
from coprove.prover import Execution, Fulfillment, ProofStatus
from coprove.storage import ProofRequest, RequestKind, RequestStatus
from coprove.types import BlockRange
from tests.unit.proposer.bench import World, word

blocks_in = st.integers(0, 400)


def request(
    start: int, end: int, kind: RequestKind = RequestKind.RANGE, number: int = 0
) -> ProofRequest:
    return ProofRequest(
        id=number or end,
        kind=kind,
        status=RequestStatus.UNREQUESTED,
        backend="mock",
        blocks=BlockRange(start=start, end=end),
        created_at=0.0,
        updated_at=0.0,
    )


@given(
    start=blocks_in,
    length=blocks_in,
    max_blocks=st.integers(1, 60),
    interval=st.integers(1, 120),
    most=st.integers(0, 30),
)
def test_ranges_touch_stay_short_and_end_where_outputs_do(
    start: int, length: int, max_blocks: int, interval: int, most: int
) -> None:
    """From the start on, without a gap, none beyond the tip, none across an output's block."""
    stride = stride_of(interval=interval, max_blocks=max_blocks)
    limits = RangeLimits(max_blocks=max_blocks, anchor=start, stride=stride)
    found = cut(start, start + length, limits=limits, most=most)
    at = start
    for item in found:
        assert item.start == at
        assert 1 <= len(item) <= max_blocks
        assert item.end <= start + length
        if stride is not None:
            assert (item.start - start) // stride == (item.end - 1 - start) // stride
        at = item.end
    assert len(found) <= most
    if len(found) < most:
        assert start + length - at < max_blocks
    # What is cut later goes on where this ended.
    longer = cut(start, start + length + 50, limits=limits, most=most)
    assert longer[: len(found)] == found


@given(gas=st.lists(st.integers(0, 50), max_size=60), max_gas=st.integers(1, 120))
def test_ranges_hold_no_more_gas_than_asked_unless_one_block_does(
    gas: list[int], max_gas: int
) -> None:
    """And one block more would be too much, or the range is at its longest."""
    used = dict(enumerate(gas, start=1))
    limits = RangeLimits(max_blocks=10, max_gas=max_gas)
    for item in cut(0, len(gas), limits=limits, most=100, gas=used):
        total = sum(used[block] for block in range(item.start + 1, item.end + 1))
        assert total <= max_gas or len(item) == 1
        is_full = len(item) == 10 or total > max_gas
        assert is_full or total + used[item.end + 1] > max_gas


def test_cutting_by_gas_ends_where_gas_is_not_known() -> None:
    """A block that was not asked for is not taken for an empty one."""
    limits = RangeLimits(max_blocks=5, max_gas=100)
    assert cut(0, 10, limits=limits, most=9, gas={1: 1, 2: 1}) == []


@given(start=blocks_in, length=st.integers(1, 400), max_blocks=st.integers(1, 60))
def test_a_cover_leads_exactly_from_start_to_end(start: int, length: int, max_blocks: int) -> None:
    """However long the last range is."""
    found = cover(start, start + length, limits=RangeLimits(max_blocks=max_blocks))
    assert found[0].start == start
    assert found[-1].end == start + length
    assert all(one.end == other.start for one, other in pairwise(found))


@given(start=blocks_in, length=st.integers(1, 400))
def test_halves_share_their_middle(start: int, length: int) -> None:
    """A single block has none."""
    pieces = halves(BlockRange(start=start, end=start + length))
    if length == 1:
        assert pieces is None
        return
    assert pieces is not None
    first, second = pieces
    assert (first.start, first.end, second.end) == (start, second.start, start + length)
    assert abs(len(first) - len(second)) <= 1


def test_outputs_are_regular_unless_many_are_due() -> None:
    """The chain begins at the latest output; one leap after a long pause."""
    ends = {start: start + 5 for start in range(0, 60, 5)}
    assert output_end({5: 10, 10: 15}, latest=0, interval=10) is None
    assert output_end({0: 5}, latest=0, interval=10) is None
    assert output_end(ends, latest=0, interval=10) == 60
    assert output_end(ends, latest=0, interval=10, outputs_before_leap=5) == 60
    assert output_end(ends, latest=0, interval=10, outputs_before_leap=7) == 10
    assert output_end({0: 7, 7: 14}, latest=0, interval=10, outputs_before_leap=7) == 14


def test_aggregations_come_first_and_are_never_held_back() -> None:
    """Then the lowest ranges, within both caps."""
    waiting = [request(20, 30), request(0, 10), request(10, 20)]
    waiting.append(request(0, 10, RequestKind.AGGREGATION, 99))

    def chosen(**caps: int) -> list[tuple[str, int]]:
        values = {"in_flight": 0, "collecting": 0, "max_in_flight": 9, "max_collecting": 9}
        found = select(waiting, **values | caps)
        return [(item.kind.early_name, item.blocks.start) for item in found]

    assert chosen() == [("AGG", 0), ("SPAN", 0), ("SPAN", 10), ("SPAN", 20)]
    assert chosen(max_in_flight=2) == [("AGG", 0), ("SPAN", 0)]
    assert chosen(max_collecting=3) == [("AGG", 0), ("SPAN", 0), ("SPAN", 10)]
    assert chosen(in_flight=9) == [("AGG", 0)]


def test_the_furthest_aggregation_from_the_latest_output_is_proposed() -> None:
    """Others wait, or are of no use."""
    known = [request(0, end, RequestKind.AGGREGATION) for end in (10, 30, 20)]
    known.append(request(10, 90, RequestKind.AGGREGATION))
    found = best(known, latest=0, lowest=10)
    assert found is not None
    assert found.blocks.end == 30
    assert best(known, latest=0, lowest=31) is None
    assert best(known, latest=5, lowest=10) is None


@given(fulfillment=st.sampled_from(Fulfillment), execution=st.sampled_from(Execution))
def test_what_is_final_is_final_with_and_without_a_deadline(
    fulfillment: Fulfillment, execution: Execution
) -> None:
    """A deadline adds an end and hides none."""
    status = ProofStatus(fulfillment=fulfillment, execution=execution, deadline=100.0)
    if fulfillment is Fulfillment.FULFILLED and execution < Execution.UNEXECUTABLE:
        return
    early = verdict(status, now=50, grace=10)
    late = verdict(status, now=111, grace=10)
    is_final = fulfillment.is_final or execution >= Execution.UNEXECUTABLE
    assert (early is not None) is is_final
    assert late is not None
    if is_final:
        assert late == early


def test_pauses_double_and_are_forgotten_after_a_success() -> None:
    """The pieces of a split range wait as long as it would."""
    pauses, item = Pauses(), request(0, 10)
    assert [pauses.failed(item, now=0) for _ in range(4)] == [1, 2, 4, 8]
    assert not pauses.is_due(item, now=7)
    assert pauses.is_due(item, now=8)
    first = BlockRange(start=0, end=5)
    pauses.inherit(item, [first], now=100)
    assert pauses.failures(request(0, 5)) == 4
    assert not pauses.is_due(request(0, 5), now=107)
    pauses.forget_below(5)
    assert pauses.failures(request(0, 5)) == 0
    pauses.succeeded(item)
    assert pauses.is_due(item, now=0)
    assert retry_pause(10**9) == 300


async def test_the_witness_cache_gives_back_only_what_it_was_given(tmp_path: Path) -> None:
    """A changed file is removed when it is looked up, a half-written one at the start."""
    cache = WitnessCache(tmp_path)
    blocks, head = BlockRange(start=3, end=9), word("head")
    kept = await cache.put(blocks, head, b"input")
    again = await cache.put(blocks, head, b"input")
    assert again == kept
    (tmp_path / "range-3-9-x.input").write_bytes(b"not ours")
    (tmp_path / "half.part").write_bytes(b"half")
    cache = WitnessCache(tmp_path)
    assert not (tmp_path / "half.part").exists()
    assert await cache.find(blocks) == [kept]
    assert await cache.find(BlockRange(start=3, end=90)) == []
    kept.path.write_bytes(b"inpux")
    assert await cache.find(blocks) == []
    assert not kept.path.exists()


async def test_the_witness_cache_forgets_what_is_on_l1(tmp_path: Path) -> None:
    """Ranges at or below the latest output."""
    cache = WitnessCache(tmp_path)
    for end in (5, 10, 15):
        await cache.put(BlockRange(start=end - 5, end=end), word("head"), b"x")
    assert await cache.prune(10) == 2
    assert len(await cache.find(BlockRange(start=10, end=15))) == 1


@pytest.mark.parametrize("length", [31, 33])
def test_hashes_in_settings_have_32_bytes(length: int, tmp_path: Path) -> None:
    """A key of another length is refused when the settings are read."""
    with pytest.raises(ValidationError, match="aggregation_vkey"):
        World(tmp_path).settings(aggregation_vkey="0x" + "ab" * length)

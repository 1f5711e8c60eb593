"""The proposer's decisions and memory."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.devnet.proposer.records import OutputIntent, OutputState, RangeState, StoredRange
from coprove.devnet.proposer.steps import (
    chain_of_ranges,
    choose_checkpoint,
    missing_ranges,
    output_end,
    retry_pause,
    stale_ranges,
    startable,
)
from coprove.devnet.proposer.store import ProposerStore
from coprove.types import BlockId, BlockRange, BootInfo, Hash32


def h(number: int) -> Hash32:
    return Hash32(number.to_bytes(32, "big"))


def boot(start: int, end: int) -> BootInfo:
    return BootInfo(
        l1_head=h(1000),
        l2_pre_root=h(start),
        l2_post_root=h(end),
        l2_block_number=end,
        rollup_config_hash=h(7),
    )


def stored(start: int, end: int, state: RangeState = RangeState.DONE) -> StoredRange:
    return StoredRange(
        start=start,
        end=end,
        state=state,
        boot_info=boot(start, end) if state is RangeState.DONE else None,
        attempts=0,
        retry_at=0,
        error=None,
    )


@given(
    latest=st.integers(0, 50),
    interval=st.integers(1, 30),
    finalized=st.integers(0, 150),
    ahead=st.integers(1, 3),
    length=st.integers(1, 40),
)
def test_planned_ranges_touch_end_at_outputs_and_are_final(
    latest: int, interval: int, finalized: int, ahead: int, length: int
) -> None:
    """No gap, no overlap, no range over an output's block or beyond the finalized head."""
    plan = missing_ranges(
        latest=latest,
        interval=interval,
        finalized=finalized,
        outputs_ahead=ahead,
        blocks_per_range=length,
        known=[],
    )
    at = latest
    for item in plan:
        assert item.start == at
        assert item.end <= finalized
        assert (item.start - latest) // interval == (item.end - 1 - latest) // interval
        assert len(item) <= length
        at = item.end
    again = missing_ranges(
        latest=latest,
        interval=interval,
        finalized=finalized,
        outputs_ahead=ahead,
        blocks_per_range=length,
        known=[stored(item.start, item.end) for item in plan],
    )
    assert again == []


def test_the_lowest_due_ranges_start_first() -> None:
    """Ranges that wait out a pause, run or are done are left alone."""
    late = stored(0, 5, RangeState.NEW)
    waiting = StoredRange(
        start=20, end=25, state=RangeState.NEW, boot_info=None, attempts=1, retry_at=99, error="x"
    )
    known = [stored(10, 15, RangeState.NEW), late, waiting, stored(5, 10)]
    assert [item.start for item in startable(known, now=50, free=2)] == [0, 10]
    assert startable(known, now=50, free=0) == []


def test_a_chain_needs_every_range_and_must_end_at_the_output() -> None:
    """A hole, an unfinished range or an overshoot gives nothing."""
    known = [stored(0, 5), stored(5, 10), stored(10, 20, RangeState.RUNNING)]
    assert [item.end for item in chain_of_ranges(known, start=0, end=10)] == [5, 10]
    assert chain_of_ranges(known, start=0, end=20) == []
    assert chain_of_ranges(known, start=0, end=7) == []
    assert chain_of_ranges(known, start=1, end=10) == []


def test_outputs_lie_an_interval_apart_unless_many_are_due() -> None:
    """One step at a time, one leap after a long pause, and what was begun is kept."""
    known = [stored(start, start + 5) for start in range(0, 60, 5)]
    assert output_end(known[:1], latest=0, interval=10) is None
    assert output_end(known[:4], latest=0, interval=10) == 10
    assert output_end(known[:9], latest=0, interval=10) == 10
    assert output_end(known, latest=0, interval=10) == 60
    assert output_end(known, latest=0, interval=10, intended=[10]) == 10
    assert output_end(known, latest=0, interval=10, intended=[70]) == 60
    assert output_end(known, latest=20, interval=10) == 30


def test_a_checkpoint_lies_at_the_safe_block_above_every_l1_head() -> None:
    """Too low a safe block means to wait; a spoilt checkpoint asks for a newer one."""
    assert choose_checkpoint(l1_heads=[5, 8], safe=9, not_below=0) == 9
    assert choose_checkpoint(l1_heads=[5, 10], safe=9, not_below=0) is None
    assert choose_checkpoint(l1_heads=[5], safe=9, not_below=10) is None


def test_a_claim_is_stale_when_any_of_its_ground_has_changed() -> None:
    """L1 head gone, other pre root, other post root."""
    item = stored(0, 5)
    good = {0: h(0), 5: h(5)}
    assert stale_ranges([item], roots=good, canonical=[h(1000)]) == []
    assert stale_ranges([item], roots=good, canonical=[]) == [item]
    assert stale_ranges([item], roots={0: h(9), 5: h(5)}, canonical=[h(1000)]) == [item]
    assert stale_ranges([item], roots={0: h(0), 5: h(9)}, canonical=[h(1000)]) == [item]


def test_pauses_double_to_a_minute() -> None:
    """1 s, 2 s, … 60 s."""
    assert [retry_pause(n) for n in (1, 2, 3, 20)] == [1, 2, 4, 60]


def test_the_database_refuses_overlapping_ranges_as_a_whole(tmp_path: Path) -> None:
    """One bad range in a batch leaves nothing of the batch behind."""
    with ProposerStore(tmp_path / "p.sqlite") as store:
        store.add_ranges([BlockRange(start=0, end=10)])
        for bad in ((5, 12), (0, 4), (9, 10)):
            with pytest.raises(sqlite3.IntegrityError):
                store.add_ranges(
                    [BlockRange(start=10, end=20), BlockRange(start=bad[0], end=bad[1])]
                )
        assert [(item.start, item.end) for item in store.ranges()] == [(0, 10)]


def test_a_range_goes_through_its_states_and_survives_a_restart(tmp_path: Path) -> None:
    """Left running by a killed process it is new again; a claim is kept byte for byte."""
    path = tmp_path / "p.sqlite"
    with ProposerStore(path) as store:
        store.add_ranges([BlockRange(start=0, end=10), BlockRange(start=10, end=20)])
        store.begin_range(0)
        store.begin_range(10)
        store.finish_range(0, boot(0, 10))
    with ProposerStore(path) as store:
        assert store.recover() == 1
        first, second = store.ranges()
        assert first.state is RangeState.DONE
        assert first.boot_info == boot(0, 10)
        assert second.state is RangeState.NEW
        assert second.attempts == 1
        store.begin_range(10)
        store.fail_range(10, error="no witness", retry_at=77)
        second = store.ranges()[1]
        assert (second.error, second.retry_at) == ("no witness", 77)
        store.discard_claim(0)
        assert store.ranges()[0].boot_info is None


def test_a_result_for_a_range_that_no_longer_runs_is_ignored(tmp_path: Path) -> None:
    """Only a running range can be finished: a late answer changes nothing."""
    with ProposerStore(tmp_path / "p.sqlite") as store:
        store.add_ranges([BlockRange(start=0, end=10)])
        store.finish_range(0, boot(0, 10))
        assert store.ranges()[0].state is RangeState.NEW


def test_ranges_over_an_outputs_block_are_dropped_when_the_interval_changes(
    tmp_path: Path,
) -> None:
    """Aligned ones stay."""
    with ProposerStore(tmp_path / "p.sqlite") as store:
        store.add_ranges([BlockRange(start=0, end=5), BlockRange(start=5, end=15)])
        store.drop_misaligned(0, 10)
        assert [(item.start, item.end) for item in store.ranges()] == [(0, 5)]


def test_an_output_intent_is_read_back_equal(tmp_path: Path) -> None:
    """Replacing it keeps one row for each block."""
    intent = OutputIntent(
        start=0,
        end=10,
        root=h(3),
        checkpoint=BlockId(hash=h(4), number=40),
        attempt=1,
        state=OutputState.INTENDED,
        tx_hash=None,
    )
    path = tmp_path / "p.sqlite"
    with ProposerStore(path) as store:
        store.put_output(intent)
        store.put_output(intent)
    with ProposerStore(path, read_only=True) as reader:
        assert reader.output(10) == intent
        assert reader.output(11) is None
        with pytest.raises(sqlite3.OperationalError):
            reader.put_output(intent)

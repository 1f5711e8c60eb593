"""The path follows the contract and the chains: anchored anew, cut, filled, never broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coprove.storage import IntentKind, IntentState, RequestStatus
from coprove.storage.errors import RangeGapError
from coprove.types import BlockRange
from tests.unit.storage.lab import complete, plans, spans, walk

if TYPE_CHECKING:
    from coprove.storage import Lease, RequestStore
    from tests.unit.storage.lab import Lab

S = RequestStatus


async def _path(store: RequestStore, lease: Lease, *boundaries: int, proven: int = 0) -> None:
    await store.plan_ranges(lease, plans(*boundaries), backend="mock")
    await complete(store, lease, proven)


async def test_on_a_boundary_above_complete_ranges_nothing_changes(lab: Lab) -> None:
    """Our own output arrived: what is proven stays, for the case that it leaves L1 again."""
    async with lab.leading() as (store, lease):
        await _path(store, lease, 0, 10, 20, 30, proven=20)
        for block in (0, 10, 20):
            moved = await store.reanchor(lease, block)
            assert (moved.anchor, moved.new, moved.cancelled) == (0, (), ())
        assert spans(await store.live_ranges()) == [(0, 10), (10, 20), (20, 30)]


async def test_what_others_settled_is_cancelled_up_to_the_last_gap_in_our_proofs(
    lab: Lab,
) -> None:
    """Another proposer was faster: unproven ranges below its output are of no use."""
    async with lab.leading() as (store, lease):
        await _path(store, lease, 0, 10, 20, 30, 40, 50, proven=40)
        (_, second, *_) = await store.live_ranges()
        await store.replace(lease, second.id, S.COMPLETE, S.CANCELLED, error="reorg")
        moved = await store.reanchor(lease, 40)
        assert moved.anchor == 20 == await store.anchor()
        assert spans(moved.cancelled) == [(0, 10), (10, 20)]
        assert {request.status for request in moved.cancelled} == {S.CANCELLED}
        assert spans(await store.live_ranges()) == [(20, 30), (30, 40), (40, 50)]
        assert spans(await store.proven_prefix(40)) == []
        await store.plan_ranges(lease, plans(50, 60), backend="mock")


@pytest.mark.parametrize("block", [15, 99])
async def test_off_the_boundaries_all_is_planned_anew(lab: Lab, block: int) -> None:
    async with lab.leading() as (store, lease):
        await _path(store, lease, 0, 10, 20, 30, proven=10)
        moved = await store.reanchor(lease, block)
        assert moved.anchor == block == await store.highest_end()
        assert spans(moved.cancelled) == [(0, 10), (10, 20), (20, 30)]
        assert await store.live_ranges() == []
        await store.plan_ranges(lease, plans(block, block + 5), backend="mock")


async def test_off_the_boundaries_a_filler_keeps_what_lies_above(lab: Lab) -> None:
    """Work above the contract's block goes on; only the range that it fell into is lost."""
    async with lab.leading() as (store, lease):
        await _path(store, lease, 0, 10, 20, 30, proven=10)
        moved = await store.reanchor(lease, 15, fill=plans(15, 17, 20), backend="mock")
        assert spans(moved.cancelled) == [(0, 10), (10, 20)]
        assert spans(moved.new) == [(15, 17), (17, 20)]
        assert spans(await store.live_ranges()) == [(15, 17), (17, 20), (20, 30)]
        assert await store.anchor() == 15


async def test_outputs_deleted_below_the_anchor(lab: Lab) -> None:
    """With a filler the path is kept, without it begins again below."""
    async with lab.leading(20) as (store, lease):
        await _path(store, lease, 20, 30, proven=30)
        moved = await store.reanchor(lease, 10, fill=plans(10, 20), backend="mock")
        assert (moved.anchor, moved.cancelled) == (10, ())
        assert spans(await store.live_ranges()) == [(10, 20), (20, 30)]
        moved = await store.reanchor(lease, 5)
        assert spans(moved.cancelled) == [(10, 20), (20, 30)]
        assert await store.highest_end() == 5


async def test_outputs_deleted_on_a_boundary_bring_the_old_proofs_back(lab: Lab) -> None:
    """The ranges are still proven: the next aggregation costs no range proof."""
    async with lab.leading() as (store, lease):
        await _path(store, lease, 0, 10, 20, proven=20)
        await store.reanchor(lease, 20)
        moved = await store.reanchor(lease, 10)
        assert (moved.new, moved.cancelled) == ((), ())
        assert spans(await store.proven_prefix(10)) == [(10, 20)]


@pytest.mark.parametrize("boundaries", [(15, 18), (15, 25), (14, 20), (15, 20, 30, 35, 38)])
async def test_a_filler_that_does_not_join_changes_nothing(
    lab: Lab, boundaries: tuple[int, ...]
) -> None:
    async with lab.leading() as (store, lease):
        await _path(store, lease, 0, 10, 20, 40, proven=10)
        before = await store.find()
        with pytest.raises(RangeGapError):
            await store.reanchor(lease, 15, fill=plans(*boundaries), backend="mock")
        with pytest.raises(RangeGapError):
            await store.reanchor(lease, 15, fill=[*plans(15, 16), *plans(17, 20)], backend="mock")
        assert await store.find() == before
        assert await store.anchor() == 0


async def test_a_filler_past_the_end_takes_the_place_of_the_path(lab: Lab) -> None:
    async with lab.leading() as (store, lease):
        await _path(store, lease, 0, 10, 20)
        moved = await store.reanchor(lease, 15, fill=plans(15, 30), backend="mock")
        assert spans(moved.cancelled) == [(0, 10), (10, 20)]
        assert spans(await store.live_ranges()) == [(15, 30)]


async def test_aggregations_below_the_contract_are_cancelled_but_for_those_on_their_way(
    lab: Lab,
) -> None:
    """None can be proposed any more; one whose proposal is open is left to its intent."""
    async with lab.leading() as (store, lease):
        await _path(store, lease, 0, 10, 20, 30, proven=30)
        made = [
            await store.add_aggregation(lease, BlockRange(start=start, end=end), backend="mock")
            for start, end in ((0, 10), (0, 20), (20, 30), (10, 30))
        ]
        await store.open_intent(lease, "p", IntentKind.PROPOSAL, request_id=made[1].id)
        on_l1 = await walk(store, lease, made[0], S.COMPLETE)
        await store.move(lease, on_l1.id, S.COMPLETE, S.RELAYED)
        moved = await store.reanchor(lease, 20)
        assert [request.id for request in moved.cancelled] == [made[3].id]
        states = [(await store.get(request.id)).status for request in made]
        assert states == [S.RELAYED, S.UNREQUESTED, S.UNREQUESTED, S.CANCELLED]


async def test_aggregations_above_the_contract_fall_with_the_ranges_below_them(lab: Lab) -> None:
    """A filler takes the place of proven ranges: what stood on them is of no use."""
    async with lab.leading() as (store, lease):
        await _path(store, lease, 0, 10, 20, 30, 40, proven=40)
        falls = await store.add_aggregation(lease, BlockRange(start=20, end=30), backend="mock")
        stays = await store.add_aggregation(lease, BlockRange(start=30, end=40), backend="mock")
        moved = await store.reanchor(lease, 15, fill=plans(15, 30), backend="mock")
        assert falls.id in [request.id for request in moved.cancelled]
        assert (await store.get(stays.id)).status is S.UNREQUESTED


async def test_a_cut_takes_aggregations_whose_ranges_went_before(lab: Lab) -> None:
    """One that a proposal had kept, and whose proposal was abandoned, falls with the next cut."""
    async with lab.leading() as (store, lease):
        await _path(store, lease, 0, 10, proven=10)
        kept = await store.add_aggregation(lease, BlockRange(start=0, end=10), backend="mock")
        await store.open_intent(lease, "p", IntentKind.PROPOSAL, request_id=kept.id)
        (proven,) = await store.live_ranges()
        await store.replace(lease, proven.id, S.COMPLETE, S.CANCELLED, error="reorg")
        assert (await store.get(kept.id)).status is S.UNREQUESTED
        await store.close_intent(lease, "p", IntentState.ABANDONED)
        await store.cut_above(lease, 0, error="L2 reorg")
        assert (await store.get(kept.id)).status is S.CANCELLED


@pytest.mark.parametrize(("block", "end"), [(20, 20), (25, 20), (30, 30), (99, 30), (3, 0)])
async def test_an_l2_reorg_cuts_the_path_above_the_common_block(
    lab: Lab, block: int, end: int
) -> None:
    async with lab.leading() as (store, lease):
        await _path(store, lease, 0, 10, 20, 30, proven=30)
        aggregation = await store.add_aggregation(
            lease, BlockRange(start=0, end=30), backend="mock"
        )
        cut = await store.cut_above(lease, block, error="L2 reorg")
        assert await store.highest_end() == end
        falls = [aggregation.id] if end < 30 else []
        assert [r.id for r in cut.cancelled if r.kind is aggregation.kind] == falls
        assert {request.error for request in cut.cancelled} <= {"L2 reorg"}
        await store.plan_ranges(lease, plans(end, end + 7), backend="mock")
        assert spans(await store.live_ranges())[-1] == (end, end + 7)

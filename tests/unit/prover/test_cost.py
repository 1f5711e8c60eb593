"""The cycle model fits what is published, and reports add up."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.errors import InputError
from coprove.prover.cost import CostReport, RangeCost, Rates, measure_range, split
from coprove.prover.zk.cycles import (
    PGU_PER_CYCLE,
    PUBLISHED,
    UNCERTAINTY,
    cycle_model,
    estimate_cycles,
)
from coprove.types import BlockRange
from coprove.witness import Recording
from tests.vectors import recording_dir


@pytest.mark.parametrize("report", PUBLISHED, ids=lambda report: report.chain)
def test_each_published_report_lies_well_within_the_error_bars(report: object) -> None:
    assert isinstance(report, type(PUBLISHED[0]))
    ratio = cycle_model().cycles(report.transactions, report.gas) / report.cycles
    assert 1 / 1.2 < ratio < 1.2 < UNCERTAINTY
    if report.prover_gas is not None:
        assert abs(PGU_PER_CYCLE * report.cycles / report.prover_gas - 1) < 0.05


def test_the_model_is_the_best_line_through_the_reports() -> None:
    """No small step away from it fits better."""
    model = cycle_model()

    def error(per_transaction: float, per_gas: float) -> float:
        return sum(
            ((per_transaction * report.transactions + per_gas * report.gas) / report.cycles - 1)
            ** 2
            for report in PUBLISHED
        )

    best = error(model.per_transaction, model.per_gas)
    for transactions, gas in ((1.01, 1), (0.99, 1), (1, 1.01), (1, 0.99)):
        assert error(model.per_transaction * transactions, model.per_gas * gas) > best
    assert model.per_transaction > 0
    assert model.per_gas > 0


def test_without_gas_transactions_count_as_the_published_ones() -> None:
    total = sum(report.transactions for report in PUBLISHED)
    gas = sum(report.gas for report in PUBLISHED)
    assert estimate_cycles(total) == pytest.approx(estimate_cycles(total, gas), rel=1e-3)


@given(st.integers(0, 10**6), st.integers(1, 5000), st.integers(1, 700))
def test_ranges_cover_all_blocks_and_meet(start: int, length: int, size: int) -> None:
    ranges = split(start, start + length, size)
    assert (ranges[0].start, ranges[-1].end) == (start, start + length)
    assert all(before.end == after.start for before, after in pairwise(ranges))
    assert all(len(item) == size for item in ranges[:-1])
    assert len(ranges[-1]) <= size


@pytest.mark.parametrize(("start", "end", "size"), [(5, 5, 1), (5, 4, 1), (-1, 4, 1), (0, 4, 0)])
def test_what_is_no_range_is_refused(start: int, end: int, size: int) -> None:
    with pytest.raises(InputError):
        split(start, end, size)


def cost(start: int, end: int, **values: float) -> RangeCost:
    fields: dict[str, float] = {
        "transactions": 10,
        "gas": 1_000_000,
        "witness_bytes": 1000,
        "witness_seconds": 1.0,
        "derivation_seconds": 0.25,
        "execution_seconds": 0.5,
        "seconds": 0.5,
    }
    return RangeCost(blocks=BlockRange(start=start, end=end), **(fields | values))  # type: ignore[arg-type]


def test_prices_follow_from_the_rates() -> None:
    rates = Rates(per_billion_pgu=2.0, per_aggregation=10.0, blocks_per_output=20)
    report = CostReport(ranges=(cost(0, 10), cost(10, 20)), block_time=2, rates=rates)
    assert (report.blocks, report.transactions, report.gas) == (20, 20, 2_000_000)
    proving = report.pgu.likely * 2.0 / 1e9
    assert report.price.likely == pytest.approx(proving + 10.0)
    assert report.price.low == pytest.approx(proving / UNCERTAINTY + 10.0)
    assert report.price.high == pytest.approx(proving * UNCERTAINTY + 10.0)
    assert report.price_per_day.likely == pytest.approx(report.price.likely * 86_400 / 2 / 20)
    assert report.price_per_transaction.likely == pytest.approx(report.price.likely / 20)
    assert report.blocks_per_second == pytest.approx(20.0)
    assert report.times_real_time == pytest.approx(40.0)


def test_a_range_is_measured_by_running_it() -> None:
    given_input = Recording(recording_dir("calldata")).range_input(10, 14)
    found = measure_range(BlockRange(start=10, end=14), given_input, witness_seconds=1.5)
    assert found.witness_bytes == len(given_input.encode())
    assert found.transactions >= 4
    assert found.gas > 0
    assert found.seconds > 0
    assert found.cycles.low < found.cycles.likely < found.cycles.high

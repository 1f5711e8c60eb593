"""The range program over the recordings and a generated chain: blocks/s and where the time goes."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TYPE_CHECKING

from bench.generated import generated_range_input
from coprove.program import RangeInput, RangeReport, run_range_traced
from coprove.witness import Recording

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
RUNS = 5
GENERATED_BLOCKS = 300
GENERATED_TRANSFERS = 20

_COLUMNS = ("chain", "blocks", "Mgas", "seconds", "blocks/s", "load", "derive", "execute", "wait")


def _recording(name: str, end: int) -> RangeInput | None:
    for folder in (ROOT / "examples", ROOT.parent / "shared/vectors/opstack"):
        if (folder / name).is_dir():
            return Recording(folder / name).range_input(0, end)
    return None


def _measure(given: RangeInput) -> RangeReport:
    """Return the median run of several, each from encoded bytes to the claim."""
    data = given.encode()
    run_range_traced(RangeInput.decode(data))
    reports = [run_range_traced(RangeInput.decode(data)) for _ in range(RUNS)]
    assert all(report.boot_info.l2_post_root == given.claimed_output_root for report in reports)
    median = statistics.median_low([report.seconds for report in reports])
    return next(report for report in reports if report.seconds == median)


def _derivation_share(report: RangeReport) -> float:
    work = report.seconds_loading + report.seconds_deriving + report.seconds_executing
    return report.seconds_deriving / work


def run() -> dict[str, float]:
    """Measure every chain that is here; return the figures."""
    chains: dict[str, Callable[[], RangeInput | None]] = {
        "calldata": lambda: _recording("calldata", 118),
        "blobs": lambda: _recording("blobs", 118),
        "heavy": lambda: _recording("heavy", 208),
        "generated": lambda: generated_range_input(GENERATED_BLOCKS, GENERATED_TRANSFERS),
    }
    print(f"range program, median of {RUNS} runs; derivation overlaps execution")
    print(("{:<10}" + "{:>9}" * 8).format(*_COLUMNS))
    figures: dict[str, float] = {}
    for name, load in chains.items():
        given = load()
        if given is None:
            print(f"{name:<10} not here: the shared vectors are not beside this checkout")
            continue
        report = _measure(given)
        rate = report.blocks / report.seconds
        print(
            f"{name:<10}{report.blocks:>9}{report.gas / 1e6:>9.1f}{report.seconds:>9.3f}"
            f"{rate:>9.1f}"
            f"{report.seconds_loading:>9.3f}{report.seconds_deriving:>9.3f}"
            f"{report.seconds_executing:>9.3f}{report.seconds_waiting:>9.3f}"
        )
        if name in ("heavy", "generated"):
            figures[f"range.{name}_blocks_per_s"] = round(rate, 1)
        if name == "heavy" or "range.derivation_share" not in figures:
            figures["range.derivation_share"] = round(_derivation_share(report), 3)
    return figures


if __name__ == "__main__":
    print(run())

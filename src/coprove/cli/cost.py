"""`coprove cost`: what proving a chain costs and how fast one machine is."""

from __future__ import annotations

import asyncio
import json as json_module
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from coprove.cli.chain import ChainOptions
from coprove.cli.console import progress_bar
from coprove.errors import InputError
from coprove.program import RangeInput
from coprove.prover.cost import CostReport, Estimate, RangeCost, Rates, measure_range, split
from coprove.prover.zk.cycles import PUBLISHED, UNCERTAINTY, cycle_model
from coprove.types import BlockRange, RollupConfig
from coprove.witness import LiveEndpoints, LiveOptions, Recording, collect_range_input

__all__ = ["cost"]

_DEFAULT = ChainOptions()


def cost(
    *,
    from_: Annotated[int, Parameter(name="--from")],
    to: int,
    chain: Path | None = None,
    live: ChainOptions = _DEFAULT,
    batch_size: int = 300,
    price_per_bpgu: float = 0.3,
    price_per_aggregation: float = 0.0,
    blocks_per_output: int = 0,
    currency: str = "PROVE",
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Run blocks natively and estimate what proving them costs on SP1.

    Parameters
    ----------
    from_
        Number of the agreed L2 block: the first range starts after it.
    to
        Number of the last L2 block.
    chain
        Folder of a recorded chain, such as examples/calldata. Without it the chain is live and
        the four URLs are used.
    batch_size
        L2 blocks in one range.
    price_per_bpgu
        Price of a billion prover gas units; by default what op-succinct offers at most.
    price_per_aggregation
        Price of one aggregation proof, its L1 transactions included.
    blocks_per_output
        L2 blocks from one output to the next, over which that price is spread; 0 for none.
    currency
        What the prices are in.
    json
        Print one JSON object instead of tables.
    """
    ranges = split(from_, to, batch_size)
    rates = Rates(
        per_billion_pgu=price_per_bpgu,
        per_aggregation=price_per_aggregation,
        blocks_per_output=blocks_per_output,
    )
    if min(price_per_bpgu, price_per_aggregation, blocks_per_output) < 0:
        raise InputError("prices", expected="none below 0", actual="a negative one")
    inputs = (
        _recorded(Recording(chain), ranges)
        if chain is not None
        else _live(live.endpoints(), live.choices(), ranges)
    )
    measured: list[RangeCost] = []
    block_time = 1
    with progress_bar(quiet=json) as advance:
        for blocks, given, seconds in inputs:
            measured.append(measure_range(blocks, given, witness_seconds=seconds))
            block_time = RollupConfig.from_json(given.rollup_config).block_time
            advance("ranges", len(measured), len(ranges))
    report = CostReport(ranges=tuple(measured), block_time=block_time, rates=rates)
    if json:
        sys.stdout.write(json_module.dumps(_as_json(report, currency)) + "\n")
    else:
        _print_tables(report, currency)
    return 0


def _recorded(
    recording: Recording, ranges: list[BlockRange]
) -> Iterator[tuple[BlockRange, RangeInput, float]]:
    for blocks in ranges:
        began = time.perf_counter()
        given = recording.range_input(blocks.start, blocks.end)
        yield blocks, given, time.perf_counter() - began


def _live(
    endpoints: LiveEndpoints, options: LiveOptions, ranges: list[BlockRange]
) -> Iterator[tuple[BlockRange, RangeInput, float]]:
    for blocks in ranges:
        began = time.perf_counter()
        given = asyncio.run(
            collect_range_input(endpoints, blocks.start, blocks.end, options=options)
        )
        yield blocks, given, time.perf_counter() - began


def _as_json(report: CostReport, currency: str) -> dict[str, object]:
    model = cycle_model()
    return {
        "blocks": report.blocks,
        "transactions": report.transactions,
        "gas": report.gas,
        "witness_bytes": report.witness_bytes,
        "cycles": report.cycles.as_dict(),
        "pgu": report.pgu.as_dict(),
        "currency": currency,
        "price": report.price.as_dict(),
        "price_per_transaction": report.price_per_transaction.as_dict(),
        "price_per_day": report.price_per_day.as_dict(),
        "block_time": report.block_time,
        "seconds": report.seconds,
        "blocks_per_second": report.blocks_per_second,
        "gas_per_second": report.gas / report.seconds,
        "times_real_time": report.times_real_time,
        "basis": {
            "cycles_per_transaction": model.per_transaction,
            "cycles_per_gas": model.per_gas,
            "uncertainty_factor": UNCERTAINTY,
            "published": [
                {
                    "chain": item.chain,
                    "source": f"op-succinct, {item.source}",
                    "cycles": item.cycles,
                    "model_cycles": model.cycles(item.transactions, item.gas),
                }
                for item in PUBLISHED
            ],
        },
        "ranges": [
            {
                "from": item.blocks.start,
                "to": item.blocks.end,
                "transactions": item.transactions,
                "gas": item.gas,
                "witness_bytes": item.witness_bytes,
                "witness_seconds": item.witness_seconds,
                "derivation_seconds": item.derivation_seconds,
                "execution_seconds": item.execution_seconds,
                "seconds": item.seconds,
                "cycles": item.cycles.as_dict(),
            }
            for item in report.ranges
        ],
    }


def _print_tables(report: CostReport, currency: str) -> None:
    console = Console(width=None if sys.stdout.isatty() else 200)
    ranges = Table("range", box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in (
        "txs",
        "Mgas",
        "input MB",
        "collect s",
        "derive s",
        "execute s",
        "run s",
        "Gcycles",
    ):
        ranges.add_column(name, justify="right")
    for item in report.ranges:
        ranges.add_row(
            str(item.blocks),
            f"{item.transactions:,}",
            f"{item.gas / 1e6:,.1f}",
            f"{item.witness_bytes / 1e6:.2f}",
            f"{item.witness_seconds:.2f}",
            f"{item.derivation_seconds:.3f}",
            f"{item.execution_seconds:.3f}",
            f"{item.seconds:.3f}",
            f"{item.cycles.likely / 1e9:.2f}",
        )
    console.print(ranges)
    console.print()
    totals = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    totals.add_row("blocks, transactions, gas", _counts(report))
    totals.add_row("inputs", f"{report.witness_bytes / 1e6:,.2f} MB")
    totals.add_row("SP1 cycles", _shown(report.cycles, 1e9, "billion"))
    totals.add_row("prover gas", _shown(report.pgu, 1e9, "billion"))
    totals.add_row("price", _shown(report.price, 1, currency))
    totals.add_row("price per transaction", _shown(report.price_per_transaction, 1, currency))
    totals.add_row("price per day of such blocks", _shown(report.price_per_day, 1, currency))
    speed = f"{report.blocks_per_second:,.0f} blocks/s, "
    speed += f"{report.gas / report.seconds / 1e6:,.0f} Mgas/s"
    totals.add_row(
        "this machine, natively",
        f"{speed}: {report.times_real_time:,.0f} times real time ({report.block_time} s a block)",
    )
    console.print(totals)
    model = cycle_model()
    console.print(
        f"\nCycles: {model.per_transaction / 1e6:.2f} million a transaction and {model.per_gas:.1f}"
        f" a unit of gas, fitted to the {len(PUBLISHED)} reports that op-succinct published; by a"
        f" factor of {UNCERTAINTY:g} either way."
    )


def _counts(report: CostReport) -> str:
    return f"{report.blocks:,}, {report.transactions:,}, {report.gas:,}"


def _shown(value: Estimate, unit: float, name: str) -> str:
    low, likely, high = (f"{item / unit:,.4g}" for item in (value.low, value.likely, value.high))
    return f"{likely} {name} ({low} to {high})"

"""`coprove range`: run the range program over a recording or a live chain."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from coprove.cli.chain import ChainOptions
from coprove.cli.console import Advance, print_result, progress_bar
from coprove.errors import InputError
from coprove.execution import ExecutedBlock
from coprove.program import RangeInput, run_range_traced
from coprove.witness import ChainCache, Progress, Recording, collect_range_input

__all__ = ["app"]

app = App(name="range", help="Derive and execute a range of L2 blocks from L1 data.")

_DEFAULT = ChainOptions()


@app.command
def run(
    *,
    from_: Annotated[int, Parameter(name="--from")],
    to: int,
    chain: Path | None = None,
    live: ChainOptions = _DEFAULT,
    quorum: int = 1,
    cache: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Run the range program and compare its output root with the expected one.

    Parameters
    ----------
    from_
        Number of the agreed L2 block: the range starts after it.
    to
        Number of the claimed L2 block: the range ends with it.
    chain
        Folder of a recorded chain, such as examples/calldata. Without it the chain is live and
        the four URLs are used, each of which may be several, separated by commas.
    quorum
        Nodes of a kind that must agree on what no hash proves: heads, outputs, the config.
    cache
        Folder that keeps L1 and L2 data for later ranges.
    json
        Print one JSON object instead of a table.
    """
    if from_ < 0 or to <= from_:
        raise InputError("--to", expected=f"a block after --from {from_}", actual=to)
    with progress_bar(quiet=json) as advance:
        if chain is not None:
            given = Recording(chain).range_input(from_, to)
        else:
            endpoints, options = live.endpoints(quorum=quorum), live.choices()

            def shown(progress: Progress) -> None:
                advance(f"collecting {progress.stage}", progress.done, progress.total)

            given = asyncio.run(
                collect_range_input(
                    endpoints,
                    from_,
                    to,
                    options=options,
                    cache=None if cache is None else ChainCache(cache),
                    progress=shown,
                )
            )
        return _report(given, from_, to, as_json=json, advance=advance)


def _report(given: RangeInput, from_: int, to: int, *, as_json: bool, advance: Advance) -> int:
    done = 0

    def executed(_block: ExecutedBlock) -> None:
        nonlocal done
        done += 1
        advance("executing blocks", done, to - from_)

    report = run_range_traced(given, executed)
    root = report.boot_info.l2_post_root
    matches = root == given.claimed_output_root
    print_result(
        {
            "from": from_,
            "to": to,
            "output_root": str(root),
            "expected_output_root": str(given.claimed_output_root),
            "match": matches,
            "blocks": report.blocks,
            "transactions": report.transactions,
            "gas": report.gas,
            "seconds": round(report.seconds, 6),
        },
        as_json=as_json,
    )
    return 0 if matches else 1

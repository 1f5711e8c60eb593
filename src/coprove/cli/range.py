"""`coprove range`: run the range program over a recording or a live chain."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from coprove.cli.console import Advance, print_result, progress_bar, read_file
from coprove.errors import InputError
from coprove.execution import ExecutedBlock
from coprove.program import RangeInput, run_range_traced
from coprove.witness import (
    ChainCache,
    LiveEndpoints,
    LiveOptions,
    Progress,
    Recording,
    collect_range_input,
)

__all__ = ["app"]

app = App(name="range", help="Derive and execute a range of L2 blocks from L1 data.")


@app.command
def run(
    *,
    from_: Annotated[int, Parameter(name="--from")],
    to: int,
    chain: Path | None = None,
    l1_rpc: Annotated[str | None, Parameter(env_var="L1_RPC")] = None,
    l1_beacon_rpc: Annotated[str | None, Parameter(env_var="L1_BEACON_RPC")] = None,
    l2_rpc: Annotated[str | None, Parameter(env_var="L2_RPC")] = None,
    l2_node_rpc: Annotated[str | None, Parameter(env_var="L2_NODE_RPC")] = None,
    quorum: int = 1,
    cache: Path | None = None,
    rollup_config: Path | None = None,
    l1_config: Path | None = None,
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
    l1_rpc
        URL of the L1 execution node.
    l1_beacon_rpc
        URL of the L1 beacon node; needed only where batches are in blobs.
    l2_rpc
        URL of the L2 execution node, best with debug_executionWitness.
    l2_node_rpc
        URL of the rollup node.
    quorum
        Nodes of a kind that must agree on what no hash proves: heads, outputs, the config.
    cache
        Folder that keeps L1 and L2 data for later ranges.
    rollup_config
        rollup.json of a live chain; by default the rollup node is asked for it.
    l1_config
        Chain config of the L1 (JSON), needed where the L1 is not a public one.
    json
        Print one JSON object instead of a table.
    """
    if from_ < 0 or to <= from_:
        raise InputError("--to", expected=f"a block after --from {from_}", actual=to)
    with progress_bar(quiet=json) as advance:
        if chain is not None:
            given = Recording(chain).range_input(from_, to)
        else:
            endpoints = replace(
                _endpoints(l1_rpc, l1_beacon_rpc, l2_rpc, l2_node_rpc), quorum=quorum
            )
            options = LiveOptions(
                rollup_config=None if rollup_config is None else read_file(rollup_config),
                l1_config=b"" if l1_config is None else read_file(l1_config),
            )

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


def _endpoints(
    l1_rpc: str | None, l1_beacon_rpc: str | None, l2_rpc: str | None, l2_node_rpc: str | None
) -> LiveEndpoints:
    for flag, url in (("--l1-rpc", l1_rpc), ("--l2-rpc", l2_rpc), ("--l2-node-rpc", l2_node_rpc)):
        if not url:
            raise InputError(
                flag, expected="a URL, or --chain with a recording's folder", actual="nothing"
            )
    assert l1_rpc and l2_rpc and l2_node_rpc  # noqa: S101, PT018 - checked above, for the types
    return LiveEndpoints(l1=l1_rpc, beacon=l1_beacon_rpc, l2=l2_rpc, node=l2_node_rpc)


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

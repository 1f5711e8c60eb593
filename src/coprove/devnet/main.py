"""`coprove devnet`: run a devnet until it has done what was asked, or a signal comes."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from coprove.devnet.manifest import DataDir
from coprove.devnet.observer import Observer
from coprove.devnet.options import DevnetOptions
from coprove.devnet.runtime import Devnet
from coprove.devnet.view import draw
from coprove.telemetry import LogFormat, configure_logging, get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.devnet.observer import Snapshot
    from coprove.devnet.outputs import ProposedOutput

__all__ = ["DevnetOptions", "run_devnet"]

_LOOK_SECONDS = 0.5
_HEADS_SECONDS = 10.0
_log = get_logger(part="devnet")


def run_devnet(options: DevnetOptions) -> int:
    """Run a devnet; return the exit code: 0 when it did what was asked, 130 when interrupted.

    Interrupted before `exit_after_outputs` outputs were final is 130 too; without that option
    Ctrl-C is the way to end it, and gives 0.
    """
    is_live = sys.stderr.isatty() and not options.as_json
    configure_logging("devnet", level=options.log_level, log_format=_log_format())
    if options.data_dir is not None:
        return asyncio.run(_run(options, options.data_dir, is_live=is_live))
    root = Path(tempfile.mkdtemp(prefix="coprove-devnet-"))
    try:
        return asyncio.run(_run(options, root, is_live=is_live))
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _log_format() -> LogFormat:
    return LogFormat.TEXT if sys.stderr.isatty() else LogFormat.AUTO


async def _run(options: DevnetOptions, root: Path, *, is_live: bool) -> int:
    began = time.monotonic()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    with DataDir(root) as directory:
        running = asyncio.create_task(_watch(options, directory, stop, is_live=is_live))
        stopping = asyncio.create_task(stop.wait())
        # A signal while things start must not wait for them.
        await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not running.done():
            running.cancel()
        try:
            outputs = await running
        except asyncio.CancelledError:
            return 0 if options.exit_after_outputs is None else 130
    if options.as_json:
        proofs = "mock" if options.prover == "mock" else "simulated by a local prover network"
        _print_json(outputs, time.monotonic() - began, proofs=proofs)
    return 0


async def _watch(
    options: DevnetOptions, directory: DataDir, stop: asyncio.Event, *, is_live: bool
) -> list[ProposedOutput]:
    """Run the devnet and show it until enough outputs are final; cancelled by a signal."""
    began = time.monotonic()
    async with Devnet(options, directory) as devnet:
        _log.info(
            "running, with mock proofs and development keys",
            l1=devnet.l1.url,
            l2=devnet.l2_url,
            data_dir=str(directory.root),
            seconds=round(time.monotonic() - began, 1),
        )
        observer = Observer(devnet)
        console = Console(stderr=True)
        screen = Live(console=console, auto_refresh=False) if is_live else None
        already: int | None = None
        try:
            with screen or nullcontext():
                report = _lines() if screen is None else _nothing
                while not stop.is_set():
                    snapshot = await observer.look()
                    if screen is not None:
                        screen.update(draw(snapshot), refresh=True)
                    report(snapshot)
                    final = snapshot.final()
                    if already is None and snapshot.status is not None:
                        already = len(final)  # a resumed devnet's older outputs do not count
                    wanted = options.exit_after_outputs
                    if wanted and already is not None and len(final) - already >= wanted:
                        return final[already : already + wanted]
                    await asyncio.sleep(_LOOK_SECONDS)
        finally:
            await observer.close()
    return []


def _nothing(_snapshot: Snapshot) -> None:
    """Report nothing: the live view shows it."""


def _lines() -> Callable[[Snapshot], None]:
    """Return a function that logs what is new in each snapshot."""
    proposed: set[int] = set()
    final: set[int] = set()
    problems: list[str] = []
    restarts: dict[str, int] = {}
    next_heads = [0.0]

    def report(snapshot: Snapshot) -> None:
        known = {item.index for item in snapshot.outputs}
        proposed.intersection_update(known)  # what a reorg took away is news again
        for item in snapshot.outputs:
            if item.index not in proposed:
                proposed.add(item.index)
                _log_output("output proposed with a mock proof", item)
        for item in snapshot.final():
            if item.index not in final:
                final.add(item.index)
                _log_output("output final", item)
        for problem in snapshot.problems:
            if problem not in problems:
                _log.warning(problem)
        problems[:] = snapshot.problems
        for name, state in snapshot.children.items():
            if state.restarts > restarts.get(name, 0):
                _log.warning("restarted", child=name, restarts=state.restarts)
            restarts[name] = state.restarts
        if snapshot.status is not None and snapshot.seconds >= next_heads[0]:
            next_heads[0] = snapshot.seconds + _HEADS_SECONDS
            status = snapshot.status
            _log.info(
                "heads",
                l1=status.head_l1.number,
                l1_finalized=status.finalized_l1.number,
                unsafe=status.unsafe_l2.number,
                safe=status.safe_l2.number,
                finalized=status.finalized_l2.number,
            )

    return report


def _log_output(event: str, item: ProposedOutput) -> None:
    _log.info(event, l2_block=item.l2_block, root=item.root, tx=item.tx_hash, l1=item.l1_block)


def _print_json(outputs: list[ProposedOutput], seconds: float, *, proofs: str) -> None:
    result = {
        "outputs": [
            {
                "l2_block": item.l2_block,
                "output_root": str(item.root),
                "l1_tx": str(item.tx_hash),
            }
            for item in outputs
        ],
        "seconds": round(seconds, 3),
        "proofs": proofs,
    }
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()

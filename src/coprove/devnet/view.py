"""The devnet on a terminal: a pure function from a snapshot to what is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from coprove.contracts.eigenlayer import WAD
from coprove.storage import RequestStatus

if TYPE_CHECKING:
    from rich.console import RenderableType

    from coprove.devnet.observer import Snapshot
    from coprove.types import Hash32

__all__ = ["draw"]

_OUTPUTS_SHOWN = 8


def draw(snapshot: Snapshot) -> RenderableType:
    """Return the whole view."""
    title = Text.assemble(
        ("coprove devnet", "bold"),
        f"  {snapshot.seconds:,.0f} s  ",
        ("MOCK PROOFS, development keys: nothing here is secured", "bold yellow"),
    )
    return Group(
        title,
        _heads(snapshot),
        _processes(snapshot),
        _ranges(snapshot),
        _outputs(snapshot),
        *_tee(snapshot),
        *_avs(snapshot),
        _problems(snapshot),
    )


def _heads(snapshot: Snapshot) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("", "head / unsafe", "safe", "finalized", "endpoint"):
        table.add_column(name)
    status = snapshot.status
    if status is None:
        table.add_row("L1", "-", "-", "-", snapshot.urls["L1"])
        table.add_row("L2", "not answering", "-", "-", snapshot.urls["L2"])
        return Panel(table, title="heads", title_align="left")
    table.add_row(
        "L1",
        f"{status.head_l1.number:,}",
        f"{status.safe_l1.number:,}",
        f"{status.finalized_l1.number:,}",
        snapshot.urls["L1"],
    )
    table.add_row(
        "L2",
        f"{status.unsafe_l2.number:,} ({snapshot.blocks_per_second:.1f}/s)",
        f"{status.safe_l2.number:,}",
        f"{status.finalized_l2.number:,}",
        snapshot.urls["L2"],
    )
    return Panel(table, title="heads", title_align="left")


def _processes(snapshot: Snapshot) -> RenderableType:
    line = Text()
    for name, state in snapshot.children.items():
        style = "green" if state.ready else "red"
        line.append("● ", style)
        line.append(f"{name} ")
        line.append(f"{state.pid or '-'}", "dim")
        if state.restarts:
            line.append(f" ({state.restarts} restarts)", "yellow")
        line.append("   ")
    return line


def _ranges(snapshot: Snapshot) -> RenderableType:
    line = Text("ranges in work: ", "bold")
    if not snapshot.ranges:
        return line.append("none", "not bold")
    for item in snapshot.ranges:
        style = "dim" if item.status is RequestStatus.UNREQUESTED else "cyan"
        status = item.status.name.lower().replace("_", " ")
        line.append(f"{item.blocks} {status}", f"not bold {style}")
        if item.attempts:
            line.append(f" attempt {item.attempts + 1}", "not bold yellow")
        line.append("  ")
    return line


def _outputs(snapshot: Snapshot) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("L2 block", "output root", "L1 transaction", "L1 block", ""):
        table.add_column(name)
    final = {item.index for item in snapshot.final()}
    for item in snapshot.outputs[-_OUTPUTS_SHOWN:]:
        state = Text("final", "green") if item.index in final else Text("proposed", "yellow")
        table.add_row(
            f"{item.l2_block:,}",
            _short(item.root),
            _short(item.tx_hash),
            f"{item.l1_block:,}",
            state,
        )
    title = f"outputs: {len(snapshot.outputs)}, final: {len(final)} (mock proofs)"
    return Panel(table, title=title, title_align="left")


def _tee(snapshot: Snapshot) -> list[RenderableType]:
    if not snapshot.tee:
        return []
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("prover", "platform", "key", "registry", "claims", "up to"):
        table.add_column(name)
    for item in snapshot.tee:
        style = "green" if item.liveness == "live" else "yellow"
        table.add_row(
            item.name,
            item.platform or "-",
            "-" if item.prover is None else f"{str(item.prover)[:14]}…",
            Text(item.liveness, style),
            f"{item.claims:,}",
            "-" if item.latest is None else f"{item.latest:,}",
        )
    return [Panel(table, title="TEE provers (SIMULATED enclaves)", title_align="left")]


def _avs(snapshot: Snapshot) -> list[RenderableType]:
    state = snapshot.avs
    if state is None:
        return []
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("operator", "account", "quorum", "prover counts", "signed", "shares", "slashed"):
        table.add_column(name)
    words = {True: Text("yes", "green"), False: Text("no", "yellow"), None: Text("-")}
    for item in state.operators:
        wrong = "" if item.byzantine is None else f" {item.byzantine.value}"
        table.add_row(
            Text.assemble(item.name, (wrong, "red")),
            f"{str(item.account)[:14]}…",
            str(item.quorum),
            words[item.counts],
            f"{item.signed:,}",
            "-" if item.shares is None else f"{item.shares / WAD:,.2f}",
            Text(f"{item.slashed:,}", "red" if item.slashed else ""),
        )
    latest = "none yet"
    if state.latest is not None and state.latest_root is not None:
        latest = f"up to L2 block {state.latest:,}, {_short(state.latest_root)}"
    title = f"AVS: {state.confirmed:,} ranges confirmed, {latest}"
    return [Panel(table, title=title, title_align="left")]


def _short(value: Hash32) -> str:
    """Return enough of a hash to find it by, so that a row fits a usual terminal."""
    text = str(value)
    return f"{text[:14]}…{text[-8:]}"


def _problems(snapshot: Snapshot) -> RenderableType:
    lines = [Text(problem, "yellow", no_wrap=True) for problem in snapshot.problems]
    return Group(Text("last warnings:", "bold"), *lines) if lines else Text("")

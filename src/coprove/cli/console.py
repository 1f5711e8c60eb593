"""How commands speak: results on stdout, progress and everything else on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from coprove.errors import InputError
from coprove.telemetry import get_logger

__all__ = ["Advance", "print_result", "progress_bar", "read_file", "required"]

_T = TypeVar("_T")
_SECONDS_BETWEEN_LINES = 5.0

Advance = Callable[[str, int, int], None]
"""Called with what is being done, how many are done and how many there are."""


def print_result(values: Mapping[str, object], *, as_json: bool) -> None:
    """Print a command's result on stdout: one JSON object, or a small table for people."""
    if as_json:
        sys.stdout.write(json.dumps(values) + "\n")
        return
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in values.items():
        table.add_row(name.replace("_", " "), _shown(value))
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "[green]yes[/green]" if value else "[bold red]NO[/bold red]"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.3f}"
    return str(value)


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Advance]:
    """Give a function that shows progress: a bar on a terminal, a log line at times elsewhere."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield _logged_progress()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        tasks = {}

        def advance(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)

        yield advance


def _logged_progress() -> Advance:
    log = get_logger()
    last = time.monotonic()

    def advance(what: str, done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _SECONDS_BETWEEN_LINES:
            last = now
            log.info(what, done=done, total=total)

    return advance


def required(value: _T | None, flag: str, what: str = "a value") -> _T:
    """Return a flag's value; InputError names the flag that is missing."""
    if value is None or value == "":
        raise InputError(flag, expected=what, actual="nothing")
    return value


def read_file(path: Path) -> bytes:
    """Return a file's content; raise InputError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(str(path), expected="a readable file", actual=error.strerror) from error

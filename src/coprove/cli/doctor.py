"""`coprove doctor`: looks at a setup before anything is proven or paid for."""

from __future__ import annotations

import asyncio
import json as json_module
import sys
from dataclasses import asdict
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from coprove.cli.settings import SettingsOptions, settings_for
from coprove.doctor import Finding, Level, examine

__all__ = ["doctor", "print_findings"]

_DEFAULT = SettingsOptions()
_STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red", Level.SKIPPED: "dim"}


def doctor(
    *,
    timeout: float = 15.0,
    json: Annotated[bool, Parameter(negative="")] = False,
    settings: SettingsOptions = _DEFAULT,
) -> int:
    """Check nodes, contract, signer, database and prover. Nothing is changed.

    Exit code 1 when a check fails.

    Parameters
    ----------
    timeout
        Seconds for one request to a node.
    json
        Print one JSON object instead of a table.
    """
    loaded = settings_for("doctor", settings)
    return print_findings(asyncio.run(examine(loaded, seconds=timeout)), as_json=json)


def print_findings(findings: list[Finding], *, as_json: bool) -> int:
    """Print what was found; return the exit code."""
    healthy = all(finding.level is not Level.FAIL for finding in findings)
    if as_json:
        shown = {"healthy": healthy, "checks": [asdict(finding) for finding in findings]}
        sys.stdout.write(json_module.dumps(shown) + "\n")
    else:
        _print_table(findings)
    return 0 if healthy else 1


def _print_table(findings: list[Finding]) -> None:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        style = _STYLES[finding.level]
        table.add_row(f"[{style}]{finding.level}[/{style}]", finding.name, finding.detail)
        if finding.advice is not None:
            table.add_row("", "", f"[italic]{finding.advice}[/italic]")
    Console(width=None if sys.stdout.isatty() else 160).print(table)

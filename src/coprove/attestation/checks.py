"""Verification as a table of named checks: what is printed is what was run, in that order."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from coprove.attestation.claims import Check

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["run_checks"]

_Case = TypeVar("_Case")


def run_checks(checks: Mapping[str, Callable[[_Case], str]], case: _Case) -> tuple[Check, ...]:
    """Run all checks in the table's order; each returns what it found, the first to fail raises."""
    return tuple(Check(name=name, found=check(case)) for name, check in checks.items())

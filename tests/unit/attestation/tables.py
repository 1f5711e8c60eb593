"""Taking a check out of a verifier's table, to show that nothing else stops what it stops."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    import pytest


def take_out(monkeypatch: pytest.MonkeyPatch, module: ModuleType, table: str, *names: str) -> None:
    """Replace a module's table by one without some entries; the order of the rest stays."""
    entries = getattr(module, table)
    assert set(names) <= set(entries)
    rest = {name: check for name, check in entries.items() if name not in names}
    monkeypatch.setattr(module, table, rest)

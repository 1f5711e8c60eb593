"""Where the devnet's proposer keeps its requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["DATABASE", "database_url"]

DATABASE = "requests.sqlite"
"""File name of the request store in the proposer's folder."""


def database_url(folder: Path) -> str:
    """Return the address of the request store in a proposer's folder."""
    return f"sqlite:///{folder.resolve() / DATABASE}"

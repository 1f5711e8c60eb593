"""Stores to test with: every test that takes `lab` runs on each kind of database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.storage.lab import BACKENDS, Lab

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.postgres import PostgresServer


@pytest.fixture
def database_url(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Give the address of a new database of a kind."""

    def new(backend: str) -> str:
        if backend == "sqlite":
            return f"sqlite:///{tmp_path / 'requests.db'}"
        server: PostgresServer = request.getfixturevalue("postgres")
        return server.new_database()

    return new


@pytest.fixture(params=BACKENDS)
def lab(request: pytest.FixtureRequest, database_url: Callable[[str], str]) -> Lab:
    backend: str = request.param
    return Lab(None if backend == "memory" else database_url(backend))


@pytest.fixture(params=[name for name in BACKENDS if name != "memory"])
def url(request: pytest.FixtureRequest, database_url: Callable[[str], str]) -> str:
    return database_url(request.param)

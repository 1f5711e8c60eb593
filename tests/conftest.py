"""What tests of any room may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.postgres import postgres_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres import PostgresServer


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server, started once by each process that asks for it."""
    with postgres_server() as server:
        yield server

"""What tests of any room may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.postgres import postgres_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres import PostgresServer

# No test depends on the time that it takes: machines under load are slow.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server, started once by each process that asks for it."""
    with postgres_server() as server:
        yield server

"""Fixtures of the proposer's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.unit.proposer.bench import World


@pytest.fixture(autouse=True)
def _plain_log() -> Iterator[None]:
    """Lines without the local variables of every frame, which take long to draw."""
    structlog.configure(
        processors=[
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ]
    )
    yield
    structlog.reset_defaults()


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Chains, contract, backend and database in memory."""
    return World(tmp_path)

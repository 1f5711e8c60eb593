"""Fixtures of the proposer's tests."""

from pathlib import Path

import pytest

from tests.unit.proposer.bench import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Chains, contract, backend and database in memory."""
    return World(tmp_path)

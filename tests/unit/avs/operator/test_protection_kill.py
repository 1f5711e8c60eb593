"""A process that is killed while it signs leaves no two states for one task."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from coprove.avs.operator.protection import SlashingProtection
from tests.unit.avs.operator.parts import SCOPE

ROOT = Path(__file__).parents[4]


def test_fifty_kills_leave_one_state_a_task(tmp_path: Path) -> None:
    """Every signature that left is in the database, and no task has two states there."""
    path = tmp_path / "signed.sqlite"
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-m", "tests.unit.avs.operator.protection_victims", str(path), "50", "11"],
        capture_output=True,
        check=True,
        cwd=ROOT,
    )
    left = json.loads(done.stdout)
    with SlashingProtection(path, SCOPE) as protection:
        stored = {
            (bytes(one.task_key).hex(), bytes(one.state_hash).hex(), bytes(one.digest).hex())
            for one in protection.every()
        }
    assert {tuple(item) for item in left} <= stored
    states: dict[str, set[str]] = {}
    for task, state, _ in stored:
        states.setdefault(task, set()).add(state)
    assert len(states) > 10
    assert all(len(found) == 1 for found in states.values())

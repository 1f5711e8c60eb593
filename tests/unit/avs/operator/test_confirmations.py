"""What was signed and is not confirmed is seen, and only that."""

from __future__ import annotations

import time

from coprove.avs.operator.confirmations import Confirmations
from tests.unit.avs.operator.parts import task_of
from tests.unit.avs.operator.worlds import FakeView


async def test_what_is_not_confirmed_in_time_is_late() -> None:
    """From when it was first handed in; a confirmation ends it."""
    clock, view = [0.0], FakeView()
    found = Confirmations(view, patience=10, now=lambda: clock[0])
    first, second = task_of(), task_of(11, 20)
    found.note(first)
    clock[0] = 8
    found.note(first)
    found.note(second)
    assert await found.late() == []
    clock[0] = 10
    assert await found.late() == [first]
    clock[0] = 18
    assert await found.late() == [first, second]
    view.confirmed = True
    assert await found.late() == []
    view.confirmed = False
    assert await found.late() == []


async def test_what_is_past_its_deadline_is_not_waited_for() -> None:
    """Nobody can confirm it any more."""
    clock, view = [0.0], FakeView(deadline=int(time.time()) - 1)
    found = Confirmations(view, patience=10, now=lambda: clock[0])
    found.note(task_of())
    clock[0] = 20
    assert await found.late() == []


async def test_the_oldest_are_forgotten_beyond_a_bound() -> None:
    """Memory stays bounded however long nothing is confirmed."""
    clock, view = [0.0], FakeView()
    found = Confirmations(view, patience=1, now=lambda: clock[0])
    for number in range(300):
        found.note(task_of(1 + 10 * number, 10 + 10 * number))
    clock[0] = 2
    late = await found.late()
    assert len(late) == 256
    assert late[-1].draft.metadata.end_block == 3000

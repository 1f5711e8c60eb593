"""The table of states says what op-succinct says, and the documentation says the same."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from coprove.storage import DEAD, LIVE, TRANSITIONS, RequestKind, RequestStatus
from coprove.storage.states import is_allowed, mermaid, sources, targets

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "request-states.md"


def test_numbers_and_early_names_are_op_succincts() -> None:
    """An operator's queries and dashboards read the same numbers and names."""
    assert [(status.name, int(status)) for status in RequestStatus] == [
        ("UNREQUESTED", 0),
        ("WITNESS_GENERATION", 1),
        ("EXECUTION", 2),
        ("PROVING", 3),
        ("COMPLETE", 4),
        ("RELAYED", 5),
        ("FAILED", 6),
        ("CANCELLED", 7),
    ]
    assert {status.early_name for status in RequestStatus} == {
        "UNREQ",
        "WITNESSGEN",
        "PROVING",
        "COMPLETE",
        "FAILED",
    }
    assert [(kind, kind.early_name) for kind in RequestKind] == [(0, "SPAN"), (1, "AGG")]


def test_no_step_leads_out_of_death_and_every_state_can_be_reached() -> None:
    for status in DEAD:
        assert not targets(status)
    reached = {RequestStatus.UNREQUESTED}
    for _ in RequestStatus:
        reached |= {target for source in reached for target in targets(source)}
    assert reached == set(RequestStatus)


def test_each_step_stands_in_the_table_once_under_its_own_letter() -> None:
    pairs = [(step.source, step.target) for step in TRANSITIONS]
    assert len(set(pairs)) == len(pairs)
    letters = [step.letter for step in TRANSITIONS]
    assert letters == sorted(set(letters))


@pytest.mark.parametrize("kind", RequestKind)
def test_lookups_agree_with_the_table(kind: RequestKind) -> None:
    for source, target in itertools.product(RequestStatus, RequestStatus):
        steps = [s for s in TRANSITIONS if (s.source, s.target) == (source, target)]
        assert is_allowed(kind, source, target) == any(kind in step.kinds for step in steps)
        assert (source in sources(target)) == bool(steps) == (target in targets(source))


def test_a_range_is_never_relayed_and_an_output_may_leave_l1_again() -> None:
    complete, relayed = RequestStatus.COMPLETE, RequestStatus.RELAYED
    assert not is_allowed(RequestKind.RANGE, complete, relayed)
    assert is_allowed(RequestKind.AGGREGATION, complete, relayed)
    assert is_allowed(RequestKind.AGGREGATION, relayed, complete)
    assert {complete, relayed} <= LIVE


def test_the_page_shows_the_diagram_and_every_row_of_the_table() -> None:
    """docs/reference/request-states.md cannot drift from the table."""
    page = PAGE.read_text()
    diagram = re.search(r"```mermaid\n(.*?)\n```", page, re.DOTALL)
    assert diagram is not None
    assert diagram[1] == mermaid()
    rows = re.findall(r"^\| ([a-z]) \| `(\w+)` \| `(\w+)` \| (.+?) \|$", page, re.MULTILINE)
    assert rows == [
        (
            step.letter,
            step.source.name,
            step.target.name,
            step.when + ("" if len(step.kinds) == len(RequestKind) else " (aggregations only)"),
        )
        for step in TRANSITIONS
    ]
    states = re.findall(r"^\| (\d) \| `(\w+)` \| (\w+) \|", page, re.MULTILINE)
    assert states == [(str(int(s)), s.name, s.early_name) for s in RequestStatus]

"""Tasks and submissions in JSON: what is written is read, and nothing else is."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.avs.tasks import (
    REFUSALS,
    AvsTask,
    RangeMetadata,
    Refusal,
    RefusedError,
    Submission,
    TaskDraft,
)
from coprove.contracts.avs.headers import ReducedStateHeader
from coprove.errors import InputError
from coprove.types import Hash32

TASK = AvsTask(
    number=7,
    draft=TaskDraft(
        committee_id=1,
        metadata=RangeMetadata(start_block=11, end_block=20),
        l1_head=Hash32(b"\x01" * 32),
        l1_head_number=99,
    ),
    reference_block=120,
    quorums=(0, 1),
    thresholds=(67, 67),
    created_at=1_000,
    expires_at=1_600,
)
SUBMISSION = Submission(
    header=ReducedStateHeader(
        committee_id=1,
        metadata=RangeMetadata(batch_id=2000, start_block=1, end_block=2).encode(),
        state=b"\x01\x02",
        reference_block=12345,
    ),
    quorums=(0,),
    thresholds=(0,),
    signature=(5, 7),
    operator_id=Hash32(b"\x09" * 32),
    prover_signature=b"\x0a" * 65,
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


def paths(value: Any, at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Places of all members, outer ones too."""
    found = [at] if at else []
    if isinstance(value, dict):
        for name, inner in value.items():
            found += paths(inner, (*at, name))
    return found


def with_member(value: Any, path: tuple[str, ...], junk: Any) -> Any:
    """A copy with another value at `path`."""
    copied = copy.deepcopy(value)
    inner = copied
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = junk
    return copied


def test_a_task_is_read_as_it_was_written() -> None:
    """`ext` survives JSON."""
    assert AvsTask.from_ext(7, json.loads(json.dumps(TASK.to_ext()))) == TASK


def test_a_submission_is_read_as_it_was_written() -> None:
    """The argument of aggregator_submitTask survives JSON."""
    assert Submission.from_json(json.loads(json.dumps(SUBMISSION.to_json()))) == SUBMISSION


def test_a_submission_has_the_shape_that_operators_send() -> None:
    """Names and kinds of members are those of the operators that run today."""
    assert SUBMISSION.to_json() == {
        "Task": {
            "identifier": "0x1",
            "metadata": "0x" + b'{"batch_id":2000,"start_block":1,"end_block":2}'.hex(),
            "state": "0x0102",
            "quorum_numbers": "0x00",
            "quorum_threshold_percentages": "0x00",
            "reference_blocknumber": 12345,
        },
        "Signature": {"g1_point": {"X": "5", "Y": "7"}},
        "OperatorId": [9] * 32,
        "ProverSignature": "0x" + "0a" * 65,
    }
    assert SUBMISSION.header.digest() == Hash32.from_hex(
        "0x36f32846c5b3ffc7839fcb0a6ad7176f4916eedfc6b7d1dbf83c3ecb1b3cbce5"
    )


@given(st.data())
def test_junk_in_a_submission_is_named(data: st.DataObject) -> None:
    """Any member replaced by junk is refused, or read and written as the same values."""
    value = SUBMISSION.to_json()
    path = data.draw(st.sampled_from(paths(value)))
    damaged = with_member(value, path, data.draw(JUNK))
    try:
        found = Submission.from_json(damaged)
    except InputError:
        return
    assert Submission.from_json(found.to_json()) == found


@given(st.data())
def test_junk_in_a_task_is_named(data: st.DataObject) -> None:
    """An aggregator's answer is checked member by member, and the key against what it names."""
    value = TASK.to_ext()
    path = data.draw(st.sampled_from(paths(value)))
    try:
        found = AvsTask.from_ext(7, with_member(value, path, data.draw(JUNK)))
    except InputError:
        return
    assert found.key == TASK.key


@pytest.mark.parametrize("name", sorted(TASK.to_ext()))
def test_a_missing_member_is_named(name: str) -> None:
    """The error says which one."""
    value = TASK.to_ext()
    del value[name]
    with pytest.raises(InputError, match=name):
        AvsTask.from_ext(7, value)


def test_a_key_of_another_range_is_refused() -> None:
    """An aggregator cannot name one task and show another."""
    with pytest.raises(InputError, match="task_key"):
        AvsTask.from_ext(7, {**TASK.to_ext(), "end_block": "0x15"})


def test_every_refusal_has_its_answer() -> None:
    """Codes differ, so that an operator can tell them apart."""
    assert set(REFUSALS) == set(Refusal)
    codes = [answer.code for answer in REFUSALS.values()]
    assert len(set(codes)) == len(codes)
    error = RefusedError(Refusal.EXPIRED, expected="before 5", actual=6)
    assert error.refusal is Refusal.EXPIRED
    assert "expired" in str(error)

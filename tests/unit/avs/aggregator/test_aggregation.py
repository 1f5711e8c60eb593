"""Sums over signers, against a model that goes through operators one by one."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coprove.avs.aggregator.aggregation import aggregate
from coprove.avs.aggregator.confirm_call import (
    CONFIRM_STATE,
    ConfirmCall,
)
from coprove.avs.aggregator.errors import AggregateError, NotCoveredError
from coprove.avs.aggregator.rounds import Accepted, Round
from coprove.avs.bls import Signature
from coprove.avs.tasks import AvsTask
from coprove.contracts import load_artifact
from coprove.contracts.abi import type_text
from coprove.errors import InputError
from coprove.types import Hash32
from tests.unit.avs.aggregator.lab import (
    EXPIRES,
    NOW,
    REFERENCE,
    FakeChain,
    FakeRegistry,
    Operator,
    draft,
    operators,
    poe,
)

_PEOPLE = operators(*({} for _ in range(6)))
_QUORUMS = (0, 1, 5)
_STATES = (poe(draft()).encode(), poe(draft(), tag=1).encode())


def _round(people: list[Operator], thresholds: tuple[int, ...]) -> Round:
    task = AvsTask(
        number=1,
        draft=draft(),
        reference_block=REFERENCE,
        quorums=_QUORUMS,
        thresholds=thresholds,
        created_at=NOW,
        expires_at=EXPIRES,
    )
    found = Round(task=task, batch_hash=poe(task.draft).batch_hash, block_hash=Hash32(bytes(32)))
    found.set_operators(asyncio.run(FakeRegistry(people).operator_set(REFERENCE, _QUORUMS)))
    return found


def _sign(found: Round, one: Operator, state: bytes) -> None:
    found.accepted[one.id] = Accepted(
        operator_id=one.id,
        state=state,
        signature=one.key.sign(found.digest(state)),
        prover_signature=bytes(65),
        accepted_at=NOW,
    )


_SIGNATURES = {
    (one.id, state): one.key.sign(_round(_PEOPLE, (1, 1, 1)).digest(state))
    for one in _PEOPLE
    for state in _STATES
}


@settings(max_examples=60, deadline=None)
@given(
    stakes=st.lists(
        st.dictionaries(st.sampled_from(_QUORUMS), st.integers(0, 10), max_size=3),
        min_size=6,
        max_size=6,
    ),
    signed=st.lists(st.sampled_from([None, 0, 1]), min_size=6, max_size=6),
    thresholds=st.tuples(*[st.integers(1, 100)] * 3),
    out=st.sets(st.integers(0, 5), max_size=2),
)
def test_an_aggregate_is_what_the_contract_computes(
    stakes: list[dict[int, int]],
    signed: list[int | None],
    thresholds: tuple[int, int, int],
    out: set[int],
) -> None:
    """Met or not as by counting; when met, the naive contract takes the call."""
    for one, of_one in zip(_PEOPLE, stakes, strict=True):
        one.stakes = of_one
    found = _round(_PEOPLE, thresholds)
    for one, which in zip(_PEOPLE, signed, strict=True):
        if which is not None and one.stakes:
            state = _STATES[which]
            found.accepted[one.id] = Accepted(
                operator_id=one.id,
                state=state,
                signature=_SIGNATURES[one.id, state],
                prover_signature=bytes(65),
                accepted_at=NOW,
            )
    excluded = {_PEOPLE[index].id for index in out}
    for which, state in enumerate(_STATES):
        present = [
            one
            for one, choice in zip(_PEOPLE, signed, strict=True)
            if choice == which and one.stakes and one.id not in excluded
        ]
        met = True
        for quorum, threshold in zip(_QUORUMS, thresholds, strict=True):
            total = sum(one.stakes.get(quorum, 0) for one in _PEOPLE)
            stake = sum(one.stakes.get(quorum, 0) for one in present)
            met = met and stake > 0 and stake * 100 >= total * threshold
        if not met:
            with pytest.raises(NotCoveredError):
                aggregate(found, state, excluded=excluded)
            continue
        summed = aggregate(found, state, excluded=excluded)
        assert set(summed.signers) == {one.id for one in present}
        chain = FakeChain(_PEOPLE)
        calldata = asyncio.run(chain.calldata(summed))
        asyncio.run(chain.check(calldata))
        call = ConfirmCall.decode(calldata)
        assert (call.header, call.non_signers) == (summed.header, summed.non_signers)


def test_an_operator_in_two_quorums_is_added_twice() -> None:
    """With each signer once, as older aggregators have it, the contract's equation fails."""
    people = operators({0: 1, 1: 1, 5: 1}, {0: 1}, {1: 1})
    found = _round(people, (60, 60, 60))
    for one in people:
        _sign(found, one, _STATES[0])
    summed = aggregate(found, _STATES[0])
    once = Signature.combine([found.accepted[one].signature for one in summed.signers])
    assert once != summed.sigma


def test_a_quorum_below_its_threshold_is_enough_to_wait() -> None:
    """Every quorum of the task must be covered, whatever stands behind the others."""
    people = operators({0: 1, 1: 1, 5: 1}, {0: 1, 1: 1, 5: 100})
    found = _round(people, (50, 50, 50))
    _sign(found, people[0], _STATES[0])
    _sign(found, people[1], _STATES[0])
    light = next(one for one in people if one.stakes[5] == 1)
    heavy = next(one for one in people if one.stakes[5] == 100)
    assert aggregate(found, _STATES[0], excluded=[light.id])
    with pytest.raises(NotCoveredError):
        aggregate(found, _STATES[0], excluded=[heavy.id])


def test_nobody_signed_is_not_covered() -> None:
    """Not even at a threshold of zero percent: an empty sum is infinity, and no key."""
    found = _round(operators({0: 1, 1: 1, 5: 1}), (0, 0, 0))
    assert found.best() is None
    with pytest.raises(NotCoveredError):
        aggregate(found, _STATES[0])


def test_a_sum_that_does_not_verify_is_not_sent() -> None:
    """An operator set that is not what was verified against is found before gas is spent."""
    people = operators({0: 1, 1: 1, 5: 1}, {0: 1, 1: 1, 5: 1})
    found = _round(people, (50, 50, 50))
    _sign(found, people[0], _STATES[0])
    found.accepted[people[0].id] = Accepted(
        operator_id=people[0].id,
        state=_STATES[0],
        signature=people[1].key.sign(found.digest(_STATES[0])),
        prover_signature=bytes(65),
        accepted_at=NOW,
    )
    with pytest.raises(AggregateError):
        aggregate(found, _STATES[0])


def test_the_better_covered_state_is_the_one_with_the_stronger_weakest_quorum() -> None:
    people = operators({0: 9, 1: 1, 5: 1}, {0: 1, 1: 9, 5: 9})
    found = _round(people, (67, 67, 67))
    strong = next(one for one in people if one.stakes[0] == 1)
    other = next(one for one in people if one.stakes[0] == 9)
    _sign(found, other, _STATES[0])
    _sign(found, strong, _STATES[1])
    best = found.best()
    assert best is not None
    assert (best.state, best.is_met) == (_STATES[1], False)


def test_calldata_has_the_shape_of_the_contract() -> None:
    """The signature is the compiled contract's; other calldata is told apart."""
    abi = load_artifact("MultiProverServiceManager").abi
    (function,) = [one for one in abi if one.get("name") == "confirmState"]
    types = ",".join(type_text(one) for one in function["inputs"])
    assert f"confirmState({types})" == CONFIRM_STATE
    for data in (b"", b"1234", bytes(400)):
        with pytest.raises(InputError, match="calldata"):
            ConfirmCall.decode(data)

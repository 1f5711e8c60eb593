"""Fees: floors, caps and raises that a node accepts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.contracts.errors import FeeCapError
from coprove.contracts.transactions import FeePolicy, Fees

GWEI = 10**9
POLICY = FeePolicy()
fee = st.integers(min_value=0, max_value=10**12)


@given(fee, fee)
def test_first_fees_lie_between_floor_and_cap(base_fee: int, suggested: int) -> None:
    """They cover the base fee, and never offer a tip above the whole."""
    try:
        fees = POLICY.first(base_fee=base_fee, suggested_priority_fee=suggested)
    except FeeCapError:
        assert base_fee > POLICY.max_fee_cap
        return
    assert max(base_fee, POLICY.min_max_fee) <= fees.max_fee <= POLICY.max_fee_cap
    assert 0 < fees.priority_fee <= fees.max_fee


@given(fee, fee, fee)
def test_a_raise_is_ten_percent_at_least_or_refused(base_fee: int, tip: int, now: int) -> None:
    """Nodes ask for 10 % on the maximum fee; on the tip as well unless the cap is reached."""
    old = POLICY.first(base_fee=min(base_fee, POLICY.max_fee_cap), suggested_priority_fee=tip)
    market = POLICY.first(base_fee=min(now, POLICY.max_fee_cap), suggested_priority_fee=tip)
    try:
        new = POLICY.bumped(old, market)
    except FeeCapError:
        assert old.max_fee * 11 > POLICY.max_fee_cap * 10
        return
    assert new.max_fee * 10 >= old.max_fee * 11
    assert new.max_fee <= POLICY.max_fee_cap
    assert new.priority_fee <= new.max_fee
    assert new.priority_fee * 10 >= old.priority_fee * 11 or new.max_fee == POLICY.max_fee_cap


def test_a_market_above_the_cap_is_a_typed_error() -> None:
    """The transaction waits instead of paying any price."""
    with pytest.raises(FeeCapError):
        POLICY.first(base_fee=POLICY.max_fee_cap + 1, suggested_priority_fee=0)
    high = Fees(max_fee=POLICY.max_fee_cap, priority_fee=1)
    with pytest.raises(FeeCapError):
        POLICY.bumped(high, high)


def test_small_fees_grow_too() -> None:
    """One wei is raised to two, not to one."""
    one = Fees(max_fee=1, priority_fee=1)
    assert POLICY.bumped(one, one) == Fees(max_fee=2, priority_fee=2)

"""Files of earnings: what EigenLayer gives out is read, everything else is named."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.contracts.eigenlayer import RewardTree, read_earnings, write_earnings
from coprove.errors import InputError
from coprove.types import Address

EARNER, TOKEN = Address(b"\x0a" * 20), Address(b"\x0b" * 20)
ADDRESSES = st.binary(min_size=20, max_size=20).map(Address)
AMOUNTS = st.integers(0, 2**256 - 1)
EARNINGS = st.dictionaries(
    ADDRESSES, st.dictionaries(ADDRESSES, AMOUNTS, min_size=1, max_size=3), min_size=1, max_size=5
)


@given(EARNINGS)
def test_what_is_written_is_read(earnings: dict[Address, dict[Address, int]]) -> None:
    """Every amount comes back, and so the tree's root."""
    found = read_earnings(write_earnings(earnings, snapshot=86_400).encode())
    assert found == earnings
    tree = RewardTree(found)
    assert tree.root == RewardTree(earnings).root
    assert all(tree.of(earner) == tokens for earner, tokens in earnings.items())


def test_both_public_forms_are_read() -> None:
    """Lines of claim-amounts.json, and a Sidecar's object with a list."""
    line = {"earner": str(EARNER), "token": str(TOKEN), "snapshot": 1, "cumulative_amount": "7"}
    assert read_earnings(f"{json.dumps(line)}\n\n".encode()) == {EARNER: {TOKEN: 7}}
    entry = {"earner": str(EARNER), "token": str(TOKEN), "amount": "7", "snapshot": "2025-02-22"}
    assert read_earnings(json.dumps({"rewards": [entry]}).encode()) == {EARNER: {TOKEN: 7}}


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "one entry or more"),
        (b"\xff", "line 1"),
        (b"[1]", "an object"),
        (b"no json", "line 1"),
        (b'{"rewards": 1}', "a list"),
        (b'{"rewards": [1]}', r"rewards\[0\]"),
        (b'{"rewards": []}', "one entry or more"),
        (b'{"earner": "0x1"}', "earner"),
        (b"[" * 100_000, "line 1"),
    ],
)
def test_what_is_wrong_is_named(content: bytes, named: str) -> None:
    """Each in one error that says where."""
    with pytest.raises(InputError, match=named):
        read_earnings(content)


@pytest.mark.parametrize("amount", [7, "-7", "", "0x7", "7.0", "²", str(2**256), "9" * 5000, None])
def test_an_amount_is_decimal_digits_of_a_word(amount: object) -> None:
    """Nothing else, however Python would read it."""
    entry = {"earner": str(EARNER), "token": str(TOKEN), "cumulative_amount": amount}
    with pytest.raises(InputError, match="uint256"):
        read_earnings(json.dumps(entry).encode())


def test_a_token_comes_once_for_an_earner() -> None:
    """Two amounts would leave open which one counts."""
    line = json.dumps({"earner": str(EARNER), "token": str(TOKEN), "cumulative_amount": "7"})
    with pytest.raises(InputError, match="line 2"):
        read_earnings(f"{line}\n{line}".encode())


@given(st.binary(max_size=300))
def test_anything_else_is_an_input_error(content: bytes) -> None:
    """No other error, whatever the bytes."""
    try:
        read_earnings(content)
    except InputError:
        return
    raise AssertionError("random bytes are no earnings")

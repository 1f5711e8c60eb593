"""What everybody ever earned, as EigenLayer gives it out: its file, or a Sidecar's answer.

The file is claim-amounts.json; neither is believed. Source: Layr-Labs/eigenlayer-docs,
rewards-snapshot-data.md.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from coprove.errors import InputError
from coprove.primitives.bounded_json import load_json
from coprove.types import Address

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Earnings", "read_earnings", "write_earnings"]

Earnings: TypeAlias = Mapping[Address, Mapping[Address, int]]
"""By earner and token, what was ever earned, in the token's smallest unit."""
_MAX: Final = 2**256 - 1
_DIGITS: Final = 78


def read_earnings(content: bytes) -> dict[Address, dict[Address, int]]:
    """Read claim-amounts.json, one object a line, or what a Sidecar answers for a root.

    Nothing in it is believed: who claims compares the tree's root with those on chain. InputError
    names the entry that is wrong.
    """
    found: defaultdict[Address, dict[Address, int]] = defaultdict(dict)
    for place, entry in _entries(content):
        earner = Address.from_hex(entry.get("earner"), f"{place}: earner")
        token = Address.from_hex(entry.get("token"), f"{place}: token")
        if token in found[earner]:
            raise InputError(place, expected="each token of an earner once", actual=str(token))
        found[earner][token] = _amount(entry, place)
    if not found:
        raise InputError("earnings", expected="one entry or more", actual="none")
    return dict(found)


def write_earnings(earnings: Earnings, *, snapshot: int) -> str:
    """Return claim-amounts.json; `snapshot` is the time up to which all is in it, Unix seconds."""
    lines = [
        json.dumps(
            {
                "earner": str(earner),
                "token": str(token),
                "snapshot": snapshot * 1000,
                "cumulative_amount": str(amount),
            }
        )
        for earner, tokens in sorted(earnings.items())
        for token, amount in sorted(tokens.items())
    ]
    return "".join(f"{line}\n" for line in lines)


def _entries(content: bytes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give the entries of either form, each with where it is."""
    try:
        whole = load_json(content)
    except ValueError:
        whole = None
    if isinstance(whole, dict) and "rewards" in whole:
        rewards = whole["rewards"]
        if not isinstance(rewards, list):
            raise InputError("rewards", expected="a list", actual=type(rewards).__name__)
        for index, entry in enumerate(rewards):
            yield f"rewards[{index}]", _record(entry, f"rewards[{index}]")
        return
    for number, line in enumerate(content.split(b"\n"), 1):
        if line.strip():
            place = f"line {number}"
            try:
                entry = load_json(line)
            except ValueError:
                raise InputError(place, expected="a JSON object", actual=line[:80]) from None
            yield place, _record(entry, place)


def _record(entry: object, place: str) -> Mapping[str, Any]:
    if not isinstance(entry, dict):
        raise InputError(place, expected="an object", actual=type(entry).__name__)
    return entry


def _amount(entry: Mapping[str, Any], place: str) -> int:
    """Both forms have it in decimal digits, under different names."""
    text = entry.get("cumulative_amount", entry.get("amount"))
    is_number = isinstance(text, str) and text.isascii() and text.isdigit()
    if not is_number or len(str(text)) > _DIGITS or int(str(text)) > _MAX:
        raise InputError(f"{place}: amount", expected="decimal digits of a uint256", actual=text)
    return int(str(text))

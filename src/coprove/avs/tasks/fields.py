"""Members of JSON objects from outside, each with its type and size; InputError names them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from coprove.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["decimal_number", "hex_bytes", "hex_number", "number", "record"]

_HEX_NUMBER: Final = re.compile(r"0x[0-9a-fA-F]{1,64}")
_HEX_BYTES: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_DECIMAL: Final = re.compile(r"[0-9]{1,78}")


def record(value: object, what: str) -> Mapping[str, object]:
    """Return `value` when it is a JSON object."""
    if not isinstance(value, dict):
        raise InputError(what, expected="an object", actual=type(value).__name__)
    return value


def number(values: Mapping[str, object], name: str, *, bits: int) -> int:
    """Return an unsigned JSON number of at most so many bits."""
    value = _member(values, name)
    # True is an int in Python.
    if type(value) is not int or not 0 <= value < 1 << bits:
        raise InputError(name, expected=f"a number below 2^{bits}", actual=value)
    return value


def hex_number(values: Mapping[str, object], name: str, *, bits: int) -> int:
    """Return a number that is written as `0x…`."""
    value = _member(values, name)
    if isinstance(value, str) and _HEX_NUMBER.fullmatch(value):
        parsed = int(value, 16)
        if parsed < 1 << bits:
            return parsed
    raise InputError(name, expected=f"0x and a number below 2^{bits}", actual=value)


def decimal_number(values: Mapping[str, object], name: str) -> int:
    """Return a number below 10^78 that is written as a decimal string."""
    value = _member(values, name)
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return int(value)
    raise InputError(name, expected="a decimal number as a string", actual=value)


def hex_bytes(
    values: Mapping[str, object],
    name: str,
    *,
    exactly: int | None = None,
    at_most: int | None = None,
) -> bytes:
    """Return bytes that are written as `0x…`, of a given or bounded length."""
    value = _member(values, name)
    if not isinstance(value, str) or (at_most is not None and len(value) > 2 + 2 * at_most):
        raise InputError(name, expected=f"0x and at most {at_most} bytes", actual=_kind(value))
    if not _HEX_BYTES.fullmatch(value):
        raise InputError(name, expected="0x and pairs of hex digits", actual=value)
    found = bytes.fromhex(value[2:])
    if exactly is not None and len(found) != exactly:
        raise InputError(name, expected=f"{exactly} bytes", actual=f"{len(found)} bytes")
    return found


def _member(values: Mapping[str, object], name: str) -> object:
    if name not in values:
        raise InputError(name, expected="to be there", actual="missing")
    return values[name]


def _kind(value: object) -> str:
    return f"{len(value)} characters" if isinstance(value, str) else type(value).__name__

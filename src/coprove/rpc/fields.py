"""Reading typed values out of JSON-RPC results; whatever does not fit is a typed error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.rpc.errors import MalformedResponseError

if TYPE_CHECKING:
    from coprove.rpc.http import Json

__all__ = ["array", "boolean", "data", "fixed", "integer", "member", "quantity", "record", "text"]

_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


def record(value: Json, what: str) -> dict[str, Json]:
    """Return `value` if it is an object."""
    if not isinstance(value, dict):
        raise MalformedResponseError(what, expected="an object", actual=_kind(value))
    return value


def array(value: Json, what: str, longest: int = 1_000_000) -> list[Json]:
    """Return `value` if it is a list of at most `longest` items."""
    if not isinstance(value, list):
        raise MalformedResponseError(what, expected="a list", actual=_kind(value))
    if len(value) > longest:
        raise MalformedResponseError(what, expected=f"at most {longest} items", actual=len(value))
    return value


def member(value: dict[str, Json], name: str, what: str) -> Json:
    """Return the field `name`, which must be there and not null."""
    found = value.get(name)
    if found is None:
        raise MalformedResponseError(f"{what}.{name}", expected="a value", actual="none")
    return found


def data(value: Json, what: str) -> bytes:
    """Return the bytes of a 0x-prefixed hexadecimal string of even length."""
    if not isinstance(value, str) or not value.startswith("0x"):
        raise MalformedResponseError(what, expected="0x-prefixed bytes", actual=_kind(value))
    digits = value[2:]
    try:
        found = bytes.fromhex(digits)
    except ValueError:
        raise MalformedResponseError(what, expected="hexadecimal bytes", actual=value) from None
    if len(found) * 2 != len(digits):  # bytes.fromhex skips white space
        raise MalformedResponseError(what, expected="hexadecimal bytes", actual=value)
    return found


def fixed(value: Json, size: int, what: str) -> bytes:
    """Return exactly `size` bytes of a 0x-prefixed hexadecimal string."""
    found = data(value, what)
    if len(found) != size:
        raise MalformedResponseError(what, expected=f"{size} bytes", actual=f"{len(found)} bytes")
    return found


def quantity(value: Json, what: str, bits: int = 64) -> int:
    """Return the unsigned integer of a 0x-prefixed hexadecimal quantity below 2**bits.

    Leading zeros are taken, as some servers pad; what is hashed later decides.
    """
    if not isinstance(value, str) or not value.startswith("0x") or not 2 < len(value) <= 66:
        raise MalformedResponseError(what, expected="a 0x-prefixed quantity", actual=value)
    if not _HEX_DIGITS.issuperset(value[2:]):
        raise MalformedResponseError(what, expected="hexadecimal digits", actual=value)
    number = int(value, 16)
    if number >> bits:
        raise MalformedResponseError(what, expected=f"below 2**{bits}", actual=value)
    return number


def integer(value: Json, what: str, bits: int = 64) -> int:
    """Return an unsigned integer below 2**bits given as a JSON number or a decimal string.

    The rollup node writes numbers, the beacon API decimal strings.
    """
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 78:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0 or value >> bits:
        raise MalformedResponseError(what, expected=f"an integer below 2**{bits}", actual=value)
    return value


def boolean(value: Json, what: str) -> bool:
    """Return `value` if it is true or false."""
    if not isinstance(value, bool):
        raise MalformedResponseError(what, expected="true or false", actual=_kind(value))
    return value


def text(value: Json, what: str) -> str:
    """Return `value` if it is a string."""
    if not isinstance(value, str):
        raise MalformedResponseError(what, expected="a string", actual=_kind(value))
    return value


def _kind(value: Json) -> str:
    return "null" if value is None else f"{type(value).__name__} {value!r}"

"""Fields of a keystore's JSON, each of its type or a KeystoreError that names it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from coprove.avs.errors import KeystoreError

if TYPE_CHECKING:
    from coprove.primitives.bounded_json import Json

__all__ = ["hex_field", "integer_field", "object_field"]

MAX_HEX_BYTES = 1024
"""Longest bytes in a field; tools write 64 at most."""

_HEX = re.compile(r"(?:0[xX])?((?:[0-9a-fA-F]{2})*)")


def object_field(fields: dict[str, Json], name: str, what: str) -> dict[str, Json]:
    """Return the object under `name`; `what` names the file."""
    value = fields.get(name)
    if not isinstance(value, dict):
        raise KeystoreError(
            f"{what}: {name}", expected="a JSON object", actual=type(value).__name__
        )
    return value


def integer_field(fields: dict[str, Json], name: str, what: str) -> int:
    """Return the integer under `name`."""
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise KeystoreError(f"{what}: {name}", expected="an integer", actual=type(value).__name__)
    return value


def hex_field(fields: dict[str, Json], name: str, what: str, *, size: int | None = None) -> bytes:
    """Return the bytes in hex under `name`, of `size` where given; a prefix 0x may stand before."""
    value = fields.get(name)
    found = _HEX.fullmatch(value) if isinstance(value, str) else None
    if found is None or len(found[1]) > 2 * MAX_HEX_BYTES:
        raise KeystoreError(f"{what}: {name}", expected="bytes in hex", actual="something else")
    data = bytes.fromhex(found[1])
    if size is not None and len(data) != size:
        raise KeystoreError(
            f"{what}: {name}", expected=f"{size} bytes", actual=f"{len(data)} bytes"
        )
    return data

"""Hex codecs of Ethereum's JSON-RPC and the checks on what callers send."""

from __future__ import annotations

import re
from typing import Any

from coprove.devnet.node.rpc.errors import INVALID_PARAMS, RpcError

__all__ = [
    "get_address",
    "get_data",
    "get_hash",
    "get_object",
    "get_quantity",
    "hex_data",
    "hex_quantity",
    "invalid",
]

_QUANTITY = re.compile(r"0x(0|[1-9a-fA-F][0-9a-fA-F]*)")
_DATA = re.compile(r"0x([0-9a-fA-F]{2})*")


def hex_quantity(value: int) -> str:
    """A number in the QUANTITY form."""
    return hex(value)


def hex_data(value: bytes) -> str:
    """Bytes in the DATA form."""
    return "0x" + value.hex()


def invalid(message: str) -> RpcError:
    """The error for a parameter that is not what it must be."""
    return RpcError(INVALID_PARAMS, message)


def get_quantity(value: Any, what: str, *, bits: int = 256) -> int:
    """Read a QUANTITY."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise invalid(f"{what}: expected a hex quantity")
    if len(value) > 2 + bits // 4:
        raise invalid(f"{what}: more than {bits} bits")
    return int(value, 16)


def get_data(value: Any, what: str, length: int | None = None) -> bytes:
    """Read DATA, of `length` bytes when that is given."""
    if not isinstance(value, str) or not _DATA.fullmatch(value):
        raise invalid(f"{what}: expected hex data")
    data = bytes.fromhex(value[2:])
    if length is not None and len(data) != length:
        raise invalid(f"{what}: expected {length} bytes, got {len(data)}")
    return data


def get_address(value: Any, what: str = "address") -> bytes:
    """Read a 20-byte address."""
    return get_data(value, what, 20)


def get_hash(value: Any, what: str = "hash") -> bytes:
    """Read a 32-byte hash."""
    return get_data(value, what, 32)


def get_object(value: Any, what: str) -> dict[str, Any]:
    """Read a JSON object."""
    if not isinstance(value, dict):
        raise invalid(f"{what}: expected an object")
    return value

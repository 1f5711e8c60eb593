"""CBOR and COSE as far as an enclave reads its own evidence; verifiers read it on their own."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

import cbor2

from coprove.errors import InputError

__all__ = ["byte_string", "decoded", "payload_of"]

_SIGN1_TAG: Final = 18


def decoded(data: bytes, what: str) -> Any:
    """Return the one item that `data` is; InputError for anything else."""
    stream = BytesIO(data)
    try:
        item = cbor2.CBORDecoder(stream).decode()
    except (cbor2.CBORDecodeError, ValueError, RecursionError) as error:
        raise InputError(what, expected="CBOR", actual=type(error).__name__) from None
    if stream.tell() != len(data):
        left = len(data) - stream.tell()
        raise InputError(what, expected="one CBOR item", actual=f"{left} bytes behind it")
    return item


def payload_of(item: Any, what: str) -> dict[Any, Any]:
    """Return the claims in a COSE_Sign1 (RFC 9052, 4.2), with or without its tag."""
    if isinstance(item, cbor2.CBORTag) and item.tag == _SIGN1_TAG:
        item = item.value
    if not isinstance(item, list | tuple) or len(item) != 4 or not isinstance(item[2], bytes):
        raise InputError(what, expected="a COSE_Sign1", actual=type(item).__name__)
    claims = decoded(item[2], f"{what} payload")
    if not isinstance(claims, dict):
        raise InputError(f"{what} payload", expected="a map", actual=type(claims).__name__)
    return claims


def byte_string(claims: dict[Any, Any], key: object, what: str) -> bytes:
    """Return a claim that is a byte string; InputError otherwise."""
    value = claims.get(key)
    if not isinstance(value, bytes):
        raise InputError(what, expected="a byte string", actual=type(value).__name__)
    return value

"""CBOR and COSE as far as an enclave reads its own evidence; verifiers read it on their own."""

from __future__ import annotations

from typing import Any, Final

import cbor2

from coprove.attestation import cbor
from coprove.errors import InputError

__all__ = ["CCA_TAG", "decoded", "payload_of"]

CCA_TAG: Final = 399
"""CBOR tag of a CCA token."""
_SIGN1_TAG: Final = 18


def decoded(data: bytes, what: str) -> Any:
    """Return the one item that `data` is; InputError for anything else."""
    return cbor.decode(
        data, what, tags=(_SIGN1_TAG, CCA_TAG), indefinite_maps=True, long_forms=True
    )


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

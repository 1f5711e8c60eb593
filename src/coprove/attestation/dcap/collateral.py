"""What is needed to verify a DCAP quote beside the quote: Intel's signed documents and CRLs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from typing import Any, Final, Self

from coprove.attestation.errors import EvidenceFormatError
from coprove.primitives.bounded_json import load_json

__all__ = ["MAX_COLLATERAL_SIZE", "DcapCollateral", "signed_part"]

MAX_COLLATERAL_SIZE: Final = 4 << 20
"""Characters of collateral's JSON; Intel's has some 15,000."""
_SIGNATURES: Final = ("tcb_info_signature", "qe_identity_signature")
_TEXTS: Final = (
    "pck_crl_issuer_chain",
    "tcb_info_issuer_chain",
    "tcb_info",
    "qe_identity_issuer_chain",
    "qe_identity",
)
_BINARY: Final = frozenset({"root_ca_crl", "pck_crl", *_SIGNATURES})
_SIGNATURE_SIZE: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class DcapCollateral:
    """Collateral as fetched, nothing verified; the fields of dcap-qvl's `QuoteCollateralV3`."""

    pck_crl_issuer_chain: str
    """PEM: the PCK CA, then the root."""
    root_ca_crl: bytes
    """DER: what the root has revoked."""
    pck_crl: bytes
    """DER: what the PCK CA has revoked."""
    tcb_info_issuer_chain: str
    """PEM: the TCB signing certificate, then the root."""
    tcb_info: str
    """The exact JSON text that is signed."""
    tcb_info_signature: bytes
    """64 bytes, r ‖ s."""
    qe_identity_issuer_chain: str
    """PEM: the TCB signing certificate, then the root."""
    qe_identity: str
    """The exact JSON text that is signed."""
    qe_identity_signature: bytes
    """64 bytes, r ‖ s."""

    def __post_init__(self) -> None:
        """Refuse signatures of another size, and text of which there is no UTF-8."""
        for name in _TEXTS:
            try:
                getattr(self, name).encode()
            except UnicodeEncodeError as error:
                raise EvidenceFormatError(name, expected="text", actual=error) from error
        for name in _SIGNATURES:
            size = len(getattr(self, name))
            if size != _SIGNATURE_SIZE:
                raise EvidenceFormatError(name, expected="64 bytes", actual=f"{size} bytes")

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Parse collateral's JSON: a string a field, binary ones in hex; no others are allowed.

        A PCK chain beside the quote's own (dcap-qvl's optional `pck_certificate_chain`) is refused
        like any other field: it would take the place of the one in the quote.
        """
        if len(text) > MAX_COLLATERAL_SIZE:
            expected = f"at most {MAX_COLLATERAL_SIZE} bytes"
            raise EvidenceFormatError("collateral", expected=expected, actual=len(text))
        try:
            members: Any = load_json(text if isinstance(text, bytes) else text.encode())
        except ValueError as error:
            raise EvidenceFormatError("collateral", expected="JSON", actual=error) from error
        names = [field.name for field in fields(cls)]
        if not isinstance(members, dict) or set(members) != set(names):
            actual = sorted(members) if isinstance(members, dict) else type(members).__name__
            raise EvidenceFormatError("collateral", expected=", ".join(names), actual=actual)
        return cls(**{name: _value(name, members[name]) for name in names})

    def to_json(self) -> str:
        """Return the JSON that `from_json` reads."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return json.dumps(
            {name: value.hex() if name in _BINARY else value for name, value in values.items()}
        )

    @property
    def sha256(self) -> str:
        """SHA-256 of `to_json`'s text, hex: the name of this collateral."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


def signed_part(response: str, member: str) -> tuple[str, bytes]:
    """Return the exact text of a PCS response's document and its signature.

    Intel's service answers `{"tcbInfo":{…},"signature":"…"}` (or `enclaveIdentity`); the signature
    is over the member's bytes as they stand.
    """
    head, middle = f'{{"{member}":', ',"signature":"'
    body, found, signature = response.strip().rpartition(middle)
    if not body.startswith(head) or not found or not signature.endswith('"}'):
        expected = f'{head}…{middle}…"}}'
        raise EvidenceFormatError("PCS response", expected=expected, actual=response[:80])
    return body.removeprefix(head), _value("tcb_info_signature", signature[:-2])


def _value(name: str, value: object) -> Any:
    if not isinstance(value, str):
        raise EvidenceFormatError(name, expected="a string", actual=type(value).__name__)
    if name not in _BINARY:
        return value
    try:
        return bytes.fromhex(value)
    except ValueError as error:
        raise EvidenceFormatError(name, expected="hex", actual=value) from error

"""DCAP quotes of versions 3, 4 and 5: a strict parser.

Reading follows the lengths in the quote; what they and the other fields must be is a table of
rules, each of which refuses a quote with `EvidenceFormatError`. Nothing here is verified yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, TypeAlias

from coprove.attestation.dcap.reports import (
    INTEL_QE_VENDOR_ID,
    TEE_SGX,
    TEE_TDX,
    QuoteHeader,
    SgxReport,
    TdReport10,
    TdReport15,
)
from coprove.attestation.errors import EvidenceFormatError
from coprove.primitives import keccak256
from coprove.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MAX_QUOTE_SIZE", "RULES", "Body", "Quote", "parse_quote"]

MAX_QUOTE_SIZE = 32_768
"""Bytes; genuine quotes with a chain of three certificates have about 5,000."""
Body: TypeAlias = SgxReport | TdReport10 | TdReport15
"""What a quote is about."""

_HEADER = 48
_U16, _U32, _BODY_HEADER = Struct("<H"), Struct("<I"), Struct("<HI")
_KEY_TYPE_P256 = 2
_CERTIFICATION_CHAIN, _CERTIFICATION_QE = 5, 6
_QE_AUTH_SIZE = 32
_BODIES: dict[int, tuple[type[SgxReport] | type[TdReport10], int]] = {
    1: (SgxReport, TEE_SGX),
    2: (TdReport10, TEE_TDX),
    3: (TdReport15, TEE_TDX),
}
"""Version 5's body types, with the tee_type that goes with each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A quote in its parts; offsets as in version 3, others differ by the body's size."""

    header: QuoteHeader
    """48 bytes at 0."""
    body_type: int
    """Version 5: u16 at 48; otherwise what it would be: 1 SGX, 2 TD 1.0, 3 TD 1.5."""
    body_size: int
    """Version 5: u32 at 50; otherwise the body's size in bytes."""
    body: Body
    """384, 584 or 648 bytes at 48 (version 5: 54)."""
    signed: bytes
    """Everything up to and with the body: what the attestation key signs."""
    signature_size: int
    """u32 behind the body: size in bytes of all that follows, without padding."""
    signature: bytes
    """64 bytes, r ‖ s, by the attestation key over `signed`."""
    attestation_key: bytes
    """64 bytes, x ‖ y on P-256: born in the quoting enclave."""
    outer_certification_type: int
    """Versions 4 and 5: u16, 6 for the QE's report; in version 3 set to 6."""
    outer_certification_excess: int
    """Bytes that its u32 size counts beyond the parts that follow; zero."""
    qe_report: SgxReport
    """384 bytes: the quoting enclave's own report."""
    qe_report_bytes: bytes
    """The same, unparsed: what the PCK signs."""
    qe_report_signature: bytes
    """64 bytes, r ‖ s, by the PCK."""
    qe_auth_data: bytes
    """u16 and so many bytes: hashed with the attestation key into the QE's report data."""
    certification_type: int
    """u16: 5 for a PEM chain, leaf first."""
    certification: bytes
    """u32 and so many bytes: the PEM text, perhaps with one zero behind it."""
    unread: bytes
    """What the signature data hold behind the certification data; nothing."""
    tail: bytes
    """What follows the signature data: zeros, if anything."""

    @property
    def is_tdx(self) -> bool:
        """Whether it is about a trust domain."""
        return isinstance(self.body, TdReport10)

    @property
    def replay_key(self) -> Hash32:
        """keccak256 of `signed`: the same for copies with another signature or chain."""
        return Hash32(keccak256(self.signed))


class _Reader:
    """Takes bytes from front to back, never past the end."""

    __slots__ = ("at", "data", "what")

    def __init__(self, data: bytes, what: str) -> None:
        self.data, self.what, self.at = data, what, 0

    def take(self, size: int, what: str) -> bytes:
        part = self.data[self.at : self.at + size]
        check_complete(part, size, f"{self.what}: {what}")
        self.at += len(part)
        return part

    def number(self, form: Struct, what: str) -> int:
        value: int = form.unpack(self.take(form.size, what))[0]
        return value

    def rest(self) -> bytes:
        return self.data[self.at :]


def check_complete(part: bytes, size: int, what: str) -> None:
    """Refuse a part that the end of the data cut short."""
    if len(part) != size:
        raise EvidenceFormatError(what, expected=f"{size} bytes", actual=f"{len(part)} bytes")


def parse_quote(data: bytes) -> Quote:
    """Return a quote's parts when all `RULES` hold; EvidenceFormatError names the first broken."""
    if len(data) > MAX_QUOTE_SIZE:
        expected = f"at most {MAX_QUOTE_SIZE} bytes"
        raise EvidenceFormatError("quote", expected=expected, actual=f"{len(data)} bytes")
    quote = _read(bytes(data))
    for rule in RULES.values():
        rule(quote)
    return quote


def _read(data: bytes) -> Quote:
    reader = _Reader(data, "quote")
    header = QuoteHeader.parse(reader.take(_HEADER, "header"))
    if header.version not in (3, 4, 5):
        raise EvidenceFormatError("quote version", expected="3, 4 or 5", actual=header.version)
    if header.version == 5:
        body_type, body_size = _BODY_HEADER.unpack(reader.take(_BODY_HEADER.size, "body header"))
    else:
        body_type = 2 if header.version == 4 and header.tee_type == TEE_TDX else 1
        body_size = _BODIES[body_type][0].LAYOUT.size
    if body_type not in _BODIES:
        raise EvidenceFormatError("quote body type", expected="1, 2 or 3", actual=body_type)
    kind = _BODIES[body_type][0]
    body = kind.parse(reader.take(kind.LAYOUT.size, "body"))
    signed = data[: reader.at]
    signature_size = reader.number(_U32, "signature size")
    inner = _Reader(reader.take(signature_size, "signature data"), "signature data")
    signature, key = inner.take(64, "signature"), inner.take(64, "attestation key")
    outer_type, outer_end = _CERTIFICATION_QE, len(inner.data)
    if header.version > 3:
        outer_type = inner.number(_U16, "certification type")
        outer_end = inner.number(_U32, "certification size") + inner.at
    qe_report = inner.take(SgxReport.LAYOUT.size, "QE report")
    qe_signature = inner.take(64, "QE report signature")
    qe_auth = inner.take(inner.number(_U16, "QE authentication data size"), "QE auth data")
    certification_type = inner.number(_U16, "certification type")
    certification = inner.take(inner.number(_U32, "certification size"), "certification data")
    return Quote(
        header=header,
        body_type=body_type,
        body_size=body_size,
        body=body,
        signed=signed,
        signature_size=signature_size,
        signature=signature,
        attestation_key=key,
        outer_certification_type=outer_type,
        outer_certification_excess=outer_end - inner.at if header.version > 3 else 0,
        qe_report=SgxReport.parse(qe_report),
        qe_report_bytes=qe_report,
        qe_report_signature=qe_signature,
        qe_auth_data=qe_auth,
        certification_type=certification_type,
        certification=certification,
        unread=inner.rest(),
        tail=reader.rest(),
    )


def _rule_key_type(quote: Quote) -> None:
    _require("attestation key type", _KEY_TYPE_P256, quote.header.attestation_key_type)


def _rule_tee_type(quote: Quote) -> None:
    _require("TEE type", _BODIES[quote.body_type][1], quote.header.tee_type)


def _rule_vendor(quote: Quote) -> None:
    _require("QE vendor", INTEL_QE_VENDOR_ID.hex(), quote.header.qe_vendor_id.hex())


def _rule_body_size(quote: Quote) -> None:
    _require("body size", quote.body.LAYOUT.size, quote.body_size)


def _rule_reserved(quote: Quote) -> None:
    reports = {"QE report": quote.qe_report, "SGX report": quote.body}
    for what, report in reports.items():
        if isinstance(report, SgxReport) and any(report.reserved):
            actual = report.reserved.hex()
            raise EvidenceFormatError(f"{what}: reserved", expected="zeros", actual=actual)


def _rule_outer_certification(quote: Quote) -> None:
    _require("outer certification type", _CERTIFICATION_QE, quote.outer_certification_type)


def _rule_outer_size(quote: Quote) -> None:
    _require("outer certification size", "+0 bytes", f"{quote.outer_certification_excess:+} bytes")


def _rule_qe_auth_data(quote: Quote) -> None:
    _require("QE authentication data size", _QE_AUTH_SIZE, len(quote.qe_auth_data))


def _rule_certification(quote: Quote) -> None:
    _require("certification type", _CERTIFICATION_CHAIN, quote.certification_type)


def _rule_signature_size(quote: Quote) -> None:
    size = quote.signature_size
    _require("signature data size", size - len(quote.unread), size)


def _rule_tail(quote: Quote) -> None:
    if any(quote.tail):
        actual = f"{len(quote.tail)} bytes, not all zero"
        raise EvidenceFormatError("behind the quote", expected="zeros or nothing", actual=actual)


def _require(what: str, expected: object, actual: object) -> None:
    if actual != expected:
        raise EvidenceFormatError(what, expected=expected, actual=actual)


RULES: dict[str, Callable[[Quote], None]] = {
    "key-type": _rule_key_type,
    "tee-type": _rule_tee_type,
    "vendor": _rule_vendor,
    "body-size": _rule_body_size,
    "reserved": _rule_reserved,
    "outer-certification": _rule_outer_certification,
    "outer-size": _rule_outer_size,
    "qe-auth-data": _rule_qe_auth_data,
    "certification": _rule_certification,
    "signature-size": _rule_signature_size,
    "tail": _rule_tail,
}
"""What the fields of a quote must be, by name, in the order in which they are applied."""

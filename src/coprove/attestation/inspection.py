"""What evidence says of itself, for people: parsed, not verified, every value plain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from coprove.attestation.arm import CcaToken, Lifecycle, PsaToken, parse_cca_token, parse_psa_token
from coprove.attestation.dcap import Quote, SgxReport, parse_quote
from coprove.attestation.errors import EvidenceFormatError
from coprove.attestation.nitro import Document, parse_document
from coprove.attestation.platform import Platform, measurement_id
from coprove.attestation.snp import REPORT_SIZE, Report, parse_report

if TYPE_CHECKING:
    from coprove.attestation.claims import Claims

__all__ = ["claims_to_plain", "guess_platform", "inspect_evidence", "to_plain"]

_TDX = 0x81
_CCA_HEADS: Final = (b"\xd9\x01\x8f", b"\xd9\x03\x8b")
_UNTAGGED, _TAGGED = b"\x84", b"\xd2\x84"
_ES384_HEADERS = b"\x44\xa1\x01\x38\x22"
_WHOLES: Final = frozenset({"raw", "signed", "message", "qe_report_bytes", "signing_key"})
"""Fields that repeat what other fields say."""


def guess_platform(data: bytes) -> Platform:
    """Return the platform that bytes look like evidence of; EvidenceFormatError for none.

    Nitro documents and PSA tokens are both COSE messages: tagged ones count as PSA tokens unless
    they are signed with ES384 and parse as a document.
    """
    if len(data) == REPORT_SIZE:
        return Platform.AMD_SEV_SNP
    if data.startswith(_CCA_HEADS):
        return Platform.ARM_CCA
    if data.startswith(_UNTAGGED):
        return Platform.AWS_NITRO
    if data.startswith(_TAGGED):
        return _tagged(data)
    version, tee = int.from_bytes(data[:2], "little"), int.from_bytes(data[4:8], "little")
    if version in (3, 4, 5) and len(data) > 48:
        return Platform.INTEL_TDX if tee == _TDX else Platform.INTEL_SGX
    raise EvidenceFormatError(
        "evidence", expected="a quote, report, document or token", actual=f"{len(data)} bytes"
    )


def _tagged(data: bytes) -> Platform:
    if not data.startswith(_ES384_HEADERS, len(_TAGGED)):
        return Platform.ARM_TRUSTZONE
    try:
        parse_document(data)
    except EvidenceFormatError:
        return Platform.ARM_TRUSTZONE
    return Platform.AWS_NITRO


def inspect_evidence(platform: Platform, data: bytes) -> dict[str, object]:
    """Return the fields of evidence by name; EvidenceFormatError when it does not parse.

    Bytes are hex with 0x, names of nested fields are joined by dots. What a policy and a registry
    name code by comes first, under `workload`.
    """
    record: Any = _PARSERS[platform](data)
    measurement, report_data, debug = _WORKLOADS[platform](record)
    workload = {
        "measurement": to_plain(measurement),
        "measurement_id": measurement_id(platform, measurement).hex0x,
        "report_data": to_plain(report_data),
        "debug": debug,
    }
    return _flat({"workload": workload, **to_plain(record)})


def claims_to_plain(claims: Claims) -> dict[str, Any]:
    """Return claims as JSON holds them, with the measurement's 32-byte name."""
    plain = to_plain(claims)
    return {**plain, "measurement_id": measurement_id(claims.platform, claims.measurement).hex0x}


def to_plain(value: object) -> Any:
    """Return records as dicts, bytes as hex and enumerations by value or name."""
    if isinstance(value, Enum):
        number = isinstance(value.value, int)
        return value.name.lower().replace("_", "-") if number else value.value
    if isinstance(value, bytes | bytearray):
        return f"0x{value.hex()}"
    if is_dataclass(value) and not isinstance(value, type):
        names = (field.name for field in fields(value) if field.name not in _WHOLES)
        return {name: to_plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | str) else repr(value)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            flat |= _flat({str(at): item for at, item in enumerate(value)}, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _dcap(quote: Quote) -> tuple[bytes, bytes, bool]:
    body = quote.body
    measurement = body.mr_enclave if isinstance(body, SgxReport) else body.measurement
    return measurement, body.report_data, body.debug


def _snp(report: Report) -> tuple[bytes, bytes, bool]:
    return report.measurement, report.report_data, report.debug


def _nitro(document: Document) -> tuple[bytes, bytes, bool]:
    return document.measurement, document.user_data or b"", document.debug


def _psa(token: PsaToken) -> tuple[bytes, bytes, bool]:
    return token.measurement, token.nonce, token.lifecycle is not Lifecycle.SECURED


def _cca(token: CcaToken) -> tuple[bytes, bytes, bool]:
    debug = token.platform.lifecycle is not Lifecycle.SECURED
    return token.realm.measurement, token.realm.challenge, debug


_PARSERS: Final[dict[Platform, Callable[[bytes], object]]] = {
    Platform.INTEL_SGX: parse_quote,
    Platform.INTEL_TDX: parse_quote,
    Platform.AMD_SEV_SNP: parse_report,
    Platform.AWS_NITRO: parse_document,
    Platform.ARM_TRUSTZONE: parse_psa_token,
    Platform.ARM_CCA: parse_cca_token,
}
_WORKLOADS: Final[dict[Platform, Callable[[Any], tuple[bytes, bytes, bool]]]] = {
    Platform.INTEL_SGX: _dcap,
    Platform.INTEL_TDX: _dcap,
    Platform.AMD_SEV_SNP: _snp,
    Platform.AWS_NITRO: _nitro,
    Platform.ARM_TRUSTZONE: _psa,
    Platform.ARM_CCA: _cca,
}

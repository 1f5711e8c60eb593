"""Verification of Nitro documents: from bytes, a time and a root to claims."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import ec

from coprove.attestation import cose, ecdsa, x509
from coprove.attestation.checks import run_checks
from coprove.attestation.claims import Check, Claims, TcbStatus
from coprove.attestation.errors import EvidenceRejectedError, Rejection
from coprove.attestation.nitro.document import Document, parse_document
from coprove.attestation.nitro.roots import NITRO_ROOT, is_simulated
from coprove.attestation.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.attestation.x509 import Certificate

__all__ = ["CHECKS", "DEFAULT_MAX_AGE", "verify_document"]

DEFAULT_MAX_AGE: Final = 300
"""Seconds that a document may be old when it is verified."""
_REPORT_DATA_SIZE = 64
_SIGNER_PCR = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A parsed document with its parsed chain: what the checks look at."""

    document: Document
    """The document."""
    chain: tuple[Certificate, ...]
    """Leaf first, root last: the bundle turned around."""
    root: Certificate
    """The root that counts."""
    at: int
    """Unix seconds."""
    max_age: int
    """Seconds."""


def verify_document(
    document: bytes,
    *,
    at: int,
    max_age: int = DEFAULT_MAX_AGE,
    root: Certificate = NITRO_ROOT,
) -> Claims:
    """Return what a genuine document says, at a time in Unix seconds.

    It must not be older than `max_age` seconds; the chain must hold both when it was made and at
    the time given. EvidenceFormatError for what does not parse, EvidenceRejectedError with its
    reason for all else; debug mode is for a policy to judge.
    """
    parsed = parse_document(document)
    certificates = (parsed.certificate, *reversed(parsed.cabundle))
    case = Case(
        document=parsed,
        chain=tuple(x509.parse_certificate(der, "Nitro certificate") for der in certificates),
        root=root,
        at=at,
        max_age=max_age,
    )
    return _claims(case, run_checks(CHECKS, case))


def _check_root(case: Case) -> str:
    found = case.chain[-1]
    if found.der != case.root.der:
        detail = (
            f"the chain ends at {found.name} sha256:{found.sha256},"
            f" not at {case.root.name} sha256:{case.root.sha256}"
        )
        raise EvidenceRejectedError(Rejection.ROOT, detail)
    return f"{found.name} sha256:{found.sha256}"


def _check_chain_names(case: Case) -> str:
    x509.check_names(case.chain)
    return " <- ".join(certificate.name for certificate in case.chain)


def _check_chain_signatures(case: Case) -> str:
    x509.check_signatures(case.chain)
    return f"{len(case.chain)} of {len(case.chain)} hold"


def _check_chain_authorities(case: Case) -> str:
    x509.check_authorities(case.chain)
    return "only the leaf is no authority"


def _check_chain_then(case: Case) -> str:
    x509.check_validity(case.chain, case.document.made_at)
    return f"at {case.document.made_at}, when the document was made"


def _check_chain_now(case: Case) -> str:
    x509.check_validity(case.chain, case.at)
    return f"until {min(certificate.not_after for certificate in case.chain)}"


def _check_freshness(case: Case) -> str:
    age = case.at - case.document.made_at
    if not 0 <= age <= case.max_age:
        detail = f"made at {case.document.made_at}, {age} s ago; at most {case.max_age} s are fresh"
        raise EvidenceRejectedError(Rejection.VALIDITY, detail)
    return f"{age} s old, {case.max_age} s at most"


def _check_user_data(case: Case) -> str:
    data = case.document.user_data or b""
    if len(data) > _REPORT_DATA_SIZE:
        detail = f"user data of {len(data)} bytes bind nothing: 64 at most"
        raise EvidenceRejectedError(Rejection.BINDING, detail)
    return f"{len(data)} bytes"


def _check_signature_range(case: Case) -> str:
    message = case.document.message
    ecdsa.check_range(*message.integers, message.algorithm.order)
    return "r and s are below the order of P-384"


def _check_signature(case: Case) -> str:
    key = case.chain[0].public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise EvidenceRejectedError(Rejection.CHAIN, "the document's key is not an EC key")
    cose.check_sign1(case.document.message, key, "the document")
    return case.document.message.algorithm.name


CHECKS: Final[dict[str, Callable[[Case], str]]] = {
    "root": _check_root,
    "chain-names": _check_chain_names,
    "chain-signatures": _check_chain_signatures,
    "chain-authorities": _check_chain_authorities,
    "chain-at-document-time": _check_chain_then,
    "chain-validity": _check_chain_now,
    "freshness": _check_freshness,
    "user-data": _check_user_data,
    "signature-range": _check_signature_range,
    "signature": _check_signature,
}
"""All checks of a document, by name, in the order in which they run."""


def _claims(case: Case, checks: tuple[Check, ...]) -> Claims:
    document = case.document
    signer = document.pcrs.get(_SIGNER_PCR)
    return Claims(
        platform=Platform.AWS_NITRO,
        measurement=document.measurement,
        report_data=(document.user_data or b"").ljust(_REPORT_DATA_SIZE, b"\0"),
        debug=document.debug,
        tcb_status=TcbStatus.OK,
        signer=signer if signer and any(signer) else None,
        attributes=_attributes(document),
        replay_key=document.message.replay_key,
        valid_from=max(certificate.not_before for certificate in case.chain),
        valid_until=min(certificate.not_after for certificate in case.chain),
        simulated=is_simulated(case.chain[-1]),
        collateral=tuple(
            f"{certificate.name} sha256:{certificate.sha256}" for certificate in case.chain
        ),
        checks=checks,
    )


def _attributes(document: Document) -> dict[str, object]:
    attributes: dict[str, object] = {
        "module-id": document.module_id,
        "timestamp": document.timestamp,
        "nonce": None if document.nonce is None else document.nonce.hex(),
        "public-key": None if document.public_key is None else document.public_key.hex(),
    }
    for index, value in sorted(document.pcrs.items()):
        attributes[f"pcr{index}"] = value.hex()
    return attributes

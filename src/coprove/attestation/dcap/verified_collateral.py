"""Collateral that was checked for a time and a root, and may serve many quotes while it holds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dcap_qvl

from coprove.attestation.claims import Check
from coprove.attestation.dcap.certificates import Certificate, parse_pem_chain
from coprove.attestation.dcap.chains import (
    PCK_CAS,
    ROOT_CN,
    SIGNING_CHAIN,
    Chain,
    IssuedCrl,
    check_chain,
    check_crl,
    check_not_revoked,
)
from coprove.attestation.dcap.qe_identity import QeIdentity, parse_qe_identity
from coprove.attestation.dcap.revocation import RevocationList, parse_crl
from coprove.attestation.dcap.tcb_info import TcbInfo, parse_tcb_info
from coprove.attestation.errors import EvidenceRejectedError, Rejection

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.attestation.dcap.collateral import DcapCollateral
    from coprove.attestation.dcap.roots import RootCertificate

__all__ = ["COLLATERAL_CHECKS", "CollateralParts", "VerifiedCollateral", "verify_collateral"]

_CA_CHAIN = (PCK_CAS, frozenset({ROOT_CN}))


@dataclass(frozen=True, slots=True, kw_only=True)
class CollateralParts:
    """Parsed collateral with what it is checked against."""

    raw: DcapCollateral
    """As fetched."""
    tcb_info: TcbInfo
    """Parsed from the signed text."""
    qe_identity: QeIdentity
    """Parsed from the signed text."""
    tcb_info_chain: tuple[Certificate, ...]
    """Signer, root."""
    qe_identity_chain: tuple[Certificate, ...]
    """Signer, root."""
    crl_chain: tuple[Certificate, ...]
    """PCK CA, root."""
    root_crl: RevocationList
    """What the root has revoked."""
    pck_crl: RevocationList
    """What the PCK CA has revoked."""
    root: RootCertificate
    """The pinned root."""
    at: int
    """Unix seconds at which all must hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedCollateral:
    """Collateral whose signatures, chains, CRLs and dates were found in order."""

    tcb_info: TcbInfo
    """TCB levels of one kind of platform."""
    qe_identity: QeIdentity
    """What its quoting enclave is."""
    pck_ca: Certificate
    """Whose certificates `pck_crl` is about."""
    pck_crl: RevocationList
    """Revoked platforms."""
    root_crl: RevocationList
    """Revoked CAs and signers."""
    root: RootCertificate
    """The root at which all chains end."""
    valid_from: int
    """Latest start of validity, Unix seconds."""
    valid_until: int
    """Earliest end of validity, Unix seconds, inclusive."""
    names: tuple[str, ...]
    """The parts with SHA-256 of their exact bytes."""
    checks: tuple[Check, ...]
    """What was checked of it, in order."""
    peer: dcap_qvl.QuoteCollateralV3
    """The same for dcap-qvl."""

    def check_validity(self, at: int) -> None:
        """Refuse a time at which not all of it holds."""
        if not self.valid_from <= at <= self.valid_until:
            detail = f"collateral holds from {self.valid_from} to {self.valid_until}, not at {at}"
            raise EvidenceRejectedError(Rejection.VALIDITY, detail)


def verify_collateral(
    collateral: DcapCollateral, *, at: int, root: RootCertificate
) -> VerifiedCollateral:
    """Check collateral for a time (Unix seconds) and a root.

    EvidenceFormatError for what does not parse, EvidenceRejectedError for what must not be used.
    """
    parts = CollateralParts(
        raw=collateral,
        tcb_info=parse_tcb_info(collateral.tcb_info),
        qe_identity=parse_qe_identity(collateral.qe_identity),
        tcb_info_chain=_chain(collateral.tcb_info_issuer_chain, "TCB info chain"),
        qe_identity_chain=_chain(collateral.qe_identity_issuer_chain, "QE identity chain"),
        crl_chain=_chain(collateral.pck_crl_issuer_chain, "PCK CRL chain"),
        root_crl=parse_crl(collateral.root_ca_crl, "root CRL"),
        pck_crl=parse_crl(collateral.pck_crl, "PCK CRL"),
        root=root,
        at=at,
    )
    checks = [Check(name=name, found=check(parts)) for name, check in COLLATERAL_CHECKS.items()]
    return _verified(parts, tuple(checks))


def _chain(pem: str, what: str) -> tuple[Certificate, ...]:
    return parse_pem_chain(pem.encode(), what)


def _verified(parts: CollateralParts, checks: tuple[Check, ...]) -> VerifiedCollateral:
    certificates = (*parts.tcb_info_chain, *parts.qe_identity_chain, *parts.crl_chain)
    periods = [
        *((item.not_before, item.not_after) for item in certificates),
        *((crl.this_update, crl.next_update - 1) for crl in (parts.root_crl, parts.pck_crl)),
        (parts.tcb_info.issue_date, parts.tcb_info.next_update),
        (parts.qe_identity.issue_date, parts.qe_identity.next_update),
    ]
    raw = parts.raw
    return VerifiedCollateral(
        tcb_info=parts.tcb_info,
        qe_identity=parts.qe_identity,
        pck_ca=parts.crl_chain[0],
        pck_crl=parts.pck_crl,
        root_crl=parts.root_crl,
        root=parts.root,
        valid_from=max(start for start, _ in periods),
        valid_until=min(end for _, end in periods),
        names=(
            f"root-ca sha256:{parts.root.sha256}",
            f"root-ca-crl sha256:{parts.root_crl.sha256}",
            f"pck-crl sha256:{parts.pck_crl.sha256}",
            f"tcb-info sha256:{hashlib.sha256(raw.tcb_info.encode()).hexdigest()}",
            f"qe-identity sha256:{hashlib.sha256(raw.qe_identity.encode()).hexdigest()}",
        ),
        checks=checks,
        peer=dcap_qvl.QuoteCollateralV3(
            pck_crl_issuer_chain=raw.pck_crl_issuer_chain,
            root_ca_crl=raw.root_ca_crl,
            pck_crl=raw.pck_crl,
            tcb_info_issuer_chain=raw.tcb_info_issuer_chain,
            tcb_info=raw.tcb_info,
            tcb_info_signature=raw.tcb_info_signature,
            qe_identity_issuer_chain=raw.qe_identity_issuer_chain,
            qe_identity=raw.qe_identity,
            qe_identity_signature=raw.qe_identity_signature,
        ),
    )


def _check_tcb_info_chain(parts: CollateralParts) -> str:
    return _check_chain(parts, "TCB info chain", parts.tcb_info_chain)


def _check_qe_identity_chain(parts: CollateralParts) -> str:
    return _check_chain(parts, "QE identity chain", parts.qe_identity_chain)


def _check_crl_chain(parts: CollateralParts) -> str:
    return _check_chain(parts, "PCK CRL chain", parts.crl_chain)


def _check_root_crl(parts: CollateralParts) -> str:
    return _check_crl(parts, "root CRL", parts.root_crl, parts.root.certificate)


def _check_pck_crl(parts: CollateralParts) -> str:
    return _check_crl(parts, "PCK CRL", parts.pck_crl, parts.crl_chain[0])


def _check_root_not_revoked(parts: CollateralParts) -> str:
    check_not_revoked(parts.root.certificate, parts.root_crl, "root")
    return "the root is not on its own list"


def _check_ca_not_revoked(parts: CollateralParts) -> str:
    check_not_revoked(parts.crl_chain[0], parts.root_crl, "PCK CRL chain")
    return f"{parts.crl_chain[0].common_name} is not on the root's list"


def _check_signers_not_revoked(parts: CollateralParts) -> str:
    check_not_revoked(parts.tcb_info_chain[0], parts.root_crl, "TCB info chain")
    check_not_revoked(parts.qe_identity_chain[0], parts.root_crl, "QE identity chain")
    return "signers of TCB info and QE identity are not on the root's list"


def _check_tcb_info_signature(parts: CollateralParts) -> str:
    signature, text = parts.raw.tcb_info_signature, parts.raw.tcb_info
    return _check_signed("TCB info", parts.tcb_info_chain[0], signature, text)


def _check_qe_identity_signature(parts: CollateralParts) -> str:
    signature, text = parts.raw.qe_identity_signature, parts.raw.qe_identity
    return _check_signed("QE identity", parts.qe_identity_chain[0], signature, text)


def _check_tcb_info_dates(parts: CollateralParts) -> str:
    dates = parts.tcb_info.issue_date, parts.tcb_info.next_update
    return _check_dates("TCB info", *dates, parts.at)


def _check_qe_identity_dates(parts: CollateralParts) -> str:
    dates = parts.qe_identity.issue_date, parts.qe_identity.next_update
    return _check_dates("QE identity", *dates, parts.at)


def _check_chain(parts: CollateralParts, name: str, certificates: tuple[Certificate, ...]) -> str:
    expected = _CA_CHAIN if certificates is parts.crl_chain else SIGNING_CHAIN
    chain = Chain(
        name=name,
        certificates=certificates,
        common_names=expected,
        root=parts.root,
        at=parts.at,
    )
    check_chain(chain)
    return " <- ".join(item.common_name for item in certificates)


def _check_crl(parts: CollateralParts, name: str, crl: RevocationList, issuer: Certificate) -> str:
    check_crl(IssuedCrl(name=name, crl=crl, issuer=issuer, at=parts.at))
    return f"{len(crl.revoked)} serials, until {crl.next_update}"


def _check_signed(what: str, signer: Certificate, signature: bytes, text: str) -> str:
    if not signer.verifies(signature, text.encode()):
        detail = f"{what}: the signature is not {signer.common_name}'s over these bytes"
        raise EvidenceRejectedError(Rejection.COLLATERAL, detail)
    return f"{what} signed by {signer.common_name}"


def _check_dates(what: str, start: int, end: int, at: int) -> str:
    if not start <= at <= end:
        detail = f"{what} holds from {start} to {end}, not at {at}"
        raise EvidenceRejectedError(Rejection.VALIDITY, detail)
    return f"{what} holds from {start} to {end}"


COLLATERAL_CHECKS: dict[str, Callable[[CollateralParts], str]] = {
    "tcb-info-chain": _check_tcb_info_chain,
    "qe-identity-chain": _check_qe_identity_chain,
    "crl-chain": _check_crl_chain,
    "root-crl": _check_root_crl,
    "pck-crl": _check_pck_crl,
    "root-not-revoked": _check_root_not_revoked,
    "ca-not-revoked": _check_ca_not_revoked,
    "signers-not-revoked": _check_signers_not_revoked,
    "tcb-info-signature": _check_tcb_info_signature,
    "qe-identity-signature": _check_qe_identity_signature,
    "tcb-info-dates": _check_tcb_info_dates,
    "qe-identity-dates": _check_qe_identity_dates,
}
"""What collateral must be, by name, in the order in which the checks are made."""

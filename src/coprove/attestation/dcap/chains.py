"""Rules for the certificate chains and CRLs of Intel's SGX PKI, each by name in a table.

A chain is given leaf first and ends at a self-signed root, which must be the pinned one byte for
byte: a certificate of the same name and key is another root.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from coprove.attestation.dcap.certificates import Certificate, is_signed_by
from coprove.attestation.errors import EvidenceRejectedError, Rejection

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.attestation.dcap.revocation import RevocationList
    from coprove.attestation.dcap.roots import RootCertificate

__all__ = [
    "CHAIN_RULES",
    "CRL_RULES",
    "PCK_CAS",
    "PCK_CHAIN",
    "ROOT_CN",
    "SIGNING_CHAIN",
    "Chain",
    "IssuedCrl",
    "check_chain",
    "check_crl",
    "check_not_revoked",
]

ROOT_CN = "Intel SGX Root CA"
"""CN of the root."""
PCK_CAS = frozenset({"Intel SGX PCK Platform CA", "Intel SGX PCK Processor CA"})
"""CN of the CAs that issue PCK certificates."""
PCK_CHAIN = (frozenset({"Intel SGX PCK Certificate"}), PCK_CAS, frozenset({ROOT_CN}))
"""CNs of a platform's chain, leaf first."""
SIGNING_CHAIN = (frozenset({"Intel SGX TCB Signing"}), frozenset({ROOT_CN}))
"""CNs of the chain of TCB info and QE identity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A chain with what it is checked against."""

    name: str
    """What it is, for messages: `PCK chain`."""
    certificates: tuple[Certificate, ...]
    """Leaf first."""
    common_names: tuple[frozenset[str], ...]
    """The CNs that each place allows."""
    root: RootCertificate
    """Where it must end."""
    at: int
    """Unix seconds at which it must be valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCrl:
    """A CRL with what it is checked against."""

    name: str
    """What it is, for messages: `PCK CRL`."""
    crl: RevocationList
    """The list."""
    issuer: Certificate
    """The CA whose certificates it is about."""
    at: int
    """Unix seconds at which it must be valid."""


def check_chain(chain: Chain) -> None:
    """Apply all `CHAIN_RULES`; EvidenceRejectedError names chain, place and what is wrong."""
    for rule in CHAIN_RULES.values():
        rule(chain)


def check_crl(issued: IssuedCrl) -> None:
    """Apply all `CRL_RULES`; EvidenceRejectedError names list and what is wrong."""
    for rule in CRL_RULES.values():
        rule(issued)


def check_not_revoked(certificate: Certificate, crl: RevocationList, name: str) -> None:
    """Refuse a certificate whose serial its issuer's list names."""
    if certificate.serial in crl.revoked:
        detail = f"{name}: {certificate.common_name} (serial {certificate.serial:x}) is revoked"
        raise EvidenceRejectedError(Rejection.REVOKED, detail)


def _rule_length(chain: Chain) -> None:
    expected = len(chain.common_names)
    if len(chain.certificates) != expected:
        _refuse(chain, f"expected {expected} certificates, got {len(chain.certificates)}")


def _rule_names(chain: Chain) -> None:
    for certificate, allowed in zip(chain.certificates, chain.common_names, strict=False):
        if certificate.common_name not in allowed:
            expected = " or ".join(sorted(allowed))
            _refuse(chain, f"expected {expected}, got {certificate.common_name}")


def _rule_root(chain: Chain) -> None:
    if not chain.certificates or chain.certificates[-1].der != chain.root.der:
        found = chain.certificates[-1].sha256 if chain.certificates else "nothing"
        detail = f"{chain.name}: ends at {found}, not at the pinned root {chain.root.sha256}"
        raise EvidenceRejectedError(Rejection.ROOT, detail)


def _rule_issuers(chain: Chain) -> None:
    for subject, issuer in _links(chain):
        if subject.issuer != issuer.subject:
            _refuse(chain, f"{subject.common_name} was not issued by {issuer.common_name}")


def _rule_authorities(chain: Chain) -> None:
    leaf = chain.certificates[0]
    ends_in_leaf = leaf.common_name not in PCK_CAS
    if ends_in_leaf and (leaf.is_ca or leaf.signs_certificates or not leaf.signs_data):
        _refuse(chain, f"{leaf.common_name} is no end entity that signs data")
    for below, authority in enumerate(chain.certificates[ends_in_leaf:]):
        if not (authority.is_ca and authority.signs_certificates and authority.signs_crls):
            _refuse(chain, f"{authority.common_name} is no CA")
        if authority.path_length is not None and authority.path_length < below:
            _refuse(chain, f"{authority.common_name} has too many CAs below it")


def _rule_key_identifiers(chain: Chain) -> None:
    for subject, issuer in _links(chain):
        if subject.subject_key_id is None or subject.authority_key_id is None:
            _refuse(chain, f"{subject.common_name} has no subject or authority key identifier")
        if subject.authority_key_id != issuer.subject_key_id:
            _refuse(chain, f"{subject.common_name}: the issuer's key has another identifier")


def _rule_signatures(chain: Chain) -> None:
    for subject, issuer in _links(chain):
        if not is_signed_by(subject.signature, subject.tbs, issuer):
            _refuse(chain, f"{subject.common_name} is not signed by {issuer.common_name}")


def _rule_validity(chain: Chain) -> None:
    for certificate in chain.certificates:
        if not certificate.not_before <= chain.at <= certificate.not_after:
            detail = (
                f"{chain.name}: {certificate.common_name} is valid from {certificate.not_before} "
                f"to {certificate.not_after}, not at {chain.at}"
            )
            raise EvidenceRejectedError(Rejection.VALIDITY, detail)


def _crl_rule_issuer(issued: IssuedCrl) -> None:
    if issued.crl.issuer != issued.issuer.subject:
        _refuse_crl(issued, f"is not issued by {issued.issuer.common_name}")


def _crl_rule_key_identifier(issued: IssuedCrl) -> None:
    identifier = issued.crl.authority_key_id
    if identifier is None or identifier != issued.issuer.subject_key_id:
        _refuse_crl(issued, "does not name its issuer's key")


def _crl_rule_signature(issued: IssuedCrl) -> None:
    if not is_signed_by(issued.crl.signature, issued.crl.tbs, issued.issuer):
        _refuse_crl(issued, f"is not signed by {issued.issuer.common_name}")


def _crl_rule_not_future(issued: IssuedCrl) -> None:
    if issued.crl.this_update > issued.at:
        detail = f"{issued.name}: is of {issued.crl.this_update}, after {issued.at}"
        raise EvidenceRejectedError(Rejection.VALIDITY, detail)


def _crl_rule_not_expired(issued: IssuedCrl) -> None:
    if issued.crl.next_update <= issued.at:
        detail = f"{issued.name}: held before {issued.crl.next_update}, not at {issued.at}"
        raise EvidenceRejectedError(Rejection.VALIDITY, detail)


def _links(chain: Chain) -> list[tuple[Certificate, Certificate]]:
    """Each certificate with its issuer; the last one's is the root, whose own link is pinned."""
    links = list(pairwise(chain.certificates))
    last = chain.certificates[-1]
    return links if last.der == chain.root.der else [*links, (last, chain.root.certificate)]


def _refuse(chain: Chain, detail: str) -> None:
    raise EvidenceRejectedError(Rejection.CHAIN, f"{chain.name}: {detail}")


def _refuse_crl(issued: IssuedCrl, detail: str) -> None:
    raise EvidenceRejectedError(Rejection.COLLATERAL, f"{issued.name}: {detail}")


CHAIN_RULES: dict[str, Callable[[Chain], None]] = {
    "length": _rule_length,
    "names": _rule_names,
    "root": _rule_root,
    "issuers": _rule_issuers,
    "authorities": _rule_authorities,
    "key-identifiers": _rule_key_identifiers,
    "signatures": _rule_signatures,
    "validity": _rule_validity,
}
"""What every chain must be, by name, in the order in which the rules are applied."""
CRL_RULES: dict[str, Callable[[IssuedCrl], None]] = {
    "issuer": _crl_rule_issuer,
    "key-identifier": _crl_rule_key_identifier,
    "signature": _crl_rule_signature,
    "not-future": _crl_rule_not_future,
    "not-expired": _crl_rule_not_expired,
}
"""What every CRL must be, by name, in the order in which the rules are applied."""

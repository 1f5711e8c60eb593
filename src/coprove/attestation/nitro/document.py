"""The attestation document of a Nitro enclave: CBOR in a COSE_Sign1, read strictly.

The rules are those of AWS's "Nitro Enclaves Attestation Process", section 3.2. Where the security
module departs from them (null for an optional member, a map of indefinite length), so does this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from coprove.attestation import cbor
from coprove.attestation.cose import Sign1, parse_sign1
from coprove.attestation.errors import EvidenceFormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["MAX_DOCUMENT_SIZE", "PCR_SIZE", "RULES", "Document", "parse_document"]

MAX_DOCUMENT_SIZE: Final = 16_384
"""Most bytes of the signed document, as AWS states it."""
PCR_SIZE: Final = 48
"""Bytes of a platform configuration register under SHA-384."""
_DIGEST = "SHA384"
_ES384 = -35
_COUNT_OF_PCRS = 32
_CERTIFICATE_SIZES = range(1, 1025)
_MANDATORY = frozenset({"module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle"})
_OPTIONAL: Final = {
    "public_key": range(1, 1025),
    "user_data": range(513),
    "nonce": range(513),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document and the COSE_Sign1 around it."""

    message: Sign1
    """Headers and signature."""
    module_id: str
    """Of the enclave: instance id and enclave id."""
    digest: str
    """Hash of the registers: SHA384."""
    timestamp: int
    """When it was made, milliseconds since 1970."""
    pcrs: Mapping[int, bytes]
    """Locked registers by index, 48 bytes each."""
    certificate: bytes
    """Of the key that signed, DER."""
    cabundle: tuple[bytes, ...]
    """Its issuers, root first, DER."""
    public_key: bytes | None
    """The enclave's own, up to 1,024 bytes."""
    user_data: bytes | None
    """The enclave's own, up to 512 bytes."""
    nonce: bytes | None
    """The enclave's own, up to 512 bytes."""
    unknown: tuple[str, ...]
    """Names of members that no document has."""

    @property
    def measurement(self) -> bytes:
        """PCR0, PCR1 and PCR2: image, kernel and application."""
        return b"".join(self.pcrs[index] for index in range(3))

    @property
    def made_at(self) -> int:
        """`timestamp` in whole seconds."""
        return self.timestamp // 1000

    @property
    def debug(self) -> bool:
        """Whether it is of an enclave in debug mode: AWS then leaves PCR0 to PCR2 zero."""
        return not all(any(self.pcrs[index]) for index in range(3))


def parse_document(data: bytes) -> Document:
    """Return a document's parts when all `RULES` hold; EvidenceFormatError names what is wrong."""
    message = parse_sign1(data, "Nitro document", untagged=True)
    if len(message.payload) > MAX_DOCUMENT_SIZE:
        raise EvidenceFormatError(
            "Nitro document",
            expected=f"at most {MAX_DOCUMENT_SIZE} bytes",
            actual=f"{len(message.payload)} bytes",
        )
    members = cbor.decode(message.payload, "Nitro document", indefinite_maps=True)
    if not isinstance(members, dict):
        raise EvidenceFormatError("Nitro document", expected="a map", actual=type(members).__name__)
    document = _read(message, members)
    for rule in RULES.values():
        rule(document)
    return document


def _read(message: Sign1, members: dict[Any, Any]) -> Document:
    known = _MANDATORY | set(_OPTIONAL)
    pcrs = cbor.member(members, "pcrs", dict, "Nitro PCRs")
    bundle = cbor.member(members, "cabundle", list, "Nitro CA bundle")
    return Document(
        message=message,
        module_id=cbor.member(members, "module_id", str, "Nitro module id"),
        digest=cbor.member(members, "digest", str, "Nitro digest"),
        timestamp=cbor.member(members, "timestamp", int, "Nitro timestamp"),
        pcrs={index: cbor.member(pcrs, index, bytes, f"Nitro PCR {index}") for index in pcrs},
        certificate=cbor.member(
            members, "certificate", bytes, "Nitro certificate", sizes=_CERTIFICATE_SIZES
        ),
        cabundle=tuple(
            cbor.member(
                dict(enumerate(bundle)),
                place,
                bytes,
                f"Nitro CA bundle {place}",
                sizes=_CERTIFICATE_SIZES,
            )
            for place in range(len(bundle))
        ),
        public_key=_optional(members, "public_key"),
        user_data=_optional(members, "user_data"),
        nonce=_optional(members, "nonce"),
        unknown=tuple(sorted(str(name) for name in members if name not in known)),
    )


def _optional(members: dict[Any, Any], name: str) -> bytes | None:
    if members.get(name) is None:
        return None
    return cbor.member(members, name, bytes, f"Nitro {name}", sizes=_OPTIONAL[name])


def _rule_algorithm(document: Document) -> None:
    algorithm = document.message.algorithm
    if algorithm.number != _ES384:
        raise EvidenceFormatError(
            "Nitro signature algorithm", expected="ES384", actual=algorithm.name
        )


def _rule_headers(document: Document) -> None:
    if document.message.key_id is not None:
        raise EvidenceFormatError("Nitro headers", expected="the algorithm only", actual="a key id")


def _rule_members(document: Document) -> None:
    if document.unknown:
        raise EvidenceFormatError(
            "Nitro document", expected="the members that AWS names", actual=document.unknown
        )


def _rule_module_id(document: Document) -> None:
    if not document.module_id.isprintable() or not document.module_id:
        raise EvidenceFormatError(
            "Nitro module id", expected="printable text", actual=repr(document.module_id)
        )


def _rule_digest(document: Document) -> None:
    if document.digest != _DIGEST:
        raise EvidenceFormatError("Nitro digest", expected=_DIGEST, actual=document.digest)


def _rule_timestamp(document: Document) -> None:
    if not 0 < document.timestamp < 1 << 63:
        raise EvidenceFormatError(
            "Nitro timestamp", expected="milliseconds since 1970", actual=document.timestamp
        )


def _rule_pcrs(document: Document) -> None:
    indexes = list(document.pcrs)
    numbers = all(isinstance(index, int) and 0 <= index < _COUNT_OF_PCRS for index in indexes)
    if not numbers or not {0, 1, 2} <= set(indexes):
        raise EvidenceFormatError(
            "Nitro PCRs", expected="0, 1, 2 and others up to 31", actual=indexes
        )


def _rule_pcr_sizes(document: Document) -> None:
    for index, value in document.pcrs.items():
        if len(value) != PCR_SIZE:
            raise EvidenceFormatError(
                f"Nitro PCR {index}", expected=f"{PCR_SIZE} bytes", actual=len(value)
            )


def _rule_bundle(document: Document) -> None:
    if not 1 <= len(document.cabundle) <= 8:
        raise EvidenceFormatError(
            "Nitro CA bundle", expected="1 to 8 certificates", actual=len(document.cabundle)
        )


RULES: Final[dict[str, Callable[[Document], None]]] = {
    "algorithm": _rule_algorithm,
    "headers": _rule_headers,
    "members": _rule_members,
    "module-id": _rule_module_id,
    "digest": _rule_digest,
    "timestamp": _rule_timestamp,
    "pcrs": _rule_pcrs,
    "pcr-sizes": _rule_pcr_sizes,
    "bundle": _rule_bundle,
}
"""What a document must be, by a short name."""

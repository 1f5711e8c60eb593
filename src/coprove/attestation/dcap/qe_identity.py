"""Intel's QE identity, version 2: what a genuine quoting enclave is.

Source: Intel SGX and TDX Provisioning Certification Service API, version 4, "Get Quoting Enclave
Identity" and "Get TD Quoting Enclave Identity".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.attestation.dcap.documents import parse_document
from coprove.attestation.dcap.levels import SvnLevel, parse_svn_levels
from coprove.attestation.errors import EvidenceFormatError

if TYPE_CHECKING:
    from coprove.attestation.dcap.levels import Standing

__all__ = ["QeIdentity", "parse_qe_identity"]

_WHAT = "QE identity"


@dataclass(frozen=True, slots=True, kw_only=True)
class QeIdentity:
    """The document, parsed."""

    id: str
    """`QE` for SGX quotes, `TD_QE` for TDX quotes."""
    issue_date: int
    """Unix seconds."""
    next_update: int
    """Unix seconds, inclusive."""
    evaluation_number: int
    """tcbEvaluationDataNumber: rises with every TCB recovery."""
    misc_select: int
    """MISCSELECT under the mask; the four bytes in hex are the little-endian number."""
    misc_select_mask: int
    """Which bits count."""
    attributes: bytes
    """16 bytes: ATTRIBUTES under the mask."""
    attributes_mask: bytes
    """16 bytes: which bits count."""
    mr_signer: bytes
    """32 bytes."""
    isv_prod_id: int
    """u16."""
    levels: tuple[SvnLevel, ...]
    """By falling ISVSVN."""

    def standing_of(self, isv_svn: int) -> Standing | None:
        """Return what is said of a security version; None below the last level."""
        for level in self.levels:
            if isv_svn >= level.svn:
                return level.standing
        return None


def parse_qe_identity(text: str) -> QeIdentity:
    """Parse the signed text; EvidenceFormatError names the member that is not as it must be."""
    document = parse_document(text, _WHAT)
    kind = document.text("id")
    if kind not in ("QE", "TD_QE"):
        raise EvidenceFormatError(f"{_WHAT}.id", expected="QE or TD_QE", actual=kind)
    document.require("version", 2)
    return QeIdentity(
        id=kind,
        issue_date=document.date("issueDate"),
        next_update=document.date("nextUpdate"),
        evaluation_number=document.number("tcbEvaluationDataNumber", 2**32 - 1),
        misc_select=int.from_bytes(document.hex("miscselect", 4), "little"),
        misc_select_mask=int.from_bytes(document.hex("miscselectMask", 4), "little"),
        attributes=document.hex("attributes", 16),
        attributes_mask=document.hex("attributesMask", 16),
        mr_signer=document.hex("mrsigner", 32),
        isv_prod_id=document.number("isvprodid", 0xFFFF),
        levels=parse_svn_levels(document.members("tcbLevels"), 0xFFFF, _WHAT),
    )

"""A simulated guest, its evidence, and ways to spoil it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.attestation.simulation.amd import GuestState, SimulatedAmd
from coprove.attestation.snp import Endorsements, encode_endorsements, verify_report

if TYPE_CHECKING:
    from coprove.attestation.claims import Claims

AT = 1_790_000_000
"""When everything is verified, Unix seconds."""
AMD = SimulatedAmd.from_seed("tests")
"""The vendor."""
GUEST = GuestState(report_data=bytes(range(64)), measurement=bytes(range(48)))
"""What runs."""


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """A report with its certificates, the good one unless a part is replaced."""

    body: bytes = AMD.unsigned_report(GUEST)
    vcek: bytes | None = AMD.issue_vcek()
    vlek: bytes | None = None
    ask: bytes | None = AMD.ask.certificate
    ark: bytes | None = AMD.ark.certificate
    crl: bytes | None = None
    signer: SimulatedAmd = AMD

    @property
    def report(self) -> bytes:
        return self.signer.sign(self.body)

    @property
    def endorsements(self) -> bytes:
        table = Endorsements(
            vcek=self.vcek, vlek=self.vlek, ask=self.ask, ark=self.ark, crl=self.crl
        )
        return encode_endorsements(table)

    def verify(self, *, at: int = AT) -> Claims:
        return verify_report(self.report, self.endorsements, at=at, roots=(AMD.root,))


def edited(changes: dict[int, bytes], body: bytes = Exhibit.body) -> bytes:
    """Return a report's signed part with bytes replaced at offsets."""
    edited_body = bytearray(body)
    for at, value in changes.items():
        edited_body[at : at + len(value)] = value
    return bytes(edited_body)

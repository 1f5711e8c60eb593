"""A simulated AMD: root, intermediate, VCEK and reports that pass the checks of SEV-SNP.

Everything but the signatures' algorithm in certificates is as AMD has it. Claims of such evidence
are marked as simulated, since the root is not AMD's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from coprove.attestation.simulation.issuing import Authority, Subject, derive_p384
from coprove.attestation.snp.endorsements import Endorsements, encode_endorsements
from coprove.attestation.snp.product import Product, TcbVersion
from coprove.attestation.snp.report import REPORT_SIZE
from coprove.attestation.x509 import Certificate, parse_certificate
from coprove.errors import InputError

__all__ = ["SIMULATED_TCB", "GuestState", "SimulatedAmd", "vcek_extensions"]

SIMULATED_TCB: Final = TcbVersion(bootloader=4, tee=0, snp=24, microcode=219)
"""TCB version of simulated Milan processors."""
_SIGNED_SIZE = 0x2A0
_POLICY = 1 << 16 | 1 << 17
_OID = "1.3.6.1.4.1.3704.1."


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestState:
    """What a simulated guest's report says of it."""

    report_data: bytes
    """64 bytes of the guest's own."""
    measurement: bytes
    """48 bytes: launch digest."""
    guest_svn: int = 0
    """Security version of the guest."""
    vmpl: int = 0
    """Privilege level that asks."""
    policy: int = _POLICY
    """Guest policy: by default SMT allowed, nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedAmd:
    """Keys of a simulated AMD and one of its chips, all from a seed."""

    ark: Authority
    """Root."""
    ask: Authority
    """Intermediate over VCEKs."""
    vcek: ec.EllipticCurvePrivateKey
    """Key of the chip, P-384."""
    chip_id: bytes
    """64 bytes."""

    @classmethod
    def from_seed(cls, seed: str, *, chip: int = 0) -> SimulatedAmd:
        """Return the simulation of a seed; chips of one seed have one root."""
        ark = Authority.root(
            Subject(name="ARK-Milan", is_authority=True), derive_p384(seed, "amd ark")
        )
        ask = ark.delegate(
            Subject(name="SEV-Milan", is_authority=True, path_length=0, serial=2),
            derive_p384(seed, "amd ask"),
        )
        vcek = derive_p384(seed, f"amd vcek {chip}")
        numbers = vcek.public_key().public_numbers()
        chip_id = numbers.x.to_bytes(48, "big") + numbers.y.to_bytes(48, "big")[:16]
        return cls(ark=ark, ask=ask, vcek=vcek, chip_id=chip_id)

    @property
    def root(self) -> Certificate:
        """The root at which a verifier of the simulation lets chains end."""
        return parse_certificate(self.ark.certificate, "simulated ARK")

    def endorsements(self) -> bytes:
        """Return the certificate table that goes beside reports."""
        return encode_endorsements(
            Endorsements(vcek=self.issue_vcek(), ask=self.ask.certificate, ark=self.ark.certificate)
        )

    def issue_vcek(self, tcb: TcbVersion = SIMULATED_TCB) -> bytes:
        """Return the certificate of the chip's key for a TCB version, DER."""
        subject = Subject(
            name="SEV-VCEK", serial=3, extensions=vcek_extensions(tcb, hardware_id=self.chip_id)
        )
        return self.ask.issue(subject, self.vcek.public_key())

    def report(self, guest: GuestState) -> bytes:
        """Return a signed report of version 3; InputError for fields of another size."""
        return self.sign(self.unsigned_report(guest))

    def unsigned_report(self, guest: GuestState) -> bytes:
        """Return the 672 bytes that the chip signs."""
        for name, value, size in (
            ("report data", guest.report_data, 64),
            ("measurement", guest.measurement, 48),
        ):
            if len(value) != size:
                actual = f"{len(value)} bytes"
                raise InputError(f"simulated {name}", expected=f"{size} bytes", actual=actual)
        body = bytearray(_SIGNED_SIZE)
        version = SIMULATED_TCB
        tcb = bytes([version.bootloader, version.tee, 0, 0, 0, 0, version.snp, version.microcode])
        fields = {
            0x00: (3).to_bytes(4, "little"),
            0x04: guest.guest_svn.to_bytes(4, "little"),
            0x08: guest.policy.to_bytes(8, "little"),
            0x30: guest.vmpl.to_bytes(4, "little"),
            0x34: (1).to_bytes(4, "little"),
            0x38: tcb,
            0x40: (1).to_bytes(8, "little"),
            0x50: guest.report_data,
            0x90: guest.measurement,
            0x140: guest.report_data[:32],
            0x160: b"\xff" * 32,
            0x180: tcb,
            0x188: bytes([0x19, 0x01, 0x01]),
            0x1A0: self.chip_id,
            0x1E0: tcb,
            0x1E8: bytes([29, 55, 1, 0, 29, 55, 1, 0]),
            0x1F0: tcb,
        }
        for at, value in fields.items():
            body[at : at + len(value)] = value
        return bytes(body)

    def sign(self, body: bytes) -> bytes:
        """Return the report of 672 bytes that the chip's key signs, whatever they say."""
        algorithm = ec.ECDSA(hashes.SHA384(), deterministic_signing=True)
        r, s = decode_dss_signature(self.vcek.sign(body, algorithm))
        signature = r.to_bytes(72, "little") + s.to_bytes(72, "little")
        return (body + signature).ljust(REPORT_SIZE, b"\0")


def vcek_extensions(
    tcb: TcbVersion,
    *,
    hardware_id: bytes | None = None,
    csp_id: str | None = None,
    product_name: str = f"{Product.MILAN.value}-B1",
) -> tuple[tuple[str, bytes], ...]:
    """Return AMD's extensions for a VCEK (with a hardware id) or VLEK (with a provider's id)."""
    numbers = {
        "1": 0,
        "3.1": tcb.bootloader,
        "3.2": tcb.tee,
        "3.3": tcb.snp,
        "3.8": tcb.microcode,
    }
    if tcb.fmc is not None:
        numbers["3.9"] = tcb.fmc
    found = [(_OID + part, _integer(value)) for part, value in numbers.items()]
    found.append((_OID + "2", _text(product_name)))
    if hardware_id is not None:
        found.append((_OID + "4", hardware_id))
    if csp_id is not None:
        found.append((_OID + "5", _text(csp_id)))
    return tuple(found)


def _integer(value: int) -> bytes:
    content = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return bytes([0x02, len(content)]) + content


def _text(value: str) -> bytes:
    return bytes([0x16, len(value)]) + value.encode("ascii")

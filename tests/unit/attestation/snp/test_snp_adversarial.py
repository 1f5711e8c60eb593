"""What a hostile host may try with a SEV-SNP report: each try falls to the one check named for it.

Every attack is signed as well as the real thing. Each test shows both: the check refuses it, and
with that check taken out the evidence is accepted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from coprove.attestation.errors import EvidenceFormatError, EvidenceRejectedError, Rejection
from coprove.attestation.simulation.amd import SIMULATED_TCB, SimulatedAmd, vcek_extensions
from coprove.attestation.simulation.issuing import FOREVER, Authority, Subject, derive_p384
from coprove.attestation.snp import Product, TcbVersion, report, verify, verify_report
from coprove.attestation.x509 import parse_certificate
from tests.unit.attestation.snp.guests import AMD, AT, GUEST, Exhibit, edited
from tests.unit.attestation.tables import take_out

OTHER = SimulatedAmd.from_seed("someone else's")
GOOD = Exhibit()
PAST = (FOREVER[0], AT - 1)
FUTURE = (AT + 1, FOREVER[1])


def vcek(**changes: Any) -> bytes:
    """Return the chip's certificate with another subject."""
    subject = Subject(
        name="SEV-VCEK", extensions=vcek_extensions(SIMULATED_TCB, hardware_id=AMD.chip_id)
    )
    issuer = changes.pop("issuer", AMD.ask)
    key = changes.pop("key", AMD.vcek)
    return bytes(issuer.issue(replace(subject, **changes), key.public_key()))


def authority(issuer: Authority, key_label: str, **changes: Any) -> Authority:
    """Return the intermediate with another subject."""
    subject = Subject(name="SEV-Milan", is_authority=True, path_length=0, serial=2)
    return issuer.delegate(replace(subject, **changes), derive_p384("tests", key_label))


def extended(tcb: TcbVersion = SIMULATED_TCB, **changes: Any) -> bytes:
    """Return the chip's certificate with other extensions of AMD's."""
    fields: dict[str, Any] = {"hardware_id": AMD.chip_id, **changes}
    return vcek(extensions=vcek_extensions(tcb, **fields))


SAME_NAME_ROOT = Authority.root(
    Subject(name="ARK-Milan", is_authority=True), derive_p384("attacker", "ark")
)
FAKE_ASK = authority(SAME_NAME_ROOT, "amd ask")
OLDER_TCB = replace(SIMULATED_TCB, microcode=200)
NEWER_TCB = bytes([4, 0, 0, 0, 0, 0, 24, 220])
LEAF_AS_CA = Authority(key=AMD.vcek, certificate=vcek())
VLEK_REPORT = edited({0x48: b"\x04"})


@dataclass(frozen=True, kw_only=True)
class Attack:
    """What is presented, which check stops it, and with which reason."""

    what: str
    check: str
    reason: Rejection
    exhibit: Exhibit


ATTACKS = [
    Attack(
        what="chain under a root of the same name",
        check="root",
        reason=Rejection.ROOT,
        exhibit=Exhibit(
            vcek=vcek(issuer=FAKE_ASK),
            ask=FAKE_ASK.certificate,
            ark=SAME_NAME_ROOT.certificate,
        ),
    ),
    Attack(
        what="intermediate issued in another's name",
        check="chain-names",
        reason=Rejection.CHAIN,
        exhibit=Exhibit(
            ask=authority(
                Authority(
                    key=AMD.ark.key,
                    certificate=Authority.root(
                        Subject(name="ARK-Genoa", is_authority=True), AMD.ark.key
                    ).certificate,
                ),
                "amd ask",
            ).certificate
        ),
    ),
    Attack(
        what="VCEK signed by an attacker",
        check="chain-signatures",
        reason=Rejection.CHAIN,
        exhibit=Exhibit(
            vcek=vcek(issuer=Authority(key=OTHER.ask.key, certificate=AMD.ask.certificate))
        ),
    ),
    Attack(
        what="an end entity as intermediate",
        check="chain-authorities",
        reason=Rejection.CHAIN,
        exhibit=Exhibit(
            ask=authority(AMD.ark, "amd ask", is_authority=False, path_length=None).certificate
        ),
    ),
    Attack(
        what="an intermediate without certSign",
        check="chain-authorities",
        reason=Rejection.CHAIN,
        exhibit=Exhibit(ask=authority(AMD.ark, "amd ask", usage=frozenset()).certificate),
    ),
    Attack(
        what="an authority as VCEK",
        check="chain-authorities",
        reason=Rejection.CHAIN,
        exhibit=Exhibit(vcek=vcek(is_authority=True)),
    ),
    Attack(
        what="an unknown critical extension",
        check="chain-authorities",
        reason=Rejection.CHAIN,
        exhibit=Exhibit(vcek=vcek(critical=True)),
    ),
    Attack(
        what="expired VCEK",
        check="chain-validity",
        reason=Rejection.VALIDITY,
        exhibit=Exhibit(vcek=vcek(valid=PAST)),
    ),
    Attack(
        what="VCEK of the future",
        check="chain-validity",
        reason=Rejection.VALIDITY,
        exhibit=Exhibit(vcek=vcek(valid=FUTURE)),
    ),
    Attack(
        what="expired intermediate",
        check="chain-validity",
        reason=Rejection.VALIDITY,
        exhibit=Exhibit(ask=authority(AMD.ark, "amd ask", valid=PAST).certificate),
    ),
    Attack(
        what="a VLEK in the VCEK's place",
        check="chain-roles",
        reason=Rejection.CHAIN,
        exhibit=Exhibit(vcek=vcek(name="SEV-VLEK")),
    ),
    Attack(
        what="a VCEK of another product line",
        check="chain-roles",
        reason=Rejection.CHAIN,
        exhibit=Exhibit(
            vcek=extended(product_name="Genoa-B1"), body=edited({0x188: b"\x19\x11\x01"})
        ),
    ),
    Attack(
        what="a VLEK from the intermediate of VCEKs",
        check="chain-roles",
        reason=Rejection.CHAIN,
        exhibit=Exhibit(
            body=VLEK_REPORT,
            vcek=None,
            vlek=vcek(
                name="SEV-VLEK",
                extensions=vcek_extensions(SIMULATED_TCB, csp_id="cloud", product_name="Milan"),
            ),
        ),
    ),
    Attack(
        what="revoked root",
        check="revocation",
        reason=Rejection.REVOKED,
        exhibit=Exhibit(crl=AMD.ark.revoke((1,))),
    ),
    Attack(
        what="revoked intermediate",
        check="revocation",
        reason=Rejection.REVOKED,
        exhibit=Exhibit(crl=AMD.ark.revoke((2,))),
    ),
    Attack(
        what="revocation list of another authority",
        check="revocation",
        reason=Rejection.COLLATERAL,
        exhibit=Exhibit(crl=AMD.ask.revoke(())),
    ),
    Attack(
        what="revocation list by an attacker",
        check="revocation",
        reason=Rejection.CHAIN,
        exhibit=Exhibit(crl=SAME_NAME_ROOT.revoke(())),
    ),
    Attack(
        what="expired revocation list",
        check="revocation",
        reason=Rejection.VALIDITY,
        exhibit=Exhibit(crl=AMD.ark.revoke((), valid=PAST)),
    ),
    Attack(
        what="revocation list of the future",
        check="revocation",
        reason=Rejection.VALIDITY,
        exhibit=Exhibit(crl=AMD.ark.revoke((), valid=FUTURE)),
    ),
    Attack(
        what="processor of another line than the certificate",
        check="product",
        reason=Rejection.PLATFORM,
        exhibit=Exhibit(body=edited({0x188: b"\x19\x11\x01"})),
    ),
    Attack(
        what="unknown processor",
        check="product",
        reason=Rejection.PLATFORM,
        exhibit=Exhibit(body=edited({0x188: b"\x18\x01\x01"})),
    ),
    Attack(
        what="host that lets reports go unsigned",
        check="signing-key",
        reason=Rejection.SIGNATURE,
        exhibit=Exhibit(body=edited({0x48: b"\x02"})),
    ),
    Attack(
        what="VCEK of another chip",
        check="chip",
        reason=Rejection.PLATFORM,
        exhibit=Exhibit(vcek=extended(hardware_id=OTHER.chip_id)),
    ),
    Attack(
        what="masked chip id",
        check="chip",
        reason=Rejection.PLATFORM,
        exhibit=Exhibit(body=edited({0x1A0: bytes(64)})),
    ),
    Attack(
        what="VCEK without a chip",
        check="chip",
        reason=Rejection.PLATFORM,
        exhibit=Exhibit(vcek=extended(hardware_id=None)),
    ),
    Attack(
        what="VCEK of another TCB version",
        check="reported-tcb",
        reason=Rejection.PLATFORM,
        exhibit=Exhibit(vcek=extended(OLDER_TCB)),
    ),
    Attack(
        what="reported TCB above the current",
        check="tcb-order",
        reason=Rejection.PLATFORM,
        exhibit=Exhibit(
            body=edited({0x180: NEWER_TCB}), vcek=extended(replace(SIMULATED_TCB, microcode=220))
        ),
    ),
    Attack(
        what="committed TCB above the current",
        check="tcb-order",
        reason=Rejection.PLATFORM,
        exhibit=Exhibit(body=edited({0x1E0: NEWER_TCB})),
    ),
    Attack(
        what="report signed by another key",
        check="signature",
        reason=Rejection.SIGNATURE,
        exhibit=Exhibit(signer=replace(AMD, vcek=OTHER.vcek)),
    ),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.what)
def test_each_check_stops_its_attack_and_nothing_else_does(
    attack: Attack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the check taken out, the attack passes: no other check hides that it is missing."""
    with pytest.raises(EvidenceRejectedError) as refused:
        attack.exhibit.verify()
    assert refused.value.reason is attack.reason
    take_out(monkeypatch, verify, "CHECKS", attack.check)
    attack.exhibit.verify()


def test_every_check_has_its_attack() -> None:
    """The range of r and s is the exception: the library refuses what it refuses, too."""
    assert {attack.check for attack in ATTACKS} == set(verify.CHECKS) - {"signature-range"}


MALFORMED = {
    "version": {0x00: b"\x04"},
    "algorithm": {0x34: b"\x02"},
    "policy": {0x08: (1 << 16).to_bytes(8, "little")},
    "platform-info": {0x40: b"\x41"},
    "key-info": {0x48: b"\x20"},
    "vmpl": {0x30: b"\xff\xff\xff\xff"},
    "reserved": {0x4C: b"\x01"},
}


@pytest.mark.parametrize("rule", MALFORMED)
def test_each_rule_of_the_format_stops_its_report(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exhibit = Exhibit(body=edited(MALFORMED[rule]))
    with pytest.raises(EvidenceFormatError):
        exhibit.verify()
    take_out(monkeypatch, report, "RULES", rule)
    exhibit.verify()


RESERVED = [0x4C, 0x4F, 0x18B, 0x19F, 0x1EB, 0x1EF, 0x1F8, 0x29F]


@pytest.mark.parametrize("at", RESERVED, ids=hex)
def test_reserved_bytes_are_zero(at: int) -> None:
    with pytest.raises(EvidenceFormatError, match="reserved"):
        Exhibit(body=edited({at: b"\x01"})).verify()


@pytest.mark.parametrize("bits", [1 << 26, 1 << 63], ids=hex)
def test_policy_bits_that_nobody_defined_are_refused(bits: int) -> None:
    policy = (GUEST.policy | bits).to_bytes(8, "little")
    with pytest.raises(EvidenceFormatError, match="policy"):
        Exhibit(body=edited({0x08: policy})).verify()


def test_bytes_behind_the_signature_are_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytearray(GOOD.report)
    data[-1] = 1
    with pytest.raises(EvidenceFormatError, match="reserved"):
        verify_report(bytes(data), GOOD.endorsements, at=AT, roots=(AMD.root,))
    take_out(monkeypatch, report, "RULES", "signature-tail")
    verify_report(bytes(data), GOOD.endorsements, at=AT, roots=(AMD.root,))


@pytest.mark.parametrize("size", [0, 1, 671, 672, 1183, 1185, 2368])
def test_only_1184_bytes_are_a_report(size: int) -> None:
    data = GOOD.report.ljust(size, b"\0")[:size]
    with pytest.raises(EvidenceFormatError, match="1184"):
        verify_report(data, GOOD.endorsements, at=AT, roots=(AMD.root,))


def test_reserved_bytes_of_a_tcb_version_are_zero() -> None:
    tcb = bytes([4, 0, 1, 0, 0, 0, 24, 219])
    for at in (0x38, 0x180, 0x1E0, 0x1F0):
        with pytest.raises(EvidenceFormatError, match="TCB, reserved"):
            Exhibit(body=edited({at: tcb})).verify()


def test_the_line_of_a_certificate_must_be_known() -> None:
    with pytest.raises(EvidenceFormatError, match="product name"):
        Exhibit(vcek=extended(product_name="Venice-A0")).verify()


def test_a_key_on_another_curve_is_no_vcek() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(EvidenceRejectedError, match="P-384"):
        Exhibit(vcek=vcek(key=key)).verify()


def test_a_missing_certificate_is_named() -> None:
    with pytest.raises(EvidenceRejectedError, match="no VCEK"):
        Exhibit(vcek=None, vlek=vcek()).verify()
    with pytest.raises(EvidenceRejectedError, match="no VLEK"):
        Exhibit(body=VLEK_REPORT).verify()
    with pytest.raises(EvidenceRejectedError, match="intermediate certificate is neither"):
        Exhibit(ask=None).verify()
    assert Exhibit(ark=None).verify().simulated


@pytest.mark.parametrize("product", [Product.GENOA, Product.TURIN])
def test_a_simulated_vlek_under_the_right_intermediate_is_accepted(product: Product) -> None:
    """VLEKs name a provider in place of a chip; Turin's TCB has a fifth component."""
    fmc = 1 if product is Product.TURIN else None
    tcb = replace(SIMULATED_TCB, fmc=fmc)
    root = Authority.root(Subject(name=f"ARK-{product}", is_authority=True), AMD.ark.key)
    asvk = authority(root, "asvk", name=f"SEV-VLEK-{product}")
    vlek = vcek(
        name="SEV-VLEK",
        issuer=asvk,
        extensions=vcek_extensions(tcb, csp_id="cloud", product_name=product.value),
    )
    layout = bytes([1, 4, 0, 24, 0, 0, 0, 219]) if fmc else bytes([4, 0, 0, 0, 0, 0, 24, 219])
    cpuid = b"\x1a\x02\x01" if fmc else b"\x19\x11\x01"
    changes = dict.fromkeys((56, 384, 480, 496), layout)
    body = edited({**changes, 0x48: b"\x04", 0x188: cpuid})
    exhibit = Exhibit(body=body, vcek=None, vlek=vlek, ask=asvk.certificate, ark=root.certificate)
    claims = verify_report(
        exhibit.report, exhibit.endorsements, at=AT, roots=(parse_certificate(root.certificate),)
    )
    assert claims.attributes["provider"] == "cloud"
    assert claims.attributes.get("tcb-fmc") == fmc

"""What a hostile host may try with a Nitro document: each try falls to the check named for it.

Every attack is signed as well as the real thing. Each test shows both: the check refuses it, and
with that check taken out the evidence is accepted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from coprove.attestation.errors import EvidenceFormatError, EvidenceRejectedError, Rejection
from coprove.attestation.nitro import document, parse_document, verify, verify_document
from coprove.attestation.simulation.issuing import Authority, Subject, derive_p384
from coprove.attestation.simulation.nitro import SimulatedNitro, sign_document
from tests.unit.attestation.nitro.enclaves import AT, AWS, PCRS, Exhibit
from tests.unit.attestation.tables import take_out

GOOD = Exhibit()
OTHER = SimulatedNitro.from_seed("someone else's")
BUNDLE = tuple(issuer.certificate for issuer in AWS.issuers)
INSTANCE = Subject(name="instance.simulation.aws.nitro-enclaves", is_authority=True, path_length=0)


def leaf(issuer: Authority = AWS.issuers[-1], **changes: Any) -> bytes:
    """Return the enclave's certificate with another subject."""
    key = changes.pop("key", AWS.key)
    subject = Subject(name="enclave.simulation.aws", valid=(AT - 3, AT + 10_800))
    return issuer.issue(replace(subject, **changes), key.public_key())


def instance(issuer: Authority = AWS.issuers[-2], **changes: Any) -> bytes:
    """Return the certificate of the last issuer with another subject."""
    return issuer.issue(replace(INSTANCE, **changes), AWS.issuers[-1].key.public_key())


def under(fake: Authority) -> list[bytes]:
    """Return the bundle under another root with the same names and keys."""
    chain = [fake]
    for genuine, length in zip(AWS.issuers[1:], (2, 1, 0), strict=True):
        name = ("region", "zone", "instance")[2 - length]
        subject = Subject(
            name=f"{name}.simulation.aws.nitro-enclaves", is_authority=True, path_length=length
        )
        chain.append(chain[-1].delegate(subject, genuine.key))
    return [issuer.certificate for issuer in chain]


ROOT_SUBJECT = Subject(name="aws.nitro-enclaves", is_authority=True)
SAME_NAME_ROOT = Authority.root(ROOT_SUBJECT, derive_p384("attacker", "root"))


@dataclass(frozen=True, kw_only=True)
class Attack:
    """What is presented, which check stops it, and with which reason."""

    what: str
    check: str
    reason: Rejection
    exhibit: Exhibit
    at: int = AT


ATTACKS = [
    Attack(
        what="chain under a root of the same name",
        check="root",
        reason=Rejection.ROOT,
        exhibit=Exhibit(members={"cabundle": under(SAME_NAME_ROOT)}),
    ),
    Attack(
        what="issuer of another name",
        check="chain-names",
        reason=Rejection.CHAIN,
        exhibit=Exhibit(members={"cabundle": [*BUNDLE[:-1], instance(name="somebody else")]}),
    ),
    Attack(
        what="leaf signed by an attacker",
        check="chain-signatures",
        reason=Rejection.CHAIN,
        exhibit=Exhibit(
            members={
                "certificate": leaf(Authority(key=OTHER.key, certificate=BUNDLE[-1])),
            }
        ),
    ),
    Attack(
        what="an end entity as issuer",
        check="chain-authorities",
        reason=Rejection.CHAIN,
        exhibit=Exhibit(
            members={"cabundle": [*BUNDLE[:-1], instance(is_authority=False, path_length=None)]}
        ),
    ),
    Attack(
        what="an issuer without certSign",
        check="chain-authorities",
        reason=Rejection.CHAIN,
        exhibit=Exhibit(members={"cabundle": [*BUNDLE[:-1], instance(usage=frozenset())]}),
    ),
    Attack(
        what="an authority as leaf",
        check="chain-authorities",
        reason=Rejection.CHAIN,
        exhibit=Exhibit(members={"certificate": leaf(is_authority=True)}),
    ),
    Attack(
        what="a leaf that may not sign",
        check="chain-authorities",
        reason=Rejection.CHAIN,
        exhibit=Exhibit(members={"certificate": leaf(usage=frozenset())}),
    ),
    Attack(
        what="chain that expired between document and now",
        check="chain-validity",
        reason=Rejection.VALIDITY,
        exhibit=Exhibit(members={"certificate": leaf(valid=(AT - 3, AT + 60))}),
        at=AT + 61,
    ),
    Attack(
        what="chain that did not hold yet when the document was made",
        check="chain-at-document-time",
        reason=Rejection.VALIDITY,
        exhibit=Exhibit(members={"certificate": leaf(valid=(AT + 60, AT + 10_800))}),
        at=AT + 100,
    ),
    Attack(
        what="old document",
        check="freshness",
        reason=Rejection.VALIDITY,
        exhibit=GOOD,
        at=AT + 301,
    ),
    Attack(
        what="document of the future",
        check="freshness",
        reason=Rejection.VALIDITY,
        exhibit=Exhibit(members={"timestamp": (AT + 1) * 1000}),
    ),
    Attack(
        what="user data longer than report data",
        check="user-data",
        reason=Rejection.BINDING,
        exhibit=Exhibit(members={"user_data": bytes(65)}),
    ),
    Attack(
        what="document signed by another key",
        check="signature",
        reason=Rejection.SIGNATURE,
        exhibit=Exhibit(key=OTHER.key),
    ),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.what)
def test_each_check_stops_its_attack_and_nothing_else_does(
    attack: Attack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the check taken out, the attack passes: no other check hides that it is missing."""
    with pytest.raises(EvidenceRejectedError) as refused:
        attack.exhibit.verify(at=attack.at)
    assert refused.value.reason is attack.reason
    take_out(monkeypatch, verify, "CHECKS", attack.check)
    attack.exhibit.verify(at=attack.at)


def test_every_check_has_its_attack() -> None:
    """The range of r and s is the exception: the library refuses what it refuses, too."""
    assert {attack.check for attack in ATTACKS} == set(verify.CHECKS) - {"signature-range"}


@pytest.mark.parametrize(
    "bundle",
    [
        BUNDLE[::-1],
        BUNDLE[1:],
        BUNDLE[:-1],
        (BUNDLE[0], *BUNDLE),
        (*BUNDLE, BUNDLE[-1]),
        (BUNDLE[0], BUNDLE[2], BUNDLE[1], BUNDLE[3]),
        tuple(issuer.certificate for issuer in OTHER.issuers),
    ],
    ids=["reversed", "no root", "no issuer", "root twice", "issuer twice", "swapped", "other's"],
)
def test_a_chain_that_is_short_long_or_out_of_order_is_refused(bundle: tuple[bytes, ...]) -> None:
    with pytest.raises(EvidenceRejectedError) as refused:
        Exhibit(members={"cabundle": list(bundle)}).verify()
    assert refused.value.reason in (Rejection.CHAIN, Rejection.ROOT)


def test_path_lengths_hold() -> None:
    """An instance cannot set up another authority below itself."""
    further = AWS.issuers[-1].delegate(replace(INSTANCE, name="below"), OTHER.key)
    members = {"cabundle": [*BUNDLE, further.certificate], "certificate": leaf(further)}
    with pytest.raises(EvidenceRejectedError, match="allows 0 authorities below it, not 1"):
        Exhibit(members=members).verify()


MALFORMED: dict[str, Exhibit] = {
    "algorithm": Exhibit(protected=bytes.fromhex("a10126")),
    "headers": Exhibit(protected=bytes.fromhex("a20138220441aa")),
    "members": Exhibit(members={"extra": 1}),
    "module-id": Exhibit(members={"module_id": ""}),
    "digest": Exhibit(members={"digest": "SHA512"}),
    "timestamp": Exhibit(members={"timestamp": -1}),
    "pcrs": Exhibit(members={"pcrs": PCRS | {32: bytes(48)}}),
    "pcr-sizes": Exhibit(members={"pcrs": PCRS | {3: bytes(32)}}),
    "bundle": Exhibit(members={"cabundle": list(BUNDLE) * 3}),
}


@pytest.mark.parametrize("rule", MALFORMED)
def test_each_rule_of_the_format_stops_its_document(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = MALFORMED[rule].document
    if rule == "algorithm":
        data = data[:-98] + b"\x58\x40" + bytes(64)
    with pytest.raises(EvidenceFormatError):
        parse_document(data)
    take_out(monkeypatch, document, "RULES", rule)
    parse_document(data)


def test_every_rule_of_the_format_has_its_document() -> None:
    assert set(MALFORMED) == set(document.RULES)


WRONG: dict[str, dict[str, Any]] = {
    "null": {"module_id": None},
    "module id of bytes": {"module_id": b"i-0"},
    "unprintable module id": {"module_id": "i\n0"},
    "timestamp zero": {"timestamp": 0},
    "timestamp of text": {"timestamp": "1790000000000"},
    "timestamp true": {"timestamp": True},
    "huge timestamp": {"timestamp": 1 << 63},
    "no PCR": {"pcrs": {}},
    "no PCR2": {"pcrs": {0: bytes(48), 1: bytes(48)}},
    "PCR of text": {"pcrs": PCRS | {4: "x" * 48}},
    "PCR by name": {"pcrs": PCRS | {"4": bytes(48)}},
    "negative PCR": {"pcrs": PCRS | {-1: bytes(48)}},
    "PCRs as list": {"pcrs": [bytes(48)] * 3},
    "empty certificate": {"certificate": b""},
    "large certificate": {"certificate": bytes(1025)},
    "no bundle": {"cabundle": []},
    "bundle of text": {"cabundle": ["x"]},
    "large issuer": {"cabundle": [bytes(1025)]},
    "empty public key": {"public_key": b""},
    "long public key": {"public_key": bytes(1025)},
    "long user data": {"user_data": bytes(513)},
    "user data of text": {"user_data": "x"},
    "long nonce": {"nonce": bytes(513)},
    "no certificate there": {"certificate": b"\x30\x00"},
}


@pytest.mark.parametrize("members", WRONG.values(), ids=WRONG.keys())
def test_members_are_of_aws_types_and_sizes(members: dict[str, Any]) -> None:
    with pytest.raises(EvidenceFormatError):
        Exhibit(members=members).verify()


MANDATORY = ["module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle"]


@pytest.mark.parametrize("name", MANDATORY)
def test_members_that_must_be_there_are(name: str) -> None:
    with pytest.raises(EvidenceFormatError, match="got nothing"):
        Exhibit(without=(name,)).verify()


def test_the_key_is_on_p384() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(EvidenceRejectedError, match="ES384 does not go with a key on secp256r1"):
        Exhibit(members={"certificate": leaf(key=key)}).verify()


def test_claims_over_an_enclave_in_debug_mode_say_so() -> None:
    """AWS leaves the registers of a debug enclave zero; one zero register is enough."""
    for index in range(3):
        claims = Exhibit(members={"pcrs": PCRS | {index: bytes(48)}}).verify()
        assert claims.debug


def test_a_document_under_aws_root_only_is_refused_when_simulated() -> None:
    with pytest.raises(EvidenceRejectedError) as refused:
        verify_document(GOOD.document, at=AT)
    assert refused.value.reason is Rejection.ROOT


def test_a_payload_that_is_too_large_or_no_map_is_refused() -> None:
    for payload in (b"\x58" + bytes(2), b"\x80", b"\xa0" + bytes(17_000)):
        with pytest.raises(EvidenceFormatError):
            parse_document(sign_document(payload, AWS.key))

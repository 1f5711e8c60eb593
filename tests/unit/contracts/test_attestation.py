"""What is signed and encoded for the attestation contracts, without a chain."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_abi.abi import decode as abi_decode
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from coprove.attestation.binding import ProverBinding
from coprove.attestation.claims import Claims, TcbStatus
from coprove.attestation.platform import Platform
from coprove.contracts import LocalSigner, load_artifact
from coprove.contracts.abi import type_text
from coprove.contracts.attestation import (
    AttestorStatement,
    Liveness,
    ProverRecord,
    ProverState,
    QuoteClaims,
    Registration,
    consent_digest,
    deregistration_digest,
)
from coprove.contracts.attestation.attestors import sorted_signatures
from coprove.contracts.attestation.registration import REGISTRATION_TYPE
from coprove.contracts.known_errors import KNOWN_ERRORS
from coprove.errors import InputError
from coprove.types import ZERO_HASH, Address, Hash32

CONTRACTS = (
    "AttestationPolicy",
    "AttestorVerifier",
    "PoEVerifier",
    "TEELivenessVerifier",
    "TEEProverRegistry",
    "Timelock",
)
KEY = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
REGISTRY = Address(b"\x11" * 20)
OPERATOR = Address(b"\x22" * 20)
BINDING = ProverBinding(
    chain_id=31337,
    verifier=REGISTRY,
    operator=OPERATOR,
    platform=Platform.INTEL_TDX,
    public_key=b"\x33" * 32 + b"\x44" * 32,
    block_number=77,
    block_hash=Hash32(b"\x55" * 32),
    nonce=Hash32(b"\x66" * 32),
)
CLAIMS = Claims(
    platform=Platform.AWS_NITRO,
    measurement=b"m" * 144,
    report_data=b"r" * 32 + bytes(32),
    debug=False,
    tcb_status=TcbStatus.OK,
    replay_key=Hash32(b"k" * 32),
    valid_from=1,
    valid_until=2_000_000_000,
)
DOMAIN_FIELDS = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]


def typed_digest(
    name: str, primary: str, fields: list[dict[str, str]], message: dict[str, object]
) -> bytes:
    """The EIP-712 digest by another library."""
    signable = encode_typed_data(
        full_message={
            "types": {"EIP712Domain": DOMAIN_FIELDS, primary: fields},
            "primaryType": primary,
            "domain": {
                "name": name,
                "version": "1",
                "chainId": 31337,
                "verifyingContract": REGISTRY.hex0x,
            },
            "message": message,
        }
    )
    return bytes(Account.sign_message(signable, KEY).message_hash)


def test_every_error_of_the_contracts_is_known_by_name() -> None:
    """A revert of any of them is decoded."""
    for name in CONTRACTS:
        for entry in load_artifact(name).abi:
            if entry["type"] == "error":
                types = ",".join(type_text(parameter) for parameter in entry["inputs"])
                assert f"{entry['name']}({types})" in KNOWN_ERRORS, name


def test_records_have_as_many_fields_as_the_contracts() -> None:
    """States and reasons are counted from the ABI's enums by the readers' own tuples."""
    abi = {e["name"]: e for e in load_artifact("TEEProverRegistry").abi if "name" in e}
    names = [c["name"] for c in abi["proverOf"]["outputs"][0]["components"]]
    assert len(names) == len(ProverRecord.__slots__)
    assert names[:5] == ["operator", "validUntil", "tee", "tcbStatus", "state"]
    assert [state.value for state in ProverState] == list(range(5))
    assert [reason.value for reason in Liveness] == list(range(14))


def test_a_registration_is_the_contracts_tuple() -> None:
    """Nine fields, the key as two words."""
    registration = Registration(binding=BINDING, evidence=b"e" * 70, consent=b"c" * 65)
    assert abi_decode([REGISTRATION_TYPE], registration.encode())[0] == (
        5,
        str(OPERATOR).lower(),
        b"\x33" * 32,
        b"\x44" * 32,
        77,
        b"\x55" * 32,
        b"\x66" * 32,
        b"e" * 70,
        b"c" * 65,
    )


def test_consent_and_leaving_are_eip712() -> None:
    """The digests that wallets show and sign."""
    digest = typed_digest(
        "coprove TEE prover registry",
        "Consent",
        [{"name": "binding", "type": "bytes32"}],
        {"binding": bytes(BINDING.digest())},
    )
    assert consent_digest(BINDING) == digest
    digest = typed_digest(
        "coprove TEE prover registry",
        "Deregistration",
        [{"name": "operator", "type": "address"}, {"name": "nonce", "type": "uint256"}],
        {"operator": OPERATOR.hex0x, "nonce": 9},
    )
    assert digest == deregistration_digest(
        chain_id=31337, registry=REGISTRY, operator=OPERATOR, nonce=9
    )


def test_a_consent_is_the_signers() -> None:
    """65 bytes that recover to the account."""
    signer = LocalSigner.from_key(KEY)
    registration = Registration(binding=BINDING, evidence=b"").consented(signer)
    recovered = Account._recover_hash(
        bytes(consent_digest(BINDING)), signature=registration.consent
    )
    assert bytes.fromhex(recovered[2:]) == signer.address


def test_a_statement_is_eip712() -> None:
    """Claims, the evidence's hash and the time, each a field of its own."""
    claims = QuoteClaims.from_claims(CLAIMS)
    statement = AttestorStatement.about(b"document", claims, at=1_900_000_000)
    fields = [
        ("tee", "uint8", claims.platform.number),
        ("measurement", "bytes32", bytes(claims.measurement)),
        ("signer", "bytes32", bytes(claims.signer)),
        ("securityVersion", "uint32", claims.security_version),
        ("reportDigest", "bytes32", bytes(claims.report_digest)),
        ("tcbStatus", "uint8", 0),
        ("validUntil", "uint64", claims.valid_until),
        ("replayKey", "bytes32", bytes(claims.replay_key)),
        ("simulated", "bool", False),
        ("evidenceHash", "bytes32", bytes(statement.evidence_hash)),
        ("signedAt", "uint64", 1_900_000_000),
    ]
    digest = typed_digest(
        "coprove attestors",
        "Statement",
        [{"name": name, "type": kind} for name, kind, _ in fields],
        {name: value for name, _, value in fields},
    )
    assert statement.digest(chain_id=31337, verifier=REGISTRY) == digest


@given(st.sets(st.binary(min_size=20, max_size=20), max_size=8))
def test_signatures_are_in_the_signers_order(accounts: set[bytes]) -> None:
    """The contract refuses any other order."""
    signatures = {Address(account): account for account in accounts}
    assert sorted_signatures(signatures) == sorted(accounts)


def test_claims_that_must_not_come_on_chain_are_refused() -> None:
    """Debug mode, and report data that say more than the binding."""
    with pytest.raises(InputError, match="debug"):
        QuoteClaims.from_claims(replace(CLAIMS, debug=True))
    with pytest.raises(InputError, match="report data"):
        QuoteClaims.from_claims(replace(CLAIMS, report_data=b"r" * 64))


def test_a_signer_counts_by_its_word() -> None:
    """32 bytes as they are, others by their hash, none as zero."""
    assert QuoteClaims.from_claims(CLAIMS).signer == ZERO_HASH
    signer = b"s" * 32
    assert QuoteClaims.from_claims(replace(CLAIMS, signer=signer)).signer == signer
    long = QuoteClaims.from_claims(replace(CLAIMS, signer=b"s" * 48)).signer
    assert long not in (b"s" * 32, ZERO_HASH)


@given(
    st.sampled_from(Platform),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2**32 - 1),
    st.sampled_from(TcbStatus),
    st.booleans(),
)
def test_claims_are_read_back_as_written(
    platform: Platform, word: bytes, version: int, status: TcbStatus, simulated: bool
) -> None:
    """To the contract's tuple and back."""
    claims = QuoteClaims(
        platform=platform,
        measurement=Hash32(word),
        signer=Hash32(word[::-1]),
        security_version=version,
        report_digest=Hash32(word),
        tcb_status=status,
        valid_until=version,
        replay_key=Hash32(word),
        simulated=simulated,
    )
    assert QuoteClaims.from_abi(claims.to_abi()) == claims

"""The enclave signs what it executed, quotes what it put together, and nothing else."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st

from coprove.attestation import Platform, ProverBinding, measurement_id, prover_address
from coprove.errors import CoproveError
from coprove.primitives import keccak256
from coprove.program import ClaimMismatchError, RangeInput
from coprove.prover.tee.enclave import (
    Enclave,
    EvidenceRequestError,
    ProverKey,
    QuoteMismatchError,
    QuoteUnavailableError,
    RunStoppedError,
    SimulatedEnclaveError,
    WitnessDigestError,
    recover_prover,
)
from coprove.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32
from tests.integration.ranges import range_input
from tests.unit.prover.tee.lab import (
    BLOCK_HASH,
    MEASUREMENT,
    NONCE,
    OPERATOR,
    REGISTRY,
    FakeProvider,
    digest_of,
    recorded_root,
    witness,
)

if TYPE_CHECKING:
    from coprove.prover.tee.enclave import BoundEvidence

HALF_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141 // 2


def registration(enclave: Enclave, **changes: Any) -> BoundEvidence:
    """Ask for evidence as an operator does."""
    given: dict[str, Any] = {
        "chain_id": 900,
        "verifier": REGISTRY,
        "operator": OPERATOR,
        "block_number": 7,
        "block_hash": BLOCK_HASH,
        "nonce": NONCE,
    }
    return enclave.registration_evidence(**(given | changes))


def test_each_process_has_its_own_key_and_shows_no_secret() -> None:
    first, second = ProverKey(), ProverKey()
    assert first.public_key != second.public_key
    assert first.address == prover_address(first.public_key)
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            copied(first)
    assert repr(first) == f"ProverKey({first.address})"
    assert not hasattr(first, "__dict__")


def test_a_forked_process_has_no_key() -> None:
    """Its memory is a copy: two processes would have one name."""
    code = """
import os
from coprove.prover.tee.enclave import ProverKey
from coprove.types import Hash32

key = ProverKey()
child = os.fork()
try:
    key.sign(Hash32(bytes(32)))
    status = 0
except TypeError:
    status = 7
if child == 0:
    os._exit(status)
_, ended = os.waitpid(child, 0)
print(status, os.waitstatus_to_exitcode(ended))
"""
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == ["0", "7"]


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_signatures_are_low_s_and_recover_to_the_prover(digest: bytes) -> None:
    key = KEY
    signature = key.sign(Hash32(digest))
    assert len(signature) == 65
    assert signature[64] in (27, 28)
    assert int.from_bytes(signature[32:64], "big") <= HALF_ORDER
    assert recover_prover(Hash32(digest), signature) == key.public_key
    assert key.sign(Hash32(digest)) == signature
    high_s = (2 * HALF_ORDER + 1 - int.from_bytes(signature[32:64], "big")).to_bytes(32, "big")
    malleated = signature[:32] + high_s + bytes([55 - signature[64]])
    assert recover_prover(Hash32(digest), malleated) is None


KEY = ProverKey()


@pytest.mark.parametrize("signature", [b"", bytes(65), b"\xff" * 65, bytes(64) + b"\x1b"])
def test_what_is_no_signature_recovers_to_nobody(signature: bytes) -> None:
    assert recover_prover(Hash32(bytes(32)), signature) is None


def test_identity_is_measured_by_the_platform() -> None:
    enclave = Enclave(FakeProvider())
    identity = enclave.identity
    assert identity.measurement == MEASUREMENT
    assert identity.measurement_id == measurement_id(Platform.INTEL_SGX, MEASUREMENT)
    assert identity.address == prover_address(identity.public_key)
    assert identity.simulated


def test_a_recorded_range_gives_its_recorded_roots_signed_by_the_prover() -> None:
    enclave = Enclave(FakeProvider())
    data = witness(20, 23)
    signed = enclave.prove(data, digest=digest_of(data))
    poe = signed.poe
    assert (poe.l2_pre_block, poe.l2_post_block) == (20, 23)
    assert poe.l2_pre_root == recorded_root(20)
    assert poe.l2_post_root == recorded_root(23)
    assert (poe.l1_chain_id, poe.l2_chain_id) == (900, 901)
    assert poe.l1_head == range_input("calldata", 20, 23).l1_head
    assert poe.measurement == enclave.identity.measurement_id
    assert recover_prover(poe.digest(), signed.signature) == enclave.identity.public_key
    message = encode_typed_data(full_message=poe.typed_data())
    recovered = Account.recover_message(message, signature=signed.signature)
    assert recovered.lower() == str(enclave.identity.address).lower()
    assert signed.witness == digest_of(data)


def test_the_avs_shape_holds_the_same_range_under_its_own_hash() -> None:
    enclave = Enclave(FakeProvider())
    data = witness(20, 23)
    signed = enclave.prove(data, digest=digest_of(data))
    avs = signed.avs
    roots = (
        avs.batch_hash,
        avs.state_hash,
        avs.prev_state_root,
        avs.new_state_root,
        avs.withdrawal_root,
    )
    assert avs.digest() == keccak256(b"".join(roots))
    assert recover_prover(avs.digest(), signed.avs_signature) == enclave.identity.public_key
    assert avs.prev_state_root == recorded_root(20)
    assert avs.new_state_root == recorded_root(23)
    other = Enclave(FakeProvider(platform=Platform.AMD_SEV_SNP, measurement=b"\x01" * 48))
    assert other.prove(data, digest=digest_of(data)).avs == avs


def test_another_claimed_root_is_not_signed() -> None:
    enclave = Enclave(FakeProvider())
    data = replace(
        range_input("calldata", 20, 23), claimed_output_root=Hash32(b"\x01" * 32)
    ).encode()
    with pytest.raises(ClaimMismatchError):
        enclave.prove(data, digest=digest_of(data))


def test_another_digest_is_not_signed() -> None:
    enclave = Enclave(FakeProvider())
    data = witness(20, 23)
    with pytest.raises(WitnessDigestError):
        enclave.prove(data, digest=Hash32(b"\x01" * 32))


def test_a_run_can_be_stopped_between_blocks() -> None:
    enclave = Enclave(FakeProvider())
    data = witness(20, 23)
    asked: list[int] = []

    def stopped() -> bool:
        asked.append(1)
        return len(asked) == 2

    with pytest.raises(RunStoppedError):
        enclave.prove(data, digest=digest_of(data), stopped=stopped)
    assert len(asked) == 2


def test_report_data_of_a_registration_are_hashed_in_the_enclave() -> None:
    provider = FakeProvider()
    enclave = Enclave(provider)
    found = registration(enclave)
    expected = ProverBinding(
        chain_id=900,
        verifier=REGISTRY,
        operator=OPERATOR,
        platform=Platform.INTEL_SGX,
        public_key=enclave.identity.public_key,
        block_number=7,
        block_hash=BLOCK_HASH,
        nonce=NONCE,
    )
    assert found.binding == expected
    assert found.quote.report_data == provider.quoted[-1] == expected.report_data()


@pytest.mark.parametrize(
    "changes",
    [
        {"operator": ZERO_ADDRESS},
        {"verifier": ZERO_ADDRESS},
        {"block_hash": ZERO_HASH},
        {"block_number": 0},
        {"block_number": 2**256},
    ],
    ids=str,
)
def test_evidence_that_no_registry_takes_is_refused(changes: dict[str, Any]) -> None:
    provider = FakeProvider()
    enclave = Enclave(provider)
    with pytest.raises(EvidenceRequestError):
        registration(enclave, **changes)
    assert len(provider.quoted) == 1


def test_one_key_answers_to_one_operator() -> None:
    """The configured one, or the first: a stranger cannot register it for another."""
    stranger = Address(b"\x99" * 20)
    fixed = Enclave(FakeProvider(), operator=OPERATOR)
    with pytest.raises(EvidenceRequestError):
        registration(fixed, operator=stranger)
    first = Enclave(FakeProvider())
    assert first.operator is None
    registration(first)
    assert first.operator == OPERATOR
    with pytest.raises(EvidenceRequestError):
        registration(first, operator=stranger)
    registration(first, nonce=Hash32(b"\x01" * 32))


def avs_report_data(enclave: Enclave, request: bytes) -> bytes:
    return enclave.avs_evidence(request).report_data


@given(st.binary(max_size=64))
def test_avs_evidence_begins_with_the_prover_and_never_looks_like_a_registration(
    request: bytes,
) -> None:
    enclave = AVS
    padded = request.rjust(64, b"\x00")
    if not any(padded[32:]):
        with pytest.raises(EvidenceRequestError):
            enclave.avs_evidence(request)
        return
    found = avs_report_data(enclave, request)
    assert found == bytes(12) + enclave.identity.address + padded[32:]
    assert any(found[32:])


AVS = Enclave(FakeProvider())


def test_avs_evidence_has_at_most_64_bytes() -> None:
    with pytest.raises(EvidenceRequestError):
        AVS.avs_evidence(b"\x01" * 65)


def test_the_kinds_of_report_data_are_apart() -> None:
    """Own, registration, AVS: told apart by their form alone."""
    provider = FakeProvider()
    enclave = Enclave(provider)
    registration(enclave)
    enclave.avs_evidence(b"\xff" * 64)
    own, registered, avs = provider.quoted
    assert any(own[:12])
    assert any(own[32:])
    assert any(registered[:12])
    assert not any(registered[32:])
    assert not any(avs[:12])
    assert any(avs[32:])


def test_a_simulated_enclave_speaks_about_development_chains_only() -> None:
    provider = FakeProvider()
    enclave = Enclave(provider)
    with pytest.raises(SimulatedEnclaveError):
        registration(enclave, chain_id=1)
    original = range_input("calldata", 20, 23)
    config = original.rollup_config.replace(b'"l1_chain_id": 900', b'"l1_chain_id": 1')
    assert config != original.rollup_config
    data = replace(original, rollup_config=config).encode()
    with pytest.raises(SimulatedEnclaveError):
        enclave.prove(data, digest=digest_of(data))
    assert registration(Enclave(FakeProvider(simulated=False)), chain_id=1).binding.chain_id == 1


ALTERATIONS: dict[str, Any] = {
    "report data": lambda quote: replace(quote, report_data=b"\x01" * 64),
    "measurement": lambda quote: replace(quote, measurement=b"\x01" * 32),
    "platform": lambda quote: replace(quote, platform=Platform.INTEL_TDX),
}


@pytest.mark.parametrize("what", list(ALTERATIONS))
def test_a_quote_about_something_else_is_refused(what: str) -> None:
    provider = FakeProvider()
    enclave = Enclave(provider)
    provider.alter = ALTERATIONS[what]
    with pytest.raises(QuoteMismatchError):
        registration(enclave)
    with pytest.raises(QuoteMismatchError):
        enclave.check()


def test_a_platform_that_does_not_quote_is_temporary_and_stops_the_start() -> None:
    failing = FakeProvider(failures=[QuoteUnavailableError("no device")])
    with pytest.raises(QuoteUnavailableError):
        Enclave(failing)
    provider = FakeProvider()
    enclave = Enclave(provider)
    provider.failures.append(QuoteUnavailableError("busy"))
    with pytest.raises(QuoteUnavailableError):
        registration(enclave)
    registration(enclave)


LISTS = {9: 2, 11: 2, 12: 1, 13: 1, 14: 1}
"""Parts of a RangeInput that are packed lists (blocks, blobs, nodes, codes), and how deep."""


def structural_positions(data: bytes) -> list[int]:
    """Every byte of the schema id and of all lengths, and the first and last bytes of each part."""
    at = len(b"coprove/range-input/1\n")
    found = list(range(at))
    for index in range(15):
        size = int.from_bytes(data[at : at + 8], "little")
        start, end = at + 8, at + 8 + size
        found += [*range(at, start), *(place for place in (start, end - 1) if start <= place < end)]
        found += list_positions(data, start, end, LISTS.get(index, 0))
        at = end
    assert at == len(data)
    return sorted(set(found))


def list_positions(data: bytes, at: int, end: int, depth: int) -> list[int]:
    """The lengths in a packed list, and in its items where they are lists."""
    found: list[int] = []
    while depth and at < end:
        size = int.from_bytes(data[at : at + 4], "little")
        found += range(at, at + 4)
        if depth > 1:
            found += list_positions(data, at + 4, at + 4 + size, depth - 1)
        at += 4 + size
    return found


def flipped(data: bytes, position: int, mask: int) -> bytes:
    return data[:position] + bytes([data[position] ^ mask]) + data[position + 1 :]


def no_signature(enclave: Enclave, data: bytes, digest: Hash32) -> None:
    with pytest.raises(CoproveError):
        enclave.prove(data, digest=digest)


def test_no_byte_of_a_witness_can_be_changed_on_its_way() -> None:
    """Structural positions, and a sample of all others: an error, and nothing is signed."""
    data = witness(20, 23)
    digest = digest_of(data)
    positions = {*structural_positions(data), *range(0, len(data), 97)}
    for position in positions:
        no_signature(AVS, flipped(data, position, 0x01), digest)
        no_signature(AVS, flipped(data, position, 0x80), digest)
    for cut in (0, 1, 22, len(data) // 2, len(data) - 1):
        no_signature(AVS, data[:cut], digest)
    no_signature(AVS, data + b"\x00", digest)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_host_that_renames_what_it_altered_gets_no_wrong_claim(choice: st.DataObject) -> None:
    """With the digest of the altered bytes: an error, or a claim that holds.

    That is the recorded one, or one that names another rollup config, which no contract of this
    rollup takes.
    """
    data = witness(20, 23)
    anywhere = st.integers(0, len(data) - 1)
    position = choice.draw(st.one_of(st.sampled_from(structural_positions(data)), anywhere))
    altered = flipped(data, position, choice.draw(st.integers(1, 255)))
    try:
        poe = AVS.prove(altered, digest=digest_of(altered)).poe
    except CoproveError:
        return
    if poe.rollup_config_hash == TRUE_CLAIM.rollup_config_hash:
        assert poe == TRUE_CLAIM
    else:
        assert RangeInput.decode(altered).rollup_config != RangeInput.decode(data).rollup_config


TRUE_CLAIM = AVS.prove(witness(20, 23), digest=digest_of(witness(20, 23))).poe

"""Parts of the network client: signatures, messages, options, proofs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from google.protobuf import descriptor_pb2
from hypothesis import given
from hypothesis import strategies as st

from coprove.contracts.errors import KeyFormatError
from coprove.errors import InputError
from coprove.prover import ProofFormatError, ProverUnavailableError
from coprove.prover.zk.network import NetworkOptions, Strategy
from coprove.prover.zk.network.claims import ClaimFolder
from coprove.prover.zk.network.options import AUCTION_URL, NETWORK_RETRY, RESERVED_URL
from coprove.prover.zk.network.signing import LocalNetworkSigner, personal_digest, recover_signer
from coprove.prover.zk.proto import artifact_pb2, network_pb2
from coprove.prover.zk.received import check_range_proof, received_proof
from coprove.prover.zk.simulated import simulated_aggregation, simulated_range
from coprove.prover.zk.sp1_proof import CompressedProof, OnchainProof
from coprove.rpc import GiveUp, Retry
from coprove.types import AggregationOutputs, BootInfo, Hash32
from tests.unit.prover.zk.jobs import AGGREGATION_VKEY, RANGE_VKEY, range_job

if TYPE_CHECKING:
    from types import ModuleType

SOURCE = Path(__file__).resolve().parents[4] / "src"
CLAIM = BootInfo(
    l1_head=Hash32(b"\x01" * 32),
    l2_pre_root=Hash32(b"\x02" * 32),
    l2_post_root=Hash32(b"\x03" * 32),
    l2_block_number=7,
    rollup_config_hash=Hash32(b"\x04" * 32),
)
OUTPUTS = AggregationOutputs(
    l1_head=Hash32(b"\x01" * 32),
    l2_pre_root=Hash32(b"\x02" * 32),
    l2_post_root=Hash32(b"\x03" * 32),
    l2_block_number=7,
    rollup_config_hash=Hash32(b"\x04" * 32),
    range_vkey_commitment=RANGE_VKEY,
)


@pytest.mark.parametrize("module", [network_pb2, artifact_pb2])
def test_generated_code_is_that_of_the_sources(module: ModuleType, tmp_path: Path) -> None:
    """protoc makes the same descriptors from the .proto files as the committed code has."""
    made = tmp_path / "set.binpb"
    subprocess.run(  # noqa: S603 - our own interpreter and files
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            f"-I{SOURCE}",
            f"--descriptor_set_out={made}",
            module.DESCRIPTOR.name,
        ],
        check=True,
        cwd=SOURCE,
    )
    found = descriptor_pb2.FileDescriptorSet.FromString(made.read_bytes())
    committed = descriptor_pb2.FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(committed)
    for file in (found.file[0], committed):
        file.ClearField("source_code_info")
        for message in file.message_type:
            for field in message.field:
                field.ClearField("json_name")
    assert found.file[0] == committed


def test_field_numbers_are_the_networks() -> None:
    """What must never change: the body that is signed, and the answers that are read."""
    fields = network_pb2.RequestProofRequestBody.DESCRIPTOR.fields_by_name
    assert {name: field.number for name, field in fields.items()} == {
        "nonce": 1,
        "vk_hash": 2,
        "version": 3,
        "mode": 4,
        "strategy": 5,
        "stdin_uri": 6,
        "deadline": 7,
        "cycle_limit": 8,
        "gas_limit": 9,
        "min_auction_period": 10,
        "whitelist": 11,
        "domain": 12,
        "auctioneer": 13,
        "executor": 14,
        "verifier": 15,
        "public_values_hash": 16,
        "base_fee": 17,
        "max_price_per_pgu": 18,
        "variant": 19,
        "treasury": 20,
        "stdin_private": 21,
    }
    service = network_pb2.DESCRIPTOR.services_by_name["ProverNetwork"]
    assert service.full_name == "network.ProverNetwork"
    artifacts = artifact_pb2.DESCRIPTOR.services_by_name["ArtifactStore"]
    assert artifacts.full_name == "artifact.ArtifactStore"


def test_bodies_are_encoded_in_the_order_of_numbers() -> None:
    """The network verifies the signature over its own encoding: one field after the other."""
    body = network_pb2.RequestProofRequestBody(
        whitelist=[b"w"], nonce=1, deadline=3, vk_hash=b"v", mode=network_pb2.ProofMode.COMPRESSED
    )
    assert body.SerializeToString().hex() == "08011201762002" + "3803" + "5a0177"


@given(st.binary(max_size=300), st.integers(1, 2**255))
def test_signatures_are_those_of_eth_account(message: bytes, secret: int) -> None:
    """EIP-191 vectors of an independent library, for messages of any length."""
    key = secret.to_bytes(32, "big")
    signer = LocalNetworkSigner(key)
    signed = Account.from_key(key).sign_message(encode_defunct(message))
    signature = _run(signer, message)
    assert signature == bytes(signed.signature)
    assert personal_digest(message) == bytes(signed.message_hash)
    assert signer.address.hex0x == Account.from_key(key).address.lower()
    assert recover_signer(message, signature) == signer.address


def _run(signer: LocalNetworkSigner, message: bytes) -> bytes:
    found = signer.sign(message).send
    try:
        found(None)
    except StopIteration as done:
        return bytes(done.value)
    raise AssertionError


@given(st.binary(max_size=80))
def test_what_is_no_signature_is_refused(data: bytes) -> None:
    try:
        recover_signer(b"message", data)
    except ProofFormatError:
        return
    assert len(data) == 65


def test_keys_come_from_files_and_the_environment_and_stay_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither errors nor texts show a key."""
    text = "0x" + "ab" * 32
    (tmp_path / "key").write_text(text + "\n")
    monkeypatch.setenv("NETWORK_PRIVATE_KEY", text)
    assert LocalNetworkSigner.from_file(tmp_path / "key").address == (
        LocalNetworkSigner.from_environment().address
    )
    assert "abab" not in repr(LocalNetworkSigner.from_key(text)).replace("Address", "")
    for wrong in ("", "0x12", "zz" * 32, "ab" * 31 + "é", "00" * 32, "ff" * 32):
        with pytest.raises(KeyFormatError) as caught:
            LocalNetworkSigner.from_key(wrong)
        assert not wrong or wrong not in str(caught.value)
    with pytest.raises(KeyFormatError):
        LocalNetworkSigner.from_file(tmp_path / "absent")
    os.environ.pop("NO_SUCH_KEY", None)
    with pytest.raises(KeyFormatError):
        LocalNetworkSigner.from_environment("NO_SUCH_KEY")


def test_retries_grow_from_one_second_to_two_minutes() -> None:
    """The network's policy as a value: doubled pauses, bounded in number and time."""
    failure = ProverUnavailableError("down")
    pauses = []
    for attempt in range(1, 8):
        decision = NETWORK_RETRY.decide(failure, attempt=attempt, elapsed=0.0)
        assert isinstance(decision, Retry)
        pauses.append(decision.delay)
    assert pauses == [1, 2, 4, 8, 16, 32, 64]
    assert isinstance(NETWORK_RETRY.decide(failure, attempt=8, elapsed=0.0), GiveUp)
    assert isinstance(NETWORK_RETRY.decide(failure, attempt=1, elapsed=120.0), GiveUp)
    assert NETWORK_RETRY.max_delay == 120
    missing = NETWORK_RETRY.decide(
        ProofFormatError("x", expected=1, actual=2), attempt=1, elapsed=0
    )
    assert isinstance(missing, GiveUp)


def test_default_networks() -> None:
    assert NetworkOptions.of_strategy(Strategy.RESERVED).url == RESERVED_URL
    assert NetworkOptions.of_strategy(Strategy.HOSTED).url == RESERVED_URL
    assert NetworkOptions.of_strategy(Strategy.AUCTION).url == AUCTION_URL
    for url in ("http://example.org", "ftp://127.0.0.1", "127.0.0.1:9000"):
        with pytest.raises(InputError, match="prover network URL"):
            NetworkOptions(url=url)
    assert NetworkOptions(url="http://127.0.0.1:9000").call_timeout == 15
    with pytest.raises(InputError, match="strategy of aggregation proofs"):
        NetworkOptions(url=RESERVED_URL, aggregation_strategy=Strategy.AUCTION)


def test_a_status_that_says_nothing_of_the_effect_is_ambiguous() -> None:
    """Codes are sorted by what is known of the effect, as the network's client does."""
    from coprove.prover.zk.network.channel import _REFUSALS  # noqa: PLC0415

    for code in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "ABORTED", "CANCELLED", "UNKNOWN"):
        assert grpc.StatusCode[code] not in _REFUSALS


def test_compressed_proofs_keep_their_claim() -> None:
    """The claim is found behind a proof of any length, with and without an attestation."""
    proof = simulated_range(CLAIM, range_vkey=RANGE_VKEY)
    data = proof.encode()
    for form in (data, data + b"\0", data + b"\x01" + (3).to_bytes(8, "little") + b"abc"):
        assert CompressedProof.decode(form, public_values=CLAIM.encode()) == proof
    assert CompressedProof.decode_any(data, size=136) == proof
    check_range_proof(data, CLAIM)
    assert received_proof(data, claim=None, allow_simulated=True) == data
    with pytest.raises(ProofFormatError, match="simulated"):
        received_proof(data, claim=CLAIM.encode(), allow_simulated=False)


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_a_claim_inside_the_proof_is_not_the_claim(inner: bytes, claim: bytes) -> None:
    """Whatever the proof's own bytes are, the claim that counts stands at the end."""
    proof = CompressedProof(
        recursion_proof=inner + len(claim).to_bytes(8, "little") + claim + inner,
        public_values=claim,
        version="v6.1.0",
    )
    assert CompressedProof.decode(proof.encode(), public_values=claim) == proof


@pytest.mark.parametrize("is_groth16", [True, False])
def test_wrapped_proofs_give_on_chain_bytes(is_groth16: bool) -> None:
    """First four bytes of the verifier's hash, then the proof; an attestation before both."""
    proof = simulated_aggregation(OUTPUTS, aggregation_vkey=AGGREGATION_VKEY, is_groth16=is_groth16)
    data = proof.encode()
    claim = OUTPUTS.abi_encode()
    assert OnchainProof.decode(data, public_values=claim) == proof
    assert proof.onchain_bytes() == b"MOCK" + proof.proof
    assert received_proof(data, claim=claim, allow_simulated=True) == proof.onchain_bytes()
    attested = OnchainProof.decode(data + b"\x01" + (2).to_bytes(8, "little") + b"ok")
    assert attested.onchain_bytes() == b"ok" + proof.onchain_bytes()
    with pytest.raises(ProofFormatError, match="public values"):
        OnchainProof.decode(data, public_values=claim[:-1] + b"\xff")


def test_older_circuits_have_two_public_inputs() -> None:
    proof = OnchainProof(
        is_groth16=True,
        public_inputs=("1", "2"),
        proof=b"\xab",
        raw_proof="cd",
        verifier_hash=Hash32(b"\x11" * 32),
        public_values=OUTPUTS.abi_encode(),
        version="v3.0.0",
    )
    assert OnchainProof.decode(proof.encode()) == proof
    assert proof.onchain_bytes() == b"\x11\x11\x11\x11\xab"


@given(st.binary(max_size=400))
def test_hostile_proofs_are_refused(data: bytes) -> None:
    for prefix in (b"", b"\x01\0\0\0", b"\x02\0\0\0", b"\x03\0\0\0"):
        with pytest.raises(ProofFormatError):
            received_proof(prefix + data, claim=CLAIM.encode(), allow_simulated=True)
        with pytest.raises(ProofFormatError):
            CompressedProof.decode_any(prefix + data[:100], size=136)


def test_claims_of_requests_that_others_finished_do_not_stay(tmp_path: Path) -> None:
    """Another machine may have taken over: what is too old to be open goes with the next one."""
    now = [time.time()]
    folder = ClaimFolder(tmp_path, seconds=100.0, clock=lambda: now[0])
    job = range_job(tmp_path, 0, 2)
    folder.put(b"one", job)
    folder.put(b"two", job)
    assert folder.get(b"one") == folder.get(b"two") == job.boot_info.encode()
    now[0] += 1_000.0
    os.utime(tmp_path / f"{b'two'.hex()}.claim", (now[0], now[0]))
    folder.put(b"two", job)
    assert folder.get(b"one") is None
    folder.drop(b"one")
    folder.drop(b"two")
    assert folder.get(b"two") is None

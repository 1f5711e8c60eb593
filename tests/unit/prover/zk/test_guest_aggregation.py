"""The aggregation guest's input and SP1's standard input around it."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

import pytest
from hypothesis import given as given_values
from hypothesis import strategies as st

from coprove.primitives.guest import headers_from_cbor, headers_to_cbor
from coprove.program import AggregationInput, run_aggregation
from coprove.prover.errors import GuestInputError, ProofFormatError
from coprove.prover.zk.guest_aggregation import aggregation_stdin, read_aggregation_stdin
from coprove.prover.zk.simulated import SIMULATED_SIZE, simulated_range
from coprove.prover.zk.stdin import Stdin, compress, decompress, write_artifact
from coprove.types import Address, Hash32
from tests.unit.prover.zk.jobs import RANGE_VKEY, aggregation_job, range_job

if TYPE_CHECKING:
    from pathlib import Path

KEY = b"range program's key in bincode"


@pytest.fixture
def given(tmp_path: Path) -> AggregationInput:
    jobs = [range_job(tmp_path, 0, 3), range_job(tmp_path, 3, 5)]
    return aggregation_job(jobs, []).given


def subproofs(given: AggregationInput) -> list[bytes]:
    return [simulated_range(claim, range_vkey=RANGE_VKEY).encode() for claim in given.boot_infos]


@pytest.mark.parametrize("prover", [None, Address(b"\x07" * 20)])
def test_the_guest_reads_what_was_given(given: AggregationInput, prover: Address | None) -> None:
    """Today's form with a prover address and the early one without come back as they went in."""
    given = dataclasses.replace(given, prover_address=prover)
    stdin = aggregation_stdin(given, subproofs(given), range_vkey=KEY)
    decoded = Stdin.decode(stdin.encode(), proof_size=SIMULATED_SIZE, vkey=KEY)
    assert decoded == stdin
    assert read_aggregation_stdin(decoded) == given
    assert run_aggregation(read_aggregation_stdin(decoded)) == run_aggregation(given)


def test_layout_of_the_inputs(given: AggregationInput) -> None:
    """bincode: a count, the claims, the checkpoint, the key as eight little-endian words."""
    key = Hash32(bytes(range(32)))
    given = dataclasses.replace(
        given, prover_address=Address(b"\x07" * 20), range_vkey_commitment=key
    )
    inputs = aggregation_stdin(given, subproofs(given), range_vkey=KEY).buffers[0]
    assert inputs[:8] == (2).to_bytes(8, "little")
    assert inputs[8:144] == given.boot_infos[0].encode()
    assert inputs[280:312] == given.checkpoint_l1_head
    words = [int.from_bytes(inputs[at : at + 4], "little") for at in range(312, 344, 4)]
    assert words == [int.from_bytes(key[at : at + 4], "big") for at in range(0, 32, 4)]
    assert inputs[344:] == b"\x07" * 20


def test_proofs_must_be_of_the_claims(given: AggregationInput) -> None:
    proofs = subproofs(given)
    with pytest.raises(ProofFormatError):
        aggregation_stdin(given, proofs[::-1], range_vkey=KEY)
    with pytest.raises(GuestInputError):
        aggregation_stdin(given, proofs[:1], range_vkey=KEY)


def test_headers_are_cbor_maps_of_the_guests_header(given: AggregationInput) -> None:
    """An array of maps whose keys are the header's serde names."""
    cbor = headers_to_cbor(given.l1_headers)
    assert cbor[0] == 0x80 + len(given.l1_headers)
    for name in (b"parentHash", b"sha3Uncles", b"baseFeePerGas", b"parentBeaconBlockRoot"):
        assert cbor.count(bytes([0x60 + len(name)]) + name if len(name) < 24 else name) == len(
            given.l1_headers
        ), name
    assert tuple(headers_from_cbor(cbor)) == given.l1_headers


@given_values(st.lists(st.binary(max_size=40), max_size=5), st.integers(0, 60))
def test_a_cut_stdin_is_refused(buffers: list[bytes], cut: int) -> None:
    data = Stdin(buffers=tuple(buffers)).encode()
    assert Stdin.decode(data).buffers == tuple(buffers)
    if cut < len(data):
        with pytest.raises(ProofFormatError):
            Stdin.decode(data[:cut])


@given_values(st.binary(max_size=300))
def test_hostile_bytes_are_refused(data: bytes) -> None:
    """Nothing but typed errors, whatever comes."""
    for read in (
        lambda: Stdin.decode(data),
        lambda: read_aggregation_stdin(Stdin(buffers=(data, data))),
    ):
        with contextlib.suppress(ProofFormatError):
            read()


def test_artifacts_are_zstd_and_bounded(tmp_path: Path) -> None:
    """A file is written whole; what inflates beyond the limit is refused."""
    parts = [b"abc" * 1000, b"def"]
    size = write_artifact(tmp_path / "stdin", iter(parts), zstd=True)
    packed = (tmp_path / "stdin").read_bytes()
    assert len(packed) == size
    assert decompress(packed, limit=3003) == b"".join(parts)
    with pytest.raises(ProofFormatError, match="artifact"):
        decompress(packed, limit=3002)
    with pytest.raises(ProofFormatError, match="artifact"):
        decompress(compress(b"x" * 100)[:-3], limit=1000)
    assert write_artifact(tmp_path / "plain", iter(parts), zstd=False) == 3003
    assert decompress((tmp_path / "plain").read_bytes(), limit=1) == b"".join(parts)

"""Verification keys: their forms, their checks, and what other tools print."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.errors import InputError
from coprove.prover.zk.vkeys import (
    aggregation_vkey,
    is_of_version_6,
    range_commitment,
    range_digest,
    read_vkeys,
)
from coprove.types import Hash32

KOALA_BEAR = 2**31 - 2**24 + 1
DIGEST = [1, 2, 3, 4, 5, 6, 7, 8]
COMMITMENT = "0x" + "".join(f"{word:08x}" for word in DIGEST)
AGGREGATION = "0x00" + "ab" * 31


@given(st.lists(st.integers(0, KOALA_BEAR - 1), min_size=8, max_size=8).filter(any))
def test_a_commitment_is_eight_big_endian_words(digest: list[int]) -> None:
    commitment = range_commitment(digest)
    assert commitment.hex() == "".join(f"{word:08x}" for word in digest)
    assert range_digest(commitment) == digest


@pytest.mark.parametrize(
    "digest", [[], [1] * 7, [1] * 9, [KOALA_BEAR] + [1] * 7, [-1] + [1] * 7, [True] * 8]
)
def test_what_is_no_digest_is_refused(digest: list[int]) -> None:
    with pytest.raises(InputError):
        range_commitment(digest)


def test_a_commitment_that_is_no_digest_is_refused() -> None:
    for value in (b"\xff" * 32, bytes(32)):
        with pytest.raises(InputError):
            range_digest(Hash32(value))


def test_words_above_the_older_field_are_of_version_6() -> None:
    assert is_of_version_6(range_commitment([2**31 - 2**27 + 1] + [0] * 7)) is True
    assert is_of_version_6(range_commitment(DIGEST)) is None


def test_an_aggregation_key_is_an_element_of_the_scalar_field() -> None:
    assert str(aggregation_vkey(Hash32.from_hex(AGGREGATION))) == AGGREGATION
    modulus = 0x30644E72E131A029B85045B68181585D2833E84879B9709143E1F593F0000001
    for value in (0, modulus, 2**256 - 1):
        with pytest.raises(InputError):
            aggregation_vkey(Hash32(value.to_bytes(32, "big")))
    aggregation_vkey(Hash32((modulus - 1).to_bytes(32, "big")))


@pytest.mark.parametrize(
    "text",
    [
        f"Range Verification Key Hash: {COMMITMENT}\n"
        f"Aggregation Verification Key Hash: {AGGREGATION}",
        f"log line\nRange ELF Verification Key Commitment: {COMMITMENT}\r\n"
        f"Aggregation ELF Verification Key: {AGGREGATION}\n",
        json.dumps({"rangeVkeyCommitment": COMMITMENT, "aggregationVkey": AGGREGATION, "owner": 1}),
        json.dumps({"range_vkey_digest": DIGEST, "aggregation_vkey_hash": AGGREGATION[2:]}),
        json.dumps({"range_vkey_commitment": DIGEST, "aggregation_vkey": AGGREGATION}),
    ],
)
def test_what_other_tools_write_is_read(text: str) -> None:
    found = read_vkeys(text.encode(), "file")
    assert (str(found.range_commitment), str(found.aggregation_vkey)) == (COMMITMENT, AGGREGATION)


def test_one_key_alone_is_enough() -> None:
    found = read_vkeys(f"Range Verification Key Hash: {COMMITMENT}".encode(), "file")
    assert found.aggregation_vkey is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nothing here",
        b"{",
        b"{}",
        b'{"rangeVkeyCommitment": 7}',
        b'{"rangeVkeyCommitment": "0x12"}',
        b'{"rangeVkeyCommitment": "0x' + b"ff" * 32 + b'"}',
        json.dumps({"rangeVkeyCommitment": COMMITMENT, "range_vkey_digest": [9] * 8}).encode(),
        b" " * (2 << 20),
    ],
)
def test_files_without_good_keys_are_refused(content: bytes) -> None:
    with pytest.raises(InputError):
        read_vkeys(content, "file")


def test_a_key_in_bincode_is_refused_with_the_way_to_hash_it() -> None:
    with pytest.raises(InputError, match="SP1 SDK"):
        read_vkeys(b"\x01\x00\xff\xfe" * 20, "range.vkey")


@given(st.binary(max_size=200))
def test_no_file_is_a_defect(content: bytes) -> None:
    try:
        found = read_vkeys(content, "file")
    except InputError:
        return
    assert found.range_commitment or found.aggregation_vkey

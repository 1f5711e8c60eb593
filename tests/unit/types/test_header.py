"""Headers decode, encode and hash as consensus does."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.errors import InputError
from coprove.primitives import rlp
from coprove.types import BlockHeader, Hash32
from tests.unit.derivation.chain import RECORDINGS, load_chain
from tests.vectors import vectors_dir


@pytest.mark.parametrize("name", RECORDINGS)
def test_recorded_headers_hash_to_their_hash(name: str) -> None:
    """All headers of L1 and L2, before and after each fork."""
    chain = load_chain(name)
    pairs = [(block.header, block.hash) for block in chain.l1]
    pairs += [(block.header, block.hash) for block in chain.l2]
    for header, expected in pairs:
        assert header.hash() == expected
        assert BlockHeader.decode_rlp(header.encode_rlp()) == header


def test_sepolia_parents_hash_to_the_parent_that_their_witness_holds() -> None:
    """The parents of the five OP Sepolia blocks, two of which are in the set themselves."""
    files = sorted(vectors_dir("blocks").glob("block-*.json.gz"))
    assert len(files) == 5
    hashes: dict[int, str] = {}
    parents: dict[int, BlockHeader] = {}
    for path in files:
        vector = json.loads(gzip.decompress(path.read_bytes()))
        header = _from_json(vector["parent_header"])
        assert BlockHeader.decode_rlp(header.encode_rlp()) == header
        parents[header.number] = header
        hashes[header.number + 1] = vector["expected_block_hash"]
    known = [header for number, header in parents.items() if number in hashes]
    assert len(known) == 2
    for header in known:
        assert str(header.hash()) == hashes[header.number]


def _from_json(fields: dict[str, str]) -> BlockHeader:
    """Make a header from the JSON-RPC form, whose keys stand in RLP order."""
    numbers = {8, 9, 7, 10, 11, 15, 17, 18}
    items: list[rlp.Item] = []
    for index, text in enumerate(fields.values()):
        digits = text.removeprefix("0x")
        is_number = index in numbers
        items.append(rlp.encode_int(int(digits, 16)) if is_number else bytes.fromhex(digits))
    return BlockHeader.from_items(items)


def test_each_number_of_optional_fields_round_trips() -> None:
    """A header has 15 fields and up to six more, in order."""
    items = rlp.decode_list(load_chain("calldata").l1[3].header.encode_rlp())
    assert len(items) == 21
    for count in range(15, 22):
        header = BlockHeader.from_items(items[:count])
        assert rlp.decode_list(header.encode_rlp()) == items[:count]
    for wrong in (items[:14], [*items, b""]):
        with pytest.raises(InputError, match="header"):
            BlockHeader.from_items(wrong)


def test_a_gap_among_the_optional_fields_cannot_be_encoded() -> None:
    """requests_hash without the fields before it is no header."""
    header = load_chain("calldata").l1[3].header
    with pytest.raises(InputError, match="gap"):
        replace(header, base_fee_per_gas=None).encode_rlp()
    with pytest.raises(InputError, match="gap"):
        replace(header, blob_gas_used=None).hash()


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=255))
def test_a_changed_byte_is_an_error_or_another_hash(position: int, value: int) -> None:
    """No two encodings share a header."""
    block = load_chain("calldata").l1[3]
    raw = bytearray(block.header.encode_rlp())
    index = position % len(raw)
    if raw[index] == value:
        return
    raw[index] = value
    try:
        header = BlockHeader.decode_rlp(bytes(raw))
    except InputError:
        return
    assert header.hash() != block.hash
    assert header.encode_rlp() == bytes(raw)


@given(st.binary(max_size=700))
def test_random_bytes_raise_typed_errors(data: bytes) -> None:
    """Nothing but InputError comes out of the decoder."""
    with pytest.raises(InputError):
        BlockHeader.decode_rlp(data)


@pytest.mark.parametrize("index", [0, 2, 6, 13, 14, 16])
def test_sizes_of_fixed_fields_are_checked(index: int) -> None:
    """A hash, the bloom, the beneficiary and the nonce have one size each."""
    items = rlp.decode_list(load_chain("calldata").l1[3].header.encode_rlp())
    items[index] = b"\x01" * 33
    with pytest.raises(InputError, match="header"):
        BlockHeader.from_items(items)


def test_hashes_in_headers_are_typed() -> None:
    """Fields print as 0x-hex."""
    assert isinstance(load_chain("calldata").l2[3].header.parent_hash, Hash32)

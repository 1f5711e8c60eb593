"""The Python face of the guests' archives."""

from __future__ import annotations

import pytest
import rlp
from hypothesis import given
from hypothesis import strategies as st

from coprove.errors import InputError
from coprove.primitives import keccak256, ordered_trie_nodes, ordered_trie_root
from coprove.primitives.guest import (
    GuestBlob,
    decode_range_witness,
    encode_range_witness,
    headers_from_cbor,
    headers_to_cbor,
)

BLOB = GuestBlob(data=b"\x01" * 131_072, commitment=b"\x02" * 48, proof=b"\x03" * 48)


@given(
    st.dictionaries(st.integers(0, 2**64 - 1), st.binary(max_size=40), max_size=5),
    st.lists(st.binary(max_size=200), max_size=20),
)
def test_what_went_in_comes_out(local: dict[int, bytes], hashed: list[bytes]) -> None:
    """Values are found under the keys of kona's preimage oracle; equal inputs give equal bytes."""
    archive = encode_range_witness(local, hashed, [BLOB])
    found = decode_range_witness(archive)
    expected = {b"\x01" + number.to_bytes(31, "big"): value for number, value in local.items()}
    expected |= {b"\x02" + keccak256(value)[1:]: value for value in hashed}
    assert found.preimages == expected
    assert found.blobs == (BLOB,)
    assert encode_range_witness(local, hashed, [BLOB]) == archive


@pytest.mark.parametrize("field", ["data", "commitment", "proof"])
def test_blobs_have_their_sizes(field: str) -> None:
    parts = {"data": BLOB.data, "commitment": BLOB.commitment, "proof": BLOB.proof}
    blob = GuestBlob(**parts | {field: parts[field][:-1]})
    with pytest.raises(InputError, match=r"blob|commitment"):
        encode_range_witness({}, [], [blob])


@given(st.binary(max_size=300))
def test_hostile_bytes_give_typed_errors(data: bytes) -> None:
    """Never a panic; an empty archive has no bytes that could be taken for one."""
    for read in (decode_range_witness, headers_from_cbor):
        try:
            read(data)
        except InputError:
            continue
    with pytest.raises(InputError):
        headers_to_cbor([data])


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=150))
def test_the_nodes_begin_at_the_root(items: list[bytes]) -> None:
    """The first node is the root, and every reference to another one is met."""
    nodes = ordered_trie_nodes(items)
    assert keccak256(nodes[0]) == ordered_trie_root(items)
    known = {keccak256(node) for node in nodes}
    for node in nodes:
        fields = rlp.decode(node)
        if len(fields) == 17:
            children = [child for child in fields[:16] if isinstance(child, bytes) and child]
            assert all(child in known for child in children)
    assert sum(len(item) for item in items) <= sum(len(node) for node in nodes)

"""The RLP codec against the reference package, and against bytes that are not RLP."""

from __future__ import annotations

import contextlib

import pytest
import rlp as reference
from hypothesis import example, given
from hypothesis import strategies as st

from coprove.primitives import rlp
from coprove.primitives.rlp import Item, RlpError
from coprove.types import Hash32

ITEMS = st.recursive(
    st.binary(max_size=80), lambda inner: st.lists(inner, max_size=6), max_leaves=40
)


@given(ITEMS)
@example(b"\x00" * 55)
@example(b"\x00" * 56)
@example([b"\x00" * 60_000, [b"a"] * 60])
def test_encoding_equals_the_reference_and_decodes_back(item: Item) -> None:
    """Both packages write the same bytes, and reading them gives the item again."""
    encoded = rlp.encode(item)
    assert encoded == reference.encode(item)
    assert rlp.decode(encoded) == item
    assert rlp.decode_prefix(b"xx" + encoded + b"rest", 2) == (item, 2 + len(encoded))


@given(st.binary(max_size=200))
@example(bytes.fromhex("8100"))
@example(bytes.fromhex("b80100"))
@example(bytes.fromhex("b90038") + bytes(56))
@example(bytes.fromhex("bfffffffffffffffff"))
@example(bytes.fromhex("f800"))
@example(bytes.fromhex("c38100c0"))
def test_any_bytes_are_either_canonical_or_refused(data: bytes) -> None:
    """What is accepted is exactly what the reference accepts, and encodes back to itself."""
    try:
        item = rlp.decode(data)
    except RlpError:
        with pytest.raises(reference.exceptions.RLPException):
            reference.decode(data, strict=True)
        return
    assert rlp.encode(item) == data
    assert _lists(reference.decode(data, strict=True)) == item


@given(ITEMS, st.integers(min_value=0), st.integers(min_value=0, max_value=255))
def test_one_changed_byte_never_decodes_to_the_same_item(
    item: Item, position: int, value: int
) -> None:
    """Two encodings of one item do not exist."""
    encoded = bytearray(rlp.encode(item))
    index = position % len(encoded)
    if encoded[index] == value:
        return
    encoded[index] = value
    with contextlib.suppress(RlpError):
        assert rlp.decode(bytes(encoded)) != item


@given(ITEMS, st.integers(min_value=1, max_value=40))
def test_truncated_and_extended_input_is_refused(item: Item, count: int) -> None:
    """The whole input must be the item."""
    encoded = rlp.encode(item)
    with pytest.raises(RlpError):
        rlp.decode(encoded[: max(len(encoded) - count, 0)])
    with pytest.raises(RlpError):
        rlp.decode(encoded + bytes(count))


def test_nesting_is_bounded() -> None:
    """A deep pile of lists is an error, not a stack overflow."""
    item: Item = []
    for _ in range(rlp.MAX_DEPTH - 1):
        item = [item]
    assert rlp.decode(rlp.encode(item)) == item
    with pytest.raises(RlpError, match="nested"):
        rlp.decode(rlp.encode([item]))
    with pytest.raises(RlpError):
        rlp.decode(b"\xc1" * 100_000)


def test_a_length_far_beyond_the_input_allocates_nothing() -> None:
    """Eight length bytes may claim 2^64 bytes; only the input's size counts."""
    for prefix in (0xBF, 0xFF):
        with pytest.raises(RlpError):
            rlp.decode(bytes((prefix,)) + b"\x7f" + b"\xff" * 7 + b"data")


@given(st.integers(min_value=0, max_value=2**256 - 1))
def test_integers_round_trip(value: int) -> None:
    """Integers are big-endian without leading zeros; zero is empty."""
    assert rlp.decode_int(rlp.encode_int(value)) == value
    assert rlp.decode(rlp.encode(rlp.encode_int(value))) == reference.decode(
        reference.encode(value)
    )


@pytest.mark.parametrize("item", [b"\x00", b"\x00\x01", b"\x01" * 33, [], [b"\x01"]])
def test_integers_refuse_leading_zeros_size_and_lists(item: Item) -> None:
    """Every other spelling of an integer is an error that names the field."""
    with pytest.raises(RlpError, match="nonce"):
        rlp.decode_int(item, "nonce")


def test_shape_helpers_name_the_field() -> None:
    """expect_bytes and expect_list check kind and size."""
    assert rlp.expect_bytes(b"ab", "x", 2) == b"ab"
    assert rlp.expect_list([b""], "x", 1) == [b""]
    with pytest.raises(RlpError, match="field"):
        rlp.expect_bytes([], "field")
    with pytest.raises(RlpError, match="field"):
        rlp.expect_bytes(b"a", "field", 2)
    with pytest.raises(RlpError, match="field"):
        rlp.expect_list(b"", "field")
    with pytest.raises(RlpError, match="field"):
        rlp.expect_list([], "field", 2)
    with pytest.raises(RlpError):
        rlp.decode_prefix(b"\xc0", 2)


def test_subclasses_of_bytes_encode_as_bytes() -> None:
    """Hashes go into lists as they are."""
    assert rlp.encode([Hash32(bytes(32))]) == b"\xe1\xa0" + bytes(32)


def _lists(value: object) -> Item:
    if isinstance(value, bytes):
        return value
    assert isinstance(value, list)
    return [_lists(part) for part in value]

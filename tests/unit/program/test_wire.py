"""The encoding of program inputs: what is written reads back, anything else is a typed error."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.program.errors import ProgramInputError
from coprove.program.inputs import RANGE_SCHEMA, BlobInput, L1BlockInput, L2BlockInput, RangeInput
from coprove.program.wire import PartReader, pack_list, pack_part, unpack_list
from coprove.types import Hash32, OutputRoot

_lists = st.lists(st.binary(max_size=40), max_size=6).map(tuple)
_hashes = st.binary(min_size=32, max_size=32).map(Hash32)
_l1_blocks = st.builds(
    L1BlockInput, header=st.binary(max_size=40), transactions=_lists, receipts=st.none() | _lists
)
_blobs = st.builds(
    BlobInput,
    commitment=st.binary(min_size=48, max_size=48),
    proof=st.binary(min_size=48, max_size=48),
    data=st.binary(max_size=64),
)
range_inputs = st.builds(
    RangeInput,
    rollup_config=st.binary(max_size=30),
    l1_config=st.binary(max_size=30),
    l1_head=_hashes,
    agreed_output_root=_hashes,
    claimed_output_root=_hashes,
    claimed_block_number=st.integers(0, 2**64 - 1),
    agreed_output=st.builds(
        OutputRoot, state_root=_hashes, message_passer_storage_root=_hashes, block_hash=_hashes
    ),
    l2_blocks=st.lists(
        st.builds(L2BlockInput, header=st.binary(max_size=40), transactions=st.none() | _lists),
        max_size=3,
    ).map(tuple),
    l2_start_number=st.integers(0, 2**64 - 1),
    l1_blocks=st.lists(_l1_blocks, max_size=3).map(tuple),
    blobs=st.lists(_blobs, max_size=2).map(tuple),
    nodes=_lists.map(pack_list),
    codes=_lists.map(pack_list),
)


@given(_lists)
def test_a_packed_list_reads_back(items: tuple[bytes, ...]) -> None:
    assert unpack_list(pack_list(items), "items") == items


@given(_lists.filter(bool), st.data())
def test_a_cut_list_is_refused_or_shorter(items: tuple[bytes, ...], data: st.DataObject) -> None:
    """Cutting a list anywhere never invents an item."""
    packed = pack_list(items)
    cut = packed[: data.draw(st.integers(0, len(packed) - 1))]
    try:
        assert unpack_list(cut, "items") == items[: len(unpack_list(cut, "items"))]
    except ProgramInputError as error:
        assert error.what.startswith("items[")  # noqa: PT017 - either outcome is right


@given(range_inputs)
def test_a_range_input_reads_back(given_input: RangeInput) -> None:
    assert RangeInput.decode(given_input.encode()) == given_input


@given(range_inputs, st.data())
def test_altered_bytes_are_refused_or_read_as_something_else(
    given_input: RangeInput, data: st.DataObject
) -> None:
    """No single altered byte is overlooked: it is refused, or read as another input."""
    encoded = bytearray(given_input.encode())
    position = data.draw(st.integers(0, len(encoded) - 1))
    encoded[position] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(ProgramInputError):
        assert RangeInput.decode(bytes(encoded)) != given_input


@given(st.binary(max_size=400))
def test_random_bytes_behind_the_schema_never_escape(tail: bytes) -> None:
    """Whatever follows the schema id gives a RangeInput or ProgramInputError."""
    with contextlib.suppress(ProgramInputError):
        RangeInput.decode(RANGE_SCHEMA + tail)


@given(range_inputs, st.binary(min_size=1, max_size=9))
def test_bytes_behind_the_end_are_refused(given_input: RangeInput, tail: bytes) -> None:
    with pytest.raises(ProgramInputError, match="end of input"):
        RangeInput.decode(given_input.encode() + tail)


def test_another_schema_is_refused() -> None:
    with pytest.raises(ProgramInputError, match="schema id"):
        PartReader(b"coprove/range-input/2\n" + pack_part(b""), schema=RANGE_SCHEMA)

"""Fixed-size bytes, block references, ranges and output roots."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.types import (
    Address,
    AggregationOutputs,
    BlockRange,
    BootInfo,
    Hash32,
    L1BlockRef,
    OutputRoot,
)
from tests.unit.derivation.chain import RECORDINGS, load_chain, unhex

HASHES = st.binary(min_size=32, max_size=32).map(Hash32)
ADDRESSES = st.binary(min_size=20, max_size=20).map(Address)
UINT64 = st.integers(min_value=0, max_value=2**64 - 1)


@given(HASHES)
def test_a_hash_prints_as_hex_and_equals_its_bytes(value: Hash32) -> None:
    """Hex goes both ways; comparison and hashing are those of bytes."""
    assert Hash32.from_hex(str(value)) == value == bytes(value)
    assert value.hex0x == str(value) == f"0x{bytes(value).hex()}"
    assert hash(value) == hash(bytes(value))
    assert repr(value) == f"Hash32({value})"


@pytest.mark.parametrize(
    "text", ["", "0x", "00" * 32, "0x" + "0" * 63, "0x" + "0" * 65, "0x" + "g" * 64, 1, None]
)
def test_other_text_is_refused_with_the_name_of_the_field(text: object) -> None:
    """Lengths, digits and types are checked."""
    with pytest.raises(InputError, match="parent"):
        Hash32.from_hex(text, "parent")


def test_white_space_and_other_digits_are_no_hex() -> None:
    """bytes.fromhex would take spaces; isalnum would take letters of other scripts."""
    for filler in (" ", "\n", "é", "²"):
        with pytest.raises(InputError):
            Address.from_hex("0x" + "00" * 19 + "0" + filler)
        with pytest.raises(InputError):
            Address.from_hex("0x" + "00" * 18 + filler * 2 + "00")


@pytest.mark.parametrize("size", [0, 19, 21, 32])
def test_sizes_are_checked(size: int) -> None:
    """An address has 20 bytes."""
    with pytest.raises(InputError, match="Address"):
        Address(bytes(size))


@given(HASHES, HASHES, HASHES)
def test_output_roots_round_trip(state: Hash32, storage: Hash32, block: Hash32) -> None:
    """The root is keccak256 of version 0 and the three words."""
    output = OutputRoot(state_root=state, message_passer_storage_root=storage, block_hash=block)
    assert OutputRoot.decode(output.encode()) == output
    assert output.hash() == keccak256(bytes(32) + state + storage + block)
    with pytest.raises(InputError):
        OutputRoot.decode(output.encode()[:-1])
    with pytest.raises(InputError, match="version"):
        OutputRoot.decode(b"\x01" + output.encode()[1:])


@pytest.mark.parametrize("name", RECORDINGS)
def test_recorded_output_roots(name: str) -> None:
    """optimism_outputAtBlock's roots come out; from Isthmus on the header alone gives them."""
    chain = load_chain(name)
    for block in chain.l2:
        output = OutputRoot(
            state_root=block.header.state_root,
            message_passer_storage_root=Hash32(unhex(block.output["withdrawalStorageRoot"])),
            block_hash=block.hash,
        )
        assert str(output.hash()) == block.output["outputRoot"]
        if block.header.requests_hash is not None:
            assert OutputRoot.from_isthmus_header(block.header) == output


@given(HASHES, HASHES, HASHES, UINT64, HASHES)
def test_boot_info_round_trips(
    head: Hash32, pre: Hash32, post: Hash32, number: int, config: Hash32
) -> None:
    """bincode: fields in order, the number as eight little-endian bytes."""
    boot = BootInfo(
        l1_head=head,
        l2_pre_root=pre,
        l2_post_root=post,
        l2_block_number=number,
        rollup_config_hash=config,
    )
    encoded = boot.encode()
    assert encoded == head + pre + post + number.to_bytes(8, "little") + config
    assert BootInfo.decode(encoded) == boot
    assert boot.sha256() == hashlib.sha256(encoded).digest()
    for wrong in (encoded[:-1], encoded + b"\0"):
        with pytest.raises(InputError):
            BootInfo.decode(wrong)


@given(
    st.builds(
        AggregationOutputs,
        l1_head=HASHES,
        l2_pre_root=HASHES,
        l2_post_root=HASHES,
        l2_block_number=UINT64,
        rollup_config_hash=HASHES,
        range_vkey_commitment=HASHES,
        prover_address=st.none() | ADDRESSES,
    )
)
def test_aggregation_outputs_round_trip(outputs: AggregationOutputs) -> None:
    """Six ABI words, seven with a prover."""
    encoded = outputs.abi_encode()
    assert len(encoded) == (192 if outputs.prover_address is None else 224)
    assert AggregationOutputs.abi_decode(encoded) == outputs
    with pytest.raises(InputError):
        AggregationOutputs.abi_decode(encoded[:-1])
    with pytest.raises(InputError, match="2\\^64"):
        AggregationOutputs.abi_decode(encoded[:96] + b"\xff" * 32 + encoded[128:])
    with pytest.raises(InputError, match="prover"):
        AggregationOutputs.abi_decode(encoded[:192] + b"\x01" + bytes(31))


def test_block_ranges_hold_at_least_one_block() -> None:
    """`end` is the claimed block, `start` the agreed one before the first executed."""
    assert len(BlockRange(start=3, end=5)) == 2
    assert str(BlockRange(start=3, end=5)) == "3..5"
    for start, end in ((3, 3), (4, 3), (-1, 3)):
        with pytest.raises(InputError):
            BlockRange(start=start, end=end)


def test_l1_references_come_from_headers() -> None:
    """The hash is computed unless it is known."""
    block = load_chain("calldata").l1[5]
    ref = L1BlockRef.from_header(block.header)
    assert ref == block.ref
    assert (ref.id.hash, ref.id.number, ref.number) == (block.hash, 5, 5)

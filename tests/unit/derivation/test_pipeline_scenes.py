"""What recordings lack: channels over many L1 blocks and blobs, and a batcher that comes back."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address

from coprove.derivation.blob_codec import encode_blob
from coprove.derivation.channel_out import BatchType
from coprove.derivation.compression import Compression, compress
from coprove.derivation.frames import Frame, encode_frames
from coprove.derivation.singular import SingularBatch
from coprove.derivation.span import encode_span_batch
from coprove.primitives import keccak256, rlp
from coprove.types import Address, Fork, Hash32
from tests.unit.derivation.simulated import (
    INBOX,
    L1_TIME,
    NEVER,
    START,
    World,
    derive_all,
    forks_until,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.types import L1BlockRef, L2BlockRef

KEY = Account.from_key(b"\x11" * 32)


class BlobWorld(World):
    """A world whose batcher signs, so that its data may lie in blobs."""

    stored: dict[Hash32, bytes]

    def blobs(self, _block: L1BlockRef, versioned_hashes: Sequence[Hash32]) -> list[bytes]:
        return [self.stored[versioned] for versioned in versioned_hashes]

    def post_blobs(self, l1_number: int, datas: Sequence[bytes], data: bytes = b"") -> None:
        """Put one blob transaction into an L1 block, a blob for each of `datas`."""
        hashes = []
        for content in datas:
            blob = encode_blob(content)
            versioned = Hash32(b"\x01" + keccak256(blob)[1:])
            self.stored[versioned] = blob
            hashes.append(bytes(versioned))
        fields = {
            "type": 3,
            "to": to_checksum_address(INBOX),
            "nonce": 0,
            "gas": 21_000,
            "value": 0,
            "data": data,
            "chainId": 900,
            "maxFeePerGas": 9,
            "maxPriorityFeePerGas": 1,
            "maxFeePerBlobGas": 1,
            "blobVersionedHashes": hashes,
            "accessList": [],
        }
        raw = bytes(KEY.sign_transaction(fields).raw_transaction)
        block = self.l1[l1_number]
        self.l1[l1_number] = replace(block, transactions=(*block.transactions, raw))


def world_of(fork: Fork, seed: int = 1, **changes: object) -> World:
    return World.make(random.Random(seed), forks_until(fork), **changes)  # type: ignore[arg-type]


def blob_world(fork: Fork) -> BlobWorld:
    world = BlobWorld.make(random.Random(2), forks_until(fork))
    assert isinstance(world, BlobWorld)
    batcher = Address.from_hex(KEY.address)
    system = replace(world.config.genesis.system_config, batcher_address=batcher)
    genesis = replace(world.config.genesis, system_config=system)
    world.config = replace(world.config, genesis=genesis)
    world.configs = [system]
    world.stored = {}
    return world


def refs_of(world: World) -> list[L2BlockRef]:
    return [ref for ref, _ in derive_all(world)]


@pytest.mark.parametrize("fork", [Fork.BEDROCK, Fork.GRANITE, Fork.HOLOCENE, Fork.KARST])
@pytest.mark.parametrize("compression", list(Compression))
def test_a_channel_spreads_over_many_l1_blocks(fork: Fork, compression: Compression) -> None:
    """A frame or two in each of its L1 blocks; all of it is read at the block of the last one."""
    if compression is Compression.BROTLI and fork < Fork.FJORD:
        pytest.skip("brotli comes with Fjord")
    world = world_of(fork)
    world.sequence(until_epoch=3)
    batch_type = BatchType.SPAN if fork >= Fork.DELTA else BatchType.SINGULAR
    last = len(world.refs) - 1
    size = len(encode_frames(world.channel(1, last, batch_type, compression, 100_000))) // 9 + 23
    frames = world.channel(1, last, batch_type, compression, size)
    assert len(frames) > 8
    at = 4
    while frames:
        count = 2 if at < 6 or len(frames) == 2 else min(2, len(frames))
        world.post(at, encode_frames(frames[:count]))
        frames, at = frames[count:], at + 1
    found = derive_all(world)
    assert [ref for ref, _ in found][:last] == world.refs[1:]
    assert {derived.derived_from.number for _, derived in found[:last]} == {at - 1}


@pytest.mark.parametrize("fork", [Fork.ECOTONE, Fork.GRANITE, Fork.HOLOCENE, Fork.KARST])
def test_a_channel_spreads_over_many_blobs(fork: Fork) -> None:
    """Blobs count in the order of their hashes; calldata beside them is ignored."""
    world = blob_world(fork)
    world.sequence(until_epoch=3)
    last = len(world.refs) - 1
    size = len(encode_frames(world.channel(1, last, BatchType.SPAN, Compression.ZLIB, 100_000)))
    frames = world.channel(1, last, BatchType.SPAN, Compression.ZLIB, size // 6 + 23)
    datas = [encode_frames([frame]) for frame in frames]
    assert len(datas) > 5
    world.post_blobs(4, datas[:3], data=datas[5])
    world.post_blobs(4, [b"\x00 no frame", datas[3]])
    world.post_blobs(6, datas[4:])
    found = derive_all(world)
    assert [ref for ref, _ in found][:last] == world.refs[1:]
    assert {derived.derived_from.number for _, derived in found[:last]} == {6}


def test_before_ecotone_a_blob_transaction_counts_by_its_calldata() -> None:
    """Ecotone is what makes calldata of the type be ignored; its blobs are not read before."""
    for fork, expected in ((Fork.DELTA, True), (Fork.ECOTONE, False)):
        world = blob_world(fork)
        world.sequence(until_epoch=3)
        last = len(world.refs) - 1
        frames = world.channel(1, last, BatchType.SINGULAR, Compression.ZLIB, 100_000)
        world.post_blobs(4, [b"\x00 no frame"], data=encode_frames(frames))
        assert (refs_of(world)[:last] == world.refs[1:]) is expected


@pytest.mark.parametrize("fork", [Fork.DELTA, Fork.GRANITE, Fork.HOLOCENE, Fork.KARST])
@pytest.mark.parametrize("reach", [3, 9])
def test_a_batcher_that_comes_back_too_late_changes_nothing(fork: Fork, reach: int) -> None:
    """Its span begins before the empty blocks of closed windows, and is dropped for that.

    The block that it follows may be one that the pipeline let go of long ago.
    """
    world = world_of(fork, seq_window_size=5, l1_length=40)
    world.sequence(until_epoch=20)
    late = 17
    expected = refs_of(world)
    in_time = [ref for ref, derived in derive_all(world) if derived.derived_from.number < late]
    head = in_time[-1]
    assert head.l1_origin.number == late - 1 - 5
    first = next(
        n
        for n, ref in enumerate(world.refs)
        if ref.l1_origin.number == head.l1_origin.number - reach
    )
    last = next(n for n, ref in enumerate(world.refs) if ref.timestamp > head.timestamp + 60)
    frames = world.channel(first, last, BatchType.SPAN, Compression.ZLIB, 100_000)
    world.post(late, encode_frames(frames))
    assert refs_of(world) == expected


@pytest.mark.parametrize("batch_type", list(BatchType))
def test_a_payload_is_replaced_by_the_time_of_its_l1_block(batch_type: BatchType) -> None:
    """Blocks from before Holocene that L1 holds after it: deposits stand in for a bad one."""
    holocene = START + 5 * L1_TIME
    forks = tuple(holocene if one is Fork.HOLOCENE else START for one in Fork if one)
    world = World.make(random.Random(1), (*forks[: Fork.HOLOCENE], *NEVER[Fork.HOLOCENE :]))
    world.sequence(until_epoch=2)
    last = len(world.refs) - 1
    assert world.refs[last].timestamp < holocene
    frames = world.channel(1, last, batch_type, Compression.ZLIB, 100_000)
    for at, replaced in ((4, False), (5, True)):
        world.l1[4] = replace(world.l1[4], transactions=())
        world.post(at, encode_frames(frames))
        derived = world.pipeline().next_attributes(world.refs[0])
        assert derived is not None
        assert derived.attributes.transactions == world.contents[1]
        assert derived.is_replaced(world.config) is replaced


@pytest.mark.parametrize("fork", [Fork.DELTA, Fork.HOLOCENE])
def test_a_span_from_before_the_window_is_dropped(fork: Fork) -> None:
    """Young origins do not help blocks whose times lie before the sequencing window."""
    world = world_of(fork, seq_window_size=5, l1_length=40)
    expected = derive_all(world)
    head = [ref for ref, derived in expected if derived.derived_from.number < 17][-1]
    epoch = world.l1[head.l1_origin.number].ref
    batches = [
        SingularBatch(
            parent_hash=expected[10][0].hash,
            epoch_number=epoch.number + 1,
            epoch_hash=world.l1[epoch.number + 1].hash,
            timestamp=timestamp,
            transactions=(),
        )
        for timestamp in range(expected[11][0].timestamp, head.timestamp + 20, 2)
    ]
    batch = encode_span_batch(batches, first_changes_origin=False, config=world.config)
    data = compress(rlp.encode(batch), Compression.ZLIB)
    frame = Frame(channel_id=bytes(16), number=0, data=data, is_last=True)
    world.post(17, encode_frames([frame]))
    assert derive_all(world) == expected


@pytest.mark.parametrize("fork", [Fork.GRANITE, Fork.HOLOCENE, Fork.KARST])
def test_after_missed_windows_the_chain_takes_batches_again(fork: Fork) -> None:
    """The batcher builds on the empty blocks; what it then posts in time is derived."""
    world = world_of(fork, seq_window_size=5, l1_length=40)
    for ref, derived in derive_all(world):
        if derived.derived_from.number > 15:
            break
        world.build(ref.l1_origin.number, ())
        assert world.refs[-1] == ref
    empty = len(world.refs) - 1
    assert empty > 40
    world.build(world.refs[-1].l1_origin.number + 1, ())
    world.sequence(until_epoch=15)
    last = len(world.refs) - 1
    frames = world.channel(empty + 1, last, BatchType.SPAN, Compression.ZLIB, 100_000)
    world.post(16, encode_frames(frames))
    found = derive_all(world)
    assert [ref for ref, _ in found][:last] == world.refs[1:]
    assert {derived.derived_from.number for _, derived in found[empty:last]} == {16}

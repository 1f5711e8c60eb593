"""The pipeline in single situations: Holocene's strictness, origins, reorgs, hiccups, drift."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address
from hypothesis import given, settings
from hypothesis import strategies as st

from coprove.derivation import (
    L1ReorgError,
    L2Block,
    L2ReorgError,
    MissingL2BlockError,
    Pipeline,
    PipelineError,
    PipelineStart,
    pipeline_start,
)
from coprove.derivation.channel_out import BatchType
from coprove.derivation.compression import Compression
from coprove.derivation.data_source import batcher_transactions, read_batch_data
from coprove.derivation.frames import encode_frames
from coprove.derivation.system_config import CONFIG_UPDATE_TOPIC
from coprove.errors import InputError, Temporary
from coprove.primitives import rlp
from coprove.types import Address, Fork, Hash32
from tests.unit.derivation.simulated import (
    BATCHER,
    INBOX,
    START,
    World,
    derive_all,
    execute,
    forks_until,
    random_transaction,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.derivation import L1Block
    from coprove.types import L1BlockRef, L2BlockRef


def world_of(fork: Fork, seed: int = 1, **changes: object) -> World:
    return World.make(random.Random(seed), forks_until(fork), **changes)  # type: ignore[arg-type]


def refs_of(world: World) -> list[L2BlockRef]:
    return [ref for ref, _ in derive_all(world)]


def post_channel(
    world: World,
    at: int,
    first: int,
    last: int,
    batch_type: BatchType = BatchType.SPAN,
) -> None:
    frames = world.channel(first, last, batch_type, Compression.ZLIB, 100_000)
    world.post(at, encode_frames(frames))


@pytest.mark.parametrize("batch_type", list(BatchType))
@pytest.mark.parametrize("ahead", [0, 1, 100])
def test_an_invalid_payload_takes_the_rest_of_its_channel_with_it(
    batch_type: BatchType, ahead: int
) -> None:
    """Holocene: deposits stand in for the block, and the channel is over, however far was read."""
    world = world_of(Fork.HOLOCENE)
    world.sequence(until_epoch=4)
    post_channel(world, 5, 1, len(world.refs) - 1, batch_type)
    bad = 9
    deposits = tuple(raw for raw in world.contents[bad] if raw[0] == 0x7E)
    posted = world.contents[bad]
    epoch = world.refs[bad].l1_origin.number
    del world.refs[bad:], world.contents[bad:], world.configs[bad:]
    world.build(epoch, ())
    assert world.contents[bad] == deposits != posted
    world.sequence(until_epoch=5)
    post_channel(world, 6, bad + 1, len(world.refs) - 1, batch_type)

    pipeline, head, found = world.pipeline(), world.refs[0], []
    while True:
        for _ in range(ahead):
            pipeline.prefetch()
        derived = pipeline.next_attributes(head)
        if derived is None:
            break
        if derived.attributes.transactions == posted:
            pipeline.on_invalid_payload()
            derived = derived.deposits_only()
            assert derived.attributes.transactions == deposits
        head = execute(head, derived.attributes, derived.epoch)
        found.append(head)
    assert found == world.refs[1:]


@pytest.mark.parametrize("first", [1, 4, 5])
def test_before_holocene_an_invalid_payload_gives_other_batches_their_chance(first: int) -> None:
    """The rest of the span goes; a batch of a later channel for the same block is taken.

    Blocks of that span before it would have to be taken back, which ends derivation here.
    """
    world = world_of(Fork.GRANITE)
    world.sequence(until_epoch=3)
    bad = 5
    first_posted = world.contents[bad]
    if first > 1:
        post_channel(world, 4, 1, first - 1)
    post_channel(world, 4, first, len(world.refs) - 1)
    epoch = world.refs[bad].l1_origin.number
    del world.refs[bad:], world.contents[bad:], world.configs[bad:]
    world.build(epoch, (b"\x02" + rlp.encode([b"other"]),))
    post_channel(world, 5, bad, bad, BatchType.SINGULAR)
    pipeline, head, found = world.pipeline(), world.refs[0], []
    while (derived := pipeline.next_attributes(head)) is not None:
        if derived.attributes.transactions == first_posted:
            assert not derived.is_replaced(world.config)
            if first < bad:
                with pytest.raises(PipelineError, match=f"{bad - first} blocks"):
                    pipeline.on_invalid_payload()
                return
            pipeline.on_invalid_payload()
            continue
        head = execute(head, derived.attributes, derived.epoch)
        found.append(head)
    assert found == world.refs[1:]


def test_holocene_drops_frames_out_of_order() -> None:
    """A frame that comes late ends its channel; the same channel in order is read."""
    world = world_of(Fork.HOLOCENE)
    world.sequence(until_epoch=3)
    frames = world.channel(1, len(world.refs) - 1, BatchType.SPAN, Compression.ZLIB, 300)
    assert len(frames) > 3
    world.post(4, encode_frames([*frames[:1], *frames[2:], frames[1]]))
    assert refs_of(world) == []
    world.post(5, encode_frames(frames[:2]))
    world.post(6, encode_frames(frames[2:]))
    assert refs_of(world) == world.refs[1:]


def test_holocene_drops_an_unfinished_channel_for_a_new_one() -> None:
    """The first frame of another channel replaces the staging channel, whose rest is ignored."""
    world = world_of(Fork.HOLOCENE)
    world.sequence(until_epoch=4)
    middle = len(world.refs) // 2
    lost = world.channel(1, middle, BatchType.SPAN, Compression.ZLIB, 300)
    kept = world.channel(1, len(world.refs) - 1, BatchType.SPAN, Compression.ZLIB, 100_000)
    world.post(5, encode_frames(lost[:1]))
    world.post(5, encode_frames(kept))
    world.post(5, encode_frames(lost[1:]))
    assert refs_of(world) == world.refs[1:]


def test_holocene_drops_a_channel_from_its_first_invalid_batch_on() -> None:
    """A gap in a channel of singular batches drops what follows it, and nothing before."""
    world = world_of(Fork.HOLOCENE)
    world.sequence(until_epoch=3)
    last = len(world.refs) - 1
    post_channel(world, 4, 1, 3, BatchType.SINGULAR)
    post_channel(world, 4, 5, last, BatchType.SINGULAR)
    assert refs_of(world) == world.refs[1:4]
    post_channel(world, 5, 4, last, BatchType.SINGULAR)
    assert refs_of(world) == world.refs[1:]


def test_before_holocene_batches_wait_for_the_missing_one() -> None:
    """The queue keeps future batches until the gap before them is filled."""
    world = world_of(Fork.GRANITE)
    world.sequence(until_epoch=3)
    post_channel(world, 4, 5, len(world.refs) - 1, BatchType.SPAN)
    post_channel(world, 5, 1, 4, BatchType.SINGULAR)
    found = derive_all(world)
    assert [ref for ref, _ in found] == world.refs[1:]
    assert {derived.derived_from.number for _, derived in found} == {5}


@pytest.mark.parametrize("fork", [Fork.GRANITE, Fork.HOLOCENE])
def test_a_span_may_overlap_the_safe_chain(fork: Fork) -> None:
    """Its safe blocks are passed over, its new ones derived; past batches do no harm."""
    world = world_of(fork)
    world.sequence(until_epoch=4)
    last = len(world.refs) - 1
    post_channel(world, 5, 1, 8)
    post_channel(world, 5, 2, 6)
    post_channel(world, 6, 3, last)
    assert refs_of(world) == world.refs[1:]


def test_before_holocene_an_overlap_must_repeat_the_safe_chain() -> None:
    """A span that differs from the safe chain in a block's transactions is dropped whole."""
    world = world_of(Fork.GRANITE)
    world.sequence(until_epoch=3)
    last = len(world.refs) - 1
    post_channel(world, 4, 1, 5)
    original = world.contents[4]
    added = random_transaction(world.chance, set_code=False)
    world.contents[4] = (*original, added)
    post_channel(world, 5, 3, last)
    world.contents[4] = original
    assert refs_of(world) == world.refs[1:6]
    post_channel(world, 6, 3, last)
    assert refs_of(world) == world.refs[1:]


class History:
    """The simulated L2 chain, for starts in the middle; some blocks may be missing."""

    def __init__(self, world: World, missing: Sequence[int] = ()) -> None:
        """Leave out the blocks `missing`."""
        self.world = world
        self.missing = missing

    def block_by_number(self, number: int) -> L2Block | None:
        return None if number in self.missing else self.world.l2_block(number)

    def system_config(self, number: int) -> object:
        return self.world.configs[number]


@pytest.mark.parametrize("fork", [Fork.GRANITE, Fork.HOLOCENE])
def test_a_start_inside_a_span_needs_the_block_before_it(fork: Fork) -> None:
    """The history gives the span's parent; without it the pipeline says which block it needs."""
    world = world_of(fork)
    world.sequence(until_epoch=4)
    last = len(world.refs) - 1
    post_channel(world, 5, 3, last)
    post_channel(world, 4, 1, 2)
    history = History(world)
    start = pipeline_start(world.config, world, history, world.refs[7])  # type: ignore[arg-type]
    pipeline = Pipeline(world.config, world.l1_config, world, start, history)
    derived = pipeline.next_attributes(world.refs[7])
    assert derived is not None
    assert derived.attributes.transactions == world.contents[8]
    for without in (None, History(world, missing=(2,))):
        pipeline = Pipeline(world.config, world.l1_config, world, start, without)
        with pytest.raises(MissingL2BlockError) as raised:
            pipeline.next_attributes(world.refs[7])
        assert raised.value.number == 2


def test_the_start_lies_a_channel_timeout_back() -> None:
    """The first L2 block, going back, whose origin is the timeout away; genesis at most."""
    world = world_of(Fork.GRANITE)
    world.sequence(until_epoch=14)
    for number in (0, 20, len(world.refs) - 1):
        safe = world.refs[number]
        start = pipeline_start(world.config, world, History(world), safe)  # type: ignore[arg-type]
        assert start.l1_origin.number == max(0, safe.l1_origin.number - 8)
        assert start.safe_head == safe
    with pytest.raises(MissingL2BlockError):
        pipeline_start(world.config, world, History(world, range(99)), safe)  # type: ignore[arg-type]
    world.head = 3
    with pytest.raises(Temporary):
        pipeline_start(world.config, world, History(world), safe)  # type: ignore[arg-type]
    world.head = None
    world.l1[14] = replace(world.l1[14], hash=Hash32(b"\x77" * 32))
    with pytest.raises(L1ReorgError):
        pipeline_start(world.config, world, History(world), safe)  # type: ignore[arg-type]


def test_l1_reorgs_ask_for_a_reset() -> None:
    """A block that does not follow the one before it, at the start and later on."""
    world = world_of(Fork.HOLOCENE)
    other = World.make(
        random.Random(2), forks_until(Fork.HOLOCENE), l1_times=[START + 1 + n for n in range(9)]
    )
    for number in (0, 4):
        changed = world_of(Fork.HOLOCENE)
        pipeline = changed.pipeline()
        changed.l1[number] = other.l1[number]
        with pytest.raises(L1ReorgError) as raised:
            pipeline.next_attributes(changed.refs[0])
        assert raised.value.number == number
    world.sequence(until_epoch=2)
    stranger = replace(world.refs[1], l1_origin=other.l1[1].ref.id)
    pipeline = world.pipeline()
    with pytest.raises(L2ReorgError):
        pipeline.next_attributes(stranger)


def test_a_block_that_was_not_derived_here_is_refused() -> None:
    """The system config of a safe head that skips ahead is not known."""
    world = world_of(Fork.HOLOCENE)
    world.sequence(until_epoch=3)
    post_channel(world, 4, 1, len(world.refs) - 1, BatchType.SINGULAR)
    pipeline = world.pipeline()
    with pytest.raises(PipelineError):
        pipeline.next_attributes(world.refs[5])


class Flaky:
    """The world's L1, failing each request for the first time."""

    def __init__(self, world: World) -> None:
        """Fail once for each block."""
        self.world = world
        self.failed: set[int] = set()

    def block_by_number(self, number: int) -> L1Block | None:
        if number not in self.failed:
            self.failed.add(number)
            raise Hiccup(str(number))
        return self.world.block_by_number(number)

    def blobs(self, block: L1BlockRef, versioned_hashes: Sequence[Hash32]) -> list[bytes]:
        return self.world.blobs(block, versioned_hashes)


class Hiccup(Temporary):
    """A source that is not there for a moment."""


def test_after_a_temporary_error_the_pipeline_goes_on() -> None:
    """A failing read changes nothing; asking again gives the same blocks."""
    world = world_of(Fork.HOLOCENE)
    world.sequence(until_epoch=3)
    post_channel(world, 4, 1, len(world.refs) - 1)
    start = PipelineStart(
        l1_origin=world.l1[0].ref,
        l1_system_config=world.configs[0],
        safe_head=world.refs[0],
        safe_head_system_config=world.configs[0],
    )
    pipeline = Pipeline(world.config, world.l1_config, Flaky(world), start)
    head, found, hiccups = world.refs[0], [], 0
    while True:
        try:
            derived = pipeline.next_attributes(head)
        except Hiccup:
            hiccups += 1
            continue
        if derived is None:
            break
        head = execute(head, derived.attributes, derived.epoch)
        found.append(head)
    assert found == world.refs[1:]
    assert hiccups >= 5


def config_update(world: World, batcher: Address) -> bytes:
    """Return a receipt with the log that makes `batcher` the batcher."""
    topics = [CONFIG_UPDATE_TOPIC, bytes(32), bytes(32)]
    data = (32).to_bytes(32, "big") + (32).to_bytes(32, "big") + bytes(12) + batcher
    address = bytes(world.config.l1_system_config_address)
    log: list[rlp.Encodable] = [address, [bytes(topic) for topic in topics], data]
    return b"\x02" + rlp.encode([b"\x01", b"\x01", bytes(256), [log]])


def test_a_new_batcher_counts_from_the_block_of_its_update_on() -> None:
    """The old key's data in that L1 block is ignored already."""
    new = Address(b"\xbb" * 20)
    world = world_of(Fork.HOLOCENE)
    world.l1[5] = replace(world.l1[5], receipts=(config_update(world, new),))
    world.sequence(until_epoch=6)
    middle = max(n for n, ref in enumerate(world.refs) if ref.l1_origin.number < 4)
    last = len(world.refs) - 1
    early = world.channel(1, middle, BatchType.SPAN, Compression.ZLIB, 100_000)
    late = world.channel(middle + 1, last, BatchType.SPAN, Compression.ZLIB, 100_000)
    world.post(4, encode_frames(early))
    world.post(5, encode_frames(late), BATCHER)
    world.post(7, encode_frames(late), BATCHER)
    assert refs_of(world) == world.refs[1 : middle + 1]
    world.post(8, encode_frames(late), new)
    assert refs_of(world) == world.refs[1:]
    assert world.configs[-1].batcher_address == new


def test_drift_allows_empty_blocks_only() -> None:
    """L1 stands still: behind the maximum drift an empty block is derived, a full one is not."""
    times = [START, START + 12, START + 24, START + 2_000, START + 2_012, START + 2_024]
    for fork, drift in ((Fork.REGOLITH, 600), (Fork.FJORD, 1800), (Fork.HOLOCENE, 1800)):
        world = world_of(fork, l1_times=times)
        for _ in range(6 + 6):
            world.build(0 if len(world.refs) <= 6 else 1, ())
        while world.refs[-1].timestamp < START + 24 - 2:
            world.build(1, ())
        while world.refs[-1].timestamp < START + 2_000 - 2:
            world.build(2, ())
        world.build(3, ())
        last = len(world.refs) - 1
        post_channel(world, 4, 1, last, BatchType.SINGULAR)
        assert refs_of(world)[:last] == world.refs[1:]
        at = next(n for n, ref in enumerate(world.refs) if ref.timestamp > START + 24 + drift)
        content = world.contents[at]
        world.contents[at] = (*content, b"\xc0")
        world.l1[4] = replace(world.l1[4], transactions=())
        post_channel(world, 4, 1, last, BatchType.SINGULAR)
        assert refs_of(world)[: at + 1] == world.refs[1:at]


def test_a_signed_transaction_counts_by_its_signer() -> None:
    """Real signatures: legacy, access-list and dynamic-fee transactions to the inbox."""
    account = Account.from_key(b"\x11" * 32)
    world = world_of(Fork.HOLOCENE)
    common = {
        "to": to_checksum_address(INBOX),
        "nonce": 0,
        "gas": 21_000,
        "value": 0,
        "data": b"\x00\x01",
    }
    fees = {"maxFeePerGas": 9, "maxPriorityFeePerGas": 1}
    for fields in (
        {"gasPrice": 9, "chainId": 900},
        {"gasPrice": 9},
        {"gasPrice": 9, "chainId": 900, "accessList": [], "type": 1},
        {**fees, "chainId": 900, "type": 2},
    ):
        raw = bytes(account.sign_transaction({**common, **fields}).raw_transaction)
        block = replace(world.l1[1], transactions=(raw,))
        batcher = Address.from_hex(account.address)
        found = batcher_transactions(world.config, block, batcher)
        assert [one.data for one in found] == [b"\x00\x01"]
        assert batcher_transactions(world.config, block, BATCHER) == []
        elsewhere = replace(world.config, batch_inbox_address=Address(b"\x01" * 20))
        assert batcher_transactions(elsewhere, block, batcher) == []


def test_a_source_that_gives_the_wrong_block_is_an_error() -> None:
    """A block of another number, and another count of blobs, stop the pipeline."""
    world = world_of(Fork.HOLOCENE)
    world.l1[1] = replace(world.l1[1], header=replace(world.l1[1].header, number=7))
    with pytest.raises(PipelineError):
        world.pipeline().next_attributes(world.refs[0])


@settings(max_examples=200)
@given(
    kind=st.sampled_from([b"", b"\x01", b"\x02", b"\x03", b"\x04", b"\x7e", b"\x05"]),
    fields=st.lists(
        st.one_of(st.just(bytes(INBOX)), st.binary(max_size=40), st.lists(st.binary(max_size=33))),
        max_size=14,
    ),
    junk=st.binary(max_size=3),
)
def test_any_transaction_that_names_the_inbox_is_passed_over_or_a_typed_error(
    kind: bytes, fields: list[rlp.Encodable], junk: bytes
) -> None:
    world = world_of(Fork.KARST)
    raw = kind + rlp.encode([*fields, bytes(INBOX)]) + junk
    block = replace(world.l1[1], transactions=(raw,))
    try:
        found = batcher_transactions(world.config, block, BATCHER)
    except InputError:
        return
    assert all(one.data is None or isinstance(one.data, bytes) for one in found)


class TooFewBlobs:
    """A source that gives no blob, whatever is asked for."""

    def block_by_number(self, number: int) -> L1Block | None:
        raise AssertionError(number)

    def blobs(self, _block: L1BlockRef, _versioned_hashes: Sequence[Hash32]) -> list[bytes]:
        return []


def test_blobs_are_read_from_ecotone_on() -> None:
    """Before, a blob transaction carries its calldata; after, each of its blobs must be there."""
    account = Account.from_key(b"\x11" * 32)
    fields = {
        "type": 3,
        "to": to_checksum_address(INBOX),
        "nonce": 0,
        "gas": 21_000,
        "value": 0,
        "data": b"",
        "chainId": 900,
        "maxFeePerGas": 9,
        "maxPriorityFeePerGas": 1,
        "maxFeePerBlobGas": 1,
        "blobVersionedHashes": [b"\x01" + bytes(31)],
        "accessList": [],
    }
    raw = bytes(account.sign_transaction(fields).raw_transaction)
    batcher = Address.from_hex(account.address)
    for fork, data, hashes in ((Fork.DELTA, b"", ()), (Fork.ECOTONE, None, (b"\x01" + bytes(31),))):
        world = world_of(fork)
        block = replace(world.l1[1], transactions=(raw,))
        (found,) = batcher_transactions(world.config, block, batcher)
        assert (found.data, found.blob_hashes) == (data, hashes)
        if hashes:
            with pytest.raises(InputError):
                read_batch_data(world.config, TooFewBlobs(), block, batcher)

"""Frames, channels, compression, batches and blobs: both ways, and under arbitrary bytes."""

from __future__ import annotations

import random
import time
import tracemalloc
import zlib
from dataclasses import replace

import brotli
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coprove.derivation.blob_codec import BLOB_SIZE, MAX_BLOB_DATA, decode_blob, encode_blob
from coprove.derivation.channel import Channel, ChannelAssembler, ChannelBank
from coprove.derivation.channel_out import BatchType, ChannelOut, split_channel
from coprove.derivation.channel_reader import read_batches
from coprove.derivation.compression import Compression, compress, decompress
from coprove.derivation.frames import Frame, encode_frames, parse_frames, prune_frames
from coprove.derivation.singular import SingularBatch, decode_singular_batch
from coprove.derivation.span import SpanBatch, decode_span_batch, encode_span_batch
from coprove.derivation.wire import Reader, encode_bits, encode_uvarint
from coprove.errors import InputError
from coprove.primitives import rlp
from coprove.types import Fork, Hash32, L1BlockRef
from tests.unit.derivation.simulated import (
    START,
    World,
    forks_until,
    make_config,
    random_transaction,
)

CONFIG = make_config(
    forks_until(Fork.KARST), World.make(random.Random(0), forks_until(Fork.KARST)).l1[0]
)
BEDROCK = replace(CONFIG, fork_times=(None,) * len(CONFIG.fork_times))

FRAMES = st.builds(
    Frame,
    channel_id=st.sampled_from([bytes(16), b"\x01" * 16, b"\x02" * 16]),
    number=st.integers(0, 5),
    data=st.binary(max_size=20),
    is_last=st.booleans(),
)


def l1_ref(number: int) -> L1BlockRef:
    return L1BlockRef(
        hash=Hash32(bytes(32)), number=number, parent_hash=Hash32(bytes(32)), timestamp=START
    )


def batches_of(chance: random.Random, count: int, *, most: int = 4) -> list[SingularBatch]:
    """Make consecutive blocks of random transactions whose L1 origin moves now and then."""
    epoch = 10
    found = []
    for number in range(count):
        epoch += chance.choice((0, 0, 1))
        found.append(
            SingularBatch(
                parent_hash=Hash32(bytes([number % 256]) * 32),
                epoch_number=epoch,
                epoch_hash=Hash32(bytes([epoch % 256]) * 32),
                timestamp=START + 2 * (number + 1),
                transactions=tuple(
                    random_transaction(chance, set_code=True)
                    for _ in range(chance.randint(0, most))
                ),
            )
        )
    return found


# Frames


@given(frames=st.lists(FRAMES, min_size=1, max_size=8))
def test_frames_round_trip(frames: list[Frame]) -> None:
    assert parse_frames(encode_frames(frames)) == frames


@given(data=st.binary(max_size=80))
@example(b"")
@example(b"\x00")
@example(b"\x01" + bytes(23))
def test_any_bytes_are_frames_or_a_typed_error(data: bytes) -> None:
    """What parses encodes to the same bytes again."""
    for given_bytes in (data, b"\x00" + data):
        try:
            frames = parse_frames(given_bytes)
        except InputError:
            continue
        assert encode_frames(frames) == given_bytes


def test_malformed_frames_make_the_whole_transaction_invalid() -> None:
    """Too long a frame, a flag of 2, a frame cut short, nothing behind the version."""
    good = Frame(channel_id=bytes(16), number=0, data=b"abc", is_last=True)
    data = encode_frames([good, good])
    too_long = bytes(16) + bytes(2) + (1_000_001).to_bytes(4, "big") + bytes(1_000_002)
    for bad in (data[:-1], data[:-1] + b"\x02", data + b"\x00", b"\x00" + too_long, b"\x00"):
        with pytest.raises(InputError):
            parse_frames(bad)


def reference_prune(frames: list[Frame]) -> list[Frame]:
    """Compare neighbours again and again until no rule removes a frame, as the text says it."""
    kept = list(frames)
    at = 0
    while at + 1 < len(kept):
        first, second = kept[at], kept[at + 1]
        if first.channel_id == second.channel_id:
            drop_second = first.is_last or second.number != first.number + 1
            drop_first = False
        else:
            drop_first = second.number == 0 and not first.is_last
            drop_second = second.number != 0
        if drop_first:
            del kept[at]
            at = max(0, at - 1)
        elif drop_second:
            del kept[at + 1]
        else:
            at += 1
    return kept


@settings(max_examples=400)
@given(frames=st.lists(FRAMES, max_size=8))
def test_pruning_keeps_frames_in_strict_order(frames: list[Frame]) -> None:
    """Holocene's rules for neighbours, applied until nothing changes."""
    assert prune_frames(frames) == reference_prune(frames)


# Channels


@given(data=st.binary(max_size=500), size=st.integers(24, 100), seed=st.integers(0, 1000))
def test_a_channel_joins_its_frames_in_any_order(data: bytes, size: int, seed: int) -> None:
    frames = split_channel(b"\x07" * 16, data, size)
    shuffled = frames + frames[:2]
    random.Random(seed).shuffle(shuffled)
    channel = Channel(channel_id=b"\x07" * 16, opened_at=1)
    for frame in shuffled:
        channel.add(frame)
    assert channel.is_ready
    assert channel.join().data == data
    assert channel.size == sum(frame.size for frame in frames)


def test_a_closing_frame_removes_those_behind_it() -> None:
    """Higher frames go, later ones are refused, and a second closing frame too."""
    frames = split_channel(bytes(16), bytes(100), 33)
    channel = Channel(channel_id=bytes(16), opened_at=1)
    for number in (0, 4, 5):
        assert channel.add(frames[number])
    assert channel.add(replace(frames[2], is_last=True))
    assert sorted(channel.frames) == [0, 2]
    # As the reference node counts it, for the limit of the bank.
    assert channel.size == frames[2].size
    assert not channel.add(frames[3])
    assert not channel.add(replace(frames[1], is_last=True))
    assert not channel.add(frames[0])
    assert channel.add(frames[1])
    assert channel.is_ready


def test_the_bank_prunes_its_oldest_channels() -> None:
    """Above 100,000,000 bytes the first opened channel goes, and its id may be used anew."""
    bank = ChannelBank(BEDROCK)
    big = bytes(1_000_000)
    for number in range(101):
        channel_id = number.to_bytes(16, "big")
        bank.ingest(Frame(channel_id=channel_id, number=0, data=big, is_last=number < 2), l1_ref(1))
    # 101 frames do not fit: channels 0 (and 1) are gone, though they were whole.
    assert bank.read(l1_ref(1)) is None
    fjord = ChannelBank(CONFIG)
    for number in range(101):
        channel_id = number.to_bytes(16, "big")
        fjord.ingest(
            Frame(channel_id=channel_id, number=0, data=big, is_last=number == 0), l1_ref(1)
        )
    ready = fjord.read(l1_ref(1))
    assert ready is not None
    assert ready.channel_id == bytes(16)


def test_before_canyon_the_first_channel_holds_up_the_others() -> None:
    """From Canyon on the first that is ready is read; a timed-out one gives way in both."""
    canyon = replace(BEDROCK, fork_times=forks_until(Fork.CANYON))
    for config, blocked in ((BEDROCK, True), (canyon, False)):
        bank = ChannelBank(config)
        bank.ingest(Frame(channel_id=b"\x01" * 16, number=0, data=b"", is_last=False), l1_ref(1))
        bank.ingest(Frame(channel_id=b"\x02" * 16, number=0, data=b"x", is_last=True), l1_ref(2))
        assert (bank.read(l1_ref(2)) is None) is blocked
        # 1 + 12 is the last L1 block that may bring a frame of the first channel.
        assert bank.read(l1_ref(13)) is None
        ready = bank.read(l1_ref(14))
        assert (ready is not None) is blocked


@pytest.mark.parametrize("stage_of", [ChannelBank, ChannelAssembler])
def test_frames_of_a_timed_out_channel_are_dropped(
    stage_of: type[ChannelBank] | type[ChannelAssembler],
) -> None:
    """At the timeout a frame still counts, one L1 block later it does not."""
    for late in (False, True):
        stage = stage_of(CONFIG)
        first, second = split_channel(bytes(16), b"abcd", 25)
        at = l1_ref(1 + 8 + late)
        assert stage.read(l1_ref(1)) is None
        stage.ingest(first, l1_ref(1))
        assert stage.read(at) is None
        stage.ingest(second, at)
        ready = stage.read(at)
        assert (ready is None) is late


def test_the_staging_channel_is_bounded() -> None:
    """Holocene: a channel of more than 100,000,000 compressed bytes is dropped."""
    data = bytes(1_000_000)
    for count, fits in ((99, True), (100, False)):
        stage = ChannelAssembler(CONFIG)
        for number in range(count):
            stage.ingest(
                Frame(channel_id=bytes(16), number=number, data=data, is_last=number + 1 == count),
                l1_ref(1),
            )
        assert (stage.read(l1_ref(1)) is not None) is fits


# Compression


@given(data=st.binary(max_size=2000), kind=st.sampled_from(list(Compression)))
def test_compression_round_trips(data: bytes, kind: Compression) -> None:
    assert decompress(compress(data, kind), limit=10_000, allow_brotli=True) == data


@given(
    data=st.binary(max_size=3000), kind=st.sampled_from(list(Compression)), limit=st.integers(0, 99)
)
def test_only_the_limit_is_read(data: bytes, kind: Compression, limit: int) -> None:
    packed = compress(data * 40, kind)
    assert decompress(packed, limit=limit, allow_brotli=True) == (data * 40)[:limit]


@given(
    data=st.binary(min_size=1, max_size=300),
    kind=st.sampled_from(list(Compression)),
    cut=st.integers(1, 400),
)
def test_a_truncated_stream_gives_a_prefix(data: bytes, kind: Compression, cut: int) -> None:
    packed = compress(data * 50, kind)[:cut]
    found = decompress(packed, limit=100_000, allow_brotli=True)
    assert (data * 50).startswith(found)


@settings(max_examples=300)
@given(seed=st.integers(0, 2**32), change=st.integers(1, 255), place=st.integers(2, 2**20))
def test_a_broken_zlib_stream_gives_all_that_precedes_the_break(
    seed: int, change: int, place: int
) -> None:
    """No more is lost than feeding it byte by byte loses, and the checksum does not count."""
    chance = random.Random(seed)
    data = b"".join(chance.randbytes(8) * chance.randint(1, 40) for _ in range(50))
    packed = bytearray(compress(data, Compression.ZLIB))
    packed[place % (len(packed) - 2) + 2] ^= change
    found = decompress(bytes(packed), limit=100_000, allow_brotli=True)
    stream = zlib.decompressobj()
    slowly = b""
    try:
        for byte in packed:
            slowly += stream.decompress(bytes([byte]))
    except zlib.error:
        pass
    assert found.startswith(slowly)
    assert len(found) - len(slowly) < 600
    wrong_sum = compress(data, Compression.ZLIB)[:-1] + b"?"
    assert decompress(wrong_sum, limit=100_000, allow_brotli=True) == data


@given(data=st.binary(max_size=200))
@example(b"\x78")
@example(b"\x0f")
@example(b"\x01")
def test_any_bytes_decompress_or_are_refused(data: bytes) -> None:
    for head in (b"", b"\x01", b"\x78\x9c"):
        try:
            assert len(decompress(head + data, limit=50, allow_brotli=True)) <= 50
        except InputError:
            continue


def test_brotli_waits_for_fjord_and_other_versions_are_unknown() -> None:
    packed = compress(b"abc", Compression.BROTLI)
    with pytest.raises(InputError):
        decompress(packed, limit=10, allow_brotli=False)
    for first in (0, 2, 0x10):
        with pytest.raises(InputError):
            decompress(bytes([first]) + packed[1:], limit=10, allow_brotli=True)


@pytest.mark.parametrize("kind", list(Compression))
def test_decompression_bombs_are_bounded(kind: Compression) -> None:
    """256 MiB of zeros in little space: memory and time stay at the limit's scale."""
    if kind is Compression.ZLIB:
        packer = zlib.compressobj(9)
        bomb = b"".join(packer.compress(bytes(1 << 24)) for _ in range(16)) + packer.flush()
    else:
        squeeze = brotli.Compressor(quality=1, lgwin=16)
        bomb = b"\x01" + b"".join(squeeze.process(bytes(1 << 24)) for _ in range(16))
        bomb += squeeze.finish()
    tracemalloc.start()
    began = time.perf_counter()
    content = decompress(bomb, limit=10_000_000, allow_brotli=True)
    seconds = time.perf_counter() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert content == bytes(10_000_000)
    assert peak < 60_000_000
    assert seconds < 5


# Batches


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_singular_batches_round_trip(seed: int) -> None:
    for batch in batches_of(random.Random(seed), 3):
        assert decode_singular_batch(batch.encode()) == batch
        assert decode_singular_batch(batch.encode() + b"more") == batch


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 20), changes=st.booleans())
def test_span_batches_round_trip(seed: int, count: int, changes: bool) -> None:
    """Every transaction type, creation, parity and protection comes back byte for byte."""
    batches = batches_of(random.Random(seed), count)
    data = encode_span_batch(batches, first_changes_origin=changes, config=CONFIG)
    raw = decode_span_batch(data)
    assert (raw.origin_bits[0] == "1") is changes
    span = raw.derive(CONFIG)
    assert span.parent_check == batches[0].parent_hash[:20]
    assert span.origin_check == batches[-1].epoch_hash[:20]
    assert len(span) == count
    again = [
        span.singular(n, parent_hash=batch.parent_hash, epoch_hash=batch.epoch_hash)
        for n, batch in enumerate(batches)
    ]
    assert again == batches
    assert span.last_timestamp == batches[-1].timestamp


@settings(max_examples=300)
@given(
    seed=st.integers(0, 2**16),
    place=st.integers(0, 2**20),
    change=st.integers(1, 255),
    cut=st.one_of(st.none(), st.integers(0, 3000)),
)
def test_damaged_batches_are_batches_or_typed_errors(
    seed: int, place: int, change: int, cut: int | None
) -> None:
    """One byte changed, or the end cut off, in singular and span batches."""
    batches = batches_of(random.Random(seed), 3)
    span = encode_span_batch(batches, first_changes_origin=True, config=CONFIG)
    for data, decode in ((batches[0].encode(), decode_singular_batch), (span, decode_span_batch)):
        damaged = bytearray(data)
        damaged[place % len(damaged)] ^= change
        try:
            found = decode(bytes(damaged if cut is None else damaged[:cut]))
            if not isinstance(found, SingularBatch):
                found.derive(CONFIG)
        except InputError:
            continue


@settings(max_examples=300)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_batch_or_a_typed_error(data: bytes) -> None:
    for kind, decode in ((b"\x00", decode_singular_batch), (b"\x01", decode_span_batch)):
        try:
            decode(kind + data)
        except InputError:
            continue


def test_huge_counts_cost_nothing() -> None:
    """Ten million blocks, or more transactions than bytes, end with the data."""
    prefix = b"\x01" + encode_uvarint(2) + encode_uvarint(9) + bytes(40)
    tracemalloc.start()
    for body in (
        encode_uvarint(0),
        encode_uvarint(10_000_001),
        encode_uvarint(10_000_000),
        encode_uvarint(1) + b"\x01" + encode_uvarint(10_000_001),
        encode_uvarint(1) + b"\x01" + encode_uvarint(10_000_000) + bytes(1000),
        encode_uvarint(2) + b"\x01" + encode_uvarint(9_000_000) * 2,
        encode_uvarint(1) + b"\x01" + encode_uvarint(2**64 - 1),
        b"\xff" * 11,
    ):
        with pytest.raises(InputError):
            decode_span_batch(prefix + body)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_lists_of_nothing_cost_little() -> None:
    """Millions of tiny items where there should be transactions, keys or addresses."""
    tiny = b"\xc0" * 5_000_000

    def rlp_list(body: bytes) -> bytes:
        return b"\xfa" + len(body).to_bytes(3, "big") + body

    fields = rlp.encode(bytes(32)) + b"\x01" + rlp.encode(bytes(32)) + b"\x01"
    singular_bomb = b"\x00" + rlp_list(fields + rlp_list(tiny))
    flat_bomb = b"\x00" + rlp_list(tiny)
    body = b"\x01\x01\x01\x01\x01" + bytes(64)
    head = b"\x01" + encode_uvarint(2) + encode_uvarint(9) + bytes(40) + body
    data = b"\x01" + rlp_list(b"\x80\x80\x80" + rlp_list(rlp_list(bytes(0) + tiny)))
    span_bomb = head + data + b"\x01\x01"
    tracemalloc.start()
    for bomb in (singular_bomb, flat_bomb):
        with pytest.raises(InputError):
            decode_singular_batch(bomb)
    raw = decode_span_batch(span_bomb)
    with pytest.raises(InputError):
        raw.derive(CONFIG)
    assert tracemalloc.get_traced_memory()[1] < 40_000_000
    tracemalloc.stop()


def test_seven_thousand_transactions_are_rebuilt_quickly() -> None:
    """What a busy span holds: well below 0.4 s."""
    chance = random.Random(1)
    batches = batches_of(chance, 200, most=70)
    count = sum(len(batch.transactions) for batch in batches)
    data = encode_span_batch(batches, first_changes_origin=True, config=CONFIG)
    began = time.perf_counter()
    span = decode_span_batch(data).derive(CONFIG)
    seconds = time.perf_counter() - began
    assert len(span.transactions) == count > 6_000
    assert seconds < 0.4


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\xc3\x80\x80\x80",  # a type byte 0 names no transaction
        b"\x03\xc5\x80\x80\x80\x80\xc0",  # blob transactions are L1's
        b"\xc2\x80\x80",  # an item too few
        b"\xc4\x80\x80\x80\x80",  # one too many
        b"\xc3\x00\x80\x80",  # a number with a leading zero
        b"\xc4\x82\x00\x01\x80\x80",
        b"\xc3\x80\x80\xc0",  # a list for the payload
        b"\xc4\x81\x01\x80\x80",  # a byte behind a prefix
        b"\x01\xc5\x80\x80\x80\xc1\x80",  # an access list that is none
        b"\x04\xc6\x80\x80\x80\x80\xc0\xc1\x80",  # an authorization that is none
    ],
)
def test_transactions_that_cannot_be_put_together_spoil_their_span_alone(data: bytes) -> None:
    """The span is passed over; the channel's next batch is read."""
    legacy = data[0] > 0x7F or data[0] == 0
    body = b"\x01" + b"\x01" + b"\x01" + b"\x01\x01" + bytes(64) + data + b"\x05\x06"
    bad = (
        b"\x01"
        + encode_uvarint(2)
        + encode_uvarint(9)
        + bytes(40)
        + body
        + bytes([legacy])[: 1 if legacy else 0]
    )
    raw = decode_span_batch(bad)
    with pytest.raises(InputError):
        raw.derive(CONFIG)
    good = batches_of(random.Random(3), 1)[0]
    content = rlp.encode(bad) + rlp.encode(good.encode())
    channel = compress(content, Compression.ZLIB)
    assert list(read_batches(CONFIG, channel, START)) == [good]


# Channels of batches


def test_a_channel_ends_at_the_first_batch_that_breaks() -> None:
    """Batches before it count: an unknown type, a list, an empty string, half an item."""
    batches = batches_of(random.Random(4), 3)
    encoded = [rlp.encode(batch.encode()) for batch in batches]
    for bad in (rlp.encode(b"\x02abc"), rlp.encode([b"x"]), b"\x80", rlp.encode(b"\x00\xc0")):
        content = encoded[0] + encoded[1] + bad + encoded[2]
        channel = compress(content, Compression.BROTLI)
        assert list(read_batches(CONFIG, channel, START)) == batches[:2]
    cut = compress(encoded[0] + encoded[1][:-1], Compression.ZLIB)
    assert list(read_batches(CONFIG, cut, START)) == batches[:1]


def test_batches_behind_the_limit_are_not_read() -> None:
    """10,000,000 decompressed bytes before Fjord: a batch that ends there counts."""
    empty = SingularBatch(
        parent_hash=Hash32(bytes(32)),
        epoch_number=1,
        epoch_hash=Hash32(bytes(32)),
        timestamp=2,
        transactions=(bytes(4_900_000),),
    )
    first = rlp.encode(empty.encode())
    room = 10_000_000 - len(first)
    for spare, count in ((0, 2), (-1, 1)):
        filler = 4_900_000 + room - len(first) - spare
        second = replace(empty, transactions=(bytes(filler),))
        content = first + rlp.encode(second.encode())
        assert len(content) == 10_000_000 - spare
        channel = compress(content, Compression.ZLIB, level=1)
        assert len(list(read_batches(BEDROCK, channel, START))) == count
        assert len(list(read_batches(CONFIG, channel, START))) == 2


def test_spans_wait_for_delta_and_brotli_for_fjord() -> None:
    """By the time of the L1 block; a span too early does not end its channel."""
    batches = batches_of(random.Random(5), 2)
    span = encode_span_batch(batches, first_changes_origin=True, config=CONFIG)
    content = rlp.encode(span) + rlp.encode(batches[0].encode())
    zlib_channel = compress(content, Compression.ZLIB)
    brotli_channel = compress(content, Compression.BROTLI)
    canyon = replace(CONFIG, fork_times=forks_until(Fork.CANYON))
    delta = replace(CONFIG, fork_times=forks_until(Fork.DELTA))
    assert list(read_batches(canyon, zlib_channel, START)) == batches[:1]
    found = list(read_batches(delta, zlib_channel, START))
    assert isinstance(found[0], SpanBatch)
    assert found[1:] == batches[:1]
    assert list(read_batches(delta, brotli_channel, START)) == []
    assert len(list(read_batches(CONFIG, brotli_channel, START))) == 2


@settings(max_examples=200)
@given(data=st.binary(max_size=200), kind=st.sampled_from(list(Compression)))
def test_reading_any_channel_never_fails(data: bytes, kind: Compression) -> None:
    for channel in (data, compress(data, kind)):
        for _ in read_batches(CONFIG, channel, START):
            pass


@given(seed=st.integers(0, 2**16), size=st.integers(40, 400))
def test_channel_out_is_read_again(seed: int, size: int) -> None:
    """All frames stay within their size, and the channel within its refusals."""
    chance = random.Random(seed)
    batches = batches_of(chance, 4)
    out = ChannelOut(CONFIG, chance.randbytes(16), batch_type=BatchType.SINGULAR)
    with pytest.raises(InputError):
        out.compressed()
    for batch in batches:
        out.add(batch, 0)
    with pytest.raises(InputError):
        out.add(batches[0], 0)
    frames = out.frames(size)
    assert all(len(frame.encode()) <= size for frame in frames)
    assert out.blocks == 4
    assert out.input_size == sum(len(raw) for batch in batches for raw in batch.transactions)
    data = b"".join(frame.data for frame in frames)
    assert list(read_batches(CONFIG, data, START)) == batches


# Integers, bits, blobs


@given(value=st.integers(0, 2**64 - 1))
def test_uvarints_round_trip(value: int) -> None:
    assert Reader(encode_uvarint(value)).uvarint() == value


@given(bits=st.lists(st.booleans(), max_size=70))
def test_bitlists_round_trip(bits: list[bool]) -> None:
    text = Reader(encode_bits(bits)).bits(len(bits))
    assert [bit == "1" for bit in text] == bits


def test_bits_behind_the_list_are_refused() -> None:
    with pytest.raises(InputError):
        Reader(b"\x08").bits(3)
    with pytest.raises(InputError):
        Reader(b"\xff" * 9 + b"\x02").uvarint()


@settings(max_examples=40)
@given(size=st.one_of(st.integers(0, 600), st.integers(0, MAX_BLOB_DATA)), seed=st.integers(0, 99))
@example(size=MAX_BLOB_DATA, seed=0)
@example(size=123, seed=0)
@example(size=124, seed=0)
def test_blobs_round_trip(size: int, seed: int) -> None:
    """Every element stays below 2^254."""
    data = random.Random(seed).randbytes(size)
    blob = encode_blob(data)
    assert len(blob) == BLOB_SIZE
    assert all(blob[at] < 0x40 for at in range(0, BLOB_SIZE, 32))
    assert decode_blob(blob) == data


@settings(max_examples=200)
@given(size=st.integers(0, 300), place=st.integers(0, BLOB_SIZE - 1), change=st.integers(1, 255))
def test_damaged_blobs_are_refused_or_other_data(size: int, place: int, change: int) -> None:
    """A changed byte gives other data or an error; the first element's high bits are masked."""
    data = random.Random(size).randbytes(size)
    blob = bytearray(encode_blob(data))
    blob[place] ^= change
    try:
        found = decode_blob(bytes(blob))
    except InputError:
        return
    assert found != data or (place == 0 and change & 0x3F == 0)


def test_blobs_of_another_shape_are_refused() -> None:
    """Size, version, length, high bits, and bytes behind the data."""
    blob = encode_blob(b"abc")
    for bad in (
        blob[:-1],
        blob[:1] + b"\x01" + blob[2:],
        blob[:2] + (MAX_BLOB_DATA + 1).to_bytes(3, "big") + blob[5:],
        blob[:32] + b"\x40" + blob[33:],
        blob[:-1] + b"\x01",
        blob[:9] + b"\x01" + blob[10:],
    ):
        with pytest.raises(InputError):
            decode_blob(bad)
    with pytest.raises(InputError):
        encode_blob(bytes(MAX_BLOB_DATA + 1))

"""The batcher's pure parts: channels that derivation reads back, and when it starts over."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.vectors import recording_dir

from coprove.derivation.compression import Compression, decompress
from coprove.derivation.frames import parse_frames
from coprove.derivation.singular import SingularBatch, decode_singular_batch
from coprove.derivation.span import decode_span_batch
from coprove.devnet.batcher.channels import (
    BatchedBlock,
    calldata_gas,
    channel_data,
    cut_frames,
)
from coprove.devnet.batcher.state import BatcherState, PostedChannel, reason_to_start_over
from coprove.primitives import rlp
from coprove.rpc import SyncStatus
from coprove.types import BlockId, Hash32, L1BlockRef, L2BlockRef, RollupConfig


def h(number: int, branch: int = 0) -> Hash32:
    return Hash32(bytes([branch]) * 16 + number.to_bytes(16, "big"))


def l1(number: int) -> L1BlockRef:
    return L1BlockRef(
        hash=h(number), number=number, parent_hash=h(max(number - 1, 0)), timestamp=number
    )


def l2(number: int, branch: int = 0) -> L2BlockRef:
    return L2BlockRef(
        hash=h(number, branch),
        number=number,
        parent_hash=h(max(number - 1, 0), branch),
        timestamp=number,
        l1_origin=BlockId(hash=h(0), number=0),
        sequence_number=number,
    )


def status(*, safe: int, unsafe: int, current_l1: int = 0, branch: int = 0) -> SyncStatus:
    return SyncStatus(
        current_l1=l1(current_l1),
        head_l1=l1(current_l1),
        safe_l1=l1(0),
        finalized_l1=l1(0),
        unsafe_l2=l2(unsafe, branch),
        safe_l2=l2(safe, branch),
        finalized_l2=l2(0, branch),
    )


@pytest.fixture(scope="module")
def rollup() -> RollupConfig:
    return RollupConfig.from_json((recording_dir("calldata") / "rollup.json").read_bytes())


def blocks(config: RollupConfig, count: int) -> list[BatchedBlock]:
    found = []
    for number in range(1, count + 1):
        ref = replace(l2(number), timestamp=config.genesis.l2_time + number * config.block_time)
        batch = SingularBatch(
            parent_hash=ref.parent_hash,
            epoch_number=ref.l1_origin.number,
            epoch_hash=ref.l1_origin.hash,
            timestamp=ref.timestamp,
            transactions=(),
        )
        found.append(BatchedBlock(ref=ref, batch=batch))
    return found


@pytest.mark.parametrize("compression", list(Compression))
def test_a_span_channel_reads_back_as_one_batch_of_all_blocks(
    rollup: RollupConfig, compression: Compression
) -> None:
    """Decompressed and decoded, the span has every block at its time."""
    given_blocks = blocks(rollup, 5)
    data = channel_data(given_blocks, config=rollup, span=True, compression=compression)
    batch, _ = rlp.decode_prefix(decompress(data, limit=10_000, allow_brotli=True), 0)
    assert isinstance(batch, bytes)
    span = decode_span_batch(batch).derive(rollup)
    assert [span.timestamp(i) for i in range(5)] == [item.ref.timestamp for item in given_blocks]
    assert span.parent_check == given_blocks[0].ref.parent_hash[:20]


def test_a_singular_channel_holds_a_batch_for_each_block(rollup: RollupConfig) -> None:
    """Batches come back in order and equal."""
    given_blocks = blocks(rollup, 3)
    data = channel_data(given_blocks, config=rollup, span=False, compression=Compression.ZLIB)
    raw, offset, found = decompress(data, limit=10_000, allow_brotli=True), 0, []
    while offset < len(raw):
        batch, offset = rlp.decode_prefix(raw, offset)
        assert isinstance(batch, bytes)
        found.append(decode_singular_batch(batch))
    assert found == [item.batch for item in given_blocks]


@given(data=st.binary(min_size=1, max_size=3000), max_size=st.integers(100, 1000))
def test_frames_join_to_the_channel_and_keep_the_limit(data: bytes, max_size: int) -> None:
    """Each transaction is at most max_size; numbers run from 0; only the last frame closes."""
    transactions = cut_frames(data, channel_id=bytes(16), max_size=max_size)
    assert all(len(item) <= max_size for item in transactions)
    frames = [frame for item in transactions for frame in parse_frames(item)]
    assert b"".join(frame.data for frame in frames) == data
    assert [frame.number for frame in frames] == list(range(len(frames)))
    assert [frame.is_last for frame in frames] == [False] * (len(frames) - 1) + [True]


def test_gas_of_calldata_is_the_floor_price() -> None:
    """10 gas a token, a zero byte being one token and any other four (EIP-7623)."""
    assert calldata_gas(b"") == 21_000
    assert calldata_gas(b"\x00\x01") == 21_050


def holding(safe: int, *, posted: tuple[int, int], included_at: int, tip: int) -> BatcherState:
    state = BatcherState()
    state.start_at(l2(safe).id)
    state.posted.append(
        PostedChannel(first=posted[0], last=l2(posted[1]).id, included_at=included_at)
    )
    state.tip = l2(tip).id
    return state


def test_a_state_that_fits_goes_on() -> None:
    """A posted channel that the node has not read yet is waited for."""
    state = holding(5, posted=(6, 9), included_at=10, tip=9)
    assert reason_to_start_over(state, status(safe=5, unsafe=12, current_l1=10)) is None


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (status(safe=5, unsafe=8), "the unsafe head went back"),
        (status(safe=10, unsafe=12), "the safe head is ahead"),
        (status(safe=9, unsafe=12, branch=1), "the safe chain is another one"),
        (status(safe=3, unsafe=12), "the safe head went back"),
        (
            status(safe=5, unsafe=12, current_l1=13),
            "a posted channel did not become safe",
        ),
    ],
)
def test_surprises_start_over(now: SyncStatus, reason: str) -> None:
    """Whatever the node says that the state cannot explain leads back to the safe head."""
    assert reason_to_start_over(holding(5, posted=(6, 9), included_at=10, tip=9), now) == reason


def test_safe_channels_are_forgotten_in_order() -> None:
    """The channel goes once its last block is safe, not before."""
    state = holding(5, posted=(6, 9), included_at=10, tip=9)
    state.drop_safe(8)
    assert len(state.posted) == 1
    state.drop_safe(9)
    assert not state.posted
    assert reason_to_start_over(state, status(safe=9, unsafe=9)) is None

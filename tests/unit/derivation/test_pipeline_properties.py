"""What a batcher posts comes out of the pipeline again, whatever the fork and the packing."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coprove.derivation.channel_out import BatchType
from coprove.derivation.compression import Compression
from coprove.derivation.frames import Frame, encode_frames
from coprove.types import Fork
from tests.unit.derivation.simulated import (
    BATCHER,
    START,
    World,
    derive_all,
    forks_until,
)

SEEDS = st.integers(min_value=0, max_value=2**32)


def post_everything(world: World, *, strict: bool) -> None:
    """Post all blocks: random channels, encodings and frames, with garbage and doubles in between.

    Unless `strict`, frames of neighbouring channels are mixed and reach L1 in any order.
    """
    chance, config = world.chance, world.config
    first = 1
    at = 1
    pending: list[tuple[int, Frame]] = []
    while first < len(world.refs):
        last = min(first + chance.randint(0, 20), len(world.refs) - 1)
        at = max(at, world.refs[last].l1_origin.number + 1) + chance.choice((0, 0, 1))
        origin_time = world.l1[world.refs[first].l1_origin.number].header.timestamp
        time = world.l1[at].header.timestamp
        span = config.is_active(Fork.DELTA, origin_time) and chance.random() < 0.6
        brotli = config.is_active(Fork.FJORD, time) and chance.random() < 0.6
        frames = world.channel(
            first,
            last,
            BatchType.SPAN if span else BatchType.SINGULAR,
            Compression.BROTLI if brotli else Compression.ZLIB,
            chance.choice((60, 200, 1000, 100_000)),
        )
        pending += [(at + (0 if strict else chance.randint(0, 3)), frame) for frame in frames]
        first = last + 1
    if not strict:
        chance.shuffle(pending)
        pending += chance.sample(pending, len(pending) // 4)
    pending.sort(key=lambda item: item[0])
    while pending:
        number = pending[0][0]
        group: list[Frame] = []
        while pending and pending[0][0] == number and len(group) < 3:
            group.append(pending.pop(0)[1])
            if chance.random() < 0.4:
                break
        world.post(number, encode_frames(group))
        if chance.random() < 0.2:
            # Before Canyon an open channel in front holds up all others until it times out.
            canyon = config.is_active(Fork.CANYON, world.l1[number].header.timestamp)
            world.post(number, garbage(chance, channels=canyon))


def garbage(chance: random.Random, *, channels: bool) -> bytes:
    """Return data that is no run of frames, or a frame of a channel that leads nowhere."""
    kind = chance.randint(0, 3 if channels else 2)
    if kind == 0:
        return chance.randbytes(chance.randint(0, 80))
    if kind == 1:
        return b"\x00" + chance.randbytes(chance.randint(0, 80))
    if kind == 2:
        return b"\x01" + chance.randbytes(33)
    frame = Frame(channel_id=chance.randbytes(16), number=1, data=b"", is_last=False)
    return encode_frames([frame])


def check(world: World) -> None:
    """Every sequenced block is derived, with and without looking ahead."""
    found = derive_all(world)
    assert [ref for ref, _ in found][: len(world.refs) - 1] == world.refs[1:]
    ahead = derive_all(world, random.Random(1))
    assert ahead == found


@pytest.mark.parametrize("fork", list(Fork))
@settings(max_examples=12, deadline=None)
@given(seed=SEEDS)
def test_blocks_come_out_as_they_were_posted_in_order(fork: Fork, seed: int) -> None:
    """Under every fork: any channels, encodings, frame sizes, and garbage in between."""
    world = World.make(random.Random(seed), forks_until(fork))
    world.sequence(until_epoch=12)
    post_everything(world, strict=True)
    check(world)


@pytest.mark.parametrize("fork", [fork for fork in Fork if Fork.CANYON <= fork < Fork.HOLOCENE])
@settings(max_examples=12, deadline=None)
@given(seed=SEEDS)
def test_before_holocene_frames_and_channels_may_be_mixed(fork: Fork, seed: int) -> None:
    """Frames doubled and in any order, channels interleaved and finished out of turn."""
    world = World.make(random.Random(seed), forks_until(fork))
    world.sequence(until_epoch=12)
    post_everything(world, strict=False)
    check(world)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_forks_may_activate_anywhere(seed: int) -> None:
    """Random ascending fork times: blocks before, at and behind each of them."""
    chance = random.Random(seed)
    times = sorted(START + chance.choice((-1, chance.randint(0, 160))) for _ in list(Fork)[1:])
    never = chance.randint(0, len(times))
    world = World.make(chance, tuple(t if n < never else None for n, t in enumerate(times)))
    world.sequence(until_epoch=12)
    post_everything(world, strict=True)
    found = derive_all(world)
    # At Holocene's first L1 block an unfinished channel is discarded, and what follows with it.
    same = [ref for ref, _ in found][: len(world.refs) - 1] == world.refs[1:]
    holocene = world.config.fork_time(Fork.HOLOCENE)
    assert same or (holocene is not None and holocene > START)
    assert derive_all(world, random.Random(2)) == found


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_an_unposted_stretch_becomes_empty_blocks(seed: int) -> None:
    """Without batches every epoch gets empty blocks when its sequencing window closes."""
    chance = random.Random(seed)
    fork = chance.choice(list(Fork))
    world = World.make(chance, forks_until(fork), seq_window_size=5, l1_length=24)
    world.sequence(until_epoch=3)
    post_everything(world, strict=True)
    found = derive_all(world)
    assert [ref for ref, _ in found][: len(world.refs) - 1] == world.refs[1:]
    empty = found[len(world.refs) - 1 :]
    assert empty
    epochs = set()
    for ref, derived in empty:
        assert all(raw[0] == 0x7E for raw in derived.attributes.transactions)
        assert derived.derived_from.number >= ref.l1_origin.number + 5
        assert derived.epoch.timestamp <= ref.timestamp
        epochs.add(ref.l1_origin.number)
        # An epoch is left as soon as the next one is old enough.
        following = world.l1[ref.l1_origin.number + 1].header.timestamp
        assert ref.timestamp < following or ref.sequence_number == 0
    assert epochs == set(range(min(epochs), max(epochs) + 1))
    assert max(epochs) >= 17
    assert derive_all(world, random.Random(3)) == found


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_frames_behind_the_channel_timeout_are_lost(seed: int) -> None:
    """The last frame one L1 block too late: nothing of the channel is derived; in time: all."""
    chance = random.Random(seed)
    fork = chance.choice((Fork.REGOLITH, Fork.FJORD, Fork.GRANITE, Fork.KARST))
    timeout = 12 if fork < Fork.GRANITE else 8
    for late in (0, 1):
        world = World.make(random.Random(seed), forks_until(fork))
        world.sequence(until_epoch=2)
        frames = world.channel(1, len(world.refs) - 1, BatchType.SINGULAR, Compression.ZLIB, 300)
        world.post(3, encode_frames(frames[:-1]) if len(frames) > 1 else b"\x00")
        world.post(3 + timeout + late, encode_frames(frames[-1:]))
        expected = [] if late and len(frames) > 1 else world.refs[1:]
        assert [ref for ref, _ in derive_all(world)] == expected


def test_only_the_batcher_counts() -> None:
    """Data from another sender is passed over, even when it is well-formed."""
    world = World.make(random.Random(5), forks_until(Fork.HOLOCENE))
    world.sequence(until_epoch=3)
    frames = world.channel(1, len(world.refs) - 1, BatchType.SPAN, Compression.BROTLI, 10_000)
    world.post(4, encode_frames(frames), type(BATCHER)(b"\x01" * 20))
    assert derive_all(world) == []
    world.post(5, encode_frames(frames))
    check(world)

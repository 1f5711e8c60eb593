"""ConfigUpdate logs: what each type changes, and what is skipped."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.derivation.receipts import Log
from coprove.derivation.system_config import (
    CONFIG_UPDATE_TOPIC,
    apply_config_update,
    apply_config_updates,
)
from coprove.primitives import keccak256
from coprove.types import Address, Fork, Hash32, SystemConfig
from coprove.types.hashes import ZERO_HASH
from tests.unit.derivation.chain import load_chain
from tests.unit.derivation.test_deposits import encode_receipt

CONFIG = load_chain("calldata").config
START = CONFIG.genesis.system_config
NOW = CONFIG.genesis.l2_time


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def update(kind: int, payload: bytes, *, version: int = 0) -> Log:
    return Log(
        address=CONFIG.l1_system_config_address,
        topics=(CONFIG_UPDATE_TOPIC, Hash32(word(version)), Hash32(word(kind))),
        data=word(32) + word(len(payload)) + payload,
    )


def applied(log: Log, *, time: int = NOW) -> SystemConfig:
    return apply_config_update(CONFIG, START, log, time)


def test_the_topic_is_the_signatures_hash() -> None:
    """`ConfigUpdate(uint256,uint8,bytes)`."""
    assert keccak256(b"ConfigUpdate(uint256,uint8,bytes)") == CONFIG_UPDATE_TOPIC


def test_each_type_changes_its_fields() -> None:
    """Types 0, 2, 4, 5, 6, 7 of one word, and type 1 of two."""
    address = Address(b"\x77" * 20)
    scalar = SystemConfig.encode_ecotone_scalar(5, 6)
    assert applied(update(0, bytes(12) + address)) == replace(START, batcher_address=address)
    assert applied(update(1, word(9) + scalar)) == replace(START, scalar=scalar)
    assert applied(update(2, word(2**64 - 1))) == replace(START, gas_limit=2**64 - 1)
    assert applied(update(4, word((250 << 32) | 6))) == replace(
        START, eip1559_denominator=250, eip1559_elasticity=6
    )
    assert applied(update(5, word((7 << 64) | 8))) == replace(
        START, operator_fee_scalar=7, operator_fee_constant=8
    )
    assert applied(update(6, word(9))) == replace(START, min_base_fee=9)
    assert applied(update(7, word(10))) == replace(START, da_footprint_gas_scalar=10)


def test_before_ecotone_overhead_and_scalar_are_plain_words() -> None:
    """From Ecotone on (by the L1 block's time) only versioned scalars count."""
    wild = Hash32(b"\x09" * 32)
    log = update(1, word(188) + wild)
    bedrock = replace(CONFIG, fork_times=(0, 0, 0, NOW, *([None] * 6)))
    before = apply_config_update(bedrock, START, log, NOW - 1)
    assert (before.overhead, before.scalar) == (word(188), wild)
    assert apply_config_update(bedrock, START, log, NOW) == START
    assert not bedrock.is_active(Fork.ECOTONE, NOW - 1)


@pytest.mark.parametrize(
    "scalar",
    [
        b"\x02" + bytes(31),
        b"\x01\x01" + bytes(30),
        b"\x01" + bytes(22) + b"\x01" + bytes(8),
        b"\x00\x01" + bytes(30),
        b"\x00" + bytes(26) + b"\x01" + bytes(4),
    ],
)
def test_scalars_with_padding_or_unknown_version_are_skipped(scalar: bytes) -> None:
    """The old scalar stays."""
    assert applied(update(1, bytes(32) + scalar)) == START


def test_a_version_0_scalar_is_kept_as_it_is() -> None:
    """It means no blob base fee scalar; the overhead is forced to zero."""
    scalar = Hash32(word(1_000))
    changed = applied(update(1, word(5) + scalar))
    assert (changed.scalar, changed.overhead) == (scalar, ZERO_HASH)
    assert changed.ecotone_scalars == (1_000, 0)


def test_malformed_and_unknown_updates_are_skipped() -> None:
    """A broken log changes nothing and stops nothing."""
    good = update(2, word(5))
    skipped = [
        update(3, word(1)),
        update(8, word(1)),
        update(2**200, word(1)),
        update(2, word(1), version=1),
        update(2, word(2**64)),
        update(2, word(1) + word(1)),
        update(2, b""),
        update(1, word(1)),
        update(0, word(2**160)),
        update(6, word(2**64)),
        update(7, word(2**16)),
        replace(good, topics=good.topics[:2]),
        replace(good, topics=(*good.topics, ZERO_HASH)),
        replace(good, data=word(64) + good.data[32:]),
        replace(good, data=good.data[:32] + word(33) + good.data[64:]),
        replace(good, data=good.data + b"\0"),
        replace(good, data=good.data[:-1]),
        replace(good, data=b""),
    ]
    for log in skipped:
        assert applied(log) == START
    receipts = [encode_receipt([log]) for log in skipped]
    receipts.insert(5, encode_receipt([good]))
    assert apply_config_updates(CONFIG, START, receipts, NOW) == applied(good)


def test_updates_apply_in_order_and_only_from_the_contract() -> None:
    """The last one of a block wins; other addresses and failed transactions do not count."""
    first, second = update(2, word(5)), update(2, word(6))
    foreign = replace(update(2, word(7)), address=Address(b"\x01" * 20))
    receipts = [
        encode_receipt([first, second, foreign]),
        encode_receipt([update(2, word(8))], status=b""),
    ]
    assert apply_config_updates(CONFIG, START, receipts, NOW).gas_limit == 6
    assert apply_config_updates(CONFIG, START, [], NOW) == START


@given(st.integers(min_value=0, max_value=9), st.binary(max_size=200))
def test_any_data_gives_a_system_config_that_can_be_written(kind: int, data: bytes) -> None:
    """Whatever a log holds, the fields stay in range and nothing is raised."""
    log = replace(update(kind, b""), data=data)
    assert SystemConfig.from_json(applied(log).to_json()) == applied(log)


@given(st.integers(min_value=0, max_value=9), st.binary(min_size=32, max_size=32))
def test_any_word_gives_a_system_config_that_can_be_written(kind: int, payload: bytes) -> None:
    """The same for well-formed data."""
    for log in (update(kind, payload), update(kind, payload * 2)):
        changed = applied(log)
        assert SystemConfig.from_json(changed.to_json()) == changed
        assert changed.ecotone_scalars


def test_recorded_updates_are_the_traffic() -> None:
    """The calldata chain's L1 blocks change the values that its README lists."""
    chain = load_chain("calldata")
    changed = []
    system = START
    for block in chain.l1:
        assert block.receipts is not None
        after = apply_config_updates(CONFIG, system, block.receipts, block.header.timestamp)
        if after != system:
            changed.append(block.header.number)
        system = after
    assert changed == [7, 10, 13, 19]
    assert system.gas_limit == 50_000_000

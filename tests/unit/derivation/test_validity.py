"""Each rule of batch validity, by one batch that breaks it alone."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from coprove.derivation import L2Block
from coprove.derivation.singular import SingularBatch
from coprove.derivation.span import SpanBatch
from coprove.derivation.span_validity import (
    SPAN_BLOCK_RULES,
    SPAN_PREFIX_RULES,
    check_span_batch,
    check_span_prefix,
)
from coprove.derivation.validity import (
    SINGULAR_RULES,
    BatchContext,
    Validity,
    check_singular_batch,
)
from coprove.types import BlockId, Fork, Hash32, L1BlockRef, L2BlockRef, RollupConfig
from tests.unit.derivation.simulated import START, World, forks_until, make_config

SAFE_NUMBER = 50
SAFE_TIME = START + 2 * SAFE_NUMBER


def block_hash(number: int) -> Hash32:
    return Hash32((number & 0xFFFF).to_bytes(32, "little"))


def origin(number: int, timestamp: int) -> L1BlockRef:
    return L1BlockRef(
        hash=block_hash(1000 + number),
        number=number,
        parent_hash=block_hash(999 + number),
        timestamp=timestamp,
    )


# The safe head's origin and the two behind it; L2 is at 100 s, its next block at 102 s.
EPOCHS = (origin(8, START + 96), origin(9, START + 102), origin(10, START + 114))


def l2_ref(number: int) -> L2BlockRef:
    """Return the safe block of that number: six blocks in each epoch, the last of them safe."""
    return L2BlockRef(
        hash=block_hash(number),
        number=number,
        parent_hash=block_hash(number - 1),
        timestamp=START + 2 * number,
        l1_origin=BlockId(hash=EPOCHS[0].hash, number=8 if number >= 48 else 7),
        sequence_number=0,
    )


def l2_block(number: int) -> L2Block:
    return L2Block(ref=l2_ref(number), transactions=(b"\x7e", b"\x02" + bytes([number])))


def config_of(fork: Fork, **changes: Any) -> RollupConfig:
    world = World.make(random_source(), forks_until(fork), l1_length=1)
    return make_config(forks_until(fork), world.l1[0], **changes)


def random_source() -> random.Random:
    return random.Random(0)


def context(fork: Fork, **changes: Any) -> BatchContext:
    given: dict[str, Any] = {
        "config": config_of(fork),
        "epochs": EPOCHS,
        "safe_head": l2_ref(SAFE_NUMBER),
        "inclusion": EPOCHS[2],
        "safe_block": l2_ref,
        "safe_payload": l2_block,
    }
    return BatchContext(**(given | changes))


def singular(**changes: Any) -> SingularBatch:
    given: dict[str, Any] = {
        "parent_hash": block_hash(SAFE_NUMBER),
        "epoch_number": 8,
        "epoch_hash": EPOCHS[0].hash,
        "timestamp": SAFE_TIME + 2,
        "transactions": (b"\x02\xc0",),
    }
    return SingularBatch(**(given | changes))


@pytest.mark.parametrize("fork", list(Fork))
@pytest.mark.parametrize("epoch", [8, 9])
def test_a_good_batch_is_accepted(fork: Fork, epoch: int) -> None:
    """It stays in the epoch or moves to the next one."""
    batch = singular(epoch_number=epoch, epoch_hash=EPOCHS[epoch - 8].hash)
    verdict = check_singular_batch(context(fork), batch)
    assert (verdict.validity, verdict.rule) == (Validity.ACCEPT, "accepted")


SINGULAR_CASES: dict[str, tuple[dict[str, Any], dict[str, Any], Validity, Validity]] = {
    # rule: changes of the context, of the batch, the outcome before and from Holocene
    "no_l1_origin": ({"epochs": ()}, {}, Validity.UNDECIDED, Validity.UNDECIDED),
    "timestamp_ahead": ({}, {"timestamp": SAFE_TIME + 4}, Validity.FUTURE, Validity.DROP),
    "timestamp_behind": ({}, {"timestamp": SAFE_TIME}, Validity.DROP, Validity.PAST),
    "parent_hash": ({}, {"parent_hash": block_hash(1)}, Validity.DROP, Validity.DROP),
    "sequence_window": (
        {"inclusion": origin(49, START + 600)},
        {},
        Validity.DROP,
        Validity.DROP,
    ),
    "epoch_too_old": ({}, {"epoch_number": 7}, Validity.DROP, Validity.DROP),
    "epoch_unknown": (
        {"epochs": EPOCHS[:1]},
        {"epoch_number": 9},
        Validity.UNDECIDED,
        Validity.UNDECIDED,
    ),
    "epoch_too_new": ({}, {"epoch_number": 10}, Validity.DROP, Validity.DROP),
    "epoch_hash": ({}, {"epoch_hash": block_hash(3)}, Validity.DROP, Validity.DROP),
    "before_l1_origin": (
        {"epochs": (EPOCHS[0], origin(9, SAFE_TIME + 3))},
        {"epoch_number": 9, "epoch_hash": EPOCHS[1].hash},
        Validity.DROP,
        Validity.DROP,
    ),
    "transactions": ({}, {"transactions": (b"",)}, Validity.DROP, Validity.DROP),
}


@pytest.mark.parametrize("rule", SINGULAR_CASES)
@pytest.mark.parametrize("fork", [Fork.GRANITE, Fork.HOLOCENE])
def test_a_singular_batch_that_breaks_a_rule(rule: str, fork: Fork) -> None:
    """The rule that decides is the one broken, with its outcome before and from Holocene."""
    of_context, of_batch, before, holocene = SINGULAR_CASES[rule]
    verdict = check_singular_batch(context(fork, **of_context), singular(**of_batch))
    expected = holocene if fork is Fork.HOLOCENE else before
    assert (verdict.rule, verdict.validity) == (rule, expected)


def test_every_singular_rule_has_a_case() -> None:
    names = {rule.__name__ for rule in SINGULAR_RULES}
    assert names == {*SINGULAR_CASES, "activation_block", "sequencer_drift"}


@pytest.mark.parametrize("fork", [Fork.JOVIAN, Fork.KARST])
def test_the_first_block_of_a_fork_takes_no_user_transactions(fork: Fork) -> None:
    """Jovian's and Karst's; Isthmus' does."""
    for active, rule in ((fork, "activation_block"), (Fork.ISTHMUS, "accepted")):
        times = tuple(
            SAFE_TIME + 2 if one == active else (0 if one < active else None)
            for one in list(Fork)[1:]
        )
        config = replace(config_of(Fork.ISTHMUS), fork_times=times)
        ctx = context(Fork.ISTHMUS, config=config)
        assert check_singular_batch(ctx, singular()).rule == rule
        empty = singular(transactions=())
        assert check_singular_batch(ctx, empty).validity is Validity.ACCEPT


@pytest.mark.parametrize(
    ("raw", "isthmus", "accepted"),
    [
        (b"\x7e\x01", True, False),
        (b"\x7d\x01", True, False),
        (b"\x7d\x01", False, False),
        (b"\x04\x01", False, False),
        (b"\x04\x01", True, True),
        (b"\x03\x01", True, True),
    ],
)
def test_transactions_that_a_sequencer_may_not_include(
    raw: bytes, isthmus: bool, accepted: bool
) -> None:
    """Deposits and post-exec never, set-code from Isthmus; others are execution's to refuse."""
    ctx = context(Fork.ISTHMUS if isthmus else Fork.HOLOCENE)
    verdict = check_singular_batch(ctx, singular(transactions=(b"\x02", raw)))
    assert (verdict.validity is Validity.ACCEPT) is accepted
    assert verdict.rule == ("accepted" if accepted else "transactions")


# The L1 origin lies 700 or 1900 seconds back; the next one is older or younger than the block.
@pytest.mark.parametrize(("fork", "age"), [(Fork.ECOTONE, 700), (Fork.FJORD, 1900)])
@pytest.mark.parametrize(
    ("transactions", "next_time", "epoch", "expected"),
    [
        ((b"\x02",), 0, 8, Validity.DROP),
        ((), 0, 8, Validity.DROP),
        ((), 3, 8, Validity.ACCEPT),
        ((), None, 8, Validity.UNDECIDED),
        ((), 0, 9, Validity.ACCEPT),
    ],
)
def test_sequencer_drift(  # noqa: PLR0917 - a table of cases
    fork: Fork,
    age: int,
    transactions: tuple[bytes, ...],
    next_time: int | None,
    epoch: int,
    expected: Validity,
) -> None:
    """Too far ahead: no transactions, and empty only when the next origin is no choice."""
    old = origin(8, SAFE_TIME - age)
    following = () if next_time is None else (origin(9, SAFE_TIME + next_time),)
    if epoch == 9:  # the new origin lies as far back
        following = (origin(9, SAFE_TIME - age + 1),)
    batch = singular(
        transactions=transactions, epoch_number=epoch, epoch_hash=origin(epoch, 0).hash
    )
    ctx = context(fork, epochs=(old, *following), inclusion=origin(11, SAFE_TIME))
    verdict = check_singular_batch(ctx, batch)
    assert verdict.validity is expected
    if expected is not Validity.ACCEPT:
        assert verdict.rule == "sequencer_drift"
    young = origin(8, SAFE_TIME - age + 102)  # at the limit exactly
    ctx = context(fork, epochs=(young, *EPOCHS[1:]), inclusion=origin(11, SAFE_TIME))
    within = singular(transactions=transactions)
    assert check_singular_batch(ctx, within).validity is Validity.ACCEPT


def span(first: int = SAFE_NUMBER + 1, last: int = SAFE_NUMBER + 6, **changes: Any) -> SpanBatch:
    """Return the span of these blocks; the first new one is in epoch 8, the others in 9."""
    count = last - first + 1
    numbers = range(first, last + 1)
    given: dict[str, Any] = {
        "parent_check": block_hash(first - 1)[:20],
        "origin_check": EPOCHS[1].hash[:20],
        "first_timestamp": START + 2 * first,
        "block_time": 2,
        "epochs": [7 if n < 48 else 8 if n <= SAFE_NUMBER + 1 else 9 for n in numbers],
        "offsets": list(range(count + 1)),
        "transactions": [b"\x02" + bytes([n]) for n in numbers],
    }
    return SpanBatch(**(given | changes))


@pytest.mark.parametrize("fork", [Fork.DELTA, Fork.GRANITE, Fork.HOLOCENE, Fork.KARST])
@pytest.mark.parametrize("first", [46, 48, 50, 51])
def test_a_good_span_is_accepted(fork: Fork, first: int) -> None:
    """It begins with the next block, or overlaps the safe chain and repeats it."""
    ctx = context(fork)
    assert check_span_prefix(ctx, span(first)).rule == "accepted"
    assert check_span_batch(ctx, span(first)).rule == "accepted"


PREFIX_CASES: dict[str, tuple[dict[str, Any], SpanBatch, Validity, Validity]] = {
    "no_l1_origin": ({"epochs": ()}, span(), Validity.UNDECIDED, Validity.UNDECIDED),
    "start_epoch_unknown": (
        {"epochs": EPOCHS[:1]},
        span(epochs=[9] * 6),
        Validity.UNDECIDED,
        Validity.UNDECIDED,
    ),
    "starts_ahead": ({}, span(52), Validity.FUTURE, Validity.DROP),
    "ends_behind": ({}, span(48, 50), Validity.DROP, Validity.PAST),
    "misaligned": (
        {},
        span(first_timestamp=SAFE_TIME + 1),
        Validity.DROP,
        Validity.DROP,
    ),
    "parent_missing": ({}, span(0), Validity.DROP, Validity.UNDECIDED),
    "parent_pruned": (
        {"safe_block": lambda _number: None},
        span(48),
        Validity.DROP,
        Validity.DROP,
    ),
    "parent_check": ({}, span(parent_check=bytes(20)), Validity.DROP, Validity.DROP),
    "sequence_window": (
        {"inclusion": origin(49, START + 600)},
        span(),
        Validity.DROP,
        Validity.DROP,
    ),
    "start_epoch_too_new": ({}, span(epochs=[10] * 6), Validity.DROP, Validity.DROP),
    "origin_check": ({}, span(origin_check=bytes(20)), Validity.DROP, Validity.DROP),
    "start_epoch_too_old": (
        {},
        span(epochs=[7, 8, 8, 9, 9, 9]),
        Validity.DROP,
        Validity.DROP,
    ),
}


@pytest.mark.parametrize("rule", PREFIX_CASES)
@pytest.mark.parametrize("fork", [Fork.GRANITE, Fork.HOLOCENE])
def test_a_span_that_stands_wrong(rule: str, fork: Fork) -> None:
    """The rule that decides is the one broken, with its outcome before and from Holocene."""
    of_context, batch, before, holocene = PREFIX_CASES[rule]
    verdict = check_span_prefix(context(fork, **of_context), batch)
    expected = holocene if fork is Fork.HOLOCENE else before
    assert (verdict.rule, verdict.validity) == (rule, expected)


def test_every_span_rule_has_a_case() -> None:
    names = {rule.__name__ for rule in SPAN_PREFIX_RULES}
    assert names == {*PREFIX_CASES, "delta_inactive"}
    assert {rule.__name__ for rule in SPAN_BLOCK_RULES} == {"new_blocks", "overlapped_blocks"}


@pytest.mark.parametrize(("epoch", "rule"), [(8, "delta_inactive"), (9, "accepted")])
def test_spans_count_from_deltas_first_l1_origin_on(epoch: int, rule: str) -> None:
    """By the L1 origin of the first block: epoch 9 is Delta's first."""
    times = tuple(
        EPOCHS[1].timestamp if one is Fork.DELTA else 0 if one < Fork.DELTA else None
        for one in list(Fork)[1:]
    )
    config = replace(config_of(Fork.DELTA), fork_times=times)
    batch = span(epochs=[epoch, 9, 9, 9, 9, 9])
    assert check_span_prefix(context(Fork.DELTA, config=config), batch).rule == rule


def test_a_span_whose_last_origin_is_not_read_is_undecided() -> None:
    verdict = check_span_prefix(
        context(Fork.GRANITE, epochs=EPOCHS[:2]), span(epochs=[9] * 5 + [11])
    )
    assert (verdict.rule, verdict.validity) == ("origin_check", Validity.UNDECIDED)


@pytest.mark.parametrize(
    ("changes", "epochs", "expected"),
    [
        (
            {"transactions": [b"\x02", b"", b"\x02", b"\x02", b"\x02", b"\x02"]},
            EPOCHS,
            Validity.DROP,
        ),
        ({"transactions": [b"\x7e"] * 6}, EPOCHS, Validity.DROP),
        ({"transactions": [b"\x04"] * 6}, EPOCHS, Validity.DROP),
        # A block of epoch 9 that is older than epoch 9.
        ({}, (EPOCHS[0], origin(9, SAFE_TIME + 5), EPOCHS[2]), Validity.DROP),
        # Full blocks behind the maximum drift.
        ({}, (origin(8, START - 1900), EPOCHS[1], EPOCHS[2]), Validity.DROP),
        # Empty ones: the next origin is to be had, is not known, is too young.
        (
            {"offsets": [0] * 7, "transactions": [], "epochs": [8] * 6},
            (origin(8, START - 1900), origin(9, START + 104)),
            Validity.DROP,
        ),
        (
            {"offsets": [0] * 7, "transactions": [], "epochs": [8] * 6},
            (origin(8, START - 1900),),
            Validity.UNDECIDED,
        ),
        (
            {"offsets": [0] * 7, "transactions": [], "epochs": [8] * 6},
            (origin(8, START - 1900), origin(9, START + 200)),
            Validity.ACCEPT,
        ),
    ],
)
def test_before_holocene_one_bad_block_drops_the_span(
    changes: dict[str, Any], epochs: tuple[L1BlockRef, ...], expected: Validity
) -> None:
    """The rules of time, drift and transactions hold for each new block."""
    batch = span(**changes)
    last = batch.epochs[-1]
    batch = replace(batch, origin_check=origin(last, 0).hash[:20])
    ctx = context(Fork.GRANITE, epochs=epochs)
    verdict = check_span_batch(ctx, batch)
    assert verdict.validity is expected
    assert verdict.rule == ("accepted" if expected is Validity.ACCEPT else "new_blocks")
    assert check_span_prefix(ctx, batch).rule == "accepted"


@pytest.mark.parametrize(
    "changes",
    [
        {"transactions": [b"\x02" + bytes([n + (n == 49)]) for n in range(48, 57)]},
        {"offsets": [0, 2, 2, 3, 4, 5, 6, 7, 8, 9]},
        {"epochs": [8, 8, 9, 9, 9, 9, 9, 9, 9]},
    ],
)
def test_before_holocene_an_overlap_repeats_the_safe_blocks(changes: dict[str, Any]) -> None:
    """Other transactions, or another origin, in a block that is safe already: a drop."""
    verdict = check_span_batch(context(Fork.GRANITE), span(48, **changes))
    assert (verdict.rule, verdict.validity) == ("overlapped_blocks", Validity.DROP)

"""Each check keeps something out: with its row taken away the forgery goes further."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coprove.avs.aggregator.checks import CHECKS, Candidate
from coprove.avs.aggregator.protocols import LiveProver
from coprove.avs.aggregator.prover_signatures import signed_by_prover
from coprove.avs.aggregator.rounds import Round
from coprove.avs.tasks import AvsTask, Refusal, RefusedError, Submission
from coprove.execution import ecrecover
from coprove.types import Hash32
from tests.unit.avs.aggregator.lab import (
    EXPIRES,
    NOW,
    REFERENCE,
    FakeRegistry,
    Operator,
    World,
    draft,
    operators,
    poe,
    refused,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from coprove.avs.aggregator.engine import AggregatorEngine

BOTH = {0: 100, 1: 100}


@dataclass
class Scene:
    """What a forger has before it."""

    world: World
    engine: AggregatorEngine
    task: AvsTask

    @property
    def people(self) -> list[Operator]:
        return list(self.world.people)

    def good(self, index: int = 0) -> Submission:
        return self.people[index].submission(self.task, poe(self.task.draft))


async def _unissued(scene: Scene) -> Submission:
    other = replace(scene.task, draft=draft(501, 600))
    return scene.people[0].submission(other, poe(other.draft))


async def _another_reference_block(scene: Scene) -> Submission:
    other = replace(scene.task, reference_block=REFERENCE - 1)
    return scene.people[0].submission(other, poe(other.draft))


async def _another_spelling(scene: Scene) -> Submission:
    good = scene.good()
    metadata = b'{"start_block": 1, "end_block": 100}'
    return replace(good, header=replace(good.header, metadata=metadata))


async def _completed(scene: Scene) -> Submission:
    for index in (1, 2, 3):
        await scene.engine.submit(scene.good(index))
    await scene.engine.settled()
    return scene.good()


async def _too_late(scene: Scene) -> Submission:
    scene.world.clock.now = EXPIRES
    return scene.good()


async def _too_large(scene: Scene) -> Submission:
    return scene.people[0].submission(scene.task, poe(scene.task.draft), state=b"{" * 1025)


async def _stranger(scene: Scene) -> Submission:
    (stranger,) = operators(BOTH)
    return stranger.submission(scene.task, poe(scene.task.draft))


async def _in_no_quorum(scene: Scene) -> Submission:
    return next(one for one in scene.people if not one.stakes).submission(
        scene.task, poe(scene.task.draft)
    )


async def _white_space(scene: Scene) -> Submission:
    state = poe(scene.task.draft).encode().replace(b",", b", ")
    return scene.people[0].submission(scene.task, poe(scene.task.draft), state=state)


async def _another_l1_head(scene: Scene) -> Submission:
    other = poe(replace(scene.task.draft, l1_head=Hash32(b"x" * 32)))
    return scene.people[0].submission(scene.task, other)


async def _third_state(scene: Scene) -> Submission:
    await scene.engine.submit(scene.good())
    second = scene.people[0].submission(scene.task, poe(scene.task.draft, tag=1))
    assert await refused(scene.engine, second) is Refusal.EQUIVOCATION
    return scene.people[0].submission(scene.task, poe(scene.task.draft, tag=2))


async def _replay(scene: Scene) -> Submission:
    await scene.engine.submit(scene.good())
    return scene.good()


async def _prover_ran_out(scene: Scene) -> Submission:
    async def live_prover(_operator_id: Hash32, *, reference_block: int) -> LiveProver:
        assert reference_block == REFERENCE
        return LiveProver(address=scene.people[0].prover.address, valid_until=NOW)

    scene.world.registry.live_prover = live_prover  # type: ignore[method-assign,assignment]
    return scene.good()


async def _another_prover(scene: Scene) -> Submission:
    roots = poe(scene.task.draft)
    return replace(scene.good(), prover_signature=scene.people[1].prover.sign(roots.digest()))


async def _another_key(scene: Scene) -> Submission:
    return replace(scene.good(), signature=scene.good(1).signature)


ROWS: list[tuple[str, Callable[[Scene], Awaitable[Submission]], Refusal, Refusal | None]] = [
    ("known-task", _unissued, Refusal.UNKNOWN_TASK, Refusal.UNKNOWN_TASK),
    ("known-task", _another_reference_block, Refusal.UNKNOWN_TASK, Refusal.UNKNOWN_TASK),
    ("known-task", _another_spelling, Refusal.MALFORMED, Refusal.UNKNOWN_TASK),
    ("not-completed", _completed, Refusal.COMPLETED, Refusal.COMPLETED),
    ("not-expired", _too_late, Refusal.EXPIRED, None),
    ("size", _too_large, Refusal.TOO_LARGE, Refusal.MALFORMED),
    ("registered", _stranger, Refusal.NOT_REGISTERED, Refusal.NOT_IN_QUORUM),
    ("in-quorum", _in_no_quorum, Refusal.NOT_IN_QUORUM, None),
    ("right-range", _white_space, Refusal.MALFORMED, Refusal.MALFORMED),
    ("right-range", _another_l1_head, Refusal.MALFORMED, None),
    ("not-punishable", _third_state, Refusal.EQUIVOCATION, Refusal.EQUIVOCATION),
    ("not-duplicate", _replay, Refusal.DUPLICATE, Refusal.DUPLICATE),
    ("prover-live", _prover_ran_out, Refusal.PROVER_NOT_LIVE, None),
    ("prover-signature", _another_prover, Refusal.PROVER_SIGNATURE, None),
    ("signature", _another_key, Refusal.SIGNATURE, None),
]
"""Check, forgery, its refusal, and what becomes of the forgery without the check."""
NO_PAIRING = {
    "known-task",
    "not-completed",
    "not-expired",
    "size",
    "registered",
    "in-quorum",
    "right-range",
    "not-punishable",
    "not-duplicate",
}
REACHES_THE_THREAD = {"not-completed", "not-punishable", "not-duplicate"}
"""Without these a forgery is refused as well, and costs a verification."""


def _world(path: Path) -> World:
    return World(path, [*operators(BOTH, BOTH, BOTH, BOTH), *operators({})])


def _batches(world: World) -> float:
    return world.metric("coprove_avs_aggregator_batch_size_sum")


@pytest.mark.parametrize(
    ("name", "forge", "refusal", "without"), ROWS, ids=[f"{r[0]}-{r[1].__name__}" for r in ROWS]
)
async def test_a_check_keeps_its_forgery_out(
    tmp_path: Path,
    name: str,
    forge: Callable[[Scene], Awaitable[Submission]],
    refusal: Refusal,
    without: Refusal | None,
) -> None:
    """With the check the forgery is refused for its reason; without, it goes further."""
    for checks, expected in ((CHECKS, refusal), (CHECKS.without(name), without)):
        folder = tmp_path / expected.value if expected else tmp_path / "taken"
        folder = folder / str(len(checks.names()))
        folder.mkdir(parents=True)
        world = _world(folder)
        async with world.engine(checks=checks) as engine:
            scene = Scene(world, engine, await world.open(engine))
            submission = await forge(scene)
            before = _batches(world)
            assert await refused(engine, submission) is expected
            spent = _batches(world) - before
            if checks is CHECKS and name in NO_PAIRING:
                assert spent == 0
            if checks is not CHECKS and name in REACHES_THE_THREAD:
                assert spent == 1


def test_every_check_is_under_test() -> None:
    assert {row[0] for row in ROWS} | {"point"} == set(CHECKS.names())


@pytest.mark.parametrize("signature", [(0, 0), (1, 3), (2**256 - 1, 2)])
async def test_what_is_no_point_spoils_no_batch(tmp_path: Path, signature: tuple[int, int]) -> None:
    """It is told apart before; else whoever is in the same batch would be refused with it."""
    for checks in (CHECKS, CHECKS.without("point")):
        folder = tmp_path / str(len(checks.names()))
        folder.mkdir()
        world = _world(folder)
        async with world.engine(checks=checks) as engine:
            scene = Scene(world, engine, await world.open(engine))
            good = scene.good()
            bad = replace(scene.good(1), signature=signature)
            found = list(await asyncio.gather(refused(engine, good), refused(engine, bad)))
            expected = None if checks is CHECKS else Refusal.SIGNATURE
            assert found == [expected, Refusal.SIGNATURE]


def test_cheap_checks_come_first() -> None:
    """The order of the table is the order of its costs, and signatures come last."""
    assert CHECKS.names()[0] == "known-task"
    assert CHECKS.names()[-3:] == ("prover-signature", "point", "signature")


_PEOPLE = operators(BOTH, BOTH)
_TASK = AvsTask(
    number=1,
    draft=draft(),
    reference_block=REFERENCE,
    quorums=(0, 1),
    thresholds=(67, 67),
    created_at=NOW,
    expires_at=EXPIRES,
)
_GOOD = _PEOPLE[0].submission(_TASK, poe(_TASK.draft))
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def _judge(submission: Submission) -> RefusedError | None:
    found = Round(task=_TASK, batch_hash=poe(_TASK.draft).batch_hash, block_hash=Hash32(bytes(32)))
    found.set_operators(asyncio.run(FakeRegistry(_PEOPLE).operator_set(REFERENCE, (0, 1))))
    header = submission.header
    is_there = (header.committee_id, header.metadata, header.reference_block) == (
        _TASK.draft.committee_id,
        _TASK.draft.metadata.encode(),
        REFERENCE,
    )
    candidate = Candidate(
        submission=submission,
        now=NOW,
        session=False,
        found=found if is_there else None,
        prover=LiveProver(address=_PEOPLE[0].prover.address, valid_until=NOW + 1),
    )
    try:
        CHECKS.pass_cheap(candidate)
        candidate.prepare()
    except RefusedError as error:
        return error
    (verdict,) = CHECKS.verify([candidate])
    return verdict


def _flipped(data: bytes, at: int, bit: int) -> bytes:
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


@settings(max_examples=120, deadline=None)
@given(
    part=st.sampled_from(["state", "metadata", "block", "operator", "prover", "x", "y", "id"]),
    at=st.integers(0, 700),
    bit=st.integers(0, 7),
)
def test_one_bit_is_enough_to_be_refused(part: str, at: int, bit: int) -> None:
    """Whatever bit of a good submission is changed, it is refused, with a reason."""
    good, header = _GOOD, _GOOD.header
    x, y = good.signature
    changed = {
        "state": lambda: replace(
            good, header=replace(header, state=_flipped(header.state, at, bit))
        ),
        "metadata": lambda: replace(
            good, header=replace(header, metadata=_flipped(header.metadata, at, bit))
        ),
        "block": lambda: replace(
            good, header=replace(header, reference_block=header.reference_block ^ 1 << bit)
        ),
        "operator": lambda: replace(good, operator_id=Hash32(_flipped(good.operator_id, at, bit))),
        "prover": lambda: replace(
            good, prover_signature=_flipped(good.prover_signature, at % 64, bit)
        ),
        "x": lambda: replace(good, signature=(x ^ 1 << at % 254, y)),
        "y": lambda: replace(good, signature=(x, y ^ 1 << at % 254)),
        "id": lambda: replace(
            good, header=replace(header, committee_id=header.committee_id ^ 1 << at % 256)
        ),
    }[part]()
    assert _judge(changed) is not None


@settings(max_examples=100, deadline=None)
@given(
    state=st.binary(max_size=1200),
    metadata=st.binary(max_size=128),
    prover=st.binary(min_size=65, max_size=65),
    x=st.integers(0, 2**256),
    y=st.integers(0, 2**256),
    known=st.booleans(),
)
def test_rubbish_is_refused_and_never_a_fault(
    state: bytes, metadata: bytes, prover: bytes, x: int, y: int, *, known: bool
) -> None:
    """Nothing that a stranger sends makes anything but a refusal."""
    header = replace(
        _GOOD.header, state=state, metadata=_GOOD.header.metadata if known else metadata
    )
    assert _judge(replace(_GOOD, header=header, prover_signature=prover, signature=(x, y)))
    assert _judge(replace(_GOOD, prover_signature=prover, signature=(x, y)))


def test_the_good_one_is_taken() -> None:
    assert _judge(_GOOD) is None


@pytest.mark.parametrize("v", [0, 1, 2, 26, 27, 28, 29, 255])
def test_both_spellings_of_v_are_taken(v: int) -> None:
    """Older provers write v from 0, Ethereum from 27."""
    right = _GOOD.prover_signature[64]
    spelled = _GOOD.prover_signature[:64] + bytes([v])
    digest, address = poe(_TASK.draft).digest(), _PEOPLE[0].prover.address
    assert signed_by_prover(address, digest, spelled) is (v in (right, right - 27))


def test_a_signature_has_one_form() -> None:
    """The higher s recovers the same key, and is not taken; nor is another length."""
    digest, address = poe(_TASK.draft).digest(), _PEOPLE[0].prover.address
    good = _GOOD.prover_signature
    s = _ORDER - int.from_bytes(good[32:64], "big")
    other = good[:32] + s.to_bytes(32, "big") + bytes([55 - good[64]])
    assert ecrecover(digest, other) == ecrecover(digest, good) == address
    assert not signed_by_prover(address, digest, other)
    assert not signed_by_prover(address, digest, good[:64])

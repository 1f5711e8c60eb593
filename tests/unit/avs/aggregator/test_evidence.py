"""Evidence: signed, kept once, in the slasher's shape; nobody can be framed."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from coprove.avs.aggregator.evidence import slashing_call
from coprove.avs.bls import G2Point, Signature
from coprove.avs.tasks import Refusal
from coprove.contracts.avs import ReducedStateHeader
from coprove.errors import InputError
from coprove.types import Address
from tests.unit.avs.aggregator.lab import (
    COMMITTEE,
    EXPIRES,
    REFERENCE,
    World,
    draft,
    operators,
    poe,
    refused,
)

if TYPE_CHECKING:
    from pathlib import Path

BOTH = {0: 100, 1: 100}
SLASHER = Address(b"x" * 20)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, operators(BOTH, BOTH, BOTH, BOTH))


def _verifies(body: dict[str, Any], signed: dict[str, Any]) -> bool:
    """Check one signature of evidence from nothing but the evidence."""
    header = ReducedStateHeader(
        committee_id=COMMITTEE,
        metadata=bytes.fromhex(body["metadata"][2:]),
        state=bytes.fromhex(signed["state"][2:]),
        reference_block=signed["referenceBlockNumber"],
    )
    x, y = body["signer"]["g2"]["X"], body["signer"]["g2"]["Y"]
    key = G2Point.from_coordinates((int(x[0]), int(x[1])), (int(y[0]), int(y[1])))
    point = signed["signature"]
    signature = Signature.from_coordinates(int(point["X"]), int(point["Y"]))
    return signature.verify(key, header.digest())


async def test_two_states_of_one_range_are_evidence(world: World) -> None:
    """Both signatures verify from the evidence alone; the first one goes on to count."""
    liar = world.people[0]
    async with world.engine() as engine:
        task = await world.open(engine)
        await engine.submit(liar.submission(task, poe(task.draft, tag=1)))
        second = liar.submission(task, poe(task.draft))
        assert await refused(engine, second) is Refusal.EQUIVOCATION
        (evidence,) = await world.log.evidence()
        body = json.loads(evidence.body)
        assert _verifies(body, body["first"])
        assert _verifies(body, body["second"])
        assert body["first"]["state"] != body["second"]["state"]
        assert evidence.operator_id == liar.id
        assert evidence.key == task.key
        call = slashing_call(SLASHER, evidence)
        assert call.to == SLASHER
        assert len(await world.log.signatures(1)) == 1
        name = "coprove_avs_aggregator_evidence_total"
        assert world.metric(name, kind="equivocation") == 1


async def test_two_states_in_one_batch_are_evidence(world: World) -> None:
    """Sent at once, one is taken and the other is evidence, not both."""
    liar = world.people[0]
    async with world.engine() as engine:
        task = await world.open(engine)
        both = (liar.submission(task, poe(task.draft, tag=tag)) for tag in (0, 1))
        found = await asyncio.gather(*(refused(engine, one) for one in both))
        assert found == [None, Refusal.EQUIVOCATION]
        assert len(await world.log.evidence()) == 1


async def test_the_same_state_sent_twice_at_once_counts_once(world: World) -> None:
    async with world.engine() as engine:
        task = await world.open(engine)
        one = world.people[0].submission(task, poe(task.draft))
        found = await asyncio.gather(*(refused(engine, one) for _ in range(3)))
        assert found == [None, Refusal.DUPLICATE, Refusal.DUPLICATE]
        assert len(await world.log.signatures(1)) == 1
        assert not await world.log.evidence()


async def test_a_stranger_cannot_frame_an_operator(world: World) -> None:
    """A second state in an operator's name is no evidence unless the operator signed it.

    The stranger even has a state that the operator's prover did sign.
    """
    victim, thief = world.people[0], world.people[1]
    async with world.engine() as engine:
        task = await world.open(engine)
        await engine.submit(victim.submission(task, poe(task.draft)))
        forged = victim.submission(task, poe(task.draft, tag=1))
        forged = replace(forged, signature=thief.submission(task, poe(task.draft, tag=1)).signature)
        assert await refused(engine, forged) is Refusal.SIGNATURE
        unproven = replace(forged, prover_signature=bytes([1]) * 65)
        assert await refused(engine, unproven) is Refusal.PROVER_SIGNATURE
        assert not await world.log.evidence()
        assert len(await world.log.signatures(1)) == 1


async def test_two_states_over_two_issues_of_a_range_are_evidence(world: World) -> None:
    """A range that is issued again with the same L1 head has one true state, as before."""
    liar, honest = world.people[:2]
    async with world.engine() as engine:
        task = await world.open(engine)
        await engine.submit(liar.submission(task, poe(task.draft)))
        await engine.submit(honest.submission(task, poe(task.draft)))
        world.clock.now = EXPIRES
        await engine.tick()
        again = await engine.open(
            draft(),
            reference_block=REFERENCE + 5,
            quorums=(0, 1),
            thresholds=(67, 67),
            expires_at=EXPIRES + 600,
        )
        assert await refused(engine, honest.submission(again, poe(task.draft))) is None
        other = liar.submission(again, poe(task.draft, tag=1))
        assert await refused(engine, other) is Refusal.EQUIVOCATION
        (evidence,) = await world.log.evidence()
        body = json.loads(evidence.body)
        blocks = [body[name]["referenceBlockNumber"] for name in ("first", "second")]
        assert blocks == [REFERENCE, REFERENCE + 5]
        assert all(_verifies(body, body[name]) for name in ("first", "second"))


async def test_evidence_of_a_contradiction_names_what_was_confirmed(world: World) -> None:
    """Its call has the confirmed header and those who did not sign, as the record on chain."""
    liar, *honest = world.people
    async with world.engine() as engine:
        task = await world.open(engine)
        await engine.submit(liar.submission(task, poe(task.draft, tag=1)))
        for one in honest:
            await engine.submit(one.submission(task, poe(task.draft)))
        await engine.settled()
        (evidence,) = await world.log.evidence()
        body = json.loads(evidence.body)
        assert body["nonSigners"] == [liar.id.hex0x]
        assert body["header"]["state"] == f"0x{poe(task.draft).encode().hex()}"
        assert _verifies(body | {"metadata": body["header"]["metadata"]}, body["other"])
        assert slashing_call(SLASHER, evidence).to == SLASHER
        for damaged in ("", "[]", "{}", '{"signer": 1}'):
            with pytest.raises(InputError, match="evidence"):
                slashing_call(SLASHER, replace(evidence, body=damaged))


async def test_punishable_operators_are_known_after_a_restart(world: World) -> None:
    liar = world.people[0]
    async with world.engine() as engine:
        task = await world.open(engine)
        for tag in (0, 1):
            await refused(engine, liar.submission(task, poe(task.draft, tag=tag)))
    async with world.engine() as engine:
        third = liar.submission(task, poe(task.draft, tag=2))
        assert await refused(engine, third) is Refusal.EQUIVOCATION
        assert world.metric("coprove_avs_aggregator_batch_size_count") == 0

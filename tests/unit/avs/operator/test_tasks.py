"""A task's life: nothing is signed that the operator's own nodes contradict, and once."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from coprove.attestation import prover_address
from coprove.avs.operator.aggregator_client import AggregatorClient, AggregatorOptions
from coprove.avs.operator.errors import (
    AnotherStateError,
    NotSignedError,
    ProverBindingError,
    RootAlarmError,
    TaskMismatchError,
    TaskNotReadyError,
)
from coprove.avs.operator.health import ServiceStatus
from coprove.avs.operator.protection import SlashingProtection
from coprove.avs.operator.signing import ProtectedSigner
from coprove.avs.tasks import Refusal, RefusedError, Submission
from coprove.errors import InputError
from coprove.prover.tee.enclave.key import recover_prover
from coprove.prover.tee.registrar import ProverAnswerError, ProverUnreachableError
from tests.unit.avs.operator.aggregators import FakeAggregator, refused
from tests.unit.avs.operator.parts import KEY, SCOPE, entry, h, poe_of, task_of
from tests.unit.avs.operator.worlds import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

SUBMIT = "aggregator_submitTask"


@asynccontextmanager
async def world(
    folder: Path, *answers: Any, with_node: bool = True
) -> AsyncIterator[tuple[World, FakeAggregator, SlashingProtection]]:
    given = {SUBMIT: list(answers)} if answers else {}
    with SlashingProtection(folder / "signed.sqlite", SCOPE) as protection:
        signer = ProtectedSigner(KEY, protection)
        async with (
            FakeAggregator(answers=given) as server,
            AggregatorClient(AggregatorOptions(url=server.url)) as client,
        ):
            found = World(signer, client, with_node=with_node)
            found.prover.task = task_of()
            yield found, server, protection


async def test_a_task_is_proven_signed_and_handed_in(tmp_path: Path) -> None:
    """What arrives has the state, its prover's signature and the operator's id."""
    async with world(tmp_path) as (found, server, protection):
        outcome = await found.worker.run(task_of())
        (sent,) = server.of(SUBMIT)
        assert outcome.is_taken
        submission = Submission.from_json(sent)
        assert submission == outcome.submission
        assert submission.header.state == poe_of(task_of()).encode()
        digest = poe_of(task_of()).digest()
        signer = recover_prover(digest, submission.prover_signature)
        assert signer == found.prover.key.public_key
        assert len(protection.every()) == 1
        assert found.board.status("tasks") is ServiceStatus.UP


MISMATCHES: dict[str, Callable[[World], object]] = {
    "no committee": lambda one: one.view.committees.clear(),
    "other quorums": lambda one: one.view.committees.update(
        {1: replace(one.view.committees[1], quorums=(0,))}
    ),
    "none of our quorums": lambda one: setattr(one.view, "quorums", frozenset({5})),
    "confirmed": lambda one: setattr(one.view, "confirmed", True),
    "no range of the policy": lambda one: setattr(one.view, "deadline", 0),
    "past its deadline": lambda one: setattr(one.view, "deadline", 1000),
    "another L1 head": lambda one: one.l1.reorged.update({100: h(7)}),
    "reference block too old": lambda one: setattr(one.view, "age", 5),
    "another range proven": lambda one: one.prover.claim_changes.update(l2_post_block=11),
    "another L1 head proven": lambda one: one.prover.claim_changes.update(l1_head=h(3)),
    "another rollup proven": lambda one: one.prover.claim_changes.update(l2_chain_id=5),
    "another config proven": lambda one: one.prover.claim_changes.update(rollup_config_hash=h(4)),
    "another batch hash": lambda one: one.prover.changes.update(batch_hash=h(5)),
}


@pytest.mark.parametrize("case", list(MISMATCHES))
async def test_what_the_chain_contradicts_is_not_signed(case: str, tmp_path: Path) -> None:
    """Each is a TaskMismatchError; nothing is written down and nothing sent."""
    async with world(tmp_path) as (found, server, protection):
        MISMATCHES[case](found)
        with pytest.raises(NotSignedError) as error:
            await found.worker.run(task_of())
        assert isinstance(error.value.__cause__, TaskMismatchError)
        assert (server.of(SUBMIT), protection.every()) == ([], ())
        # A wrong task is no fault of this node.
        assert found.board.status("tasks") is ServiceStatus.INITIALIZING


async def test_an_expired_task_is_not_signed(tmp_path: Path) -> None:
    """Nothing is proven for it either."""
    async with world(tmp_path) as (found, _, protection):
        with pytest.raises(NotSignedError):
            await found.worker.run(task_of(expires_at=1500))
        assert (found.prover.proofs, protection.every()) == (0, ())


WAITS: dict[str, Callable[[World], object]] = {
    "L1 head not final": lambda one: setattr(one.l1, "finalized", 99),
    "reference block not there": lambda one: setattr(one.l1, "head", 119),
}


@pytest.mark.parametrize("case", list(WAITS))
async def test_what_the_own_node_does_not_have_yet_is_waited_for(case: str, tmp_path: Path) -> None:
    """TaskNotReadyError is Temporary."""
    async with world(tmp_path) as (found, _, _):
        WAITS[case](found)
        with pytest.raises(TaskNotReadyError):
            await found.checker.check(task_of())
    async with world(tmp_path) as (found, _, _):
        found.node.behind = 2
        found.prover.failures = [ProverUnreachableError("starting")]
        assert (await found.worker.run(task_of())).is_taken


ALARMS: dict[str, Callable[[World], object]] = {
    "new root": lambda one: setattr(one.prover, "outcome", 2),
    "withdrawals": lambda one: one.prover.changes.update(withdrawal_root=h(1)),
    "node": lambda one: setattr(one.node, "outcome", 3),
}


@pytest.mark.parametrize("case", list(ALARMS))
async def test_a_root_that_the_own_node_contradicts_is_an_alarm(case: str, tmp_path: Path) -> None:
    """Nothing is signed, whatever the prover's signature says; health tells."""
    async with world(tmp_path) as (found, server, protection):
        ALARMS[case](found)
        with pytest.raises(RootAlarmError):
            await found.worker.run(task_of())
        assert (server.of(SUBMIT), protection.every()) == ([], ())
        assert found.board.status("tasks") is ServiceStatus.DOWN


async def test_without_a_node_the_provers_word_is_taken(tmp_path: Path) -> None:
    """That is what the setting is for."""
    async with world(tmp_path, with_node=False) as (found, _, _):
        found.prover.outcome = 2
        assert (await found.worker.run(task_of())).is_taken


ANSWERS: dict[str, Callable[[World], object]] = {
    "state contradicts claim": lambda one: one.prover.changes.update(new_state_root=h(1)),
    "previous root contradicts claim": lambda one: one.prover.changes.update(prev_state_root=h(1)),
    "no PoE": lambda one: one.prover.answer_changes.update(poe=None),
    "a root missing": lambda one: one.prover.answer_changes.update(poe={"batch_hash": "0x"}),
    "short signature": lambda one: one.prover.answer_changes.update(poe_signature="0x12"),
    "no hex": lambda one: one.prover.answer_changes.update(poe_signature="0xzz"),
}


@pytest.mark.parametrize("case", list(ANSWERS))
async def test_a_provers_wrong_answer_is_not_signed(case: str, tmp_path: Path) -> None:
    """Its host may answer with anything."""
    async with world(tmp_path) as (found, _, protection):
        ANSWERS[case](found)
        with pytest.raises(NotSignedError) as error:
            await found.worker.run(task_of())
        assert isinstance(error.value.__cause__, ProverAnswerError)
        assert protection.every() == ()


async def test_a_signature_of_another_prover_is_not_taken(tmp_path: Path) -> None:
    """The prover must be the one that is live under the operator's key."""
    async with world(tmp_path) as (found, _, protection):
        found.restart_prover(attested=False)
        committee = await found.checker.check(task_of())
        with pytest.raises(ProverBindingError):
            await found.states.prove(task_of(), committee)
        # A signature that recovers no key at all.
        found.prover.answer_changes["poe_signature"] = "0x" + "00" * 65
        with pytest.raises(ProverBindingError):
            await found.states.prove(task_of(), committee)
        assert protection.every() == ()


async def test_a_proof_that_is_not_ready_is_asked_for_again(tmp_path: Path) -> None:
    """A few times."""
    async with world(tmp_path) as (found, _, _):
        found.prover.not_ready = 3
        assert (await found.worker.run(task_of())).is_taken


async def test_a_prover_that_started_again_signs_the_same_state_anew(tmp_path: Path) -> None:
    """The aggregator refuses the old key's signature; the new one's goes in, for the same state."""
    async with world(tmp_path, refused(Refusal.PROVER_SIGNATURE), {"result": None}) as (
        found,
        server,
        protection,
    ):

        async def restart(_: str) -> None:
            if not protection.signed(task_of(2, 10).key):
                found.restart_prover()
            server.on_call = None

        server.on_call = restart
        assert (await found.worker.run(task_of())).is_taken
        first, second = (Submission.from_json(item) for item in server.of(SUBMIT))
        assert first.header == second.header
        assert first.prover_signature != second.prover_signature
        digest = poe_of(task_of()).digest()
        assert recover_prover(digest, second.prover_signature) == found.prover.key.public_key
        assert len(protection.every()) == 1


async def test_what_was_signed_is_handed_in_again_without_a_proof(tmp_path: Path) -> None:
    """A process that was killed between signing and sending goes on with what it signed."""
    async with world(tmp_path) as (found, _, _):
        first = await found.worker.run(task_of())
    async with world(tmp_path) as (found, _, protection):
        # Another process: it knows the prover's key from the chain alone.
        state = protection.signed(task_of().key)[0]
        key = recover_prover(poe_of(task_of()).digest(), state.prover_signature)
        assert key is not None
        found.view.provers = {prover_address(key)}
        again = await found.worker.run(task_of(number=2))
        assert again.submission == first.submission
        assert found.prover.proofs == 0


async def test_a_second_state_is_an_alarm(tmp_path: Path) -> None:
    """A prover that says something else after a restart, with no node to tell who is right."""
    async with world(tmp_path, with_node=False) as (found, _, _):
        await found.worker.run(task_of())
    async with world(tmp_path, with_node=False) as (found, server, protection):
        found.prover.outcome = 2
        with pytest.raises(AnotherStateError):
            await found.worker.run(task_of())
        assert server.of(SUBMIT) == []
        assert len(protection.every()) == 1


async def test_another_l1_head_is_signed_when_it_leads_to_the_same(tmp_path: Path) -> None:
    """Another aggregator asks along another head: the outcome is what it was, or an alarm."""
    later = task_of(l1_head=101, number=2)
    async with world(tmp_path) as (found, server, protection):
        await found.worker.run(task_of())
        found.prover.task = later
        assert (await found.worker.run(later)).is_taken
        first, second = server.of(SUBMIT)
        assert first != second
        assert [one.l1_head for one in protection.every()] == [h(100), h(101)]
        found.prover.task = latest = task_of(l1_head=102, number=3)
        found.prover.outcome = found.node.outcome = 2
        with pytest.raises(AnotherStateError):
            await found.worker.run(latest)
        # Other blocks are final in the place of both heads.
        found.l1.reorged |= {100: h(7), 101: h(8)}
        assert (await found.worker.run(latest)).is_taken


async def test_what_another_machine_signed_along_another_head_costs_no_proof(
    tmp_path: Path,
) -> None:
    """Of an imported hash the outcome is not known: nothing could be signed."""
    async with world(tmp_path) as (found, _, protection):
        protection.merge([entry(task_of(l1_head=99))])
        with pytest.raises(AnotherStateError):
            await found.worker.run(task_of())
        assert found.prover.proofs == 0


@pytest.mark.parametrize(
    "answer",
    [
        refused(Refusal.BUSY),
        refused(Refusal.RATE_LIMITED),
        refused(Refusal.PROVER_NOT_LIVE),
        refused(Refusal.STOPPING),
        web.Response(status=502, text="proxy"),
    ],
    ids=["busy", "rate", "not live", "stopping", "502"],
)
async def test_what_may_pass_is_tried_again(answer: Any, tmp_path: Path) -> None:
    """With the same submission, until it is taken."""
    async with world(tmp_path, answer, answer, {"result": None}) as (found, server, _):
        outcome = await found.worker.run(task_of())
        sent = server.of(SUBMIT)
        assert outcome.is_taken
        assert (len(sent), sent[0]) == (3, sent[2])


@pytest.mark.parametrize("refusal", [Refusal.COMPLETED, Refusal.EXPIRED, Refusal.UNKNOWN_TASK])
async def test_a_task_that_is_over_needs_nothing(refusal: Refusal, tmp_path: Path) -> None:
    """Others were quicker; that is no fault."""
    async with world(tmp_path, refused(refusal)) as (found, _, _):
        assert not (await found.worker.run(task_of())).is_taken


async def test_a_duplicate_was_taken(tmp_path: Path) -> None:
    """An answer that was lost is not asked for by another state."""
    async with world(tmp_path, refused(Refusal.DUPLICATE)) as (found, _, _):
        assert (await found.worker.run(task_of())).is_taken


@pytest.mark.parametrize("refusal", [Refusal.NOT_REGISTERED, Refusal.SIGNATURE, Refusal.MALFORMED])
async def test_other_refusals_end_the_task(refusal: Refusal, tmp_path: Path) -> None:
    """And health says so."""
    async with world(tmp_path, refused(refusal)) as (found, server, _):
        with pytest.raises(NotSignedError) as error:
            await found.worker.run(task_of())
        cause = error.value.__cause__
        assert isinstance(cause, RefusedError)
        assert cause.refusal is refusal
        assert len(server.of(SUBMIT)) == 1
        assert found.board.status("tasks") is ServiceStatus.DOWN


async def test_a_prover_that_is_away_is_seen(tmp_path: Path) -> None:
    """Health is unhealthy while it is away, and comes back with it."""
    async with world(tmp_path) as (found, _, _):
        for service in ("prover", "attestation", "l1", "aggregator", "confirmations"):
            found.board.up(service)
        seen = []
        found.prover.failures = [ProverUnreachableError("away")]
        run = found.worker.run(task_of())
        original = found.board.down

        def down(service: str, why: str) -> None:
            original(service, why)
            seen.append(found.board.health.status)

        found.board.down = down  # type: ignore[method-assign]  # watches it
        await run
        assert seen == [503]
        assert found.board.health.status == 200


async def test_reorged_heads_are_those_in_whose_place_another_is_final(tmp_path: Path) -> None:
    """What is not final, or unknown, is not taken for reorged."""
    async with world(tmp_path) as (found, _, protection):
        await found.worker.run(task_of())
        states = protection.every()
        assert await found.checker.reorged(states) == frozenset()
        found.l1.reorged[100] = h(7)
        assert await found.checker.reorged(states) == {h(100)}
        found.l1.finalized = 99
        assert await found.checker.reorged(states) == frozenset()


def test_errors_of_input_name_what_was_expected() -> None:
    """TaskMismatchError has the three parts of every InputError."""
    error = TaskMismatchError("quorums", expected=(0,), actual=(1,))
    assert isinstance(error, InputError)
    assert str(error) == "quorums: expected (0,), got (1,)"

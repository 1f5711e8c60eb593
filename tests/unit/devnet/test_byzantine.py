"""Operators that do wrong on purpose: which ones, and what exactly they hand in."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.avs.operator.parts import KEY, h, poe_of, task_of
from tests.unit.avs.operator.worlds import FakeNode, FakeView

from coprove.attestation import AvsPoe
from coprove.avs.bls import Signature
from coprove.avs.operator.tasks import Outcome
from coprove.avs.tasks import Refusal, RefusedError
from coprove.devnet.avs.byzantine import ByzantineKind, byzantine_kind
from coprove.devnet.avs.byzantine.worker import Byzantine
from coprove.errors import CoproveError
from coprove.prover.tee.enclave.key import ProverKey, recover_prover

if TYPE_CHECKING:
    from coprove.avs.tasks import AvsTask, Submission
    from coprove.types import Hash32

FIRST, SECOND = task_of(), task_of(11, 20, number=2)


class NamedBlocks(FakeNode):
    """A rollup node that knows its blocks' hashes."""

    async def output_at_block(self, number: int) -> Any:
        found = await super().output_at_block(number)
        return SimpleNamespace(**vars(found), block=SimpleNamespace(hash=h(number)))


@dataclass
class Played:
    """An honest worker, a prover and an aggregator."""

    taken: list[Submission] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    honest: list[AvsTask] = field(default_factory=list)
    key: ProverKey = field(default_factory=ProverKey)

    def worker(self, kind: ByzantineKind, **view: Any) -> Byzantine:
        return Byzantine(
            kind,
            honest=self,
            key=KEY,
            prover=self,
            view=FakeView(**view),
            node=NamedBlocks(),
            aggregator=self,
            pause=0.001,
        )

    async def run(self, task: AvsTask) -> Outcome | None:
        self.honest.append(task)
        other = Played(key=self.key)
        await other.worker(ByzantineKind.WRONG_ROOT).run(task)
        return Outcome(submission=other.taken[0], is_taken=True)

    async def sign(self, digest: Hash32) -> bytes:
        return self.key.sign(digest)

    async def submit(self, submission: Submission) -> None:
        if self.refusals:
            raise RefusedError(self.refusals.pop(0), expected="what was told", actual="this")
        self.taken.append(submission)


def poe_in(played: Played, submission: Submission) -> AvsPoe:
    """Return what was signed, after looking at both signatures."""
    poe = AvsPoe.decode(submission.header.state)
    assert recover_prover(poe.digest(), submission.prover_signature) == played.key.public_key
    signature = Signature.from_coordinates(*submission.signature)
    assert signature.verify(KEY.public_key.g2, submission.header.digest())
    return poe


def test_the_last_operators_do_wrong_each_in_another_way() -> None:
    """In turn from the last one backwards; the others are honest."""
    kinds = [byzantine_kind(index, operators=8, byzantine=5) for index in range(8)]
    assert kinds == [
        None,
        None,
        None,
        ByzantineKind.WRONG_ROOT,
        ByzantineKind.SILENT,
        ByzantineKind.REPLAY,
        ByzantineKind.EQUIVOCATE,
        ByzantineKind.WRONG_ROOT,
    ]
    assert byzantine_kind(0, operators=1, byzantine=0) is None


async def test_a_wrong_root_has_right_signatures() -> None:
    """All of it is as it should be but the root after the range."""
    played = Played()
    await played.worker(ByzantineKind.WRONG_ROOT).run(FIRST)
    (sent,) = played.taken
    poe, right = poe_in(played, sent), poe_of(FIRST)
    assert (poe.batch_hash, poe.prev_state_root) == (right.batch_hash, right.prev_state_root)
    assert poe.new_state_root != right.new_state_root
    assert sent.operator_id == KEY.public_key.operator_id


async def test_an_equivocator_signs_two_states() -> None:
    """The one that it should, and after it a lie with right signatures."""
    played = Played()
    await played.worker(ByzantineKind.EQUIVOCATE).run(FIRST)
    assert played.honest == [FIRST]
    (lie,) = played.taken
    assert poe_in(played, lie).new_state_root != poe_of(FIRST).new_state_root


async def test_a_replayer_signs_once() -> None:
    """The first task is done as it should be; its signature comes again for the next one."""
    played = Played()
    worker = played.worker(ByzantineKind.REPLAY)
    await worker.run(FIRST)
    await worker.run(SECOND)
    assert played.honest == [FIRST]
    same, moved = played.taken
    assert same.header.metadata == FIRST.draft.metadata.encode()
    assert moved.header.metadata == SECOND.draft.metadata.encode()
    assert moved.signature == same.signature


async def test_a_silent_one_says_nothing() -> None:
    """No proof, no signature."""
    played = Played()
    await played.worker(ByzantineKind.SILENT).run(FIRST)
    assert (played.taken, played.honest) == ([], [])


async def test_what_is_not_there_yet_is_tried_again_and_a_refusal_ends_it() -> None:
    """Only what can be taken later is handed in again."""
    played = Played(refusals=[Refusal.BUSY])
    await played.worker(ByzantineKind.WRONG_ROOT).run(FIRST)
    assert len(played.taken) == 1
    played = Played(refusals=[Refusal.EXPIRED])
    await played.worker(ByzantineKind.WRONG_ROOT).run(FIRST)
    assert played.taken == []
    with pytest.raises(CoproveError, match="no committee 1"):
        await played.worker(ByzantineKind.WRONG_ROOT, committees={}).run(FIRST)

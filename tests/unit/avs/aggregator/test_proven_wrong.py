"""What a proven output contradicts is found, whenever it was signed, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from coprove.avs.aggregator.settlement import SETTLEMENT_METRICS, ProvenWrong, proven
from coprove.contracts import CallRevertedError
from coprove.contracts.avs import NO_ADDRESS
from coprove.contracts.oracle import OutputProposal
from coprove.rpc import RpcTimeoutError
from coprove.storage import IssuedTask, StoredSignature
from coprove.telemetry import Metrics
from coprove.types import Address, Hash32
from tests.unit.avs.operator.parts import h, poe_of, task_of

if TYPE_CHECKING:
    from coprove.avs.tasks import AvsTask

ORACLE = Address(b"\x0c" * 20)
HONEST, LIAR, LATE = (Hash32(bytes([number]) * 32) for number in (1, 2, 3))


@dataclass
class Lab:
    """A database, an oracle and a slasher that are played; outputs as `poe_of` has them."""

    tasks: list[AvsTask] = field(default_factory=lambda: [task_of(expires_at=100)])
    signed: list[StoredSignature] = field(default_factory=list)
    final: int = 0
    interval: int = 10
    oracle: Address = ORACLE
    now: float = 50.0
    slashed: set[Hash32] = field(default_factory=set)
    failures: int = 0

    def sign(self, who: Hash32, outcome: int = 1, *, number: int = 1) -> None:
        (task,) = (one for one in self.tasks if one.number == number)
        signature = StoredSignature(
            task_number=number,
            operator_id=who,
            state=replace(
                poe_of(task, outcome), prev_state_root=root_of(task.draft.metadata.pre_block)
            ).encode(),
            signature=bytes(64),
            prover_signature=bytes(65),
            accepted_at=1.0,
        )
        self.signed.append(signature)

    async def issued_tasks(self, *, after: int, since: float, limit: int) -> list[IssuedTask]:
        assert (since, limit) == (0.0, 64)
        return [
            IssuedTask(number=one.number, key=one.key, body=json.dumps({"ext": one.to_ext()}))
            for one in self.tasks
            if one.number > after
        ]

    async def unproven_signatures(self, number: int, _: Hash32) -> list[StoredSignature]:
        if self.failures:
            self.failures -= 1
            raise RpcTimeoutError("slow")
        return [one for one in self.signed if one.task_number == number]

    async def rollup_policy(self, _: int) -> Any:
        return SimpleNamespace(oracle=self.oracle)

    async def is_slashed(self, _: Hash32, operator: Hash32, *, block: str) -> bool:
        assert block == "finalized"
        return operator in self.slashed

    async def get_l2_output_after(self, block: int, *, block_tag: str) -> OutputProposal:
        assert block_tag == "finalized"
        number = -(-block // self.interval) * self.interval
        if number > self.final:
            raise CallRevertedError("getL2OutputAfter", error="none")
        return OutputProposal(output_root=root_of(number), timestamp=1, l2_block_number=number)


def root_of(block: int) -> Hash32:
    """Return a block's output; after a range it is what `poe_of` has with outcome 1."""
    return h(2001) if block else h(5000)


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab whose oracle is read in the place of the contract."""
    found = Lab()

    class Oracle:
        def __init__(self, _: object, address: Address) -> None:
            assert address == ORACLE

        async def get_l2_output_after(self, number: int, *, block: str) -> OutputProposal:
            return await found.get_l2_output_after(number, block_tag=block)

    monkeypatch.setattr(proven, "OutputOracle", Oracle)
    return found


def source(lab: Lab) -> ProvenWrong:
    played = cast("Any", lab)
    return ProvenWrong(
        played,
        transport=played,
        manager=played,
        registries=played,
        slasher=played,
        metrics=Metrics(SETTLEMENT_METRICS),
        now=lambda: lab.now,
    )


async def wrong(found: ProvenWrong) -> list[Hash32]:
    return [one.operator_id for one in await found.due(since=0.0)]


async def test_a_wrong_root_is_found_once_the_output_is_final(lab: Lab) -> None:
    """Not before, and not those who signed what was proven; a final slashing ends it."""
    found = source(lab)
    lab.sign(HONEST)
    lab.sign(LIAR, 2)
    assert await wrong(found) == []
    lab.final = 10
    assert await wrong(found) == [LIAR]
    assert await wrong(found) == [LIAR]
    lab.slashed.add(LIAR)
    lab.signed = lab.signed[:1]
    assert await wrong(found) == []


async def test_who_signs_after_the_output_is_found_until_the_task_expires(lab: Lab) -> None:
    """Also a task that nobody had signed when a later one was read."""
    lab.tasks.append(task_of(11, 20, number=2, expires_at=100))
    lab.final = 20
    found = source(lab)
    lab.sign(HONEST, number=2)
    assert await wrong(found) == []
    lab.sign(LATE, 3)
    assert await wrong(found) == [LATE]
    lab.now = 100
    assert await wrong(found) == [LATE]
    lab.sign(LIAR, 2)
    assert await wrong(found) == [LATE], "an expired task was compared for the last time"


async def test_outputs_that_end_elsewhere_say_nothing(lab: Lab) -> None:
    """Nor does a committee without an oracle."""
    lab.interval, lab.final = 15, 30
    lab.sign(LIAR, 2)
    assert await wrong(source(lab)) == []
    lab.interval, lab.oracle = 10, NO_ADDRESS
    assert await wrong(source(lab)) == []


async def test_a_failure_loses_no_task(lab: Lab) -> None:
    """What could not be read is read at the next look."""
    lab.tasks.append(task_of(11, 20, number=2, expires_at=100))
    lab.final = 20
    lab.sign(LIAR, 2)
    lab.sign(LATE, 2, number=2)
    found = source(lab)
    lab.failures = 1
    with pytest.raises(RpcTimeoutError):
        await found.due(since=0.0)
    assert sorted(await wrong(found)) == [LIAR, LATE]


async def test_a_wrong_beginning_counts_as_well(lab: Lab) -> None:
    """The root before the range is the output before it."""
    lab.final = 10
    lab.sign(LIAR)
    state = replace(poe_of(lab.tasks[0]), prev_state_root=h(1)).encode()
    lab.signed = [replace(lab.signed[0], state=state)]
    assert await wrong(source(lab)) == [LIAR]

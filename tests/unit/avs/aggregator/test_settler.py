"""What is due is sent once, resumed, waited for and given up as its options say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from coprove.avs.aggregator.settlement import SETTLEMENT_METRICS, Settler, SettlerOptions
from coprove.contracts import ContractCall
from coprove.contracts.errors import TransactionRevertedError
from coprove.primitives import keccak256
from coprove.rpc import RpcError
from coprove.storage import (
    NOBODY,
    AvsSettlementKind,
    AvsSettlementState,
    StoredSettlement,
)
from coprove.storage.errors import LeaseLostError
from coprove.telemetry import Metrics
from coprove.types import Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

SLASHER = Address(b"\x51" * 20)
ACCOUNT = Address(b"\xac" * 20)
TASK = Hash32(b"\x01" * 32)


@dataclass
class Wanted:
    """One slashing that a test wants, and where the chain stands with it."""

    key: Hash32 = TASK
    kind: AvsSettlementKind = AvsSettlementKind.EQUIVOCATION
    operator_id: Hash32 = NOBODY
    done: set[str] = field(default_factory=set)

    async def is_done(self, block: Any) -> bool:
        return block in self.done

    async def call(self) -> ContractCall:
        return ContractCall(to=SLASHER, data=b"\x12\x34\x56\x78")


@dataclass
class Lab:
    """A settler over a chain, a database and an account that are played."""

    wanted: list[Wanted] = field(default_factory=lambda: [Wanted()])
    stored: dict[Any, StoredSettlement] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    simulated: int = 0
    now: float = 1000.0
    since: float = 0.0
    revert: bytes | None = None
    failure: Exception | None = None
    lost: bool = False
    address: Address = ACCOUNT
    metrics: Metrics = field(default_factory=lambda: Metrics(SETTLEMENT_METRICS))

    def settler(self, **options: Any) -> Settler:
        played = cast("Any", self)
        return Settler(
            [played],
            log=played,
            transport=played,
            sender=played,
            metrics=self.metrics,
            options=SettlerOptions(**options),
            clock=lambda: self.now,
        )

    async def due(self, *, since: float) -> Sequence[Wanted]:
        self.since = since
        return self.wanted

    async def settlement(self, *name: Any) -> StoredSettlement | None:
        return self.stored.get(name)

    async def put(self, one: StoredSettlement) -> None:
        if self.lost:
            raise LeaseLostError(token=1, actual="another's")
        self.stored[(one.kind, one.key, one.operator_id)] = one

    async def call(self, method: str, _: Any) -> Any:
        assert method == "eth_call"
        self.simulated += 1
        if self.revert is not None:
            data = "0x" + self.revert.hex()
            raise RpcError(method, code=3, message="execution reverted", data=data)
        return "0x"

    async def send(self, *, key: str, to: Address, data: bytes, **_: Any) -> None:
        assert (to, data) == (SLASHER, b"\x12\x34\x56\x78")
        self.sent.append(key)
        if self.failure is not None:
            raise self.failure

    def state(self) -> AvsSettlementState:
        (one,) = self.stored.values()
        return one.state


def too_early(until: int) -> bytes:
    return keccak256(b"TooEarly(uint256)")[:4] + until.to_bytes(32, "big")


async def test_it_is_sent_once_and_ends_with_a_final_block() -> None:
    lab = Lab()
    settler = lab.settler()
    await settler.tick()
    assert lab.sent == [f"avs-equivocation/{TASK}/{NOBODY}/1"]
    assert lab.state() is AvsSettlementState.OPEN
    lab.wanted[0].done = {"latest"}
    await settler.tick()
    assert lab.state() is AvsSettlementState.OPEN
    lab.wanted[0].done = {"latest", "finalized"}
    await settler.tick()
    assert lab.state() is AvsSettlementState.DONE
    assert len(lab.sent) == 1


async def test_what_was_on_its_way_at_the_last_end_is_resumed_by_its_own_intent() -> None:
    """The same key again, and no simulation: it may be in a block already."""
    lab = Lab()
    await lab.settler().tick()
    lab.revert = b""
    await lab.settler().tick()
    assert lab.sent == [f"avs-equivocation/{TASK}/{NOBODY}/1"] * 2
    assert lab.simulated == 1


async def test_what_failed_on_chain_is_another_attempt() -> None:
    lab = Lab(failure=TransactionRevertedError("key", tx_hash="0x01", error="Paused"))
    settler = lab.settler(retry=10.0)
    await settler.tick()
    assert lab.state() is AvsSettlementState.FAILED
    lab.failure = None
    lab.now += 9.0
    await settler.tick()
    assert len(lab.sent) == 1
    lab.now += 1.0
    await settler.tick()
    assert lab.sent[1:] == [f"avs-equivocation/{TASK}/{NOBODY}/2"]


async def test_too_early_waits_for_the_time_it_names_and_is_no_failure() -> None:
    lab = Lab(revert=too_early(1500))
    settler = lab.settler()
    for now in (1000.0, 1499.0):
        lab.now = now
        await settler.tick()
    assert (lab.simulated, lab.sent, lab.stored) == (1, [], {})
    assert b'error="TooEarly"' not in lab.metrics.render()
    lab.now, lab.revert = 1500.0, None
    await settler.tick()
    assert len(lab.sent) == 1


async def test_refusals_come_at_doubling_distances_up_to_the_longest() -> None:
    lab = Lab(revert=keccak256(b"AlreadySlashed()")[:4])
    settler = lab.settler(retry=10.0, longest_retry=35.0)
    tried = []
    for second in range(120):
        lab.now = 1000.0 + second
        before = lab.simulated
        await settler.tick()
        if lab.simulated > before:
            tried.append(second)
    assert tried == [0, 10, 30, 65, 100]
    assert lab.sent == []


async def test_one_refused_task_does_not_hold_up_another() -> None:
    class Broken(Wanted):
        async def call(self) -> ContractCall:
            raise RpcError("eth_call", code=-32000, message="no")

    lab = Lab(wanted=[Broken(), Wanted(key=Hash32(b"\x02" * 32))])
    await lab.settler().tick()
    assert lab.sent == [f"avs-equivocation/{Hash32(bytes([2]) * 32)}/{NOBODY}/1"]


async def test_who_does_not_lead_sends_nothing() -> None:
    lab = Lab(lost=True)
    with pytest.raises(LeaseLostError):
        await lab.settler().tick()
    assert lab.sent == []


async def test_what_is_older_than_the_limit_is_not_asked_for() -> None:
    lab = Lab(wanted=[])
    await lab.settler(give_up=400.0).tick()
    assert lab.since == 600.0

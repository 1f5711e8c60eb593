"""A chain, a prover and a rollup node that a test plays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from coprove.attestation import ProofOfExecution, prover_address
from coprove.avs.operator.chain import Committee, Standing, TaskChecker
from coprove.avs.operator.health import HealthBoard
from coprove.avs.operator.metrics import operator_metrics
from coprove.avs.operator.proving import StateProver
from coprove.avs.operator.tasks import TaskOptions, TaskWorker
from coprove.primitives import keccak256
from coprove.prover.tee.enclave.key import ProverKey
from coprove.prover.tee.registrar import ProvenRange
from coprove.rpc import NotYetAvailableError
from coprove.types import Hash32
from tests.unit.avs.operator.parts import CONFIG_HASH, L2_CHAIN, h, poe_of

if TYPE_CHECKING:
    from coprove.attestation.avs_poe import AvsPoe
    from coprove.avs.operator.aggregator_client import AggregatorClient
    from coprove.avs.operator.signing import ProtectedSigner
    from coprove.avs.tasks import AvsTask
    from coprove.types import Address

__all__ = ["World"]


@dataclass
class FakeL1:
    """Blocks whose hash is that of their number, unless it was reorged."""

    head: int = 130
    finalized: int = 110
    reorged: dict[int, Hash32] = field(default_factory=dict)
    transport: Any = None

    async def block_ref(self, block: int | str) -> Any:
        number = {"latest": self.head, "finalized": self.finalized}.get(str(block), block)
        assert isinstance(number, int)
        if number < 0 or number > self.head:
            raise NotYetAvailableError("no such block")
        return SimpleNamespace(number=number, hash=self.reorged.get(number, h(number)))

    async def block_number(self) -> int:
        return self.head


@dataclass
class FakeView:
    """An AVS with one committee."""

    committees: dict[int, Committee] = field(
        default_factory=lambda: {
            1: Committee(quorums=(0, 1), l2_chain_id=L2_CHAIN, rollup_config_hash=CONFIG_HASH)
        }
    )
    quorums: frozenset[int] = frozenset({1})
    deadline: int = 3_000_000_000
    confirmed: bool = False
    age: int = 100
    provers: set[Address] = field(default_factory=set)

    async def committee(self, committee_id: int) -> Committee | None:
        return self.committees.get(committee_id)

    async def standing(self, _task: AvsTask) -> Standing:
        return Standing(deadline=self.deadline, is_confirmed=self.confirmed)

    async def max_reference_age(self) -> int:
        return self.age

    async def own_quorums(self) -> frozenset[int]:
        return self.quorums

    async def is_own_prover(self, prover: Address) -> bool:
        return prover in self.provers


@dataclass
class FakeProver:
    """Signs what the test says of any witness, with a key that a restart changes."""

    key: ProverKey = field(default_factory=ProverKey)
    outcome: int = 1
    failures: list[Exception] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)
    claim_changes: dict[str, Any] = field(default_factory=dict)
    answer_changes: dict[str, Any] = field(default_factory=dict)
    not_ready: int = 0
    proofs: int = 0
    name: str = "prover"
    task: AvsTask | None = None

    @property
    def address(self) -> Address:
        return prover_address(self.key.public_key)

    def poe(self, task: AvsTask) -> AvsPoe:
        return replace(poe_of(task, self.outcome), **self.changes)

    async def prove(self, _witness: bytes) -> ProvenRange:
        if self.failures:
            raise self.failures.pop(0)
        self.proofs += 1
        assert self.task is not None
        poe, range_ = poe_of(self.task, self.outcome), self.task.draft.metadata
        values = {
            "l1_chain_id": 900,
            "l2_chain_id": L2_CHAIN,
            "rollup_config_hash": CONFIG_HASH,
            "l1_head": self.task.draft.l1_head,
            "l2_pre_root": poe.prev_state_root,
            "l2_post_root": poe.new_state_root,
            "l2_pre_block": range_.pre_block,
            "l2_post_block": range_.end_block,
            "measurement": h(9),
            **self.claim_changes,
        }
        claim = ProofOfExecution(**values)
        return ProvenRange(poe=claim, signature=bytes(65), prover=self.address)

    async def rpc(self, method: str, asked: dict[str, Any]) -> Any:
        assert method == "prover_proveTask"
        assert self.task is not None
        assert asked["pob_hash"] == Hash32(keccak256(b"witness")).hex0x
        if self.not_ready:
            self.not_ready -= 1
            return {"not_ready": True}
        poe = self.poe(self.task)
        answer = {
            "not_ready": False,
            "poe": poe.to_json(),
            "poe_signature": f"0x{self.key.sign(poe.digest()).hex()}",
        }
        return {**answer, **self.answer_changes}


@dataclass
class FakeNode:
    """The operator's rollup node."""

    outcome: int = 1
    behind: int = 0

    async def output_at_block(self, number: int) -> Any:
        if self.behind:
            self.behind -= 1
            raise NotYetAvailableError("not derived yet")
        # Roots as `poe_of` has them: by the block before the range, or by its outcome.
        is_end = number % 10 == 0 and number > 0
        root = h(self.outcome + 2000) if is_end else h(number + 5000)
        output = SimpleNamespace(message_passer_storage_root=h(self.outcome + 3000))
        return SimpleNamespace(root=root, output=output)


class FakeWitnesses:
    async def collect(self, _task: AvsTask) -> bytes:
        return b"witness"


class World:
    """All of it, with the operator's own parts over it."""

    def __init__(
        self, signer: ProtectedSigner, client: AggregatorClient, *, with_node: bool = True
    ) -> None:
        """Everything is as it should be."""
        self.l1, self.view, self.prover, self.node = FakeL1(), FakeView(), FakeProver(), FakeNode()
        self.view.provers.add(self.prover.address)
        self.board, self.metrics = HealthBoard(), operator_metrics()
        self.checker = TaskChecker(self.l1, self.view, now=lambda: 1500.0)  # type: ignore[arg-type]  # plays it
        self.states = StateProver(
            self.prover,  # type: ignore[arg-type]  # plays it
            FakeWitnesses(),
            self.view,
            self.node if with_node else None,  # type: ignore[arg-type]  # plays it
            pause=0.001,
        )
        self.worker = TaskWorker(
            checker=self.checker,
            prover=self.states,
            signer=signer,
            aggregator=client,
            board=self.board,
            metrics=self.metrics,
            options=TaskOptions(first_pause=0.001, longest_pause=0.002),
            now=lambda: 1500.0,
        )

    def restart_prover(self, *, attested: bool = True) -> None:
        """Give the prover another key, as a new process has."""
        self.prover.key = ProverKey()
        self.view.provers = {self.prover.address} if attested else set()

"""Operators, a registry and a chain to run an aggregator's core against."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from eth_abi.abi import decode

from coprove.attestation import AvsPoe, batch_hash
from coprove.avs.aggregator.confirm_call import CONFIRM_STATE, ConfirmCall
from coprove.avs.aggregator.engine import AggregatorEngine
from coprove.avs.aggregator.gate import ChainConfirmation
from coprove.avs.aggregator.metrics import ENGINE_METRICS
from coprove.avs.aggregator.options import EngineOptions, RollupIdentity
from coprove.avs.aggregator.protocols import LiveProver, OperatorRecord, OperatorSet, QuorumStakes
from coprove.avs.bls import G1Point, G2Point, SecretKey, Signature, verify_aggregate
from coprove.avs.tasks import AvsTask, RangeMetadata, Refusal, RefusedError, Submission, TaskDraft
from coprove.contracts.abi import signature_types
from coprove.contracts.avs import NO_ADDRESS, confirm_state_call
from coprove.contracts.eigenlayer import CheckSignaturesIndices
from coprove.contracts.errors import CallRevertedError
from coprove.errors import Reset
from coprove.primitives import keccak256
from coprove.prover.tee.enclave.key import ProverKey
from coprove.storage import AvsLog, Scope, open_store
from coprove.telemetry import Metrics
from coprove.types import Address, Hash32
from coprove.types.transactions import Mined

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from coprove.avs.aggregator.aggregation import Aggregate
    from coprove.avs.aggregator.checks import Checks

__all__ = [
    "CHAIN_ID",
    "COMMITTEE",
    "CONFIG",
    "EXPIRES",
    "NOW",
    "REFERENCE",
    "SCOPE",
    "Clock",
    "FakeChain",
    "FakeRegistry",
    "Operator",
    "World",
    "draft",
    "operators",
    "poe",
    "refused",
]

NOW = 1_800_000_000
EXPIRES = NOW + 600
REFERENCE = 100
COMMITTEE = 1
CHAIN_ID = 901
CONFIG = Hash32(b"c" * 32)
QUORUMS = (0, 1)
SCOPE = Scope(l1_chain_id=1, l2_chain_id=CHAIN_ID, contract=Address(b"m" * 20), config_name="avs")


class Operator:
    """An operator with its keys and its stakes."""

    def __init__(self, stakes: dict[int, int]) -> None:
        """Make keys."""
        self.stakes = stakes
        self.key = SecretKey.generate()
        self.prover = ProverKey()

    @property
    def id(self) -> Hash32:
        return self.key.public_key.operator_id

    def submission(self, task: AvsTask, roots: AvsPoe, **changes: Any) -> Submission:
        """Return what it submits for a task whose provers found these roots."""
        header = task.header(changes.pop("state", roots.encode()))
        signed = Submission(
            header=header,
            quorums=(0,),
            thresholds=(0,),
            signature=self.key.sign(header.digest()).point.coordinates,
            operator_id=self.id,
            prover_signature=self.prover.sign(roots.digest()),
        )
        return replace(signed, **changes)


def operators(*stakes: dict[int, int]) -> list[Operator]:
    """Return operators with stakes by quorum, ascending by id."""
    return sorted((Operator(one) for one in stakes), key=lambda one: one.id)


def draft(start: int = 1, end: int = 100) -> TaskDraft:
    return TaskDraft(
        committee_id=COMMITTEE,
        metadata=RangeMetadata(start_block=start, end_block=end),
        l1_head=Hash32(b"h" * 32),
        l1_head_number=90,
    )


def poe(found: TaskDraft, tag: int = 0) -> AvsPoe:
    """Return roots for a range: those of tag 0 are called the true ones."""
    return AvsPoe(
        batch_hash=batch_hash(
            l2_chain_id=CHAIN_ID,
            rollup_config_hash=CONFIG,
            l1_head=found.l1_head,
            pre_block=found.metadata.pre_block,
            post_block=found.metadata.end_block,
        ),
        state_hash=Hash32(keccak256(b"state")),
        prev_state_root=Hash32(keccak256(b"prev")),
        new_state_root=Hash32(keccak256(b"new" + bytes([tag]))),
        withdrawal_root=Hash32(keccak256(b"withdrawals")),
    )


class Clock:
    """Unix time that stands still until it is moved."""

    def __init__(self) -> None:
        """Begin at NOW."""
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


@dataclass
class FakeRegistry:
    """A registry whose operators are these."""

    people: Sequence[Operator]
    dead: set[Hash32] = field(default_factory=set)
    fork: int = 0
    lost: bool = False

    async def operator_set(self, block: int, quorums: Sequence[int]) -> OperatorSet:
        if self.lost:
            raise Reset(f"block {block} is gone")
        found = [
            QuorumStakes(
                number=number,
                total=sum(one.stakes.get(number, 0) for one in self.people),
                stakes={one.id: one.stakes[number] for one in self.people if number in one.stakes},
            )
            for number in quorums
        ]
        return OperatorSet(
            block=block,
            block_hash=Hash32(keccak256(bytes([self.fork]))),
            operators={
                one.id: OperatorRecord(
                    operator_id=one.id, address=Address(one.id[:20]), key=one.key.public_key
                )
                for one in self.people
            },
            quorums=tuple(found),
        )

    async def live_prover(self, operator_id: Hash32, *, reference_block: int) -> LiveProver | None:
        assert reference_block
        for one in self.people:
            if one.id == operator_id and operator_id not in self.dead:
                return LiveProver(address=one.prover.address, valid_until=NOW + 10**6)
        return None


class FakeChain:
    """The contract's rules, computed naively, and a transaction manager that sends once a key."""

    def __init__(self, people: Sequence[Operator]) -> None:
        """Know these operators, and no confirmation."""
        self.people = people
        self.confirmed: dict[Hash32, ChainConfirmation] = {}
        self.calls: list[ConfirmCall] = []
        self.sent: dict[str, bytes] = {}
        self.refuses: set[Hash32] = set()
        self.revert: str | None = None

    async def confirmation(self, key: Hash32) -> ChainConfirmation | None:
        return self.confirmed.get(key)

    async def calldata(self, found: Aggregate) -> bytes:
        """The call with places that only the real registries know."""
        header = found.header
        assert header.reference_block == REFERENCE
        absent = [one for one in self.people if one.id in set(found.non_signers)]
        indices = CheckSignaturesIndices(
            non_signer_quorum_bitmap=(0,) * len(absent),
            quorum_apk=(0,) * len(header.quorum_numbers),
            total_stake=(0,) * len(header.quorum_numbers),
            non_signer_stake=tuple(
                (0,) * sum(number in one.stakes for one in absent)
                for number in header.quorum_numbers
            ),
        )
        return confirm_state_call(NO_ADDRESS, header, found.signed_by(indices)).data

    async def check(self, calldata: bytes) -> None:
        self._checked(calldata)

    async def send(self, key: str, calldata: bytes) -> Mined:
        stored = self.sent.get(key)
        assert stored in (None, calldata), "one key, two effects"
        call = self._key(calldata)
        if stored is None or call not in self.confirmed:
            done, poe_ = self._checked(calldata)
            self.sent[key] = calldata
            self.calls.append(done)
            self.confirmed[call] = ChainConfirmation(
                confirmed_at=NOW,
                block=REFERENCE + 1,
                output_root=poe_.new_state_root,
                batch_hash=poe_.batch_hash,
            )
        return Mined(
            tx_hash=Hash32(keccak256(key.encode())),
            block_number=REFERENCE + 1,
            block_hash=Hash32(bytes(32)),
            succeeded=True,
            gas_used=1,
            contract_address=None,
        )

    def _key(self, calldata: bytes) -> Hash32:
        header = ConfirmCall.decode(calldata).header
        range_ = RangeMetadata.decode(header.metadata)
        return replace(draft(range_.start_block, range_.end_block)).key

    def _checked(self, calldata: bytes) -> tuple[ConfirmCall, AvsPoe]:
        """What `confirmState` checks, one operator after the other."""
        call = ConfirmCall.decode(calldata)
        _, types = signature_types(CONFIRM_STATE)
        _, proof = decode(types, calldata[4:])
        _, keys, quorum_apks, apk_g2, sigma, *_ = proof
        if self.revert is not None:
            raise CallRevertedError("confirmState", error=self.revert)
        if self._key(calldata) in self.confirmed:
            raise CallRevertedError("confirmState", error="TaskAlreadyConfirmed")
        assert list(call.non_signers) == sorted(set(call.non_signers))
        apk = G1Point.infinity()
        signed = []
        for number, given in zip(call.header.quorum_numbers, quorum_apks, strict=True):
            members = [one for one in self.people if number in one.stakes]
            whole = G1Point.combine([one.key.public_key.g1 for one in members])
            assert whole.coordinates == given
            present = [one for one in members if one.id not in call.non_signers]
            for one in present:
                if one.id in self.refuses:
                    raise CallRevertedError(
                        "confirmState", error="ProverNotLive", arguments=(bytes(one.id), number)
                    )
            apk = G1Point.combine([apk, *(one.key.public_key.g1 for one in present)])
            signed.append((sum(one.stakes[number] for one in present), members))
        for (stake, members), number, percent in zip(
            signed, call.header.quorum_numbers, call.header.thresholds, strict=True
        ):
            total = sum(one.stakes[number] for one in members)
            if stake * 100 < total * percent:
                raise CallRevertedError("confirmState", error="InsufficientThreshold")
        assert len(keys) == len(call.non_signers)
        assert verify_aggregate(
            digest=call.header.reduced().digest(),
            apk=apk,
            apk_g2=G2Point.from_coordinates(*apk_g2),
            signature=Signature.from_coordinates(*sigma),
        )
        return call, AvsPoe.decode(call.header.state)


class World:
    """One database, one chain, and an engine that may be started on them again and again."""

    def __init__(self, path: Path, people: Sequence[Operator], **options: Any) -> None:
        """Begin with nothing stored; `options` are of EngineOptions."""
        self.url = f"sqlite:///{path / 'aggregator.db'}"
        self.people = people
        self.registry = FakeRegistry(people)
        self.chain = FakeChain(people)
        self.clock = Clock()
        self.options = EngineOptions(**options)
        self.thresholds = (67, 67)
        self.metrics = Metrics(ENGINE_METRICS)
        self.log: Any = None
        self.rollups = {COMMITTEE: RollupIdentity(l2_chain_id=CHAIN_ID, config_hash=CONFIG)}

    @asynccontextmanager
    async def engine(
        self, *, checks: Checks | None = None, log: Any = None, chain: Any = None
    ) -> AsyncIterator[AggregatorEngine]:
        """Give an engine that has read back what is stored; `log` may wrap the real one."""
        async with await open_store(self.url, SCOPE) as opened:
            lease = await opened.acquire("aggregator", 3600.0)
            self.log = AvsLog(opened, lease)
            self.metrics = Metrics(ENGINE_METRICS)
            engine = AggregatorEngine(
                registry=self.registry,
                log=self.log if log is None else log(self.log),
                gate=self.chain if chain is None else chain(self.chain),
                rollups=self.rollups,
                metrics=self.metrics,
                options=self.options,
                clock=self.clock,
                **({} if checks is None else {"checks": checks}),
            )
            try:
                await engine.recover()
                yield engine
            finally:
                await engine.close()
                await opened.release(lease)

    async def open(self, engine: AggregatorEngine, found: TaskDraft | None = None) -> AvsTask:
        return await engine.open(
            found or draft(),
            reference_block=REFERENCE,
            quorums=QUORUMS,
            thresholds=self.thresholds,
            expires_at=EXPIRES,
        )

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


async def refused(engine: AggregatorEngine, submission: Submission, **how: Any) -> Refusal | None:
    """Submit; return why it was refused, None when it was taken."""
    try:
        await engine.submit(submission, **how)
    except RefusedError as error:
        return error.refusal
    return None

"""The aggregator's core under load: 200 operators, two quorums, a third of what comes is bad.

Bytes come in as a server gets them. What is measured is CPU time of the whole process, the
database's and the thread's included, so that the figure is of one core. Keys and signatures are
made before.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from bench.memory import peak_mib
from coprove.attestation import AvsPoe, batch_hash
from coprove.avs.aggregator.engine import AggregatorEngine
from coprove.avs.aggregator.metrics import ENGINE_METRICS
from coprove.avs.aggregator.options import EngineOptions, RollupIdentity
from coprove.avs.aggregator.protocols import LiveProver, OperatorRecord, OperatorSet, QuorumStakes
from coprove.avs.bls import SecretKey
from coprove.avs.tasks import AvsTask, RangeMetadata, Refusal, RefusedError, Submission, TaskDraft
from coprove.contracts.avs import NO_ADDRESS, confirm_state_call
from coprove.contracts.eigenlayer import CheckSignaturesIndices
from coprove.primitives import keccak256
from coprove.prover.tee.enclave.key import ProverKey
from coprove.storage import AvsLog, Scope, open_store
from coprove.telemetry import Metrics
from coprove.types import Address, Hash32
from coprove.types.transactions import Mined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coprove.avs.aggregator.aggregation import Aggregate
    from coprove.avs.aggregator.gate import ChainConfirmation
    from coprove.storage import Lease, SqlRequestStore

__all__ = ["main", "run"]

OPERATORS = 200
TASKS = 12
"""The first two are not counted: nobody is known to be bad yet."""
QUORUMS = (0, 1)
CHAIN_ID = 901
CONFIG = Hash32(b"c" * 32)
REFERENCE = 100
THRESHOLD = 67


@dataclass(frozen=True, slots=True)
class _Signer:
    key: SecretKey
    prover: ProverKey
    quorums: tuple[int, ...]

    @property
    def id(self) -> Hash32:
        return self.key.public_key.operator_id


class _Registry:
    def __init__(self, signers: Sequence[_Signer]) -> None:
        self._provers = {one.id: one.prover.address for one in signers}
        quorums = [
            QuorumStakes(
                number=number,
                total=sum(100 for one in signers if number in one.quorums),
                stakes={one.id: 100 for one in signers if number in one.quorums},
            )
            for number in QUORUMS
        ]
        records = {
            one.id: OperatorRecord(
                operator_id=one.id, address=Address(one.id[:20]), key=one.key.public_key
            )
            for one in signers
        }
        self._set = OperatorSet(
            block=REFERENCE,
            block_hash=Hash32(bytes(32)),
            operators=records,
            quorums=tuple(quorums),
        )

    async def operator_set(self, block: int, quorums: Sequence[int]) -> OperatorSet:
        assert (block, tuple(quorums)) == (REFERENCE, QUORUMS)
        return self._set

    async def live_prover(self, operator_id: Hash32, *, reference_block: int) -> LiveProver | None:
        assert reference_block == REFERENCE
        address = self._provers.get(operator_id)
        return None if address is None else LiveProver(address=address, valid_until=2**40)


class _Gate:
    """Counts what is sent; what a chain takes time for is not the aggregator's."""

    def __init__(self) -> None:
        self.sent: dict[str, float] = {}

    async def confirmation(self, key: Hash32) -> ChainConfirmation | None:
        assert key
        return None

    async def calldata(self, found: Aggregate) -> bytes:
        absent = len(found.non_signers)
        indices = CheckSignaturesIndices(
            non_signer_quorum_bitmap=(0,) * absent,
            quorum_apk=(0,) * len(QUORUMS),
            total_stake=(0,) * len(QUORUMS),
            non_signer_stake=((0,) * absent,) * len(QUORUMS),
        )
        return confirm_state_call(NO_ADDRESS, found.header, found.signed_by(indices)).data

    async def check(self, calldata: bytes) -> None:
        assert calldata

    async def send(self, key: str, calldata: bytes) -> Mined:
        self.sent[key] = time.perf_counter()
        return Mined(
            tx_hash=Hash32(keccak256(calldata)),
            block_number=REFERENCE + 1,
            block_hash=Hash32(bytes(32)),
            succeeded=True,
            gas_used=0,
            contract_address=None,
        )


def _draft(number: int) -> TaskDraft:
    start = 1 + 100 * number
    return TaskDraft(
        committee_id=1,
        metadata=RangeMetadata(start_block=start, end_block=start + 99),
        l1_head=Hash32(b"h" * 32),
        l1_head_number=90,
    )


def _poe(draft: TaskDraft, tag: bytes) -> AvsPoe:
    return AvsPoe(
        batch_hash=batch_hash(
            l2_chain_id=CHAIN_ID,
            rollup_config_hash=CONFIG,
            l1_head=draft.l1_head,
            pre_block=draft.metadata.pre_block,
            post_block=draft.metadata.end_block,
        ),
        state_hash=Hash32(keccak256(b"state")),
        prev_state_root=Hash32(keccak256(b"prev")),
        new_state_root=Hash32(keccak256(tag)),
        withdrawal_root=Hash32(keccak256(b"withdrawals")),
    )


def _signed(one: _Signer, task: AvsTask, tag: bytes = b"new") -> Submission:
    poe = _poe(task.draft, tag)
    header = task.header(poe.encode())
    return Submission(
        header=header,
        quorums=(0,),
        thresholds=(0,),
        signature=one.key.sign(header.digest()).point.coordinates,
        operator_id=one.id,
        prover_signature=one.prover.sign(poe.digest()),
    )


def _bytes(submission: Submission) -> bytes:
    return json.dumps(submission.to_json()).encode()


def _bad_bls(good: Submission, other: Submission) -> Submission:
    """A signature of another operator beside the right one of the prover."""
    return replace(good, signature=other.signature)


def _bad_prover(good: Submission, other: Submission) -> Submission:
    return replace(good, prover_signature=other.prover_signature)


def _unknown_task(good: Submission, _other: Submission) -> Submission:
    return replace(good, header=replace(good.header, reference_block=1))


def _unregistered(good: Submission, _other: Submission) -> Submission:
    return replace(good, operator_id=Hash32(keccak256(good.operator_id)))


def _traffic(signers: Sequence[_Signer], task: AvsTask, dice: random.Random) -> list[bytes]:
    """One task's submissions: every third operator is bad, each in its one of seven ways.

    Who replays or equivocates sends something good before; the others nothing that is.
    """
    good = [_signed(one, task) for one in signers]
    lies = (_bad_bls, _bad_prover, _unknown_task, _unregistered)
    places: list[tuple[float, bytes]] = []
    for at, (one, submission) in enumerate(zip(signers, good, strict=True)):
        kind = at // 3 % 7 if at % 3 == 0 else 7
        place = dice.random()
        later = place + (1 - place) * dice.random()
        if kind < len(lies):
            places.append((place, _bytes(lies[kind](submission, good[at - 1]))))
        elif kind == 4:
            places.append((place, _bytes(submission)[:-20]))
        else:
            places.append((place, _bytes(submission)))
        if kind == 5:
            places.append((later, _bytes(submission)))
        if kind == 6:
            places.append((later, _bytes(_signed(one, task, b"another"))))
    return [raw for _place, raw in sorted(places)]


async def _submit(engine: AggregatorEngine, raw: bytes) -> str:
    try:
        await engine.submit(Submission.from_json(json.loads(raw)))
    except RefusedError as error:
        return error.refusal.value
    except ValueError:
        return Refusal.MALFORMED.value
    return "taken"


async def _open(engine: AggregatorEngine, number: int) -> AvsTask:
    return await engine.open(
        _draft(number),
        reference_block=REFERENCE,
        quorums=QUORUMS,
        thresholds=(THRESHOLD,) * len(QUORUMS),
        expires_at=2**40,
    )


async def _load(folder: Path) -> dict[str, float]:
    dice = random.Random(7)  # noqa: S311 - not a secret
    signers = [
        _Signer(SecretKey.generate(), ProverKey(), QUORUMS if at % 3 == 0 else (QUORUMS[at % 2],))
        for at in range(OPERATORS)
    ]
    gate, metrics = _Gate(), Metrics(ENGINE_METRICS)
    scope = Scope(l1_chain_id=1, l2_chain_id=CHAIN_ID, contract=Address(b"m" * 20))
    cpu, wall, taken, outcomes = 0.0, 0.0, 0, dict[str, int]()
    async with await open_store(f"sqlite:///{folder / 'bench.db'}", scope) as store:
        lease = await store.acquire("bench", 3600.0)
        async with AggregatorEngine(
            registry=_Registry(signers),
            log=AvsLog(store, lease),
            gate=gate,
            rollups={1: RollupIdentity(l2_chain_id=CHAIN_ID, config_hash=CONFIG)},
            metrics=metrics,
            # Signatures are waited for, so that all of a task's are counted.
            options=EngineOptions(min_wait=3600.0),
        ) as engine:
            for number in range(TASKS):
                task = await _open(engine, number)
                traffic = _traffic(signers, task, dice)
                begun_cpu, begun = time.process_time(), time.perf_counter()
                found = await asyncio.gather(*(_submit(engine, raw) for raw in traffic))
                if number >= 2:
                    cpu += time.process_time() - begun_cpu
                    wall += time.perf_counter() - begun
                    taken += found.count("taken")
                    for one in found:
                        outcomes[one] = outcomes.get(one, 0) + 1
        peak = peak_mib()
        latencies = await _latencies(store, lease, signers, gate)
    print(f"  {taken / wall:.0f} a second by the clock on the wall, the disk included")
    for name, count in sorted(outcomes.items()):
        print(f"  {name:<24} {count:>6}")
    return {
        "avs.submissions_per_s": round(taken / cpu, 1),
        "avs.threshold_to_tx_ms": round(statistics.median(latencies) * 1000, 2),
        "avs.peak_rss_mb": round(peak, 1),
    }


async def _latencies(
    store: SqlRequestStore, lease: Lease, signers: Sequence[_Signer], gate: _Gate
) -> list[float]:
    """From the submission that meets the thresholds to the transaction's being handed over."""
    latencies = []
    async with AggregatorEngine(
        registry=_Registry(signers),
        log=AvsLog(store, lease),
        gate=gate,
        rollups={1: RollupIdentity(l2_chain_id=CHAIN_ID, config_hash=CONFIG)},
        metrics=Metrics(ENGINE_METRICS),
        options=EngineOptions(),
    ) as engine:
        await engine.recover()
        for number in range(TASKS, TASKS + 5):
            task = await _open(engine, number)
            for one in signers:
                before = len(gate.sent)
                begun = time.perf_counter()
                if await _submit(engine, _bytes(_signed(one, task))) != "taken":
                    break
                await asyncio.sleep(0)
                await engine.settled()
                if len(gate.sent) > before:
                    latencies.append(max(gate.sent.values()) - begun)
                    break
    return latencies


def run() -> dict[str, float]:
    """Print a table; return figures for results.json."""
    # What bad operators do is logged as it should be, and not what is read here.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(_load(Path(folder)))
    for name, value in figures.items():
        print(f"{name:<28} {value:>10}")
    return figures


def main() -> None:
    """Run on its own."""
    run()


if __name__ == "__main__":
    main()

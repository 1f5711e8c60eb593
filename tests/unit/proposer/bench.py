"""A proposer on chains, a contract and a backend in memory, with every kind of mishap at hand."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from coprove.contracts import (
    ContractCall,
    Generation,
    Mined,
    OutputClaim,
    OutputProposal,
    ProgramKeys,
)
from coprove.contracts.errors import CallRevertedError, TransactionRevertedError
from coprove.primitives import keccak256
from coprove.program import RangeReport
from coprove.proposer.background import Background
from coprove.proposer.context import Context
from coprove.proposer.leadership import Leadership
from coprove.proposer.loop import ProposerLoop
from coprove.proposer.metrics import ProposerMetrics
from coprove.proposer.pauses import Pauses
from coprove.proposer.settings import ProposerSettings
from coprove.proposer.witness_cache import WitnessCache
from coprove.prover import (
    AggregationJob,
    Execution,
    Fulfillment,
    ProofStatus,
    RangeJob,
    UnknownProofError,
    WorkerDiedError,
)
from coprove.rpc import MethodNotFoundError, NotYetAvailableError, SafeHeadAtL1Block
from coprove.storage import (
    ConfigIdentity,
    ProofRequest,
    RequestKind,
    RequestStatus,
    Scope,
)
from coprove.storage.memory import MemoryDatabase, MemoryRequestStore
from coprove.types import (
    Address,
    BlockHeader,
    BlockId,
    BootInfo,
    Hash32,
    L1BlockRef,
    L2BlockRef,
    OutputRoot,
)
from coprove.witness import RangeNotSafeError, Recording
from tests.vectors import recording_dir

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

INTERVAL = 10
ACCOUNT = Address(b"\x11" * 20)
ORACLE = Address(b"\x22" * 20)


def word(text: str) -> Hash32:
    """A hash that a text names."""
    return Hash32(keccak256(text.encode()))


IDENTITY = ConfigIdentity(
    aggregation_vkey=word("aggregation"),
    range_vkey_commitment=word("range"),
    rollup_config_hash=word("config"),
)


class Clock:
    """Time that moves when it is told to."""

    def __init__(self) -> None:
        """Begin at some time."""
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Header:
    """As EthHeader."""

    header: Any
    rlp: bytes
    hash: Hash32


class FakeL1:
    """Headers that chain by hash."""

    def __init__(self, length: int = 40) -> None:
        """Begin with `length` blocks."""
        recording = Recording(recording_dir("calldata"))
        self.template = BlockHeader.decode_rlp(recording.l1_block(1).header)
        self.chain: list[Header] = []
        self.safe_distance = 2
        self.grow(length)

    def grow(self, count: int, extra: bytes = b"") -> None:
        for _ in range(count):
            parent = self.chain[-1].hash if self.chain else Hash32(bytes(32))
            header = replace(
                self.template, number=len(self.chain), parent_hash=parent, extra_data=extra
            )
            self.chain.append(Header(header, header.encode_rlp(), header.hash()))

    def reorg(self, depth: int) -> None:
        del self.chain[len(self.chain) - depth :]
        self.grow(depth, extra=b"other")

    def ref(self, number: int) -> L1BlockRef:
        found = self.chain[number]
        return L1BlockRef.from_header(found.header, found.hash)

    @property
    def safe(self) -> int:
        return len(self.chain) - 1 - self.safe_distance

    async def header(self, block: int | Hash32) -> Header:
        for item in self.chain:
            if block in (item.hash, item.header.number):
                return item
        raise NotYetAvailableError("no such block")

    async def headers(self, blocks: list[int]) -> list[Header]:
        return [await self.header(block) for block in blocks]

    async def block_ref(self, tag: str) -> L1BlockRef:
        assert tag == "safe"
        return self.ref(self.safe)


@dataclass
class FakeL2Header:
    number: int
    gas_used: int


class FakeL2:
    """An L2 chain whose hashes and roots follow from numbers, and from where it forked."""

    def __init__(self) -> None:
        """Begin without forks."""
        self.forks: list[int] = []
        self.gas: dict[int, int] = {}

    def salt(self, number: int) -> str:
        return "".join("f" for fork in self.forks if number > fork)

    def hash(self, number: int) -> Hash32:
        return word(f"l2 {number} {self.salt(number)}")

    def root(self, number: int) -> Hash32:
        return word(f"root {number} {self.salt(number)}")

    async def header(self, number: int) -> Header:
        header = FakeL2Header(number, self.gas.get(number, 100))
        return Header(header, b"", self.hash(number))

    async def headers(self, numbers: list[int]) -> list[Header]:
        return [await self.header(number) for number in numbers]


@dataclass
class FakeStatus:
    current_l1: L1BlockRef
    head_l1: L1BlockRef
    safe_l1: L1BlockRef
    finalized_l1: L1BlockRef
    unsafe_l2: Any
    safe_l2: Any
    finalized_l2: Any


@dataclass
class FakeNode:
    """The rollup node."""

    l1: FakeL1
    l2: FakeL2
    finalized: int = 20
    safe: int = 25
    wrong: set[int] = field(default_factory=set)
    """Blocks for which it gives another root than the chain's."""
    first_safe: Callable[[int], int] | None = lambda number: number // 4
    """L1 block from which an L2 block is safe; None: no safe-head database."""

    def ref(self, number: int) -> L2BlockRef:
        return L2BlockRef(
            hash=self.l2.hash(number),
            number=number,
            parent_hash=self.l2.hash(max(number - 1, 0)),
            timestamp=number,
            l1_origin=BlockId(hash=self.l1.chain[number // 8].hash, number=number // 8),
            sequence_number=0,
        )

    async def output_at_block(self, number: int) -> Any:
        @dataclass
        class Answer:
            root: Hash32
            block: L2BlockRef

        root = word("lie") if number in self.wrong else self.l2.root(number)
        return Answer(root, self.ref(number))

    async def sync_status(self) -> Any:
        head = self.l1.ref(len(self.l1.chain) - 1)
        safe = self.l1.ref(self.l1.safe)
        return FakeStatus(
            head,
            head,
            safe,
            safe,
            self.ref(self.safe),
            self.ref(self.safe),
            self.ref(self.finalized),
        )

    async def safe_heads_at_l1_blocks(self, numbers: list[int]) -> list[SafeHeadAtL1Block]:
        if self.first_safe is None:
            raise MethodNotFoundError("node", code=-32601, message="no safe-head database")
        found = []
        for number in numbers:
            highest = max(n for n in range(200) if self.first_safe(n) <= number)
            safe = self.ref(min(highest, self.safe)).id
            found.append(SafeHeadAtL1Block(l1_block=self.l1.ref(number).id, safe_head=safe))
        return found


@dataclass
class FakeInput:
    """As RangeInput."""

    l1_head: Hash32
    body: dict[str, Any]

    def encode(self) -> bytes:
        return json.dumps(self.body).encode()


@dataclass
class FakeWitness:
    l1: FakeL1
    l2: FakeL2
    calls: list[tuple[int, int, int]] = field(default_factory=list)
    enough: Callable[[int, int], bool] = lambda _end, _head: True
    hook: Callable[[int, int], Awaitable[None]] | None = None

    async def range_input(self, start: int, end: int, *, l1_head: int) -> Any:
        self.calls.append((start, end, l1_head))
        if self.hook is not None:
            await self.hook(start, end)
        if not self.enough(end, l1_head):
            raise RangeNotSafeError(f"L1 data up to block {l1_head} is not enough")
        found = self.l1.chain[l1_head].hash
        body = {
            "start": start,
            "end": end,
            "l1_head": found.hex(),
            "pre": self.l2.root(start).hex(),
            "post": self.l2.root(end).hex(),
        }
        return FakeInput(found, body)


@dataclass
class FakePool:
    """Runs ranges by looking at what the fake witness wrote."""

    wrong: set[int] = field(default_factory=set)
    dies_above: int = 1 << 30
    runs: int = 0

    async def call(self, _function: Any, path: str) -> RangeReport:
        body = json.loads(await asyncio.to_thread(Path(path).read_bytes))
        self.runs += 1
        if body["end"] - body["start"] > self.dies_above:
            raise WorkerDiedError("killed")
        post = word("wrong") if body["end"] in self.wrong else Hash32.from_hex("0x" + body["post"])
        return RangeReport(
            boot_info=BootInfo(
                l1_head=Hash32.from_hex("0x" + body["l1_head"]),
                l2_pre_root=Hash32.from_hex("0x" + body["pre"]),
                l2_post_root=post,
                l2_block_number=body["end"],
                rollup_config_hash=IDENTITY.rollup_config_hash,
            ),
            output=OutputRoot(state_root=post, message_passer_storage_root=post, block_hash=post),
            blocks=body["end"] - body["start"],
            transactions=1,
            gas=1,
            seconds=0.1,
            seconds_loading=0.0,
            seconds_deriving=0.0,
            seconds_waiting=0.0,
            seconds_executing=0.0,
        )


FULFILLED = ProofStatus(fulfillment=Fulfillment.FULFILLED, execution=Execution.EXECUTED)
ASSIGNED = ProofStatus(fulfillment=Fulfillment.ASSIGNED, execution=Execution.UNEXECUTED)
UNFULFILLABLE = ProofStatus(fulfillment=Fulfillment.UNFULFILLABLE, execution=Execution.EXECUTED)
UNEXECUTABLE = ProofStatus(
    fulfillment=Fulfillment.UNFULFILLABLE, execution=Execution.UNEXECUTABLE, reason="out of memory"
)


@dataclass
class FakeBackend:
    """Accepts each key once; its answers are set by the test."""

    name: str = "network"
    is_simulated: bool = False
    jobs: dict[str, RangeJob | AggregationJob] = field(default_factory=dict)
    submissions: list[str] = field(default_factory=list)
    answers: Callable[[RangeJob | AggregationJob], ProofStatus] = lambda _job: FULFILLED
    before: Callable[[Any], Awaitable[None]] | None = None
    after: Callable[[Any], Awaitable[None]] | None = None
    find_error: Exception | None = None
    cancelled: list[bytes] = field(default_factory=list)
    hang_status: set[str] = field(default_factory=set)

    async def submit(self, job: RangeJob | AggregationJob, intents: Any) -> bytes:
        if self.before is not None:
            await self.before(job)
        await intents.note(job.key, {"nonce": len(self.submissions)})
        self.submissions.append(job.key)
        self.jobs[job.key] = job
        if self.after is not None:
            await self.after(job)
        return job.key.encode()

    async def find(self, key: str, _intents: Any) -> bytes | None:
        if self.find_error is not None:
            raise self.find_error
        return key.encode() if key in self.jobs else None

    async def status(self, proof_id: bytes) -> ProofStatus:
        key = proof_id.decode()
        if key in self.hang_status:
            await asyncio.Event().wait()
        if key not in self.jobs:
            raise UnknownProofError(key)
        return self.answers(self.jobs[key])

    async def proof(self, proof_id: bytes) -> bytes:
        return b"proof of " + proof_id

    async def cancel(self, proof_id: bytes) -> None:
        self.cancelled.append(proof_id)

    async def close(self) -> None:
        """Nothing to close."""

    def count(self, kind: type) -> int:
        return sum(isinstance(self.jobs[key], kind) for key in self.submissions)


@dataclass
class FakeContract:
    """Behaves like the oracle of the first generation."""

    l1: FakeL1
    l2: FakeL2
    address: Address = ORACLE
    generation: Generation = Generation.FIRST
    has_prover_address: bool = False
    program_keys: ProgramKeys = field(
        default_factory=lambda: ProgramKeys(
            aggregation_vkey=IDENTITY.aggregation_vkey,
            range_vkey_commitment=IDENTITY.range_vkey_commitment,
            rollup_config_hash=IDENTITY.rollup_config_hash,
        )
    )
    outputs: list[tuple[int, Hash32, Hash32]] = field(default_factory=list)
    checkpoints: dict[int, Hash32] = field(default_factory=dict)
    is_optimistic: bool = False
    spoil_checkpoints: int = 0
    refuse: str = ""
    interval: int = INTERVAL

    def __post_init__(self) -> None:
        """Begin at the genesis output."""
        self.outputs.append((0, self.l2.root(0), word("genesis")))

    @property
    def latest(self) -> int:
        return self.outputs[-1][0]

    async def latest_output(self) -> OutputProposal:
        block, root, _ = self.outputs[-1]
        return OutputProposal(output_root=root, timestamp=0, l2_block_number=block)

    async def latest_block_number(self) -> int:
        return self.latest

    async def next_block_number(self) -> int:
        return self.latest + self.interval

    async def keys(self) -> ProgramKeys:
        return self.program_keys

    async def optimistic_mode(self) -> bool:
        return self.is_optimistic

    async def historic_block_hash(self, number: int) -> Hash32 | None:
        return self.checkpoints.get(number)

    def checkpoint_call(self, l1_block: int) -> ContractCall:
        return self._call({"checkpoint": l1_block})

    async def propose_call(self, claim: OutputClaim) -> ContractCall:
        return self._call(
            {
                "root": claim.output_root.hex0x,
                "l2_block": claim.l2_block,
                "l1_block": claim.l1_block,
                "proof": claim.proof.hex(),
            }
        )

    def propose_optimistic_call(
        self, *, output_root: Hash32, l2_block: int, l1_hash: Hash32, l1_block: int
    ) -> ContractCall:
        return self._call(
            {
                "root": output_root.hex0x,
                "l2_block": l2_block,
                "l1_block": l1_block,
                "l1_hash": l1_hash.hex0x,
            }
        )

    def _call(self, body: dict[str, Any]) -> ContractCall:
        return ContractCall(to=self.address, data=json.dumps(body).encode())

    async def simulate(self, call: ContractCall, *, sender: Address) -> None:
        assert sender == ACCOUNT
        self.check(json.loads(call.data))

    def check(self, body: dict[str, Any]) -> None:
        if self.refuse:
            raise CallRevertedError("proposal", error=self.refuse)
        if body["l2_block"] < self.latest + self.interval:
            raise CallRevertedError("proposal", error="block number must be at or above the next")
        if "proof" in body:
            assert not self.is_optimistic
            assert self.checkpoints[body["l1_block"]] == self.l1.chain[body["l1_block"]].hash
        else:
            assert self.is_optimistic
            assert body["l2_block"] == self.latest + self.interval

    def apply(self, data: bytes, tx: Hash32) -> None:
        body = json.loads(data)
        if "checkpoint" in body:
            block_hash = self.l1.chain[body["checkpoint"]].hash
            if self.spoil_checkpoints:
                self.spoil_checkpoints -= 1
                block_hash = word("spoilt")
            self.checkpoints[body["checkpoint"]] = block_hash
            return
        self.check(body)
        self.outputs.append((body["l2_block"], Hash32.from_hex(body["root"]), tx))

    async def find_output(self, l2_block: int, *, first: int = 0) -> Any:  # noqa: ARG002
        @dataclass
        class Event:
            output_root: Hash32
            tx_hash: Hash32

        for block, root, tx in self.outputs:
            if block == l2_block:
                return Event(root, tx)
        return None


@dataclass
class FakeSender:
    """Each key has its effect once."""

    contract: FakeContract
    address: Address = ACCOUNT
    effects: dict[str, Mined] = field(default_factory=dict)
    before: Callable[[str], Awaitable[None]] | None = None
    after: Callable[[str], Awaitable[None]] | None = None
    revert: int = 0

    async def send(self, *, key: str, to: Address, data: bytes, value: int = 0) -> Mined:
        assert to == ORACLE
        assert value == 0
        if key not in self.effects:
            if self.before is not None:
                await self.before(key)
            if self.revert and key.startswith("propose"):
                self.revert -= 1
                raise TransactionRevertedError(key, tx_hash="0x00", error="reorg")
            tx = word(f"tx {key}")
            self.contract.apply(data, tx)
            self.effects[key] = Mined(
                tx_hash=tx,
                block_number=len(self.contract.l1.chain),
                block_hash=word("block"),
                succeeded=True,
                gas_used=1,
                contract_address=None,
            )
        if self.after is not None:
            await self.after(key)
        return self.effects[key]

    def proposals(self) -> list[str]:
        return [key for key in self.effects if key.startswith("propose")]


@dataclass
class FakeAlerts:
    sent: list[tuple[str, str]] = field(default_factory=list)

    def send(self, alert: Any, text: str) -> None:
        self.sent.append((alert.value, text))

    def kinds(self) -> set[str]:
        return {kind for kind, _ in self.sent}


class World:
    """What outlives a proposer: chains, contract, backend, database, files."""

    def __init__(self, folder: Path) -> None:
        """Files lie in `folder`."""
        self.folder = folder
        self.clock = Clock()
        self.l1, self.l2 = FakeL1(), FakeL2()
        self.node = FakeNode(self.l1, self.l2)
        self.contract = FakeContract(self.l1, self.l2)
        self.sender = FakeSender(self.contract)
        self.backend = FakeBackend()
        self.witness = FakeWitness(self.l1, self.l2)
        self.pool = FakePool()
        self.alerts = FakeAlerts()
        self.database = MemoryDatabase(self.clock)
        self.scope = Scope(l1_chain_id=900, l2_chain_id=901, contract=ORACLE)
        self.store = MemoryRequestStore(self.database, self.scope)

    def settings(self, **changes: Any) -> ProposerSettings:
        values: dict[str, Any] = {
            "l1_rpc_url": "http://l1.invalid",
            "l2_rpc_url": "http://l2.invalid",
            "oracle_address": ORACLE.hex0x,
            "aggregation_vkey": IDENTITY.aggregation_vkey.hex0x,
            "range_vkey_commitment": IDENTITY.range_vkey_commitment.hex0x,
            "data_dir": self.folder,
            "max_blocks_per_range": 5,
            "lease_seconds": 30.0,
            "poll_interval": 0.01,
        }
        return ProposerSettings(**values | changes)

    async def begin(self, name: str = "one", **changes: Any) -> Proposer:
        """Lead, and give a proposer that has not ticked yet."""
        settings = self.settings(**changes)
        leadership = Leadership(
            self.store, holder=name, seconds=settings.lease_seconds, clock=self.clock
        )
        await leadership.gain()
        ctx = Context(
            settings=settings,
            store=self.store,
            leadership=leadership,
            l1=cast("Any", self.l1),
            l2=cast("Any", self.l2),
            node=cast("Any", self.node),
            contract=cast("Any", self.contract),
            backend=cast("Any", self.backend),
            sender=self.sender,
            witness=cast("Any", self.witness),
            pool=cast("Any", self.pool),
            cache=WitnessCache(settings.witness_dir),
            background=Background(),
            metrics=ProposerMetrics(),
            alerts=self.alerts,
            identity=IDENTITY,
            pauses=Pauses(),
            now=self.clock,
        )
        return Proposer(self, ctx)

    async def live(self, kind: RequestKind | None = None) -> list[ProofRequest]:
        return [item for item in await self.store.find(kind=kind) if item.is_live]

    async def ranges(self) -> list[tuple[int, int, RequestStatus]]:
        return [
            (item.blocks.start, item.blocks.end, item.status)
            for item in await self.store.live_ranges()
        ]


@dataclass
class Proposer:
    """One term of one process."""

    world: World
    ctx: Context

    def __post_init__(self) -> None:
        """Make the loop."""
        self.loop = ProposerLoop(self.ctx)

    async def tick(self, *, seconds: float = 1.0, wait: bool = True) -> bool:
        """Let time go on, tick, and wait for the work beside the loop."""
        await self.pass_time(seconds)
        fine = await self.loop.tick()
        if wait:
            await self.idle()
        return fine

    async def pass_time(self, seconds: float) -> None:
        """Let time go on while the lease is renewed as it would be."""
        leadership, world = self.ctx.leadership, self.world
        while seconds > 0:
            step = min(seconds, 80_000.0)
            leadership._lease = await world.store.renew(self.ctx.lease, step + 30)
            leadership._until = world.clock.now + step + 30
            world.clock.now += step
            seconds -= step

    async def idle(self) -> None:
        """Wait for the work beside the loop."""
        while self.ctx.background._tasks:
            await asyncio.wait(list(self.ctx.background._tasks.values()), timeout=5)

    async def ticks(self, count: int, *, seconds: float = 1.0) -> None:
        for _ in range(count):
            await self.tick(seconds=seconds)

    async def until(
        self, what: Callable[[], bool], *, most: int = 40, seconds: float = 1.0
    ) -> None:
        for _ in range(most):
            if what():
                return
            await self.tick(seconds=seconds)
        raise AssertionError("not reached")

    async def die(self) -> None:
        """End as a killed process: no step is taken any more, the lease runs out."""
        self.ctx.background._is_stopped = True
        for task in list(self.ctx.background._tasks.values()):
            task.cancel()
        await asyncio.gather(*self.ctx.background._tasks.values(), return_exceptions=True)
        self.world.clock.now += self.ctx.settings.lease_seconds + 1

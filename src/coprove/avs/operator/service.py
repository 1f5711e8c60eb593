"""`coprove operator run`: loops that attest, take tasks, watch, and push metrics."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Final, Protocol

from coprove.avs.operator import metrics as names
from coprove.avs.operator.attesting import prover_address_hash
from coprove.avs.operator.errors import AnotherStateError, NotSignedError, RootAlarmError
from coprove.avs.operator.tasks import TASK_LABEL
from coprove.errors import CoproveError
from coprove.prover.tee.registrar import Step
from coprove.rpc import L1Client
from coprove.rpc.fields import quantity
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from coprove.avs.bls import PublicKey
    from coprove.avs.operator.aggregator_client import AggregatorClient
    from coprove.avs.operator.attesting import LivenessRoute, TimedProver
    from coprove.avs.operator.confirmations import Confirmations
    from coprove.avs.operator.discovery import OperatorContracts
    from coprove.avs.operator.fees import Fees
    from coprove.avs.operator.health import HealthBoard, NodeHealth
    from coprove.avs.operator.metered import MeteredTransport
    from coprove.avs.operator.tasks import Outcome
    from coprove.avs.tasks import AvsTask
    from coprove.prover.tee.registrar import Registrar
    from coprove.telemetry import Metrics, MetricSpec
    from coprove.types import Address

__all__ = ["OperatorOptions", "OperatorParts", "OperatorService", "TaskRunner"]

_log = get_logger(part="operator")
_ETHER: Final = 10**18
_REMEMBERED: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorOptions:
    """How an operator runs. Times are in seconds."""

    name: str = ""
    """Under which its metrics are pushed; empty: as aggregators know operators without a session,
    by account and version."""
    avs_name: str = "multi-prover-avs"
    """Label of metrics."""
    prover_url: str = "http://127.0.0.1:18232"
    """The prover's URL; its hash is in metrics and on chain."""
    margin: int = 300
    """Before its end at which an attestation is renewed."""
    attest_interval: float = 10.0
    """From one look at prover and registry to the next."""
    watch_interval: float = 30.0
    """From one look at stakes and balances to the next."""
    push_interval: float = 60.0
    """From one push of metrics to the next; 0 for none."""
    poll: float = 25.0
    """How long a request for a task waits."""
    retry: float = 5.0
    """After a failed request for a task."""
    max_tasks: int = 4
    """Tasks in work at once."""
    look_back: float = 300.0
    """Without a new task after which all open ones are asked for again."""


class TaskRunner(Protocol):
    """Takes tasks to their end; a TaskWorker is one."""

    async def run(self, task: AvsTask) -> Outcome | None:
        """Sign a task and hand it in; errors as of `TaskWorker.run`. None: it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorParts:
    """What an operator consists of; the caller opens and closes all of it."""

    contracts: OperatorContracts
    """The chain."""
    transport: MeteredTransport
    """The L1 endpoint behind them."""
    key: PublicKey
    """The BLS key's public half."""
    account: Address
    """Who pays attestations."""
    registrar: Registrar
    """Keeps the prover attested."""
    route: LivenessRoute
    """The registrar's way."""
    prover: TimedProver
    """The prover."""
    worker: TaskRunner
    """Takes tasks to their end."""
    confirmations: Confirmations
    """What became of them."""
    fees: Fees | None
    """What came in; None where the AVS' rewards contract is not set."""
    aggregator: AggregatorClient
    """Gives tasks."""
    board: HealthBoard
    """Who fails writes it here."""
    metrics: Metrics
    """What is measured."""


class OperatorService:
    """Runs until it is cancelled; a loop that fails goes on, and health says so."""

    def __init__(self, parts: OperatorParts, options: OperatorOptions) -> None:
        """Nothing is asked before `run`."""
        self._parts, self._options = parts, options
        self._l1 = L1Client(parts.transport)
        self._last = 0
        self._done: OrderedDict[tuple[bytes, int], None] = OrderedDict()
        self._working: set[tuple[bytes, int]] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(options.max_tasks)

    @property
    def health(self) -> NodeHealth:
        """How the operator is, as its node API tells."""
        return self._parts.board.health

    async def run(self) -> None:
        """Attest, take tasks, watch and push, all at once."""
        options = self._options
        loops = [
            self._every(options.attest_interval, self._attest, "attestation"),
            self._every(options.watch_interval, self._watch, "l1"),
            self._tasks(),
        ]
        if options.push_interval:
            loops.append(self._every(options.push_interval, self._push, "aggregator"))
        try:
            async with asyncio.TaskGroup() as group:
                for loop in loops:
                    group.create_task(loop)
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _every(self, seconds: float, step: Callable[[], Awaitable[None]], part: str) -> None:
        while True:
            try:
                await step()
            except CoproveError as error:
                self._parts.board.down(part, f"{type(error).__name__}: {error}")
                _log.warning("failed, again later", part=part, error=error)
            await asyncio.sleep(seconds)

    async def _attest(self) -> None:
        """Look whether the prover still counts, and do what that needs."""
        parts = self._parts
        try:
            identity = await parts.prover.identity()
        except CoproveError as error:
            parts.board.down("prover", str(error))
            raise
        parts.board.up("prover")
        before = await self._balance()
        action = await parts.registrar.tick()
        if action.step is not Step.WAIT:
            self._set(names.ATTESTATION_COST, (before - await self._balance()) / _ETHER)
            self._set(names.REPORT_MS, parts.prover.report_ms)
            self._set(names.LIVENESS_TIME, parts.route.submitted_at)
        verifier, prover = parts.contracts.verifier, identity.address
        standing = await parts.registrar.standing(prover)
        self._set(names.NEXT_ATTESTATION, max(0, standing.status.until - self._options.margin))
        if await verifier.is_live(parts.key.g1.encoded, prover):
            parts.board.up("attestation")
        else:
            why = f"the prover {prover} does not count under this BLS key: {action.why}"
            parts.board.down("attestation", why)

    async def _watch(self) -> None:
        """Look at the L1 node, stakes and balances."""
        parts, version = self._parts, await self._l1.transport.call("web3_clientVersion")
        parts.transport.client_version = str(version)[:100]
        await self._l1.block_ref("finalized")
        parts.board.up("l1")
        self._set(names.ATTESTATION_BALANCE, await self._balance() / _ETHER)
        operator_id, registries = parts.key.operator_id, parts.contracts.registries
        for quorum in await registries.quorums_of(operator_id):
            stake = await registries.stake(operator_id, quorum)
            labels = {"quorum_number": str(quorum), "quorum_name": f"quorum {quorum}"}
            self._set(names.REGISTERED_STAKES, stake, **labels)
        await self._look_for_slashing()
        await self._look_for_confirmations()
        if parts.fees is not None:
            for token, amount in (await parts.fees.new()).items():
                labels = {"avs_name": self._options.avs_name, "token": str(token)}
                parts.metrics.inc(names.FEES_EARNED, amount, **labels)

    async def _look_for_confirmations(self) -> None:
        late = await self._parts.confirmations.late()
        self._parts.metrics.set(names.UNCONFIRMED, len(late))
        if not late:
            self._parts.board.up("confirmations")
            return
        range_ = late[0].draft.metadata
        oldest = f"blocks {range_.start_block} to {range_.end_block}"
        self._parts.board.down("confirmations", f"{len(late)} late, the oldest {oldest}")
        _log.warning("signed and not confirmed", tasks=len(late), oldest=oldest)

    async def _look_for_slashing(self) -> None:
        parts, core = self._parts, self._parts.contracts.eigenlayer
        operator = parts.registrar.operator
        slashed = False
        avs = parts.contracts.service_manager.address
        for quorum in await parts.contracts.registries.quorums_of(parts.key.operator_id):
            for strategy in await core.strategies(avs, quorum):
                slashed |= await core.max_magnitude(operator, strategy) < _ETHER
        parts.metrics.set(names.SLASHING_STATUS, float(slashed))

    async def _push(self) -> None:
        """Hand the AVS' series to the aggregator."""
        parts = self._parts
        self._set(names.PERFORMANCE, parts.board.score)
        families = names.families_json(parts.metrics.registry)
        await parts.aggregator.submit_metrics(self._name, families)
        parts.board.up("aggregator")

    @property
    def _name(self) -> str:
        account = self._parts.registrar.operator.hex0x
        return self._options.name or f"{account}_coprove-{metadata.version('coprove')}"

    async def _tasks(self) -> None:
        """Take tasks one after the other and work on several at once."""
        await self._describe()
        heard = time.monotonic()
        while True:
            await self._room.acquire()
            task = None
            try:
                task = await self._fetched()
            finally:
                if task is None:
                    self._room.release()
            if task is None:
                if time.monotonic() - heard > self._options.look_back:
                    # Another aggregator may stand at the URL by now, whose numbers begin again.
                    self._last, heard = 0, time.monotonic()
                continue
            heard, self._last = time.monotonic(), task.number
            name = (bytes(task.key), task.reference_block)
            if name in self._done or name in self._working:
                self._room.release()
                continue
            self._working.add(name)
            running = asyncio.create_task(self._work(task, name))
            self._running.add(running)
            running.add_done_callback(self._running.discard)

    async def _fetched(self) -> AvsTask | None:
        parts, options = self._parts, self._options
        labels = {"avs_name": options.avs_name, "type": TASK_LABEL, "with_context": "false"}
        parts.metrics.inc(names.FETCHED, 1, **labels)
        try:
            found = await parts.aggregator.fetch_task(self._last, options.poll)
        except CoproveError as error:
            parts.board.down("aggregator", f"{type(error).__name__}: {error}")
            _log.warning("no task", error=error)
            await asyncio.sleep(options.retry)
            return None
        parts.board.up("aggregator")
        return found

    async def _work(self, task: AvsTask, name: tuple[bytes, int]) -> None:
        try:
            outcome = await self._parts.worker.run(task)
            if outcome is not None:
                self._parts.confirmations.note(task)
        except (NotSignedError, AnotherStateError, RootAlarmError) as error:
            _log.warning("not signed", number=task.number, error=error)
        except Exception as error:  # noqa: BLE001 - a defect ends its task, and health says so
            self._parts.board.down("tasks", f"{type(error).__name__}: {error}")
            _log.error("defect", number=task.number, error=error)
        finally:
            self._working.discard(name)
            self._done[name] = None
            if len(self._done) > _REMEMBERED:
                self._done.popitem(last=False)
            self._room.release()

    async def _describe(self) -> None:
        """Set the series that tells who runs what."""
        parts, options = self._parts, self._options
        parts.metrics.set(
            names.METADATA,
            1,
            avs_name=options.avs_name,
            operator_addr=str(parts.registrar.operator),
            version=f"coprove-{metadata.version('coprove')}",
            attestation_addr=str(parts.account),
            prover_url_hash=prover_address_hash(options.prover_url).hex0x,
            prover_version=await self._prover_version(),
            task_fetch_with_context="false",
            scroll_with_context="false",
            linea_with_context="false",
        )

    async def _prover_version(self) -> str:
        try:
            found = await self._parts.prover.rpc("prover_metadata")
        except CoproveError:
            return "unknown"
        return str(found.get("version"))[:100] if isinstance(found, dict) else "unknown"

    async def _balance(self) -> int:
        answer = await self._l1.transport.call(
            "eth_getBalance", [self._parts.account.hex0x, "latest"]
        )
        return quantity(answer, "balance", 256)

    def _set(self, spec: MetricSpec, value: float, **labels: str) -> None:
        self._parts.metrics.set(spec, value, avs_name=self._options.avs_name, **labels)

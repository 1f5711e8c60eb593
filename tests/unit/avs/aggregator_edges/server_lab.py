"""An aggregator's server on a free port, with engine, directory and records that are played."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp

from coprove.attestation.avs_poe import AvsPoe
from coprove.avs.aggregator.server import (
    SERVER_METRICS,
    AggregatorPorts,
    AggregatorServer,
    AggregatorServerOptions,
    Health,
)
from coprove.avs.tasks import (
    AvsTask,
    Handshake,
    RangeMetadata,
    SessionScope,
    Submission,
    TaskDraft,
)
from coprove.telemetry import Metrics
from coprove.types import Address, Hash32
from tests.unit.avs.aggregator_edges.chain import MANAGER, operator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from coprove.avs.bls import PublicKey, SecretKey
    from coprove.storage import StoredEvidence, StoredSignature, StoredTask

CHAIN_ID = 31_337


def task(number: int) -> AvsTask:
    return AvsTask(
        number=number,
        draft=TaskDraft(
            committee_id=1,
            metadata=RangeMetadata(start_block=10 * number + 1, end_block=10 * number + 10),
            l1_head=Hash32(b"\x11" * 32),
            l1_head_number=77,
        ),
        reference_block=80,
        quorums=(0,),
        thresholds=(67,),
        created_at=1_700_000_000,
        expires_at=1_700_000_600,
    )


@dataclass
class PlayedEngine:
    """Issues what a test gives it, and takes what it does not refuse."""

    tasks: list[AvsTask] = field(default_factory=list)
    taken: list[tuple[Submission, bool]] = field(default_factory=list)
    refusal: Exception | None = None
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    waits: list[float] = field(default_factory=list)

    async def issue(self, *tasks: AvsTask) -> None:
        async with self.changed:
            self.tasks += tasks
            self.changed.notify_all()

    async def asked(self, times: int) -> None:
        """Return when tasks were asked for so often."""
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.waits) >= times)

    def _next(self, after: int, kind: int) -> AvsTask | None:
        return next((item for item in self.tasks if item.number > after and kind == 3), None)

    async def next_task(
        self, after: int, task_type: int, wait: float, *, with_context: bool = False
    ) -> AvsTask | None:
        assert not with_context or task_type == 3
        self.waits.append(wait)
        async with self.changed:
            self.changed.notify_all()
        if self.refusal is not None:
            raise self.refusal
        try:
            async with asyncio.timeout(wait), self.changed:
                await self.changed.wait_for(lambda: self._next(after, task_type))
        except TimeoutError:
            pass
        return self._next(after, task_type)

    async def submit(self, submission: Submission, *, session: bool = False) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.taken.append((submission, session))


@dataclass
class PlayedDirectory:
    """Operators 1 to 3 are registered; counts how often a key was asked for."""

    operators: dict[Hash32, tuple[Address, PublicKey]] = field(
        default_factory=lambda: {
            key.public_key.operator_id: (account, key.public_key)
            for account, key in map(operator, (1, 2, 3))
        }
    )

    def key_of(self, operator_id: Hash32) -> PublicKey | None:
        found = self.operators.get(operator_id)
        return None if found is None else found[1]

    def account_of(self, operator_id: Hash32) -> Address | None:
        found = self.operators.get(operator_id)
        return None if found is None else found[0]

    def has_account(self, account: Address) -> bool:
        return any(known == account for known, _ in self.operators.values())


@dataclass
class PlayedRecords:
    """What a test put on disk."""

    tasks: dict[Hash32, StoredTask] = field(default_factory=dict)
    signed: list[StoredSignature] = field(default_factory=list)
    kept: list[StoredEvidence] = field(default_factory=list)

    async def newest_of(self, key: Hash32) -> StoredTask | None:
        return self.tasks.get(key)

    async def signatures(self, task_number: int) -> Sequence[StoredSignature]:
        return [item for item in self.signed if item.task_number == task_number]

    async def evidence(
        self, *, key: Hash32 | None = None, limit: int = 1000
    ) -> Sequence[StoredEvidence]:
        return [item for item in self.kept if key in (None, item.key)][:limit]


@dataclass
class Lab:
    """A server and a client of it."""

    server: AggregatorServer
    http: aiohttp.ClientSession
    engine: PlayedEngine
    directory: PlayedDirectory
    records: PlayedRecords
    health: Health
    now: float
    metrics: Metrics

    async def send(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, **given: Any
    ) -> tuple[int, Any, Any]:
        """Return status, parsed body and headers."""
        headers = {"Content-Type": "application/json", **given.pop("headers", {})}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        async with self.http.request(
            method, self.server.url + path, data=data, headers=headers, **given
        ) as answer:
            text = await answer.read()
            is_json = text and "json" in answer.headers.get("Content-Type", "")
            return answer.status, json.loads(text) if is_json else text, answer.headers

    async def call(self, method: str, given: Any, *, token: str | None = None) -> Any:
        """Return the whole JSON-RPC answer."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": [given]}
        status, answer, _ = await self.send("POST", "/", body, token=token)
        assert (status, answer["jsonrpc"], answer["id"]) == (200, "2.0", 1)
        return answer

    def handshake(self, key: SecretKey, **changes: Any) -> dict[str, Any]:
        """A handshake as an operator makes it; `changes` are of what it signs or says."""
        scope = SessionScope(
            audience=changes.get("audience", self.server.url),
            chain_id=changes.get("chain_id", CHAIN_ID),
            service_manager=changes.get("service_manager", MANAGER),
        )
        at = changes.get("time", int(self.now))
        who = changes.get("operator_id", key.public_key.operator_id)
        signature = key.sign(scope.digest(who, at)).point.coordinates
        return Handshake(
            operator_id=who, time=at, audience=scope.audience, signature=signature
        ).to_json()

    async def token(self, number: int = 1) -> str:
        """Open a session."""
        status, answer, _ = await self.send(
            "POST", "/v1/session", self.handshake(operator(number)[1])
        )
        assert status == 200, answer
        return str(answer["token"])

    async def exposition(self, **given: Any) -> str:
        _, text, _ = await self.send("GET", "/metrics", **given)
        return bytes(text).decode()


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[Lab]:
    """Run a server; rates are off unless a test sets them."""
    defaults: dict[str, Any] = {
        "port": 0,
        "requests_per_second": 0.0,
        "operator_requests_per_second": 0.0,
        "handshakes_per_second": 0.0,
        "stop_timeout": 5.0,
    }
    engine, directory, records = PlayedEngine(), PlayedDirectory(), PlayedRecords()
    metrics = Metrics(SERVER_METRICS)
    made: list[Lab] = []
    ports = AggregatorPorts(
        engine=engine, directory=directory, records=records, health=lambda: made[0].health
    )
    server = AggregatorServer(
        AggregatorServerOptions(**(defaults | options)),
        ports,
        metrics,
        chain_id=CHAIN_ID,
        service_manager=MANAGER,
        clock=lambda: made[0].now,
    )
    async with server, aiohttp.ClientSession() as http:
        fine = Health(healthy=True, ready=True, parts={"registry": "ok"})
        made.append(
            Lab(server, http, engine, directory, records, fine, float(int(time.time())), metrics)
        )
        yield made[0]


def submission(number: int, issued: AvsTask, *, root: bytes = b"\x04" * 32) -> Submission:
    """What operator `number` submits for a task."""
    _, key = operator(number)
    poe = AvsPoe(
        batch_hash=Hash32(b"\x01" * 32),
        state_hash=Hash32(b"\x02" * 32),
        prev_state_root=Hash32(b"\x03" * 32),
        new_state_root=Hash32(root),
        withdrawal_root=Hash32(b"\x05" * 32),
    )
    header = issued.header(poe.encode())
    return Submission(
        header=header,
        quorums=(0,),
        thresholds=(0,),
        signature=key.sign(header.digest()).point.coordinates,
        operator_id=key.public_key.operator_id,
        prover_signature=b"\x09" * 65,
    )

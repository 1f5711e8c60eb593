"""A TEE prover on a free port, with a platform that is played."""

from __future__ import annotations

import io
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

from coprove.prover.tee.enclave import Enclave
from coprove.prover.tee.host import TeeProver, TeeProverOptions
from tests.integration.ranges import range_input
from tests.unit.prover.server.lab import Answer, Client
from tests.unit.prover.tee.lab import FakeProvider, digest_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator

    from coprove.types import BlockRange, Hash32

__all__ = ["RecordedMaker", "TeeClient", "rpc_error", "serving"]


class RecordedMaker:
    """Collects witnesses from the recording `calldata`."""

    def __init__(self) -> None:
        """Nothing was collected yet."""
        self.collected: list[BlockRange] = []
        self.failures: list[Exception] = []
        self.gate: asyncio.Event | None = None

    async def collect(self, blocks: BlockRange) -> bytes:
        self.collected.append(blocks)
        if self.failures:
            raise self.failures.pop(0)
        if self.gate is not None:
            await self.gate.wait()
        return range_input("calldata", blocks.start, blocks.end).encode()


class TeeClient(Client):
    """Speaks both APIs."""

    prover: TeeProver

    async def prove(
        self, data: bytes, *, digest: Hash32 | str | None = None, wait: float = 60, **given: Any
    ) -> Answer:
        name = digest_of(data) if digest is None else digest
        headers = {
            "Content-Type": "application/octet-stream",
            "Witness-Digest": name if isinstance(name, str) else name.hex0x,
            **given.pop("headers", {}),
        }
        path = f"/v1/proofs?wait={wait}"
        return await self.send("POST", path, data=io.BytesIO(data), headers=headers, **given)

    async def call(self, method: str, *params: Any) -> Any:
        """Return the result of a call, or its error as an object with `code`."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer = (await self.post("/", body)).json
        assert (answer["jsonrpc"], answer["id"]) == ("2.0", 1)
        return answer["error"] if "error" in answer else answer["result"]

    async def metric(self, name: str) -> float:
        """Return the sum of a metric's series."""
        text = (await self.get("/metrics")).body.decode()
        lines = [line for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
        return sum(float(line.rpartition(" ")[2]) for line in lines)


def rpc_error(answer: Any) -> int:
    """Return the code of an error."""
    assert isinstance(answer, dict), answer
    return int(answer["code"])


@asynccontextmanager
async def serving(
    provider: Any = None, *, maker: Any = None, enclave: Any = None, **options: Any
) -> AsyncIterator[TeeClient]:
    """Run a prover and give a client of it."""
    defaults: dict[str, Any] = {"port": 0, "requests_per_second": 0.0, "stop_timeout": 10.0}
    found = enclave or Enclave(provider or FakeProvider())
    async with (
        TeeProver(TeeProverOptions(**(defaults | options)), found, maker) as prover,
        aiohttp.ClientSession() as session,
    ):
        client = TeeClient(prover.url, session)
        client.prover = prover
        yield client


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()

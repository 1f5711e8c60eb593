"""`coprove aggregator` with an L1 that is silent, and one that lies."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from tests.integration.aggregator_process import (
    PATIENCE,
    OlderOperator,
    confirmed,
    lab_with_rollup,
    starting,
)
from tests.unit.rpc.hostile import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

pytestmark = pytest.mark.anvil


class Proxy:
    """Stands between the aggregator and L1; silent or lying as a test says."""

    def __init__(self, target: str, http: aiohttp.ClientSession) -> None:
        """Pass on to `target`."""
        self._target, self._http = target, http
        self.answers = asyncio.Event()
        self.answers.set()
        self.hidden: set[str] = set()

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json()
        await self.answers.wait()
        async with self._http.post(self._target, json=body) as answer:
            found = await answer.json()
        for one in found if isinstance(found, list) else [found]:
            if isinstance(one.get("result"), list):
                one["result"] = [
                    log
                    for log in one["result"]
                    if not isinstance(log, dict) or log.get("address") not in self.hidden
                ]
        return web.json_response(found)


@asynccontextmanager
async def proxied(target: str, http: aiohttp.ClientSession) -> AsyncIterator[tuple[Proxy, str]]:
    proxy = Proxy(target, http)
    async with serving(proxy.handle) as url:
        try:
            yield proxy, url
        finally:
            proxy.answers.set()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.05)


async def test_a_silent_l1_is_told_to_operators_and_goes_by(tmp_path: Path) -> None:
    """A state is refused for now, not lost and not taken unseen; health names who fails."""
    async with lab_with_rollup(10) as (lab, _, node), aiohttp.ClientSession() as http:
        who = await lab.operator(1, [0, 1])
        await lab.l1.mine(2)
        settings = {
            "COPROVE_AGGREGATOR_L1_TIMEOUT": "1",
            "COPROVE_AGGREGATOR_LIVENESS_MAX_AGE": "0",
            "COPROVE_RPC_TIMEOUT": "1",
        }
        async with (
            proxied(lab.l1.url, http) as (proxy, url),
            starting(tmp_path, lab, node, l1=url, **settings) as running,
        ):
            one = OlderOperator(running.url, who, http)
            task = await one.fetch()
            proxy.answers.clear()
            assert await one.submit(one.signed(task)) == 14113

            async def is_named() -> bool:
                async with http.get(f"{running.url}/healthz") as answer:
                    parts = (await answer.json())["parts"]
                return "Timeout" in parts["registry"]

            await until(is_named)
            assert (await one.fetch())["task_id"] == task["task_id"]
            proxy.answers.set()

            async def is_taken() -> bool:
                return await one.submit(one.signed(task)) == 0

            await until(is_taken)
            await confirmed(lab, 0)


async def test_a_lying_l1_gets_no_task_issued_and_an_alarm(tmp_path: Path) -> None:
    """It keeps stakes' events to itself; once it is honest, all of it is read again."""
    async with lab_with_rollup(10) as (lab, _, node), aiohttp.ClientSession() as http:
        who = await lab.operator(1, [0, 1])
        await lab.l1.mine(2)
        async with proxied(lab.l1.url, http) as (proxy, url):
            proxy.hidden = {str(lab.middleware.stake_registry)}
            async with starting(tmp_path, lab, node, l1=url) as running:
                one = OlderOperator(running.url, who, http)

                async def alarmed() -> bool:
                    async with http.get(f"{running.url}/metrics") as answer:
                        text = await answer.text()
                    lines = [
                        line
                        for line in text.splitlines()
                        if line.startswith("coprove_avs_aggregator_registry_alarms_total ")
                    ]
                    return float(lines[0].rpartition(" ")[2]) > 0

                await until(alarmed)
                nothing: Any = await one.call(
                    "aggregator_fetchTask",
                    {"prev_task_id": 0, "task_type": 3, "max_wait_secs": 0},
                )
                assert nothing["result"]["ok"] is False
                proxy.hidden = set()
                task = await one.fetch()
                assert await one.submit(one.signed(task)) == 0
                await confirmed(lab, 0)

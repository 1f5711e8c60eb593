"""`coprove aggregator` as a process, over EigenLayer's own contracts; operators as they exist."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from coprove.avs.tasks import SessionScope
from tests.integration.aggregator_process import (
    CONFIRMER_KEY,
    PATIENCE,
    OlderOperator,
    confirmed,
    lab_with_rollup,
    starting,
)
from tests.integration.avs_lab import STAKE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anvil


async def test_older_operators_complete_tasks_over_a_kill_and_a_stop(tmp_path: Path) -> None:
    """Two quorums, one byzantine; `kill -9` between two signatures; a stop that ends cleanly."""
    async with lab_with_rollup(10) as (lab, rollup, node), aiohttp.ClientSession() as http:
        first, second = await lab.operator(1, [0, 1]), await lab.operator(2, [0, 1])
        liar = await lab.operator(3, [0], stake=STAKE // 10)
        await lab.l1.mine(2)
        async with starting(tmp_path, lab, node) as running:
            one = OlderOperator(running.url, first, http)
            two = OlderOperator(running.url, second, http)
            bad = OlderOperator(running.url, liar, http)
            task = await one.fetch()
            assert (task["ok"], task["task_type"]) == (True, 3)
            stranger = {**one.signed(task), "OperatorId": [9] * 32}
            assert await one.submit(stranger) == 14105
            forged = {**one.signed(task), "ProverSignature": f"0x{'11' * 65}"}
            assert await one.submit(forged) == 14109
            another = {**one.signed(task), "Signature": two.signed(task)["Signature"]}
            assert await one.submit(another) == 14111
            assert await bad.submit(bad.signed(task, b"\x66" * 32)) == 0
            assert await one.submit(one.signed(task)) == 0
            assert await one.submit(one.signed(task)) == 14107
            assert await running.end(signal.SIGKILL) == -signal.SIGKILL
        async with starting(tmp_path, lab, node) as running:
            one.url = two.url = bad.url = running.url
            again = await two.fetch()
            assert again == task
            assert await one.submit(one.signed(task)) == 14107
            assert await two.submit(two.signed(task)) == 0
            found = await confirmed(lab, 0)
            assert found.output_root == b"\x77" * 32
            assert await two.submit(two.signed(task)) in (14104, 14107)
            rollup.final = 20
            later = await one.fetch(after=task["task_id"])
            assert later["ext"]["start_block"] == hex(11)
            poll = asyncio.create_task(one.poll(later["task_id"]))
            async with http.get(f"{running.url}/readyz") as answer:
                assert answer.status == 200
            assert await running.end(signal.SIGTERM) == 0
            assert (await poll)["result"]["ok"] is False
            assert CONFIRMER_KEY not in running.log.read_text()


async def test_a_task_is_completed_over_a_session(tmp_path: Path) -> None:
    """Operators of ours open sessions; the aggregator shows who signed, and how it is."""
    admin = "a token of sixteen and more"
    async with lab_with_rollup(10) as (lab, _, node), aiohttp.ClientSession() as http:
        who = await lab.operator(1, [0, 1])
        await lab.l1.mine(2)
        settings = {"COPROVE_AGGREGATOR_ADMIN_TOKENS": admin}
        async with starting(tmp_path, lab, node, **settings) as running:
            old = OlderOperator(running.url, who, http)
            task = await old.fetch()
            scope = SessionScope(
                audience=running.url,
                chain_id=int(str(await lab.l1.rpc("eth_chainId")), 16),
                service_manager=lab.contracts.service_manager,
            )

            async def get(path: str, token: str | None = None) -> tuple[int, Any]:
                headers = {} if token is None else {"Authorization": f"Bearer {token}"}
                async with http.get(running.url + path, headers=headers) as answer:
                    return answer.status, await answer.json()

            assert (await get("/v1/tasks"))[0] == 401
            at = int(time.time())
            x, y = who.key.sign(scope.digest(who.operator_id, at)).point.coordinates
            body = {
                "operator_id": who.operator_id.hex0x,
                "time": at,
                "audience": running.url,
                "signature": {"g1_point": {"X": str(x), "Y": str(y)}},
            }
            async with http.post(f"{running.url}/v1/session", json=body) as answer:
                assert answer.status == 200, await answer.text()
                token = (await answer.json())["token"]
            assert await get("/v1/tasks?wait=5", token) == (200, task)
            headers = {"Authorization": f"Bearer {token}"}
            url = f"{running.url}/v1/submissions"
            async with http.post(url, json=old.signed(task), headers=headers) as answer:
                assert await answer.json() == {"accepted": True}
            await confirmed(lab, 0)
            key = task["ext"]["task_key"]
            found: dict[str, Any] = {}
            async with asyncio.timeout(PATIENCE):
                while found.get("state") != "confirmed":
                    _, found = await get(f"/v1/tasks/{key}", token)
            assert found["signers"] == [who.operator_id.hex0x]
            assert await get("/v1/evidence", admin) == (200, {"evidence": []})
            status, health = await get("/healthz")
            assert (status, set(health["parts"].values())) == (200, {"ok"})
            assert await running.end(signal.SIGTERM) == 0

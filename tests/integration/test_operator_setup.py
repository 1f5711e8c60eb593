"""An operator's commands and preflight on EigenLayer's own contracts."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from coprove.attestation import Platform
from coprove.cli import main
from coprove.config import load_settings
from coprove.config.operator import open_operator
from coprove.contracts.eigenlayer import WAD
from coprove.doctor import Level, examine_operator
from tests.integration.anvil_l1 import OTHER
from tests.integration.operator_lab import KEY, OPERATOR, STAKE, running_operator_lab
from tests.unit.avs.operator.aggregators import FakeAggregator

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

pytestmark = pytest.mark.anvil


async def until(met: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition; the test's own time limit ends it."""
    while not await met():  # noqa: ASYNC110 - another process's state
        await asyncio.sleep(0.05)


def in_command(*arguments: str) -> int:
    """Run a command in a thread; return its exit code."""
    try:
        main(["operator", *arguments])
    except SystemExit as exit_:
        return int(exit_.code or 0)
    raise AssertionError("the command did not exit")


async def test_the_commands_lead_to_an_operator_that_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Preflight, registration, stake, quorum, and what `status` and `doctor` say in between."""
    async with running_operator_lab() as lab, FakeAggregator() as aggregator:
        aggregator.answers["aggregator_fetchTask"] = [{"result": {"ok": False}}]
        prover = await lab.tee.prover(Platform.INTEL_SGX)
        config = str(lab.config(tmp_path, prover, aggregator.url))

        async def run(*arguments: str) -> tuple[int, dict[str, Any]]:
            given = (*arguments, "--json", "--config", config)
            code = await asyncio.to_thread(in_command, *given)
            # Logs of this process go there as well.
            return code, json.loads(capsys.readouterr().out.splitlines()[-1])

        async def levels() -> dict[str, str]:
            _, found = await run("doctor")
            return {item["name"]: item["level"] for item in found["checks"]}

        before = await levels()
        assert (before["L1"], before["contracts"], before["prover"]) == ("ok", "ok", "ok")
        assert (before["EigenLayer"], before["stake"], before["BLS key"]) == (
            "fail",
            "fail",
            "warn",
        )
        strategy = lab.dev.strategy.hex0x
        for arguments in (
            ("register", "--metadata-uri", "https://example.org/me.json"),
            ("deposit", "--strategy", strategy, "--amount", str(STAKE)),
            ("opt-in", "--quorums", "0"),
            ("allocate", "--quorum", "0", "--magnitude", "0.5"),
        ):
            code, sent = await run(*arguments)
            assert (code, sent["operator"]) == (0, str(OPERATOR.address))
            assert any(str(value).startswith("0x") and len(value) == 66 for value in sent.values())
            await lab.tee.l1.mine(2)
        _, found = await run("status")
        assert found["operator_id"] == KEY.public_key.operator_id.hex0x
        assert found["quorums"][0]["is_member"]
        assert found["quorums"][0]["strategies"][0]["allocated"] == WAD // 2
        after = await levels()
        assert [name for name, level in after.items() if level == "fail"] == []
        assert after["attestation"] == "warn"
        code, left = await run("deregister")
        assert code == 0
        assert "opt_out" in left


async def test_the_preflight_says_what_to_do(tmp_path: Path) -> None:
    """Each thing that is wrong is a finding with advice; none hides another."""
    async with running_operator_lab() as lab, FakeAggregator() as aggregator:
        prover = await lab.tee.prover(Platform.INTEL_TDX)
        await lab.join()
        config = lab.config(tmp_path, prover, aggregator.url)
        settings = load_settings(config=config, environment={})
        found = {item.name: item for item in await examine_operator(settings)}
        # The quorum asks for SGX, this prover is a TDX one.
        assert found["prover"].level is Level.FAIL
        assert found["stake"].level is Level.OK
        await prover.down()
        await aggregator.close()
        (tmp_path / "password").write_text("another")
        found = {item.name: item for item in await examine_operator(settings)}
        for name in ("prover", "aggregator", "BLS key"):
            assert found[name].level is Level.FAIL, name
            assert found[name].advice
        wrong = lab.config(tmp_path, prover, aggregator.url, liveness_verifier=OTHER.address.hex0x)
        settings = load_settings(config=wrong, environment={})
        found = {item.name: item for item in await examine_operator(settings)}
        assert found["contracts"].level is Level.FAIL
        assert found["L1"].level is Level.OK


async def test_the_node_api_answers_before_the_prover_does(tmp_path: Path) -> None:
    """An operator whose prover is away is there, and says that nothing can be signed."""
    async with running_operator_lab() as lab, FakeAggregator() as aggregator:
        aggregator.answers["aggregator_fetchTask"] = [{"result": {"ok": False}}]
        prover = await lab.tee.prover(Platform.INTEL_SGX)
        await prover.down()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        place = f"127.0.0.1:{port}"
        config = lab.config(tmp_path, prover, aggregator.url, node_api=place)
        settings = load_settings(config=config, environment={})
        async with open_operator(settings) as service, aiohttp.ClientSession() as http:
            running = asyncio.create_task(service.run())
            try:

                async def down() -> bool:
                    async with http.get(f"http://{place}/eigen/node/services/prover/health") as got:
                        return got.status == 503

                await until(down)
                async with http.get(f"http://{place}/eigen/node/health") as answer:
                    assert answer.status == 503
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

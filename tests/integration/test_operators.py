"""What operators run on live nodes: the doctor, and the proof server's own look at chain and L1."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from coprove.config import load_settings
from coprove.contracts import OracleParameters, deploy_oracle
from coprove.doctor import Level, examine
from coprove.prover.server import LiveSource
from coprove.prover.server.errors import SubproofError
from coprove.rpc import EndpointOptions, JsonRpcTransport, NotYetAvailableError, RetryPolicy
from coprove.storage import Scope, open_store
from coprove.types import Address, BlockRange, Hash32, L1ChainConfig
from coprove.witness import LiveEndpoints, LiveOptions, ProcessExecutor, Recording
from tests.integration.anvil_l1 import DEPLOYER, OTHER, PROPOSER, running_l1
from tests.replay import Faults, ReplayChain, ReplayServer
from tests.unit.cli.test_operator_commands import Running
from tests.unit.prover.server.lab import (
    AGGREGATION_VKEY,
    RANGE_VKEY,
    Client,
    FakeBackend,
    go_aggregation_body,
    go_bytes,
    go_span_body,
    open_server,
    until,
)
from tests.vectors import recording_dir

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from coprove.doctor import Finding

CHAIN = recording_dir("calldata")
RECORDING = Recording(CHAIN)
KEY = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"
LATEST = 100
QUICK = EndpointOptions(retry=RetryPolicy(attempts=2, base_delay=0.01))


def config_hash() -> Hash32:
    return RECORDING.config.config_hash(L1ChainConfig.from_json(RECORDING.l1_config_json))


class Place:
    """An L1 (anvil) with an oracle, and the recording's L2 and rollup node."""

    def __init__(self, folder: Path, l1: Any, replay: ReplayServer) -> None:
        """The oracle is deployed by `deploy`."""
        self.folder, self.l1, self.replay = folder, l1, replay
        self.environment = {
            "L1_RPC": l1.transport.name,
            "L2_RPC": replay.url("l2"),
            "L2_NODE_RPC": replay.url("node"),
            "PRIVATE_KEY": KEY,
            "AGGREGATION_VKEY": str(AGGREGATION_VKEY),
            "RANGE_VKEY_COMMITMENT": str(RANGE_VKEY),
            "OP_SUCCINCT_MOCK": "true",
            "DB_PATH": str(folder / "proposer"),
            "COPROVE_RPC_ROLLUP_CONFIG": str(CHAIN / "rollup.json"),
            "COPROVE_RPC_L1_CONFIG": str(CHAIN / "l1_chain_config.json"),
        }

    async def deploy(self) -> None:
        parameters = OracleParameters(
            owner=DEPLOYER.address,
            challenger=OTHER.address,
            proposer=PROPOSER.address,
            finalization_period_seconds=100,
            l2_block_time=1,
            submission_interval=10,
            aggregation_vkey=AGGREGATION_VKEY,
            range_vkey_commitment=RANGE_VKEY,
            rollup_config_hash=config_hash(),
            starting_output_root=RECORDING.expected_output(LATEST),
            starting_block_number=LATEST,
            starting_timestamp=await self.l1.timestamp() - 10_000,
        )
        async with self.l1.manager() as manager:
            oracle = await deploy_oracle(
                manager, verifier=Address(b"\x07" * 20), parameters=parameters, key="oracle"
            )
        self.environment["L2OO_ADDRESS"] = str(oracle)

    async def examine(self, **changed: str) -> dict[str, Finding]:
        settings = load_settings(environment=self.environment | changed)
        return {finding.name: finding for finding in await examine(settings, seconds=5.0)}


@asynccontextmanager
async def place(folder: Path, faults: Faults | None = None) -> AsyncIterator[Place]:
    async with (
        running_l1(chain_id=900) as l1,
        ReplayServer(ReplayChain(CHAIN), faults or Faults()) as replay,
    ):
        found = Place(folder, l1, replay)
        await found.deploy()
        yield found


@pytest.mark.anvil
async def test_the_doctor_finds_a_good_setup_good(tmp_path: Path) -> None:
    async with place(tmp_path) as setup:
        found = await setup.examine()
    bad = {name: finding for name, finding in found.items() if finding.level is Level.FAIL}
    assert not bad
    for name in ("L1", "L2", "keys", "progress", "signer", "right to propose", "balance"):
        assert found[name].level is Level.OK, found[name]
    assert found["safe-head database"].level is Level.OK
    assert found["L2 methods"].level is Level.OK
    assert "SIMULATED" in found["prover"].detail
    assert not (tmp_path / "proposer").exists()


@pytest.mark.anvil
@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        ("keys", {"AGGREGATION_VKEY": "0x" + "99" * 32}, "aggregation vkey"),
        ("L1", {"L1_RPC": "http://127.0.0.1:9"}, "127.0.0.1:9"),
        ("L2", {"L2_RPC": "http://127.0.0.1:9"}, "127.0.0.1:9"),
        ("contract", {"L2OO_ADDRESS": "0x" + "12" * 20}, "contract"),
        ("right to propose", {"PRIVATE_KEY": "0x" + "31" * 32}, "may not propose"),
        ("balance", {"PRIVATE_KEY": "0x" + "31" * 32}, "0.000000 ETH"),
        ("signer", {"PRIVATE_KEY": "zz"}, "KeyFormatError"),
        ("signer", {"SIGNER_URL": "http://127.0.0.1:9", "SIGNER_ADDRESS": "0x" + "12" * 20}, ":9"),
        ("storage", {"DATABASE_URL": "postgresql://u:hunter22@127.0.0.1:9/x"}, "127.0.0.1:9"),
        ("storage", {"DATABASE_URL": "mysql://u:hunter22@h/x"}, "database URL"),
        ("proof server", {"OP_SUCCINCT_SERVER_URL": "http://127.0.0.1:9"}, "127.0.0.1:9"),
        ("prover network", {"COPROVE_PROVER_BACKEND": "network"}, "NETWORK_PRIVATE_KEY"),
        ("disk", {"DB_PATH": "/proc/nowhere"}, "/proc"),
    ],
)
async def test_the_doctor_names_what_is_wrong_and_what_to_do(
    name: str, changed: dict[str, str], said: str, tmp_path: Path
) -> None:
    """Each failure is its own: what has nothing to do with it is still looked at."""
    async with place(tmp_path) as setup:
        found = await setup.examine(**changed)
    assert found[name].level is Level.FAIL, found[name]
    assert said in found[name].detail
    assert found[name].advice
    assert "hunter22" not in repr(found)
    others = [finding for finding in found.values() if finding.level is Level.OK]
    assert len(others) > 3


@pytest.mark.anvil
async def test_the_doctor_tells_what_nodes_lack(tmp_path: Path) -> None:
    lacking = frozenset({"debug_executionWitness", "optimism_safeHeadAtL1Block"})
    async with place(tmp_path, Faults(missing=lacking)) as setup:
        found = await setup.examine()
        assert found["L2 methods"].level is Level.WARN
        assert "trace" in found["L2 methods"].detail
        assert found["safe-head database"].level is Level.WARN
        strict = await setup.examine(SAFE_DB_FALLBACK="false")
        assert strict["safe-head database"].level is Level.FAIL
    proofs = frozenset({"eth_getProof"})
    async with place(tmp_path, Faults(missing=proofs)) as setup:
        assert (await setup.examine())["L2 methods"].level is Level.FAIL


@pytest.mark.anvil
async def test_the_doctor_tells_another_chain_and_another_output(tmp_path: Path) -> None:
    """A contract whose latest output the node does not have is of another chain."""

    def tamper(method: str, _: list[Any], result: Any) -> Any:
        if method == "optimism_rollupConfig":
            return result | {"l1_chain_id": 901, "l2_chain_id": 77}
        return result

    async with place(tmp_path, Faults(tamper=tamper)) as setup:
        found = await setup.examine(COPROVE_RPC_ROLLUP_CONFIG="")
        assert found["L1"].level is found["L2"].level is Level.FAIL
        assert found["keys"].level is Level.FAIL

    def other(method: str, params: list[Any], result: Any) -> Any:
        if method == "optimism_outputAtBlock" and params == [hex(LATEST)]:
            block = RECORDING.l2_row(LATEST - 1)["output"]
            return block | {"blockRef": block["blockRef"] | {"number": LATEST}}
        return result

    async with place(tmp_path, Faults(tamper=other)) as setup:
        found = await setup.examine()
        assert found["progress"].level is Level.FAIL


@pytest.mark.anvil
async def test_the_doctor_changes_no_database(tmp_path: Path) -> None:
    async with place(tmp_path) as setup:
        url = f"sqlite:///{tmp_path / 'requests.sqlite'}"
        assert (await setup.examine(DATABASE_URL=url))["storage"].level is Level.OK
        assert not (tmp_path / "requests.sqlite").exists()
        scope = Scope(
            l1_chain_id=900, l2_chain_id=901, contract=Address(b"\x01" * 20), config_name="x"
        )
        async with await open_store(url, scope):
            pass
        found = (await setup.examine(DATABASE_URL=url))["storage"]
        assert (found.level, "schema" in found.detail) == (Level.OK, True)


@pytest.mark.anvil
async def test_validate_config_compares_contract_and_server(tmp_path: Path) -> None:
    """As the early server does, for a contract of either kind of key."""
    async with AsyncExitStack() as stack:
        setup = await stack.enter_async_context(place(tmp_path))
        running = await stack.enter_async_context(
            open_server(tmp_path / "server", FakeBackend(), l1=setup.l1.transport)
        )
        client = await stack.enter_async_context(client_of(running.url))
        body = {"address": setup.environment["L2OO_ADDRESS"]}
        answer = await client.post("/validate_config", body)
        assert answer.body == (
            b'{"rollup_config_hash_valid":true,"agg_vkey_valid":true,"range_vkey_valid":true}'
        )
        wrong = await client.post("/validate_config", {"address": "0x" + "12" * 20})
        assert wrong.status == 500


@asynccontextmanager
async def client_of(url: str) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(url, session)


@asynccontextmanager
async def live_source(replay: ReplayServer, **options: Any) -> AsyncIterator[LiveSource]:
    executor = ProcessExecutor(1)
    source = LiveSource(
        LiveEndpoints(l1=replay.url("l1"), l2=replay.url("l2"), node=replay.url("node")),
        executor,
        options=LiveOptions(
            rollup_config=RECORDING.rollup_config_json, l1_config=RECORDING.l1_config_json
        ),
        endpoint_options=QUICK,
        **options,
    )
    try:
        yield source
    finally:
        await source.close()
        executor.close()


async def test_a_server_proves_a_live_chain(tmp_path: Path) -> None:
    """Ranges and an aggregation from nodes alone, with the subproofs of a server before it."""
    backend = FakeBackend()
    head = RECORDING.l1_row(RECORDING.last_l1)["hash"]
    async with (
        ReplayServer(ReplayChain(CHAIN)) as replay,
        live_source(replay, cache_path=tmp_path / "chain") as source,
    ):
        assert await source.rollup_config_hash() == config_hash()
        proofs = []
        async with (
            open_server(tmp_path / "one", backend, source=source) as server,
            client_of(server.url) as client,
        ):
            for start in (10, 14):
                asked = await client.post("/request_span_proof", go_span_body(start, start + 4))
                assert asked.status == 200, asked.body
                job = backend.jobs[go_bytes(asked.json["proof_id"])]
                assert job.boot_info.l2_post_root == RECORDING.expected_output(start + 4)  # type: ignore[union-attr]
                proofs.append(backend.proofs[go_bytes(asked.json["proof_id"])])
            again = await client.post("/request_span_proof", go_span_body(14, 18))
            assert again.body == asked.body
        async with (
            open_server(tmp_path / "two", backend, source=source) as server,
            client_of(server.url) as client,
        ):
            answer = await client.post("/request_agg_proof", go_aggregation_body(proofs, head))
            assert answer.status == 200, answer.body
            job = backend.jobs[go_bytes(answer.json["proof_id"])]
            assert job.blocks == BlockRange(start=10, end=18)


async def test_a_live_source_knows_what_a_reorg_made_stale(tmp_path: Path) -> None:
    blocks = BlockRange(start=10, end=14)
    faults = Faults()
    async with (
        ReplayServer(ReplayChain(CHAIN), faults) as replay,
        live_source(replay) as source,
    ):
        claim = await source.prepare(blocks, tmp_path / "input")
        assert await source.is_current(blocks, claim)
        with pytest.raises(SubproofError):
            await source.agreed_block(claim, within=3)
        assert await source.agreed_block(claim, within=4) == 10

        def other_l1(method: str, params: list[Any], result: Any) -> Any:
            if method == "eth_getBlockByHash":
                return None
            return result

        faults.tamper = other_l1
        assert not await source.is_current(blocks, claim)
        with pytest.raises(NotYetAvailableError):
            await source.l1_headers([claim.l1_head], Hash32(b"\x01" * 32))


def test_the_doctor_command_says_and_exits_by_what_it_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from coprove.cli import main  # noqa: PLC0415 - sets up logging

    for name in ("L1_RPC", "L2_RPC", "L2_NODE_RPC", "L2OO_ADDRESS", "PRIVATE_KEY"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "coprove.toml"
    file.write_text(f'[storage]\ndata_dir = "{tmp_path}"\n[prover]\nbackend = "execute"\n')
    for json_flag in (["--json"], []):
        with pytest.raises(SystemExit) as left:
            main(["doctor", "--config", str(file), "--set", "rpc.timeout=1", *json_flag])
        assert left.value.code == 1
        shown = capsys.readouterr().out
        if json_flag:
            report = json.loads(shown)
            assert report["healthy"] is False
            levels = {check["name"]: check["level"] for check in report["checks"]}
            assert (levels["L1"], levels["disk"]) == ("fail", "ok")
        else:
            assert "Set rpc.l1 (L1_RPC)." in shown


async def test_the_doctor_waits_for_nobody_for_ever(tmp_path: Path) -> None:
    """A node that accepts and never answers fails its own checks alone."""
    never = asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await never.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = load_settings(
        environment={"L1_RPC": f"http://127.0.0.1:{port}", "DB_PATH": str(tmp_path)}
    )
    found = {finding.name: finding for finding in await examine(settings, seconds=0.2)}
    never.set()
    server.close()
    await server.wait_closed()
    assert found["L1"].level is Level.FAIL
    assert found["disk"].level in (Level.OK, Level.WARN)


async def test_the_doctor_asks_a_remote_signer_for_the_account(tmp_path: Path) -> None:
    """The replayed L2 has no accounts method; an L1 that has accounts stands for a signer."""
    async with running_l1() as l1:
        async with JsonRpcTransport(l1.transport.name) as transport:
            held = await transport.call("eth_accounts")
        assert isinstance(held, list)
        for account, level in ((held[0], Level.OK), ("0x" + "12" * 20, Level.FAIL)):
            settings = load_settings(
                environment={
                    "SIGNER_URL": l1.transport.name,
                    "SIGNER_ADDRESS": str(account),
                    "DB_PATH": str(tmp_path),
                }
            )
            found = {item.name: item for item in await examine(settings, seconds=5.0)}
            assert found["signer"].level is level


@pytest.mark.anvil
@pytest.mark.slow
async def test_the_proposer_command_leads_serves_and_ends(tmp_path: Path) -> None:
    """With a proof server in the same process; a second one stands by on the same database."""
    async with place(tmp_path) as setup:
        flags = ["--set", "telemetry.metrics_port=0", "--set", "proposer.poll_interval=0.5"]
        server = ["--with-server", "--set", "server.port=0"]
        server += ["--set", f"server.data_dir={tmp_path / 'server'}"]
        first = Running(tmp_path, ["proposer", *flags, *server], setup.environment)
        second = None
        try:
            probes = await asyncio.to_thread(first.wait_for, r'"probes": "(http[^"]*)"')
            served = await asyncio.to_thread(
                first.wait_for, r'"url": "(http[^"]*)".*"event": "listening"'
            )
            async with client_of(probes) as client:
                await until(lambda: metric(client, "coprove_proposer_leading 1.0"))
                await until(lambda: metric(client, "coprove_proposer_l2_finalized_block 118.0"))
            async with client_of(served) as client:
                assert (await client.get("/v1/server")).json["backend"] == "mock"
            (tmp_path / "second").mkdir()
            second = Running(tmp_path / "second", ["proposer", *flags], setup.environment)
            probes = await asyncio.to_thread(second.wait_for, r'"probes": "(http[^"]*)"')
            async with client_of(probes) as client:
                await until(lambda: metric(client, "coprove_proposer_up 1.0"))
                assert await metric(client, "coprove_proposer_leading 0.0")
                assert await asyncio.to_thread(first.stop) == 0
                await until(lambda: metric(client, "coprove_proposer_leading 1.0"))
            assert await asyncio.to_thread(second.stop) == 0
        finally:
            for running in (first, second):
                if running is not None and running.process.poll() is None:
                    running.process.kill()
                    running.process.wait(60)


@pytest.mark.anvil
@pytest.mark.slow
async def test_the_proposer_command_refuses_another_contract(tmp_path: Path) -> None:
    async with place(tmp_path) as setup:
        environment = setup.environment | {"AGGREGATION_VKEY": "0x" + "99" * 32}
        flags = ["--set", "telemetry.metrics_port=0"]
        running = Running(tmp_path, ["proposer", *flags], environment)
        assert await asyncio.to_thread(running.process.wait, 60) == 2
    said = running.log.read_text()
    assert "ConfigMismatchError" in said
    assert "Traceback" not in said.splitlines()[-1]


async def metric(client: Client, line: str) -> bool:
    return line in (await client.get("/metrics")).body.decode()

"""The commands that deploy, show, change, check and upgrade contracts, on a real anvil."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from eth_account import Account

from coprove.cli import main
from coprove.contracts import OracleFile, load_bedrock_artifact
from coprove.contracts.foundry_tools import start_anvil
from coprove.rpc import JsonRpcTransport
from coprove.types import L1ChainConfig, RollupConfig
from tests.integration.anvil_l1 import DEPLOYER, OTHER, PROPOSER
from tests.replay import Faults, ReplayChain, ReplayServer
from tests.vectors import recording_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.anvil

KEY = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
OTHER_KEY = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"
VARIABLES = (
    "L1_RPC", "L2_RPC", "L2_NODE_RPC", "L2OO_ADDRESS", "DGF_ADDRESS", "PRIVATE_KEY",
    "PRIVATE_KEY_FILE", "KEYSTORE", "KEYSTORE_PASSWORD", "SIGNER_URL", "SIGNER_ADDRESS",
    "OP_SUCCINCT_CONFIG_NAME", "AGGREGATION_VKEY", "RANGE_VKEY_COMMITMENT", "OWNER", "PROPOSER",
    "DEPLOY_PK", "ADMIN_PK", "EXECUTE_UPGRADE_CALL", "CHALLENGER", "VERIFIER_ADDRESS",
    "ANCHOR_STATE_REGISTRY", "STARTING_BLOCK_NUMBER",
)  # fmt: skip


class Commands:
    """Runs commands against one anvil, each with its JSON result."""

    def __init__(self, capsys: pytest.CaptureFixture[str], folder: Path, url: str) -> None:
        """Keep files in `folder`; `url` is the L1's."""
        self.capsys, self.folder, self.url = capsys, folder, url

    def run(self, *arguments: object, code: int = 0) -> dict[str, Any]:
        """Run a command, check its exit code, and return what it printed."""
        with pytest.raises(SystemExit) as caught:
            main([*(str(argument) for argument in arguments), "--json"])
        shown = self.capsys.readouterr()
        assert caught.value.code == code, shown.err
        if code == 2:
            return {"error": shown.err}
        parsed = json.loads(shown.out)
        assert isinstance(parsed, dict)
        return parsed

    def sending(self, *arguments: object, code: int = 0) -> dict[str, Any]:
        """Run a command that sends, settled at once."""
        if "--transactions" not in arguments:
            arguments += ("--transactions", self.folder / "transactions.sqlite")
        return self.run(*arguments, "--confirmations", 1, "--poll-interval", 0.05, code=code)

    def rpc(self, method: str, *params: Any) -> Any:
        """Ask the L1."""

        async def call() -> Any:
            async with JsonRpcTransport(self.url) as transport:
                return await transport.call(method, list(params))

        return asyncio.run(call())

    def block(self, tag: str) -> dict[str, Any]:
        """Return a block of the L1."""
        whole = False
        block = self.rpc("eth_getBlockByNumber", tag, whole)
        assert isinstance(block, dict)
        return block

    def file(self, **change: object) -> Path:
        """Write a parameter file with op-succinct's names; the starting block is recent."""
        now = int(self.block("latest")["timestamp"], 16)
        values: dict[str, object] = {
            "aggregationVkey": "0x" + "aa" * 32,
            "challenger": str(OTHER.address),
            "fallbackTimeoutSecs": 5000,
            "finalizationPeriod": 1000,
            "l2BlockTime": 2,
            "opSuccinctL2OutputOracleImpl": "0x" + "00" * 20,
            "owner": str(DEPLOYER.address),
            "proposer": str(DEPLOYER.address),
            "proxyAdmin": "0x" + "00" * 20,
            "rangeVkeyCommitment": "0x" + "bb" * 32,
            "rollupConfigHash": "0x" + "cc" * 32,
            "startingBlockNumber": 100,
            "startingOutputRoot": "0x" + "dd" * 32,
            "startingTimestamp": now - 1000,
            "submissionInterval": 10,
            "verifier": "0x" + "00" * 20,
        }
        path = self.folder / "config.json"
        path.write_text(json.dumps(values | change))
        return path

    def deploy(self, generation: int, file: Path | None = None) -> str:
        """Deploy an oracle with a mock verifier and return its address."""
        made = self.sending(
            "deploy", "oracle", "--file", file or self.file(), "--generation", generation,
            "--mock-verifier", "--name", f"oracle-{generation}",
        )  # fmt: skip
        return str(made["l2_output_oracle"])


@pytest.fixture
def commands(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Commands]:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with start_anvil(block_time=None) as anvil:
        monkeypatch.setenv("L1_RPC", anvil.url)
        monkeypatch.setenv("PRIVATE_KEY", KEY)
        yield Commands(capsys, tmp_path, anvil.url)


@pytest.mark.parametrize("generation", [1, 2])
def test_an_oracle_is_deployed_shown_and_validated(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, generation: int
) -> None:
    """What the file says is what the contract holds; the same name deploys nothing twice."""
    file = commands.file()
    oracle = commands.deploy(generation, file)
    assert commands.deploy(generation, file) == oracle
    monkeypatch.setenv("L2OO_ADDRESS", oracle)
    held = commands.run("config")
    assert held["generation"] == generation
    assert held["aggregation_vkey"] == "0x" + "aa" * 32
    assert (held["latest_block_number"], held["next_block_number"]) == (100, 110)
    assert held["owner"] == str(DEPLOYER.address)
    assert ("fallback_timeout" in held) == (generation == 2)
    verdict = commands.run("validate", "--file", commands.folder / "config.json")
    assert verdict["mismatches"] == "none"
    wrong = "0x" + "12" * 32
    verdict = commands.run(
        "validate", "--file", commands.folder / "config.json", "--aggregation-vkey", wrong, code=1
    )
    assert verdict["mismatches"] == "aggregation_vkey"
    assert (verdict["agg_vkey_valid"], verdict["range_vkey_valid"]) == (False, True)
    assert verdict["expected_aggregation_vkey"] == wrong


def test_every_mismatch_is_named(commands: Commands) -> None:
    """All three at once."""
    oracle = commands.deploy(2)
    other = commands.file(
        aggregationVkey="0x" + "01" * 32,
        rangeVkeyCommitment="0x" + "02" * 32,
        rollupConfigHash="0x" + "03" * 32,
    )
    verdict = commands.run("validate", "--l2oo-address", oracle, "--file", other, code=1)
    assert set(verdict["mismatches"].split(", ")) == {
        "aggregation_vkey",
        "range_vkey_commitment",
        "rollup_config_hash",
    }


def test_no_mock_verifier_outside_development_chains(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent there; nor is a verifier taken that is no contract."""
    with start_anvil(block_time=None, chain_id=5) as anvil:
        monkeypatch.setenv("L1_RPC", anvil.url)
        failed = commands.sending(
            "deploy", "oracle", "--file", commands.file(), "--mock-verifier",
            "--transactions", commands.folder / "five.sqlite", code=2,
        )  # fmt: skip
        assert "a development chain" in failed["error"]
    monkeypatch.setenv("L1_RPC", commands.url)
    failed = commands.sending("deploy", "oracle", "--file", commands.file(), code=2)
    assert "verifier: expected a deployed contract" in failed["error"]
    count = commands.rpc("eth_getTransactionCount", str(DEPLOYER.address), "latest")
    assert count == "0x0"


def test_named_configs_are_added_and_removed_again_and_again(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is an effect of its own; a taken or a missing name is told before anything is sent."""
    oracle = commands.deploy(2)
    monkeypatch.setenv("L2OO_ADDRESS", oracle)
    file = commands.file(aggregationVkey="0x" + "77" * 32)
    for _ in range(2):
        commands.sending("config", "add", "next", "--file", file)
        assert (
            "a name that is free"
            in commands.sending("config", "add", "next", "--file", file, code=2)["error"]
        )
        held = commands.run("config", "--config-name", "next")
        assert held["aggregation_vkey"] == "0x" + "77" * 32
        commands.sending("config", "remove", "next")
    failed = commands.run("config", "--config-name", "next", code=2)
    assert "no config named" in failed["error"]
    call = commands.sending("config", "remove", "opsuccinct_genesis", "--calldata-only")
    assert call["to"] == oracle
    assert commands.run("config")["aggregation_vkey"] == "0x" + "aa" * 32


def test_a_checkpoint_is_at_the_safe_block_and_sent_once(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block above the safe one, or too far behind, is refused."""
    monkeypatch.setenv("L2OO_ADDRESS", commands.deploy(1))
    commands.rpc("anvil_mine", hex(300))
    made = commands.sending("checkpoint")
    safe = commands.block(hex(made["l1_block"]))
    assert made["l1_hash"] == safe["hash"]
    assert made["transaction"] is not None
    again = commands.sending("checkpoint", "--block", made["l1_block"])
    assert again["transaction"] is None
    head = int(commands.rpc("eth_blockNumber"), 16)
    for block in (head, head - 250):
        assert "to checkpoint" in commands.sending("checkpoint", "--block", block, code=2)["error"]


def test_a_live_oracle_is_upgraded_in_place(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First the call alone, for a multisig; then for real; a second time there is nothing to do."""
    oracle = commands.deploy(1)
    monkeypatch.setenv("L2OO_ADDRESS", oracle)
    file = commands.file()
    failed = commands.sending("upgrade", code=2)
    assert "parameter file" in failed["error"]
    held = commands.run("config")
    file = commands.file(verifier=held["verifier"])
    call = commands.sending("upgrade", "--file", file, "--calldata-only")
    assert commands.run("config")["generation"] == 1
    made = commands.sending("upgrade", "--file", file)
    assert (made["old_version"][:2], made["version"][:2]) == ("v1", "v3")
    assert made["initialized"] is True
    assert made["implementation"].removeprefix("0x") in call["data"]
    assert commands.run("config")["generation"] == 2
    assert "already" in commands.sending("upgrade", code=2)["error"]


def test_one_key_deploys_and_another_one_upgrades(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DEPLOY_PK and ADMIN_PK of op-succinct's scripts; PRIVATE_KEY is not needed beside them."""
    monkeypatch.delenv("PRIVATE_KEY")
    monkeypatch.setenv("DEPLOY_PK", f"0x{OTHER_KEY}")
    monkeypatch.setenv("ADMIN_PK", KEY)

    def sent(account: object) -> int:
        return int(commands.rpc("eth_getTransactionCount", str(account), "latest"), 16)

    made = commands.sending(
        "deploy", "oracle", "--file", commands.file(owner=str(OTHER.address)),
        "--generation", 1, "--mock-verifier",
    )  # fmt: skip
    assert (made["owner"], made["proxy_owner"]) == (str(OTHER.address), str(DEPLOYER.address))
    assert (sent(DEPLOYER.address), sent(PROPOSER.address)) == (0, 3)
    monkeypatch.setenv("L2OO_ADDRESS", made["l2_output_oracle"])
    file = commands.file(verifier=commands.run("config")["verifier"])
    monkeypatch.setenv("EXECUTE_UPGRADE_CALL", "false")
    assert "data" in commands.sending("upgrade", "--file", file)
    assert (sent(DEPLOYER.address), sent(PROPOSER.address)) == (0, 4)
    monkeypatch.setenv("EXECUTE_UPGRADE_CALL", "true")
    commands.sending("upgrade", "--file", file)
    assert commands.run("config")["generation"] == 2
    assert (sent(DEPLOYER.address), sent(PROPOSER.address)) == (1, 4)
    game = commands.sending("deploy", "game")
    assert {"register_transaction", "route_transaction"} <= game.keys()
    commands.sending("config", "add", "next", "--file", file)
    monkeypatch.setenv("ADMIN_PK", "0x0")
    failed = commands.sending("config", "remove", "next", code=2)
    assert "PRIVATE_KEY is not set" in failed["error"]
    monkeypatch.setenv("ADMIN_PK", KEY[:-1])
    failed = commands.sending("config", "remove", "next", code=2)
    assert "64 hex digits" in failed["error"]
    assert KEY[:-1] not in failed["error"]


def test_an_upgrade_by_somebody_else_or_of_odd_storage_is_refused(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account that may is named; so is every slot that holds something else."""
    oracle = commands.deploy(1)
    monkeypatch.setenv("L2OO_ADDRESS", oracle)
    file = commands.file(verifier=commands.run("config")["verifier"])
    monkeypatch.setenv(
        "PRIVATE_KEY", "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"
    )
    failed = commands.sending("upgrade", "--file", file, code=2)
    assert str(DEPLOYER.address) in failed["error"]
    monkeypatch.setenv("PRIVATE_KEY", KEY)
    commands.rpc("anvil_setStorageAt", oracle, hex(17), f"0x{9:064x}")
    failed = commands.sending("upgrade", "--file", file, code=2)
    assert "fallbackTimeout (slot 17" in failed["error"]
    assert commands.run("config")["generation"] == 1


def test_the_game_is_deployed_and_put_into_use(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a factory of our own; an existing one that others own gets calldata instead."""
    oracle = commands.deploy(2)
    monkeypatch.setenv("L2OO_ADDRESS", oracle)
    made = commands.sending("deploy", "game")
    assert commands.run("config")["dispute_game_factory"] == made["factory"]
    assert "register_transaction" in made
    factory = load_bedrock_artifact("DisputeGameFactory")
    give = factory.call("transferOwnership", bytes(OTHER.address))
    commands.rpc(
        "eth_sendTransaction",
        {"from": str(DEPLOYER.address), "to": made["factory"], "data": f"0x{give.hex()}"},
    )
    again = commands.sending("deploy", "game", "--dgf-address", made["factory"], "--name", "two")
    assert again["register_owner"] == str(OTHER.address)
    assert again["register_to"] == made["factory"]
    assert again["game"].removeprefix("0x") in again["register_data"]


def test_the_game_needs_the_second_generation(commands: Commands) -> None:
    """The first one knows no factory."""
    oracle = commands.deploy(1)
    failed = commands.sending("deploy", "game", "--l2oo-address", oracle, code=2)
    assert "a v3 oracle" in failed["error"]


def test_the_key_comes_from_a_file_or_a_keystore(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two at once are ambiguous; none is told; no message shows a key."""
    monkeypatch.setenv("L2OO_ADDRESS", commands.deploy(1))
    monkeypatch.delenv("PRIVATE_KEY")
    commands.rpc("anvil_mine", hex(50))
    assert "PRIVATE_KEY" in commands.sending("checkpoint", code=2)["error"]
    key = commands.folder / "key"
    key.write_text(KEY)
    assert commands.sending("checkpoint", "--private-key-file", key)["transaction"]
    commands.rpc("anvil_mine", hex(5))
    keystore = commands.folder / "keystore.json"
    keystore.write_text(json.dumps(Account.encrypt(bytes.fromhex(KEY), "secret", iterations=2)))
    password = commands.folder / "password"
    password.write_text("secret\n")
    assert commands.sending(
        "checkpoint", "--keystore", keystore, "--keystore-password-file", password
    )["transaction"]
    failed = commands.sending(
        "checkpoint", "--keystore", keystore, "--private-key-file", key, code=2
    )
    assert "both are given" in failed["error"]
    monkeypatch.setenv("KEYSTORE_PASSWORD", "other")
    failed = commands.sending("checkpoint", "--keystore", keystore, code=2)
    assert KEY not in failed["error"]
    assert "other" not in failed["error"].replace("another", "")


def test_the_signer_service_goes_before_a_key(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """anvil signs for its own accounts; SIGNER_URL and SIGNER_ADDRESS as op-succinct names them."""
    monkeypatch.setenv("L2OO_ADDRESS", commands.deploy(1))
    commands.rpc("anvil_mine", hex(50))
    monkeypatch.setenv("SIGNER_URL", commands.url)
    assert "--signer-address" in commands.sending("checkpoint", code=2)["error"]
    monkeypatch.setenv("SIGNER_ADDRESS", str(OTHER.address))
    made = commands.sending("checkpoint")
    sent = commands.rpc("eth_getTransactionByHash", made["transaction"])
    assert sent["from"] == str(OTHER.address)


async def test_an_oracle_is_prepared_deployed_and_validated_against_a_live_chain(
    commands: Commands,
) -> None:
    """Config hash and starting output come from the rollup node, and fit it afterwards."""
    folder = recording_dir("calldata")
    l1_config = folder / "l1_chain_config.json"
    out = commands.folder / "made.json"
    keys = ("--aggregation-vkey", "0x" + "aa" * 32, "--range-vkey-commitment", "0x" + "bb" * 32)

    async def run(function: Callable[..., dict[str, Any]], *arguments: object, **more: Any) -> Any:
        return await asyncio.to_thread(function, *arguments, **more)

    async with ReplayServer(ReplayChain(folder), Faults()) as server:
        live = ("--l2-node-rpc", server.url("node"), "--l1-config", l1_config)
        write = ("config", "write", "--out", out, *live, *keys)
        made = await run(commands.run, *write, "--starting-block-number", 10)
        young = await run(commands.run, *write, "--finalization-period-secs", 10**6, code=2)
        deploy = ("deploy", "oracle", "--file", out, "--mock-verifier")
        oracle = (await run(commands.sending, *deploy))["l2_output_oracle"]
        check = ("validate", "--l2oo-address", oracle, *keys)
        verdict = await run(commands.run, *check, *live)
        # Without the L1's own blob schedule the hash is another one.
        other = await run(commands.run, *check, *live[:2], code=1)
    assert verdict["mismatches"] == "none"
    assert other["mismatches"] == "rollup_config_hash"
    given = OracleFile.load(out).parameters
    node = json.loads((folder / "sync_status.json").read_bytes())
    rollup = RollupConfig.from_json(node["optimism_rollupConfig"])
    l1 = L1ChainConfig.from_json(l1_config.read_bytes())
    assert given.rollup_config_hash == rollup.config_hash(l1)
    assert given.starting_block_number == 10
    assert str(given.starting_output_root) == made["starting_output_root"]
    assert (given.owner, given.proposer) == (DEPLOYER.address, DEPLOYER.address)
    assert "finalized L2 block" in young["error"]

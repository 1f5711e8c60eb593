"""Settings: precedence, op-succinct's names, errors that name where a value came from."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.config import (
    ConflictingNamesError,
    SettingError,
    UnknownSettingError,
    all_settings,
    load_settings,
)
from coprove.config.makers import network_options, open_makers, open_signer
from coprove.config.names import IGNORED
from coprove.config.reference import environment_reference
from coprove.config.wiring import (
    backend_names,
    fee_policy,
    live_endpoints,
    proposer_settings,
    server_options,
)
from coprove.errors import CoproveError
from coprove.prover import BudgetExceededError, ProverUnavailableError
from coprove.prover.zk.network import AUCTION_URL, RESERVED_URL, Strategy
from coprove.storage import open_ledger
from tests.unit.prover.zk.jobs import MemoryIntents, range_job

if TYPE_CHECKING:
    from coprove.config import Settings

ROOT = Path(__file__).resolve().parents[3]
KEY = "0x" + "4f" * 32
WORD = "0x" + "ab" * 32
ADDRESS = "0x" + "0c" * 20


def load(environment: dict[str, str] | None = None, **given: Any) -> Settings:
    return load_settings(environment=environment or {}, **given)


def test_the_reference_is_what_the_models_say() -> None:
    """After a change: python -m coprove.config.reference > docs/reference/environment.md."""
    assert (ROOT / "docs/reference/environment.md").read_text() == environment_reference()


def test_every_setting_has_a_meaning_and_names_of_its_own() -> None:
    names: list[str] = []
    for setting in all_settings():
        assert setting.info.description, setting.path
        names += setting.names
    assert len(names) == len(set(names))
    assert not set(names) & set(IGNORED)


def test_flags_come_before_environment_before_files_before_defaults(tmp_path: Path) -> None:
    file, env_file = tmp_path / "coprove.toml", tmp_path / ".env"
    assert load().server.port == 3000
    file.write_text("[server]\nport = 1\nhost = '127.0.0.2'\n")
    assert load(config=file).server.port == 1
    env_file.write_text("# a comment\nPORT=2\nexport L2_RPC='http://l2'\n")
    both = load(config=file, env_file=env_file)
    assert (both.server.port, both.server.host, both.rpc.l2) == (2, "127.0.0.2", "http://l2")
    assert load({"PORT": "3"}, config=file, env_file=env_file).server.port == 3
    flags = ["server.port=4"]
    assert load({"PORT": "3"}, config=file, overrides=flags).server.port == 4


@pytest.mark.parametrize(
    ("name", "value", "path", "expected"),
    [
        ("L1_RPC", "http://a", "rpc.l1", "http://a"),
        ("OP_PROPOSER_L1_ETH_RPC", "http://a", "rpc.l1", "http://a"),
        ("OP_PROPOSER_L2_NODE_RPC", "http://a", "rpc.node", "http://a"),
        ("OP_PROPOSER_POLL_INTERVAL", "12s", "proposer.poll_interval", 12.0),
        ("POLL_INTERVAL", "1m30s", "proposer.poll_interval", 90.0),
        ("LOOP_INTERVAL", "60", "proposer.poll_interval", 60.0),
        ("OP_PROPOSER_RESUBMISSION_TIMEOUT", "500ms", "transactions.resubmit_after", 0.5),
        ("RANGE_PROOF_INTERVAL", "1800", "proposer.max_blocks_per_range", 1800),
        ("MAX_BLOCK_RANGE_PER_SPAN_PROOF", "300", "proposer.max_blocks_per_range", 300),
        ("OP_SUCCINCT_MOCK", "true", "prover.mock", True),
        ("OP_PROPOSER_ALLOW_NON_FINALIZED", "false", "proposer.allow_non_finalized", False),
        ("MAX_PROOF_TIME", "14400", "network.proving_timeout", 14400.0),
        ("L2OO_ADDRESS", ADDRESS, "contract.address", ADDRESS),
        ("DGF_ADDRESS", "0x" + "00" * 20, "contract.dispute_game_factory", None),
        ("AGG_PROOF_MODE", "plonk", "network.aggregation_mode", "plonk"),
        ("SAFE_DB_FALLBACK", "False", "proposer.safe_db_fallback", False),
        ("METRICS_PORT", "8080", "telemetry.metrics_port", 8080),
        ("PORT", "3001", "server.port", 3001),
        ("COPROVE_PROVER_FALLBACKS", "server, mock", "prover.fallbacks", ("server", "mock")),
    ],
)
def test_names_and_values_of_both_versions_are_taken(
    name: str, value: str, path: str, expected: object
) -> None:
    section, _, field = path.partition(".")
    assert getattr(getattr(load({name: value}), section), field) == expected


PICKY = [
    setting
    for setting in all_settings()
    if re.search("int|float|bool|Literal|pattern", str(setting.info.annotation))
    and setting.name != "whitelist"
]


@pytest.mark.parametrize("setting", PICKY, ids=lambda setting: setting.path)
def test_every_name_reaches_its_setting(setting: Any) -> None:
    """A value that the setting does not take is refused, and the error names the variable."""
    for name in setting.names:
        with pytest.raises(SettingError, match=re.escape(name)):
            load({name: "neither number nor word"})


def test_two_names_with_different_values_are_named_both() -> None:
    same = load({"L1_RPC": "http://a", "OP_PROPOSER_L1_RPC": "http://a"})
    assert same.rpc.l1 == "http://a"
    with pytest.raises(ConflictingNamesError) as caught:
        load({"NETWORK_PRIVATE_KEY": KEY, "SP1_PRIVATE_KEY": KEY[:-1] + "0"})
    assert caught.value.names == ("NETWORK_PRIVATE_KEY", "SP1_PRIVATE_KEY")
    assert "4f4f" not in str(caught.value)


def test_empty_variables_count_as_not_set() -> None:
    """Compose passes on every variable of its file, set or not."""
    given = load({"L1_RPC": "", "OP_PROPOSER_L1_RPC": "http://a", "PORT": ""})
    assert (given.rpc.l1, given.server.port) == ("http://a", 3000)


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("[sever]\nport = 1", "server"),
        ("[server]\nprot = 1", "server.port"),
        ("[proposer]\nport = 1", "server.port"),
        ("port = 1", "server.port"),
        ("[contract]\nl2oo = 'x'", None),
    ],
)
def test_unknown_names_in_the_file_get_the_nearest(
    text: str, nearest: str | None, tmp_path: Path
) -> None:
    file = tmp_path / "coprove.toml"
    file.write_text(text)
    with pytest.raises(UnknownSettingError) as caught:
        load(config=file)
    assert nearest is None or caught.value.nearest == nearest


def test_unknown_names_elsewhere_get_the_nearest() -> None:
    with pytest.raises(UnknownSettingError, match=r"did you mean COPROVE_RPC_BEACON\?"):
        load({"COPROVE_RPC_BECON": "http://x"})
    with pytest.raises(UnknownSettingError, match=r"did you mean rpc.beacon\?"):
        load(overrides=["rpc.becon=http://x"])
    load({"COPROVE_LOG_LEVEL": "info", "COPROVE_UNRELATED": "1"})


@pytest.mark.parametrize("override", ["server.port", "=", "server=1", "server.port=x"])
def test_bad_flags_are_refused(override: str) -> None:
    with pytest.raises((SettingError, UnknownSettingError), match="--set"):
        load(overrides=[override])


SECRETS = [
    setting
    for setting in all_settings()
    if setting.is_secret and "SecretStr" in str(setting.info.annotation)
]


@pytest.mark.parametrize("setting", SECRETS, ids=lambda setting: setting.path)
def test_secrets_are_never_flags_and_never_shown(setting: Any) -> None:
    with pytest.raises(SettingError, match=re.escape(setting.names[0])):
        load(overrides=[f"{setting.path}=very-secret-value"])
    shown = load({setting.names[0]: "very-secret-value"})
    assert "very-secret-value" not in repr(shown) + str(shown)


def test_credentials_in_urls_are_not_shown() -> None:
    given = load({"L1_RPC": "https://user:hunter22@node.example/v3/key1234"})
    assert given.rpc.l1 is not None
    for secret in ("hunter22", "key1234"):
        assert secret not in repr(given)
    with pytest.raises(SettingError) as caught:
        load({"L1_RPC": "ws://user:hunter22@node.example"})
    assert "hunter22" not in str(caught.value)
    assert "L1_RPC" in str(caught.value)


@given(st.text(max_size=30), st.sampled_from([item.names[0] for item in all_settings()]))
def test_whatever_a_variable_holds_it_is_taken_or_refused_by_name(text: str, name: str) -> None:
    said = name
    try:
        load({name: text})
    except CoproveError as error:
        said = str(error)
    assert name in said


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_whatever_a_file_holds_it_is_taken_or_refused(content: bytes) -> None:
    file = Path("in memory")

    class Fake(type(file)):  # type: ignore[misc]
        def read_text(self, *_: object, **__: object) -> str:
            return content.decode()

    try:
        load(config=Fake("coprove.toml"))
    except CoproveError:
        return


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"nothing\.toml"):
        load(config=tmp_path / "nothing.toml")
    with pytest.raises(SettingError, match=r"nothing\.env"):
        load(env_file=tmp_path / "nothing.env")


GO_PROPOSER = {
    "L1_RPC": "http://l1",
    "L1_BEACON_RPC": "http://beacon",
    "L2_RPC": "http://l2",
    "L2_NODE_RPC": "http://node",
    "L2OO_ADDRESS": ADDRESS,
    "PRIVATE_KEY": KEY,
    "POLL_INTERVAL": "20s",
    "MAX_CONCURRENT_PROOF_REQUESTS": "10",
    "MAX_BLOCK_RANGE_PER_SPAN_PROOF": "300",
    "DB_PATH": "/var/lib/proposer",
    "OP_SUCCINCT_SERVER_URL": "http://op-succinct-server:3000",
    "OP_SUCCINCT_MOCK": "false",
    "METRICS_PORT": "7300",
    "SLACK_TOKEN": "xoxb-1",
}
KEYS = {
    "COPROVE_CONTRACT_AGGREGATION_VKEY": WORD,
    "COPROVE_CONTRACT_RANGE_VKEY_COMMITMENT": WORD,
}


def test_the_environment_of_the_early_version_makes_a_proposer() -> None:
    settings = load({**GO_PROPOSER, **KEYS})
    found = proposer_settings(settings)
    assert (found.l1_rpc_url, found.node_url) == ("http://l1", "http://node")
    assert (found.poll_interval, found.max_blocks_per_range) == (20.0, 300)
    assert found.data_dir == Path("/var/lib/proposer")
    assert backend_names(settings) == ("server",)


def test_the_environment_of_todays_version_makes_a_proposer() -> None:
    settings = load(
        {
            "L1_RPC": "http://l1",
            "L2_RPC": "http://l2",
            "L2_NODE_RPC": "http://node",
            "DATABASE_URL": "postgresql://u:p@db/proofs",
            "L2OO_ADDRESS": ADDRESS,
            "DGF_ADDRESS": "0x" + "00" * 20,
            "LOOP_INTERVAL": "60",
            "RANGE_PROOF_INTERVAL": "1800",
            "SUBMISSION_INTERVAL": "1800",
            "RANGE_PROOF_STRATEGY": "auction",
            "AGG_PROOF_STRATEGY": "auction",
            "WHITELIST": f"{ADDRESS[2:]},{ADDRESS}",
            "NETWORK_PRIVATE_KEY": KEY,
            "SIGNER_URL": "http://signer",
            "SIGNER_ADDRESS": ADDRESS,
            **KEYS,
        }
    )
    found = proposer_settings(settings)
    assert found.database_url == "postgresql://u:p@db/proofs"
    assert found.dispute_game_factory_address is None
    assert found.submission_interval == 1800
    assert backend_names(settings) == ("network",)
    options = network_options(settings)
    assert options.url == AUCTION_URL
    assert [item.hex0x for item in options.whitelist] == [ADDRESS, ADDRESS]


def test_what_is_missing_is_named_with_its_variables() -> None:
    with pytest.raises(SettingError, match=r"rpc\.l2.*COPROVE_RPC_L2 or L2_RPC"):
        live_endpoints(load())
    with pytest.raises(SettingError, match=r"contract\.address"):
        proposer_settings(load({"L1_RPC": "http://a", "L2_RPC": "http://b", **KEYS}))


def test_simulated_proofs_are_taken_of_this_machine_alone() -> None:
    local = {"NETWORK_RPC_URL": "http://127.0.0.1:5", "COPROVE_NETWORK_SIMULATED": "true"}
    options = network_options(load(local))
    assert options.is_simulated
    assert options.listing_delay == 0
    assert not network_options(load()).is_simulated
    for url in ({}, {"NETWORK_RPC_URL": "https://127.0.0.1.example"}):
        with pytest.raises(SettingError, match=r"network\.url"):
            network_options(load({"COPROVE_NETWORK_SIMULATED": "true", **url}))


def test_the_two_kinds_of_proofs_have_a_strategy_each() -> None:
    """They may differ where one network has both; the auction is another network."""
    assert network_options(load()).url == RESERVED_URL
    mixed = network_options(load({"RANGE_PROOF_STRATEGY": "hosted"}))
    assert mixed.strategy_of(is_range=True) is mixed.strategy_of(is_range=False) is Strategy.HOSTED
    mixed = network_options(load({"AGG_PROOF_STRATEGY": "hosted"}))
    assert mixed.strategy_of(is_range=True) is Strategy.RESERVED
    assert mixed.strategy_of(is_range=False) is Strategy.HOSTED
    assert mixed.url == RESERVED_URL
    for names in (("RANGE", "AGG"), ("AGG", "RANGE")):
        given = {f"{names[0]}_PROOF_STRATEGY": "auction", f"{names[1]}_PROOF_STRATEGY": "hosted"}
        with pytest.raises(SettingError, match="aggregation_strategy"):
            network_options(load(given))


def test_tokens_of_the_server_come_from_environment_and_file(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("third token\n\n")
    given = {"COPROVE_SERVER_TOKENS": "first, second", "COPROVE_SERVER_TOKEN_FILE": str(file)}
    options = server_options(load(given))
    assert options.tokens == ("first", "second", "third token")
    with pytest.raises(SettingError, match=r"server\.token_file"):
        server_options(load({"COPROVE_SERVER_TOKEN_FILE": str(tmp_path / "none")}))


def test_fees_are_given_in_gwei() -> None:
    policy = fee_policy(load({"OP_PROPOSER_TXMGR_MIN_TIP_CAP": "0.5"}))
    assert policy.min_priority_fee == 5 * 10**8


async def test_exactly_one_signer(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    async with (
        open_signer(load({"PRIVATE_KEY": KEY})) as first,
        open_signer(load({"PRIVATE_KEY_FILE": str(file)})) as second,
    ):
        assert first.address == second.address
    remote = {"SIGNER_URL": "http://127.0.0.1:9", "SIGNER_ADDRESS": ADDRESS, "PRIVATE_KEY": KEY}
    async with open_signer(load(remote)) as third:
        assert third.address.hex0x == ADDRESS
    for wrong in ({}, {"PRIVATE_KEY": KEY, "PRIVATE_KEY_FILE": str(file)}):
        with pytest.raises(SettingError, match="signer"):
            await open_signer(load(wrong)).__aenter__()


async def test_backends_open_as_named(tmp_path: Path) -> None:
    """Each under the daily budget, if there is one, which lies in the request store."""
    url = f"sqlite:///{tmp_path / 'requests.sqlite'}"
    given = {
        **KEYS,
        "COPROVE_PROVER_BACKEND": "server",
        "COPROVE_PROVER_FALLBACKS": "execute,mock",
        "OP_SUCCINCT_SERVER_URL": "http://127.0.0.1:9",
        "COPROVE_PROVER_DAILY_REQUESTS": "5",
        "DATABASE_URL": url,
    }
    async with (
        open_makers(load(given), tmp_path) as makers,
        open_makers(load({**given, "COPROVE_PROVER_DAILY_REQUESTS": "0"}), tmp_path) as idle,
    ):
        assert makers.mock.name == "mock"
        job = range_job(tmp_path, 0, 2)
        with pytest.raises(BudgetExceededError):
            await idle.backend.submit(job, MemoryIntents())
        # Nobody is there: the request counts all the same, as nothing refused it.
        with pytest.raises(ProverUnavailableError):
            await makers.backend.submit(job, MemoryIntents())
    async with await open_ledger(url) as ledger:
        today = datetime.now(UTC).date()
        # A server of ours on this database, which pays for the same request, counts it no more.
        assert await ledger.reserve(
            f"client/{job.key}@server", day=today, backend="network", amount=0, max_requests=0
        )
    with pytest.raises(SettingError, match=r"network\.private_key"):
        await open_makers(load({**KEYS, "L1_RPC": "http://a"}), tmp_path).__aenter__()

"""From settings and the AVS' own file to an aggregator's options; no value that is secret shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from coprove.config import load_settings
from coprove.config.aggregator import aggregator_server_options, open_aggregator
from coprove.config.aggregator_file import AGGREGATOR_KEYS, IGNORED_KEYS
from coprove.config.aggregator_sources import read_task_fetcher
from coprove.config.errors import SettingError, UnknownSettingError

if TYPE_CHECKING:
    from pathlib import Path

    from coprove.config import Settings

ADDRESS = "0x" + "ab" * 20
KEY = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
FETCHER: dict[str, Any] = {
    "Identifier": 2,
    "Prover": "http://prover",
    "Endpoint": "https://l1.example/secret-path",
    "Topics": [["0x" + "11" * 32]],
    "Addresses": [ADDRESS],
    "PresetStartBlock": 7,
    "ScanIntervalSecs": 30,
    "Event": "Out(bytes32 indexed root, uint256 indexed l2Block)",
    "End": "l2Block",
    "Length": 100,
}
FILE: dict[str, Any] = {
    "ListenAddr": ":9001",
    "TimeToExpirySecs": 300,
    "MinWaitSecs": 5,
    "EcdsaPrivateKey": KEY,
    "EthHttpEndpoint": "https://l1.example/other-secret",
    "EthWsEndpoint": "wss://l1.example",
    "MultiProverContractAddress": ADDRESS,
    "AttestationLayer": [
        {"Version": 1, "Address": "0x" + "01" * 20, "RpcUrl": ""},
        {"Version": 2, "Address": "0x" + "02" * 20, "RpcUrl": "https://l1.example/other-secret"},
        {"Version": 3, "Address": "0x" + "03" * 20, "RpcUrl": "https://another.example"},
    ],
    "AVSRegistryCoordinatorAddress": ADDRESS,
    "OperatorStateRetrieverAddress": ADDRESS,
    "EigenMetricsIpPortAddress": "127.0.0.1:9090",
    "ScanStartBlock": 55,
    "Threshold": 70,
    "Sampling": 2000,
    "TaskFetcher": [FETCHER],
}


def read(folder: Path, **changes: Any) -> Settings:
    path = folder / "aggregator.json"
    path.write_text(json.dumps({**FILE, **changes}))
    return load_settings(config=path, environment={})


def test_the_avs_own_file_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each key where it belongs; a key in plain text with a warning that does not show it."""
    settings = read(tmp_path)
    given = settings.aggregator
    assert (given.host, given.port, given.public) == ("0.0.0.0", 9001, True)  # noqa: S104 - as asked
    assert (given.time_to_expiry, given.min_wait, given.threshold) == (300, 5.0, 70)
    assert (given.service_manager, given.start_block) == (ADDRESS, 55)
    assert given.liveness_verifier == "0x" + "02" * 20
    assert given.metrics == "127.0.0.1:9090"
    assert settings.rpc.l1 == "https://l1.example/other-secret"
    assert settings.transactions.private_key is not None
    assert settings.transactions.private_key.get_secret_value() == KEY
    assert json.loads(given.task_fetchers) == [FETCHER]
    said = capsys.readouterr()
    text = said.out + said.err
    assert "EcdsaPrivateKey" in text
    assert "EthWsEndpoint" in text
    for secret in (KEY, "other-secret", "secret-path"):
        assert secret not in text + repr(settings)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:1", ("127.0.0.1", 1, False)),
        ("[::1]:2", ("::1", 2, False)),
        ("10.0.0.1:3", ("10.0.0.1", 3, True)),
    ],
)
def test_strangers_come_where_the_file_listens_beyond_loopback(
    tmp_path: Path, address: str, expected: tuple[str, int, bool]
) -> None:
    options = aggregator_server_options(read(tmp_path, ListenAddr=address))
    assert (options.host, options.port, options.public) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"ListenAddr": "9001"},
        {"ListenAddr": ":99999"},
        {"ListenAddr": 9001},
        {"AttestationLayer": {"Version": 2}},
        {"AttestationLayer": [{"Version": 2}]},
        {"TimeToExpirySecs": "soon"},
        {"Threshold": 101},
        {"MultiProverContractAddress": "0x12"},
    ],
)
def test_wrong_values_name_where_they_stand(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=r"aggregator\.json"):
        read(tmp_path, **changes)


def test_unknown_keys_are_errors(tmp_path: Path) -> None:
    with pytest.raises(UnknownSettingError, match="Thresold"):
        read(tmp_path, Thresold=1)


def test_no_key_is_two_things() -> None:
    assert not set(AGGREGATOR_KEYS) & set(IGNORED_KEYS)


def test_an_operators_file_is_still_one(tmp_path: Path) -> None:
    path = tmp_path / "operator.json"
    path.write_text(json.dumps({"ProverURL": "http://127.0.0.1:1"}))
    assert load_settings(config=path, environment={}).operator.prover_url == "http://127.0.0.1:1"


def test_a_task_fetcher_is_read() -> None:
    options, endpoint = read_task_fetcher(FETCHER)
    assert endpoint == FETCHER["Endpoint"]
    assert (options.committee_id, options.start, options.interval) == (2, 7, 30.0)
    assert options.layout.event.signature == "Out(bytes32,uint256)"
    assert options.layout.length == 100


@pytest.mark.parametrize(
    "change",
    [
        {"Event": ""},
        {"End": "other"},
        {"Identifier": 0},
        {"Identifier": True},
        {"Topics": ["0x"]},
        {"Topics": [["0x12"]]},
        {"Topics": [[]] * 5},
        {"Addresses": ["0x"]},
        {"PresetStartBlock": -1},
        {"Endpoint": 5},
        {"Typo": 1},
    ],
)
def test_a_wrong_task_fetcher_is_an_error_without_its_endpoint(change: dict[str, Any]) -> None:
    with pytest.raises(SettingError) as caught:
        read_task_fetcher({**FETCHER, **change})
    assert "secret-path" not in str(caught.value)


async def test_what_is_missing_is_named() -> None:
    """Before anything is opened."""
    with pytest.raises(SettingError, match="COPROVE_RPC_L1"):
        async with open_aggregator(load_settings(environment={})):
            pass


def test_lists_come_from_the_environment_with_commas() -> None:
    settings = load_settings(
        environment={
            "COPROVE_AGGREGATOR_COMMITTEES": "1,2",
            "COPROVE_AGGREGATOR_AUDIENCES": "https://a.example,https://b.example",
            "COPROVE_AGGREGATOR_ADMIN_TOKENS": "a token of sixteen,another token of so many",
        }
    )
    assert settings.aggregator.committees == (1, 2)
    options = aggregator_server_options(settings)
    assert options.audiences == ("https://a.example", "https://b.example")
    assert options.admin_tokens == ("a token of sixteen", "another token of so many")

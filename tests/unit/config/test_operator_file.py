"""The config file that operators of the AVS have works as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from coprove.config import SettingError, UnknownSettingError, all_settings, load_settings
from coprove.config.operator import given_addresses, prover_options
from coprove.config.operator_file import OPERATOR_KEYS

GIVEN = {
    "ProverURL": "http://prover:18232",
    "AggregatorURL": "https://aggregator:12345",
    "Identifier": "me",
    "BlsKeyFile": "/keys/bls.json",
    "BlsKeyPassword": "a word in plain text",
    "EthRpcUrl": "http://l1:8545",
    "AttestationLayerEcdsaKey": "0x" + "12" * 32,
    "AttestationLayerRpcURL": "http://l1:8545",
    "RegistryCoordinatorAddress": "0x" + "aa" * 20,
    "OperatorStateRetrieverAddress": "0x" + "bb" * 20,
    "TEELivenessVerifierAddress": "0x" + "cc" * 20,
    "EigenMetricsIpPortAddress": "127.0.0.1:9090",
    "NodeApiIpPortAddress": ":15692",
}


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "operator.json"
    path.write_text(json.dumps({**GIVEN, **changes}))
    return path


def test_every_key_has_its_setting(tmp_path: Path) -> None:
    """And the environment still comes before the file."""
    loaded = load_settings(config=written(tmp_path), environment={"L1_RPC": "http://mine"})
    operator = loaded.operator
    assert loaded.rpc.l1 == "http://mine"
    assert operator.bls_keystore == Path("/keys/bls.json")
    assert operator.bls_password is not None
    assert operator.bls_password.get_secret_value() == GIVEN["BlsKeyPassword"]
    assert loaded.transactions.private_key is not None
    assert (operator.node_api, operator.metrics) == (":15692", "127.0.0.1:9090")
    assert prover_options(loaded).url == GIVEN["ProverURL"]
    addresses = given_addresses(loaded)
    assert addresses.service_manager is None
    assert bytes(addresses.registry_coordinator or b"") == b"\xaa" * 20
    assert bytes(addresses.liveness_verifier or b"") == b"\xcc" * 20
    assert set(OPERATOR_KEYS.values()) <= {setting.path for setting in all_settings()}


def test_secrets_are_shown_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither in the settings' text nor in logs nor in errors; a warning names the key."""
    loaded = load_settings(config=written(tmp_path), environment={})
    text = f"{loaded!r}{loaded.operator!r}{loaded.transactions!r}"
    with pytest.raises(SettingError) as error:
        load_settings(config=written(tmp_path, NodeApiIpPortAddress="nowhere"), environment={})
    logged = "".join(capsys.readouterr())
    assert "BlsKeyPassword" in logged
    for secret in (GIVEN["BlsKeyPassword"], "12" * 32):
        assert secret not in text + str(error.value) + logged


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Nothing": "x"}, UnknownSettingError),
        ({"ProverURL": 5}, SettingError),
        ({"ProverURL": "prover"}, SettingError),
        ({"RegistryCoordinatorAddress": "0x12"}, SettingError),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, changes: dict[str, Any], expected: type[Exception]
) -> None:
    """With a typed error."""
    with pytest.raises(expected):
        load_settings(config=written(tmp_path, **changes), environment={})


@pytest.mark.parametrize("text", ["", "[]", "{", "7"])
def test_what_is_no_such_file_is_refused(tmp_path: Path, text: str) -> None:
    """Also one that is not there."""
    path = tmp_path / "operator.json"
    path.write_text(text)
    with pytest.raises(SettingError):
        load_settings(config=path, environment={})
    with pytest.raises(SettingError):
        load_settings(config=tmp_path / "none.json", environment={})


def test_an_attestation_layer_elsewhere_has_no_effect(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Provers are attested on the L1 of the AVS; a warning says so."""
    load_settings(config=written(tmp_path, AttestationLayerRpcURL="http://other"), environment={})
    assert "AttestationLayerRpcURL" in "".join(capsys.readouterr())

"""The JSON file that an aggregator of the multi-prover AVS has: its keys as settings of ours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from coprove.config.errors import SettingError, UnknownSettingError
from coprove.config.operator_file import read_operator_file
from coprove.primitives.bounded_json import load_json
from coprove.prover.http import is_loopback
from coprove.telemetry import get_logger, register_secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["AGGREGATOR_KEYS", "IGNORED_KEYS", "read_avs_file"]

_log = get_logger(part="settings")
AGGREGATOR_KEYS: Final[dict[str, str]] = {
    "TimeToExpirySecs": "aggregator.time_to_expiry",
    "MinWaitSecs": "aggregator.min_wait",
    "Threshold": "aggregator.threshold",
    "ScanStartBlock": "aggregator.start_block",
    "EcdsaPrivateKey": "transactions.private_key",
    "EthHttpEndpoint": "rpc.l1",
    "MultiProverContractAddress": "aggregator.service_manager",
    "AVSRegistryCoordinatorAddress": "aggregator.registry_coordinator",
    "OperatorStateRetrieverAddress": "aggregator.operator_state_retriever",
    "EigenMetricsIpPortAddress": "aggregator.metrics",
}
"""Keys of such a file with one value, and the settings that they are here."""
IGNORED_KEYS: Final[dict[str, str]] = {
    "EthWsEndpoint": "blocks are asked for, not subscribed to",
    "Sampling": "every task is asked for",
    "GenTaskSampling": "every task is asked for",
    "ExecTaskSampling": "every task is asked for",
    "LineaMaxBlock": "ranges are cut by the committee's policy on chain",
    "OpenTelemetry": "metrics are served for Prometheus",
    "Simulation": "what would revert is found out before it is sent",
}
"""Keys without effect, and why."""
_LISTEN, _ATTESTATION, _FETCHERS = "ListenAddr", "AttestationLayer", "TaskFetcher"
_SECRET: Final = "EcdsaPrivateKey"  # noqa: S105 - the key's name
_OURS: Final = frozenset({*AGGREGATOR_KEYS, *IGNORED_KEYS, _LISTEN, _ATTESTATION, _FETCHERS})
_TELLING: Final = frozenset({_LISTEN, _FETCHERS, "MultiProverContractAddress", "EthHttpEndpoint"})
"""Keys that no operator's file has."""


def read_avs_file(path: Path) -> dict[str, dict[str, Any]]:
    """Return the values of an aggregator's or an operator's file, by section and setting.

    Errors are those of `read_operator_file`. A secret in plain text is taken, with a warning.
    """
    parsed = _parsed(path)
    if not _TELLING & set(parsed):
        return read_operator_file(path)
    found: dict[str, dict[str, Any]] = {}

    def put(setting: str, value: object) -> None:
        section, _, name = setting.partition(".")
        found.setdefault(section, {})[name] = value

    for key, value in parsed.items():
        if key not in _OURS:
            raise UnknownSettingError(key, str(path), None)
        reason = IGNORED_KEYS.get(key)
        if reason is not None:
            _log.warning("this key has no effect here", key=key, reason=reason)
        elif key == _LISTEN:
            for name, part in _listen(path, value).items():
                put(f"aggregator.{name}", part)
        elif key == _ATTESTATION:
            verifier = _verifier(path, value, parsed.get("EthHttpEndpoint"))
            if verifier is not None:
                put("aggregator.liveness_verifier", verifier)
        elif key == _FETCHERS:
            put("aggregator.task_fetchers", json.dumps(value))
        elif value not in ("", None):
            if key == _SECRET and isinstance(value, str):
                register_secret(value)
                better = "a keystore (KEYSTORE), a key file (PRIVATE_KEY_FILE) or a remote signer"
                _log.warning("a secret in plain text", key=key, better=better)
            put(AGGREGATOR_KEYS[key], value)
    return found


def _parsed(path: Path) -> Mapping[str, Any]:
    try:
        parsed = load_json(path.read_bytes())
    except OSError as error:
        raise SettingError(str(path), expected="a readable file", actual=error.strerror) from None
    except ValueError:
        raise SettingError(str(path), expected="JSON", actual="another text") from None
    if not isinstance(parsed, dict):
        raise SettingError(str(path), expected="a JSON object", actual=type(parsed).__name__)
    return parsed


def _listen(path: Path, value: object) -> dict[str, object]:
    """Read Go's address: without a host it means all interfaces, so strangers come."""
    host, sign, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if not sign or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise SettingError(f"{path}: {_LISTEN}", expected="host:port", actual=value)
    host = host.strip("[]") or "0.0.0.0"  # noqa: S104 - as it was asked
    return {"host": host, "port": int(port), "public": not is_loopback(host)}


def _verifier(path: Path, value: object, endpoint: object) -> str | None:
    """Return the newest attestation layer's contract, which must be on the AVS' own chain."""
    layers = value if isinstance(value, list) else [None]
    best: tuple[int, str] | None = None
    for layer in layers:
        if not isinstance(layer, dict) or not isinstance(layer.get("Address"), str):
            raise SettingError(
                f"{path}: {_ATTESTATION}", expected="a list of Version, Address, RpcUrl",
                actual="another value",
            )  # fmt: skip
        url, version = layer.get("RpcUrl"), layer.get("Version", 0)
        if url not in (None, "", endpoint):
            reason = "provers are attested on the L1 of the AVS, by EthHttpEndpoint"
            _log.warning("this attestation layer has no effect here", reason=reason)
        elif isinstance(version, int) and (best is None or version > best[0]):
            best = (version, layer["Address"])
    return None if best is None else best[1]

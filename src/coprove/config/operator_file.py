"""The JSON file that operators of the multi-prover AVS have: its keys as settings of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from coprove.config.errors import SettingError, UnknownSettingError
from coprove.primitives.bounded_json import load_json
from coprove.telemetry import get_logger, register_secret

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["OPERATOR_KEYS", "read_operator_file"]

_log = get_logger(part="settings")
OPERATOR_KEYS: Final[dict[str, str]] = {
    "ProverURL": "operator.prover_url",
    "AggregatorURL": "operator.aggregator_url",
    "Identifier": "operator.name",
    "BlsKeyFile": "operator.bls_keystore",
    "BlsKeyPassword": "operator.bls_password",
    "EthRpcUrl": "rpc.l1",
    "AttestationLayerEcdsaKey": "transactions.private_key",
    "RegistryCoordinatorAddress": "operator.registry_coordinator",
    "OperatorStateRetrieverAddress": "operator.operator_state_retriever",
    "TEELivenessVerifierAddress": "operator.liveness_verifier",
    "EigenMetricsIpPortAddress": "operator.metrics",
    "NodeApiIpPortAddress": "operator.node_api",
}
"""Keys of such a file, and the settings that they are here."""
_SECRETS: Final = {
    "BlsKeyPassword": "operator.bls_password_file or COPROVE_OPERATOR_BLS_PASSWORD",
    "AttestationLayerEcdsaKey": "a keystore (KEYSTORE), a key file or a remote signer",
}
_ATTESTATION_RPC: Final = "AttestationLayerRpcURL"


def read_operator_file(path: Path) -> dict[str, dict[str, Any]]:
    """Return the file's values by section and setting, as a TOML file would have them.

    SettingError for what is no such file, UnknownSettingError for a key that it does not have;
    neither shows a value. Secrets in plain text are taken, with a warning.
    """
    try:
        parsed = load_json(path.read_bytes())
    except OSError as error:
        raise SettingError(str(path), expected="a readable file", actual=error.strerror) from None
    except ValueError:
        raise SettingError(str(path), expected="JSON", actual="another text") from None
    if not isinstance(parsed, dict):
        raise SettingError(str(path), expected="a JSON object", actual=type(parsed).__name__)
    found: dict[str, dict[str, Any]] = {}
    for key, value in parsed.items():
        if key == _ATTESTATION_RPC:
            if value and value != parsed.get("EthRpcUrl"):
                reason = "provers are attested on the L1 of the AVS, by EthRpcUrl"
                _log.warning("this key has no effect here", key=key, reason=reason)
            continue
        setting = OPERATOR_KEYS.get(key)
        if setting is None:
            raise UnknownSettingError(key, str(path), None)
        if not isinstance(value, str):
            raise SettingError(f"{path}: {key}", expected="a text", actual=type(value).__name__)
        if key in _SECRETS and value:
            register_secret(value)
            _log.warning("a secret in plain text", key=key, better=_SECRETS[key])
        if value or key == "BlsKeyPassword":
            section, _, name = setting.partition(".")
            found.setdefault(section, {})[name] = value
    return found

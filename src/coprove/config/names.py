"""What a setting is beside its type: its names in the environment, and the values they may have."""

# No `from __future__ import annotations`: pydantic reads these annotations.

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from coprove.telemetry import redact

__all__ = [
    "COMMAND_VARIABLES",
    "IGNORED",
    "Alias",
    "EthAddress",
    "Hidden",
    "OptionalAddress",
    "Seconds",
    "Secret",
    "Section",
    "Url",
    "Word",
    "own_name",
]

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_ZERO_ADDRESS = "0x" + "00" * 20


@dataclass(frozen=True, slots=True)
class Alias:
    """Names that op-succinct has for a setting, in annotations."""

    names: tuple[str, ...]
    """Environment variables, of either version."""

    def __init__(self, *names: str) -> None:
        """Take the names."""
        object.__setattr__(self, "names", names)


@dataclass(frozen=True, slots=True)
class Hidden:
    """Marks, in annotations, a setting whose value may hold credentials."""


class Section(BaseModel):
    """Settings of one room; the line below each field is its entry in the reference."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        validate_default=True,
    )

    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        """Show no credentials of URLs."""
        for name, value in super().__repr_args__():
            shown = redact(value, name or "") if isinstance(value, str) else value
            yield name, shown


def own_name(section: str, field: str) -> str:
    """Return our environment variable for a setting."""
    return f"COPROVE_{section}_{field}".upper()


def _seconds(value: object) -> object:
    """Take Go's durations ("1m30s") beside numbers of seconds."""
    if isinstance(value, str) and _DURATION.fullmatch(value.strip()):
        return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(value))
    return value


def _no_zero_address(value: object) -> object:
    """Take the zero address for none, as op-succinct's defaults have it."""
    return None if value in ("", _ZERO_ADDRESS) else value


Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0, allow_inf_nan=False)]
"""Seconds: a number, or a duration as Go writes it."""
Url = Annotated[str, Field(pattern=r"^https?://[^\s]+$")]
"""An HTTP URL, or several with commas; may hold credentials, so fields of it are `Hidden`."""
EthAddress = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
"""20 bytes in hex."""
OptionalAddress = Annotated[EthAddress | None, BeforeValidator(_no_zero_address)]
"""20 bytes in hex; the zero address is none."""
Word = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{64}$")]
"""32 bytes in hex."""
Secret = SecretStr
"""A value that is never shown."""

IGNORED: dict[str, str] = {
    "ACTIVE_SEQUENCER_CHECK_DURATION": "a list of rollup nodes fails over by itself",
    "BATCHER_ADDRESS": "the rollup config tells it",
    "BATCH_INBOX": "the rollup config tells it",
    "HD_PATH": "give a key, a keystore or a remote signer",
    "L2_OUTPUT_HD_PATH": "give a key, a keystore or a remote signer",
    "MNEMONIC": "give a key, a keystore or a remote signer",
    "PPROF_ENABLED": "there is no such profiler",
    "RUST_LOG": "COPROVE_TELEMETRY_LOG_LEVEL sets how much is logged",
    "SLACK_TOKEN": "alerts go to a webhook: COPROVE_TELEMETRY_SLACK_WEBHOOK_URL",
    "TX_CACHE_OUT_DIR": "inputs are cached in the data folder",
    "USE_CACHED_DB": "the store always goes on where it was",
    "USE_KMS_REQUESTER": "keys elsewhere sign through COPROVE_NETWORK_SIGNER_URL",
    "WAIT_NODE_SYNC": "blocks are proven once they are finalized",
    "WITNESS_GEN_TIMEOUT": "COPROVE_PROPOSER_WITNESS_TIMEOUT is the name here",
}
"""op-succinct's names that have no effect here, each also with the prefix OP_PROPOSER_, and why."""

COMMAND_VARIABLES: dict[str, str] = {
    "PRIVATE_KEY": "the key that signs, where no signer, keystore or file is named",
    "DEPLOY_PK": "the key that creates contracts; without it `PRIVATE_KEY`",
    "ADMIN_PK": "the key of the proxy's admin and the contracts' owner; without it `PRIVATE_KEY`",
    "EXECUTE_UPGRADE_CALL": "`false` prints the call instead of sending it",
}
"""op-succinct's names that the contract commands read from the environment, beside their flags'."""

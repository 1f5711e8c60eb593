"""Settings of the local network."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - pydantic reads the annotation
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coprove.errors import InputError

__all__ = ["ProverNetworkSettings", "load_network_settings"]

HashText = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{64}$")]
Port = Annotated[int, Field(ge=0, le=65535)]


class ProverNetworkSettings(BaseModel):
    """What the simulated network is and does by itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data_dir: Path
    """Folder of its database and artifacts."""
    range_vkey_hash: HashText
    """Hash of the range program's verification key: the commitment that contracts hold."""
    aggregation_vkey_hash: HashText
    """Hash of the aggregation program's verification key, as the network names the program."""
    aggregation_vkey: HashText
    """The aggregation program's key as contracts hold it, which proofs are bound to."""
    kind: Literal["base", "auction"] = "base"
    """Which of the two networks it plays."""
    grpc_port: Port = 0
    """Loopback port of the gRPC services; 0 takes a free one."""
    http_port: Port = 0
    """Loopback port of artifacts, control and /healthz; 0 takes a free one."""
    fulfil: bool = True
    """Whether requests are fulfilled without being told to."""
    delay: float = Field(default=0.0, ge=0, le=86_400)
    """Seconds from a request to its assignment."""
    workers: int = Field(default=1, ge=1, le=64)
    """Processes that run the programs."""
    price_per_pgu: int = Field(default=1000, ge=0)
    """What a prover gas unit costs here."""
    max_artifact_bytes: int = Field(default=4 << 30, gt=0)
    """Largest upload, and largest content once inflated."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is logged."""


def load_network_settings(path: Path) -> ProverNetworkSettings:
    """Read the JSON file at `path`; `data_dir` is relative to its folder.

    InputError names the field that is wrong.
    """
    try:
        settings = ProverNetworkSettings.model_validate(json.loads(path.read_text("utf-8")))
    except OSError as error:
        raise InputError("settings", expected="a readable file", actual=error) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {where}", expected=first["msg"], actual="else") from error
    except ValueError as error:
        raise InputError(str(path), expected="JSON", actual=error) from error
    return settings.model_copy(update={"data_dir": path.resolve().parent / settings.data_dir})

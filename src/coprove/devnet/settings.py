"""What the settings files of the devnet's services have in common."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - pydantic reads the annotation
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coprove.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AddressText", "Seconds", "ServiceSettings", "load_settings"]

Seconds = Annotated[float, Field(gt=0, le=3600)]
"""A duration in seconds."""

AddressText = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
"""An address in hex."""


class ServiceSettings(BaseModel):
    """What every service of the devnet needs to know."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    l1_rpc_url: str
    """JSON-RPC endpoint of the L1."""
    l2_rpc_url: str
    """JSON-RPC endpoint of the L2 node, execution and rollup methods alike."""
    data_dir: Path
    """Folder of the service's own small state."""
    rollup_config: Path
    """rollup.json of the L2."""
    l1_chain_config: Path
    """L1 chain config in geth's JSON form."""
    poll_interval: Seconds = 0.5
    """Pause between two looks at the chains."""
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """Port of /metrics and /healthz on the loopback address; 0 takes a free one."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is logged."""


Settings = TypeVar("Settings", bound=ServiceSettings)


def load_settings(model: type[Settings], path: Path, *, paths: Sequence[str] = ()) -> Settings:
    """Read the JSON file at `path`; relative paths in it are relative to its folder.

    `paths` names fields, beside the common ones, that hold paths. `InputError` says which field
    is wrong.
    """
    try:
        settings = model.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError("settings", expected="a readable file", actual=error) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {field}", expected=first["msg"], actual="else") from error
    except ValueError as error:
        raise InputError(str(path), expected="JSON", actual=error) from error
    base = path.resolve().parent
    names = ("data_dir", "rollup_config", "l1_chain_config", *paths)
    return settings.model_copy(update={name: base / getattr(settings, name) for name in names})

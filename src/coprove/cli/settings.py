"""What commands that run on the settings share: where they come from, and the logging they set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from coprove.config import Settings, load_settings
from coprove.telemetry import LogFormat, configure_logging

__all__ = ["SettingsOptions", "settings_for"]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsOptions:
    """Where settings come from, beside the environment."""

    config: Annotated[Path | None, Parameter(env_var="COPROVE_CONFIG")] = None
    """TOML file with settings."""
    env_file: Path | None = None
    """File of NAME=value lines, below the real environment."""
    set_: Annotated[tuple[str, ...], Parameter(name="--set", negative="")] = ()
    """A setting as section.name=value; may be given several times. Secrets cannot be given so."""


def settings_for(service: str, options: SettingsOptions) -> Settings:
    """Return the settings and set up logging as they say."""
    settings = load_settings(
        config=options.config, env_file=options.env_file, overrides=options.set_
    )
    telemetry = settings.telemetry
    configure_logging(
        service, level=telemetry.log_level, log_format=LogFormat(telemetry.log_format)
    )
    return settings

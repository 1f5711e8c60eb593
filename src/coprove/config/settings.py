"""All settings together, from flags, environment, a TOML file and defaults, in this precedence."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from coprove.config.aggregator_file import read_avs_file
from coprove.config.aggregator_section import AggregatorSection
from coprove.config.errors import ConflictingNamesError, SettingError, UnknownSettingError
from coprove.config.names import IGNORED, Alias, Hidden, Section, own_name
from coprove.config.operator_section import OperatorSection
from coprove.config.sections import (
    ContractSection,
    DaSection,
    NetworkSection,
    ProposerSection,
    ProverSection,
    RpcSection,
    ServerSection,
    StorageSection,
    TelemetrySection,
    TransactionsSection,
)
from coprove.config.tee_section import TeeSection
from coprove.telemetry import get_logger, register_secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pydantic.fields import FieldInfo

__all__ = ["Setting", "Settings", "all_settings", "load_settings"]

_PREFIX = "COPROVE_"
_log = get_logger(part="settings")


class Settings(BaseSettings):
    """Every setting; `load_settings` makes one."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True
    )

    rpc: RpcSection = RpcSection()
    da: DaSection = DaSection()
    contract: ContractSection = ContractSection()
    prover: ProverSection = ProverSection()
    network: NetworkSection = NetworkSection()
    proposer: ProposerSection = ProposerSection()
    server: ServerSection = ServerSection()
    tee: TeeSection = TeeSection()
    operator: OperatorSection = OperatorSection()
    aggregator: AggregatorSection = AggregatorSection()
    transactions: TransactionsSection = TransactionsSection()
    storage: StorageSection = StorageSection()
    telemetry: TelemetrySection = TelemetrySection()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - ours knows the aliases
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - read by load_settings
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - not used
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags first, then environment, then the file."""
        given = _given.get(_Given())
        return (
            init_settings,
            _Values(settings_cls, given.environment),
            _Values(settings_cls, given.file),
        )


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as declared."""

    section: str
    """Name of its section."""
    name: str
    """Its name in the section."""
    info: FieldInfo
    """Its type, default and description."""
    aliases: tuple[str, ...]
    """op-succinct's names."""

    @property
    def path(self) -> str:
        """`section.name`, as in flags and in the file."""
        return f"{self.section}.{self.name}"

    @property
    def names(self) -> tuple[str, ...]:
        """All its names in the environment, ours first."""
        return (own_name(self.section, self.name), *self.aliases)

    @property
    def is_secret(self) -> bool:
        """Whether its value may never be shown."""
        hidden = any(isinstance(item, Hidden) for item in self.info.metadata)
        return hidden or "SecretStr" in str(self.info.annotation)


@dataclass(frozen=True, slots=True)
class _Given:
    environment: dict[str, dict[str, Any]] = field(default_factory=dict)
    file: dict[str, dict[str, Any]] = field(default_factory=dict)


_given: ContextVar[_Given] = ContextVar("given")


class _Values(PydanticBaseSettingsSource):
    """A source whose values were read before."""

    def __init__(self, settings_cls: type[BaseSettings], values: dict[str, Any]) -> None:
        super().__init__(settings_cls)
        self._values = values

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - the protocol's
        return self._values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return self._values


def all_settings() -> Iterator[Setting]:
    """Yield every setting in the order of its declaration."""
    for section, info in Settings.model_fields.items():
        model = info.annotation
        assert isinstance(model, type) and issubclass(model, Section)  # noqa: S101, PT018 - our own declaration
        for name, found in model.model_fields.items():
            aliases = [item for item in found.metadata if isinstance(item, Alias)]
            names = tuple(name for alias in aliases for name in alias.names)
            yield Setting(section, name, found, names)


def load_settings(
    *,
    config: Path | None = None,
    env_file: Path | None = None,
    overrides: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Read all settings.

    `config` is a TOML file, or that of an AVS' operator or aggregator in JSON; `env_file` one of
    NAME=value lines below the real environment (which is `environment`, by default the process's);
    `overrides` are flags "section.name=value". Raises SettingError, UnknownSettingError and
    ConflictingNamesError, none of which shows a value that may be secret.
    """
    variables = dict(os.environ if environment is None else environment)
    if env_file is not None:
        variables = {**_read_env_file(env_file), **variables}
    origins: dict[str, str] = {}
    token = _given.set(
        _Given(
            file=_from_file(config, origins),
            environment=_from_environment(variables, origins),
        )
    )
    try:
        flags: dict[str, Any] = dict(_from_flags(overrides, origins))
        settings = Settings(**flags)
    except ValidationError as error:
        raise _setting_error(error, origins) from None
    finally:
        _given.reset(token)
    for setting in all_settings():
        value = getattr(getattr(settings, setting.section), setting.name)
        if setting.is_secret and hasattr(value, "get_secret_value"):
            register_secret(value.get_secret_value())
    return settings


def _from_flags(overrides: Sequence[str], origins: dict[str, str]) -> dict[str, dict[str, Any]]:
    known = {setting.path: setting for setting in all_settings()}
    found: dict[str, dict[str, Any]] = {}
    for override in overrides:
        path, sign, value = override.partition("=")
        path = path.strip().replace("-", "_")
        if not sign:
            raise SettingError("--set", expected="section.name=value", actual=path)
        setting = known.get(path)
        if setting is None:
            raise UnknownSettingError(path, "--set", _nearest(path, known))
        if "SecretStr" in str(setting.info.annotation):
            # Anybody on the machine can read the arguments of a process.
            raise SettingError(
                f"--set {path}", expected=f"it in {setting.names[0]} or a file", actual="a flag"
            )
        _put(found, setting, value, origins, f"--set {path}")
    return found


def _from_environment(
    variables: Mapping[str, str], origins: dict[str, str]
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    ours: dict[str, Setting] = {}
    for setting in all_settings():
        ours[setting.names[0]] = setting
        # Compose files pass on variables that are not set as empty ones.
        given = [name for name in setting.names if variables.get(name, "") != ""]
        for name in given[1:]:
            if variables[name].strip() != variables[given[0]].strip():
                raise ConflictingNamesError(given[0], name, setting.path)
        if given:
            _put(found, setting, variables[given[0]].strip(), origins, given[0])
    sections = tuple(f"{_PREFIX}{name.upper()}_" for name in Settings.model_fields)
    for name in variables:
        if name.startswith(sections) and name not in ours:
            raise UnknownSettingError(name, "environment", _nearest(name, ours))
        reason = IGNORED.get(name.removeprefix("OP_PROPOSER_"))
        if reason is not None:
            _log.warning("this name has no effect here", name=name, reason=reason)
    return found


def _from_file(config: Path | None, origins: dict[str, str]) -> dict[str, dict[str, Any]]:
    if config is None:
        return {}
    parsed: dict[str, Any]
    if config.suffix == ".json":
        parsed = read_avs_file(config)
    else:
        try:
            parsed = tomllib.loads(config.read_text())
        except (OSError, ValueError) as error:
            raise SettingError(str(config), expected="a TOML file", actual=error) from None
    known = {setting.path: setting for setting in all_settings()}
    found: dict[str, dict[str, Any]] = {}
    for section, values in parsed.items():
        if section not in Settings.model_fields or not isinstance(values, dict):
            nearest = _nearest(section, [*Settings.model_fields, *known])
            raise UnknownSettingError(section, str(config), nearest)
        for name, value in values.items():
            setting = known.get(f"{section}.{name}")
            if setting is None:
                nearest = _nearest(f"{section}.{name}", known)
                raise UnknownSettingError(f"{section}.{name}", str(config), nearest)
            _put(found, setting, value, origins, f"{config}: {setting.path}")
    return found


def _put(
    found: dict[str, dict[str, Any]],
    setting: Setting,
    value: Any,
    origins: dict[str, str],
    origin: str,
) -> None:
    if isinstance(value, str) and "tuple" in str(setting.info.annotation):
        value = [part.strip() for part in re.split(r",", value) if part.strip()]
    found.setdefault(setting.section, {})[setting.name] = value
    origins[setting.path] = origin


def _read_env_file(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise SettingError(str(path), expected="a file", actual="none")
    try:
        found = DotEnvSettingsSource(Settings, env_file=path, case_sensitive=True).env_vars
    except (OSError, ValueError) as error:
        raise SettingError(str(path), expected="NAME=value lines", actual=error) from None
    return {name: value for name, value in found.items() if value is not None}


def _nearest(name: str, known: Mapping[str, object] | Sequence[str]) -> str | None:
    # The right name in the wrong section is likelier than a slip of the pen.
    last = name.rpartition(".")[2]
    same = [path for path in known if path.rpartition(".")[2] == last]
    return next(iter(same or difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)), None)


def _setting_error(error: ValidationError, origins: dict[str, str]) -> SettingError:
    """Name where a wrong value came from; it is shown only where it cannot be a secret."""
    first = error.errors(include_url=False, include_context=False)[0]
    path = ".".join(str(part) for part in first["loc"][:2])
    setting = next((item for item in all_settings() if item.path == path), None)
    shown: object = "a value that is not shown"
    if setting is not None and not setting.is_secret:
        shown = first.get("input", shown)
    return SettingError(origins.get(path, path), expected=first["msg"], actual=shown)

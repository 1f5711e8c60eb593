"""Errors of the settings."""

from __future__ import annotations

from coprove.errors import Critical, InputError

__all__ = ["ConflictingNamesError", "SettingError", "UnknownSettingError"]


class SettingError(InputError):
    """A setting is missing or is not what it must be; `what` names where it came from."""


class UnknownSettingError(Critical):
    """There is no setting of that name."""

    def __init__(self, name: str, where: str, nearest: str | None) -> None:
        """Name what was given, where, and the setting that it most resembles."""
        hint = "" if nearest is None else f"; did you mean {nearest}?"
        super().__init__(f"{where}: there is no setting {name}{hint}")
        self.name, self.nearest = name, nearest


class ConflictingNamesError(Critical):
    """Two names of the same setting have different values."""

    def __init__(self, first: str, second: str, setting: str) -> None:
        """Name both; their values may be secrets."""
        super().__init__(f"{first} and {second} both set {setting}, to different values")
        self.names = (first, second)

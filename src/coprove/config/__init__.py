"""Settings from TOML, environment and flags, and what the rooms make of them."""

from coprove.config.errors import ConflictingNamesError, SettingError, UnknownSettingError
from coprove.config.settings import Setting, Settings, all_settings, load_settings

__all__ = [
    "ConflictingNamesError",
    "Setting",
    "SettingError",
    "Settings",
    "UnknownSettingError",
    "all_settings",
    "load_settings",
]

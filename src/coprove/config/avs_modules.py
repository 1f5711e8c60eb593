"""Contracts beside a service manager: each has to be of the AVS that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from coprove.config.errors import SettingError

if TYPE_CHECKING:
    from coprove.contracts.avs import ServiceManager
    from coprove.types import Address

__all__ = ["AvsModule", "check_module"]


class AvsModule(Protocol):
    """A contract that was made for one AVS."""

    async def service_manager(self) -> Address:
        """Return the AVS."""


async def check_module(setting: str, module: AvsModule, manager: ServiceManager) -> None:
    """Raise SettingError, which names the setting, for a contract of another AVS."""
    found = await module.service_manager()
    if found != manager.address:
        raise SettingError(setting, expected=f"one of {manager.address}", actual=f"of {found}")

"""Where EigenLayer's contracts are: those of all AVSs, and those of ours."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Self

from coprove.errors import InputError
from coprove.types import Address

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EigenLayerCore", "Middleware"]


class _Addresses:
    """Reads and writes addresses by their field's name."""

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Self:
        """Read all fields; InputError names one that is missing, unknown or no address."""
        names = {item.name for item in fields(cls)}  # type: ignore[arg-type] # subclasses are
        if set(values) != names:
            actual = sorted(set(values) ^ names)
            raise InputError(cls.__name__, expected=f"exactly {sorted(names)}", actual=actual)
        return cls(**{name: Address.from_hex(values[name], name) for name in names})

    def to_json(self) -> dict[str, str]:
        """Return all fields as hex."""
        return {item.name: str(getattr(self, item.name)) for item in fields(self)}  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class EigenLayerCore(_Addresses):
    """Contracts that all AVSs share."""

    delegation_manager: Address
    """Operators and who delegated to them."""
    strategy_manager: Address
    """Deposits."""
    avs_directory: Address
    """Registration before operator sets (M2)."""
    allocation_manager: Address
    """Operator sets, allocations, slashing."""
    rewards_coordinator: Address
    """Rewards."""
    permission_controller: Address
    """Who acts for whom."""
    pauser_registry: Address
    """Who may pause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Middleware(_Addresses):
    """Registries of one AVS."""

    registry_coordinator: Address
    """Who is in which quorum."""
    stake_registry: Address
    """Stakes."""
    bls_apk_registry: Address
    """BLS keys."""
    index_registry: Address
    """Lists of operators."""
    operator_state_retriever: Address
    """Reads several of them at once."""

"""What a transaction may cost: pure values, no I/O."""

from __future__ import annotations

from dataclasses import dataclass

from coprove.contracts.errors import FeeCapError
from coprove.types.transactions import Fees

__all__ = ["FeePolicy"]

_GWEI = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class FeePolicy:
    """How fees are chosen and raised."""

    min_priority_fee: int = _GWEI
    """Floor of the priority fee, in wei per gas: an endpoint's suggestion may be near zero."""
    min_max_fee: int = 2 * _GWEI
    """Floor of the maximum fee, in wei per gas."""
    max_fee_cap: int = 500 * _GWEI
    """The maximum fee never goes above this, in wei per gas."""
    base_fee_factor: int = 2
    """Base fees that the maximum fee covers; it may double in six full blocks."""
    bump_percent: int = 15
    """Raise of a replacement; nodes ask for 10 % at least on both fees."""

    def first(self, *, base_fee: int, suggested_priority_fee: int) -> Fees:
        """Return the fees of a new transaction. FeeCapError when the base fee is above the cap."""
        if base_fee > self.max_fee_cap:
            raise FeeCapError(f"base fee {base_fee} is above the cap of {self.max_fee_cap} wei")
        priority = max(self.min_priority_fee, suggested_priority_fee)
        max_fee = max(self.min_max_fee, self.base_fee_factor * base_fee + priority)
        max_fee = min(max_fee, self.max_fee_cap)
        return Fees(max_fee=max_fee, priority_fee=min(priority, max_fee))

    def bumped(self, old: Fees, market: Fees) -> Fees:
        """Return the fees of a replacement: raised, and no lower than the market's.

        FeeCapError when a sufficient raise would go above the cap.
        """
        max_fee = max(self._raised(old.max_fee), market.max_fee)
        priority = max(self._raised(old.priority_fee), market.priority_fee)
        if max_fee > self.max_fee_cap:
            max_fee = self.max_fee_cap
            if max_fee < old.max_fee + -(-old.max_fee // 10):
                raise FeeCapError(f"a replacement would cost more than {self.max_fee_cap} wei")
        return Fees(max_fee=max_fee, priority_fee=min(priority, max_fee))

    def _raised(self, fee: int) -> int:
        return -(-fee * (100 + self.bump_percent) // 100)

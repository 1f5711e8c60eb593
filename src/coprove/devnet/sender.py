"""How the services send transactions to L1: one call that returns once the effect is on chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from coprove.types import Address, Hash32

__all__ = ["Mined", "Sender"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mined:
    """Where a transaction ended."""

    tx_hash: Hash32
    """The transaction that was mined, of those sent for one intent."""
    block_number: int
    """Its L1 block."""


class Sender(Protocol):
    """Signs and sends from one account."""

    @property
    def address(self) -> Address:
        """The account."""

    async def send(self, *, key: str, to: Address, data: bytes) -> Mined:
        """Send once for `key`, whatever happens in between, and wait until it is mined.

        A second call with the same key, after a crash too, returns the first one's outcome.
        Raises a Critical leaf when the transaction reverted.
        """

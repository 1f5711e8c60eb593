"""What is kept of a transaction that we send: its intent, each signed attempt, where it ended.

The room that sends speaks in these with whatever room remembers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coprove.types.hashes import Address, Hash32

__all__ = ["Attempt", "Draft", "Fees", "Intent", "IntentState", "Mined"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """EIP-1559 fees, in wei per gas."""

    max_fee: int
    """Most that is paid in all."""
    priority_fee: int
    """Most that goes to the block's producer."""


class IntentState(Enum):
    """Where an intent stands."""

    OPEN = "open"
    """Not, or not deep enough, in the chain."""
    DONE = "done"
    """In the chain at the asked-for depth; it may have failed there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mined:
    """Where a transaction ended."""

    tx_hash: Hash32
    """The attempt that was mined."""
    block_number: int
    """Its block."""
    block_hash: Hash32
    """Hash of that block."""
    succeeded: bool
    """False when the transaction was mined and failed."""
    gas_used: int
    """Gas that it used."""
    contract_address: Address | None
    """The contract that it created, if it created one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a caller wants on chain."""

    key: str
    """Names the effect: it happens once for each key."""
    sender: Address
    """Account that pays."""
    to: Address | None
    """Recipient; None creates a contract."""
    value: int
    """Wei."""
    data: bytes
    """Calldata or creation code."""
    gas_limit: int
    """Gas limit of every attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A draft with its nonce, as stored."""

    draft: Draft
    """What is wanted."""
    nonce: int
    """Nonce of its attempts."""
    state: IntentState
    """Whether it is settled."""
    mined: Mined | None
    """Where it ended, or was last seen."""

    @property
    def key(self) -> str:
        """The draft's key."""
        return self.draft.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One signed transaction of an intent."""

    tx_hash: Hash32
    """Its hash."""
    nonce: int
    """Its nonce."""
    raw: bytes
    """The signed EIP-2718 bytes."""
    fees: Fees
    """What it offers."""
    sent_at: float
    """When it was signed, in seconds since 1970."""

"""Operators' keys, quorums and stakes at any block that was read."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from coprove.avs.aggregator.registry.events import (
    KeyRegistered,
    QuorumsJoined,
    QuorumsLeft,
    StakeChanged,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coprove.avs.aggregator.registry.events import RegistryEvent
    from coprove.avs.bls import PublicKey
    from coprove.types import Address, Hash32

__all__ = ["RegistryHistory"]

K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class _Line(Generic[V]):
    """A value over blocks: from each block in it on, the value beside."""

    blocks: list[int] = field(default_factory=list)
    values: list[V] = field(default_factory=list)

    def put(self, block: int, value: V) -> None:
        self.blocks.append(block)
        self.values.append(value)

    def at(self, block: int) -> V | None:
        """Return the last value of that block or before; of one block the latest counts."""
        place = bisect_right(self.blocks, block)
        return self.values[place - 1] if place else None

    def cut(self, block: int) -> None:
        place = bisect_right(self.blocks, block)
        del self.blocks[place:], self.values[place:]


class RegistryHistory:
    """What events said, in their order; belongs to one follower."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._keys: dict[Address, _Line[PublicKey]] = {}
        self._accounts: dict[Hash32, _Line[Address]] = {}
        self._members: dict[int, dict[Hash32, _Line[bool]]] = {}
        self._stakes: dict[tuple[int, Hash32], _Line[int]] = {}

    def apply(self, events: Iterable[RegistryEvent], keys: dict[Address, PublicKey]) -> None:
        """Add events of blocks above all before; `keys` holds the checked keys of new ones."""
        for event in events:
            if isinstance(event, KeyRegistered):
                line = self._keys.setdefault(event.operator, _Line())
                line.put(event.block, keys[event.operator])
            elif isinstance(event, StakeChanged):
                place = (event.quorum, event.operator_id)
                self._stakes.setdefault(place, _Line()).put(event.block, event.stake)
            elif isinstance(event, QuorumsJoined | QuorumsLeft):
                accounts = self._accounts.setdefault(event.operator_id, _Line())
                accounts.put(event.block, event.operator)
                for quorum in event.quorums:
                    members = self._members.setdefault(quorum, {})
                    line_in = members.setdefault(event.operator_id, _Line())
                    line_in.put(event.block, isinstance(event, QuorumsJoined))

    def rollback(self, block: int) -> None:
        """Forget everything above a block."""
        _cut(self._keys, block)
        _cut(self._accounts, block)
        _cut(self._stakes, block)
        for members in self._members.values():
            _cut(members, block)

    def members(self, quorum: int, block: int) -> dict[Hash32, int]:
        """Return the stakes of who was in a quorum at a block."""
        found = {}
        for operator_id, line in self._members.get(quorum, {}).items():
            if line.at(block):
                stakes = self._stakes.get((quorum, operator_id))
                found[operator_id] = (stakes.at(block) if stakes is not None else None) or 0
        return found

    def account(self, operator_id: Hash32, block: int) -> Address | None:
        """Return the account of an operator that was in a quorum until a block or then."""
        line = self._accounts.get(operator_id)
        return None if line is None else line.at(block)

    def key(self, operator: Address, block: int) -> PublicKey | None:
        """Return an account's key."""
        line = self._keys.get(operator)
        return None if line is None else line.at(block)

    def is_member(self, operator_id: Hash32) -> bool:
        """Whether an operator is in any quorum by the last event."""
        lines = (members.get(operator_id) for members in self._members.values())
        return any(line is not None and line.values[-1] for line in lines)


def _cut(table: dict[K, _Line[V]], block: int) -> None:
    for name in list(table):
        table[name].cut(block)
        if not table[name].blocks:
            del table[name]

"""How a range stands in an event that somebody configured."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.contracts.abi import Event
from coprove.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["RangeLayout"]

_DECLARATION: Final = re.compile(
    r"(?:event\s+)?([A-Za-z_$][\w$]{0,80})\s*\(([\w\s,\[\]$]{0,2000})\)\s*;?"
)
_PARAMETER: Final = re.compile(
    r"((?:u?int\d{0,3}|bytes\d{0,2}|address|bool|string)(?:\[\d{0,3}\])?)"
    r"(\s+indexed)?(?:\s+([A-Za-z_$][\w$]{0,80}))?"
)
_NUMBER: Final = re.compile(r"uint\d{0,3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeLayout:
    """An event, and where in it a range's first and last block are."""

    event: Event
    """The event."""
    start: int | None
    """Place of the first block among its parameters; None: `length` tells."""
    end: int
    """Place of the last block."""
    length: int | None
    """Blocks of a range, where the event names its last block alone."""

    @classmethod
    def parse(
        cls, declaration: str, *, start: str | None, end: str, length: int | None = None
    ) -> RangeLayout:
        """Read an event as Solidity declares it, and find the two parameters by name.

        Exactly one of `start` and `length` is given. InputError for what is no such event, with
        tuples in it, or without these parameters.
        """
        match = _DECLARATION.fullmatch(declaration.strip())
        if match is None:
            raise InputError("event", expected="Name(type name, …)", actual=declaration[:200])
        parts = [part.strip() for part in match[2].split(",")] if match[2].strip() else []
        read = [_PARAMETER.fullmatch(part) for part in parts]
        kinds, indexed, names = [], [], []
        for part, found in zip(parts, read, strict=True):
            if found is None:
                raise InputError("event parameter", expected="type name", actual=part[:100])
            kinds.append("uint256" if found[1] == "uint" else found[1])
            indexed.append(found[2] is not None)
            names.append(found[3] or "")
        if sum(indexed) > 3:
            raise InputError("event", expected="three indexed at most", actual=sum(indexed))
        if (start is None) == (length is None) or (length is not None and length < 1):
            raise InputError("range in event", expected="a first block or a length", actual=length)
        event = Event(f"{match[1]}({','.join(kinds)})", tuple(indexed))
        return cls(
            event=event,
            start=None if start is None else _place(names, kinds, start),
            end=_place(names, kinds, end),
            length=length,
        )

    def range_of(self, topics: Sequence[bytes], data: bytes) -> tuple[int, int] | None:
        """Return first and last block of a log; None for a range that no task may have.

        InputError for a log of another event.
        """
        values = self.event.decode(topics, data)
        end = int(values[self.end])
        start = end - (self.length or 0) + 1 if self.start is None else int(values[self.start])
        return (start, end) if 1 <= start <= end < 1 << 64 else None


def _place(names: Sequence[str], kinds: Sequence[str], name: str) -> int:
    if names.count(name) != 1 or not _NUMBER.fullmatch(kinds[names.index(name)]):
        raise InputError("event", expected=f"one number named {name}", actual=list(names))
    return names.index(name)

"""Which range a task is about, as `metadata` names it: JSON in the one spelling that counts.

The contract reads the same bytes and takes no others: with two spellings for one range it could be
confirmed twice.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from coprove.errors import InputError

__all__ = ["RangeMetadata"]

_UINT64: Final = rb"(0|[1-9][0-9]{0,19})"
_METADATA: Final = re.compile(
    rb'\{(?:"batch_id":' + _UINT64 + rb',)?"start_block":' + _UINT64 + rb',"end_block":' + _UINT64
    + rb"\}"
)  # fmt: skip
_SHOWN: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeMetadata:
    """A range of L2 blocks; InputError for one that no task may have."""

    start_block: int
    """First block that is executed, from 1; the agreed block lies before it."""
    end_block: int
    """Last block that is executed: the claimed one."""
    batch_id: int = 0
    """The rollup's own number for the range; 0: none. Not part of a task's identity."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        actual = f"{self.start_block} to {self.end_block}, batch {self.batch_id}"
        if not 1 <= self.start_block <= self.end_block < 2**64 or not 0 <= self.batch_id < 2**64:
            raise InputError("range", expected="1 <= start <= end < 2^64", actual=actual)

    @property
    def pre_block(self) -> int:
        """The agreed block."""
        return self.start_block - 1

    def encode(self) -> bytes:
        """Return the JSON as Go writes it, a batch id of 0 left out."""
        batch = {"batch_id": self.batch_id} if self.batch_id else {}
        value = {**batch, "start_block": self.start_block, "end_block": self.end_block}
        return json.dumps(value, separators=(",", ":")).encode()

    @classmethod
    def decode(cls, metadata: bytes) -> RangeMetadata:
        """Read `metadata`; InputError for any other bytes than `encode` gives."""
        match = _METADATA.fullmatch(metadata)
        if match is not None:
            batch, start, end = (int(number or 0) for number in match.groups())
            found = cls(start_block=start, end_block=end, batch_id=batch)
            if found.encode() == metadata:
                return found
        expected = '{"start_block":n,"end_block":m} without spaces'
        raise InputError("metadata", expected=expected, actual=metadata[:_SHOWN])

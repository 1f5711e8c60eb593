"""Parameters of the public prover's JSON-RPC methods: read strictly, answered in its shapes."""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from coprove.errors import InputError
from coprove.prover.tee.host.errors import BatchError, ParamsError
from coprove.types import ZERO_HASH, BlockRange, Hash32

if TYPE_CHECKING:
    from coprove.attestation import ProofOfExecution
    from coprove.primitives.bounded_json import Json

__all__ = [
    "ProveTask",
    "TaskType",
    "hash_param",
    "hex_param",
    "inclusive_range",
    "number_param",
    "positional",
    "witness_of_pob",
]

_MOST: Final = 2**63


class TaskType(IntEnum):
    """Kinds of tasks: the public prover's, and ours."""

    SCROLL = 1
    LINEA = 2
    OP_STACK = 3

    @property
    def label(self) -> str:
        """Value of the label `type` in metrics."""
        return self.name.lower().replace("_", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveTask:
    """What prover_proveTask is asked; every member but the witness is a check on the outcome."""

    pob_hash: Hash32
    """keccak256 of the witness."""
    task_type: int
    """Kind of task; OP Stack when none is given."""
    start: int | None
    """First block executed."""
    end: int | None
    """Last block executed."""
    starting_state_root: Hash32 | None
    """Output root before `start`; zero and none are the same."""
    final_state_root: Hash32 | None
    """Output root of `end`; zero and none are the same."""

    @classmethod
    def from_json(cls, value: Json) -> ProveTask:
        """Read the parameters; ParamsError for others, BatchError for a batch."""
        if not isinstance(value, dict):
            raise ParamsError("params", expected="an object", actual=type(value).__name__)
        if hex_param(value.get("batch") or "0x", "batch"):
            raise BatchError("batch", expected="none in an OP Stack task", actual="a batch")
        return cls(
            pob_hash=hash_param(value.get("pob_hash"), "pob_hash"),
            task_type=number_param(value.get("task_type") or TaskType.OP_STACK, "task_type"),
            start=_optional_number(value, "start"),
            end=_optional_number(value, "end"),
            starting_state_root=_optional_hash(value, "starting_state_root"),
            final_state_root=_optional_hash(value, "final_state_root"),
        )

    def check(self, poe: ProofOfExecution) -> None:
        """Compare what was asked with what was proven; BatchError names what differs."""
        proven: tuple[tuple[str, Any, Any], ...] = (
            ("start", self.start, poe.l2_pre_block + 1),
            ("end", self.end, poe.l2_post_block),
            ("starting_state_root", self.starting_state_root, poe.l2_pre_root),
            ("final_state_root", self.final_state_root, poe.l2_post_root),
        )
        for name, asked, found in proven:
            if asked is not None and asked != found:
                raise BatchError(name, expected=asked, actual=found)


def positional(params: Json, count: int) -> list[Json]:
    """Return so many positional parameters; ParamsError otherwise."""
    if not isinstance(params, list) or len(params) != count:
        actual = len(params) if isinstance(params, list) else type(params).__name__
        raise ParamsError("params", expected=f"{count} in a list", actual=actual)
    return params


def hex_param(value: Json, what: str) -> bytes:
    """Return bytes given as 0x and hex; ParamsError otherwise."""
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ParamsError(what, expected="0x and hex digits", actual=type(value).__name__)
    try:
        return binascii.unhexlify(value[2:])
    except (binascii.Error, ValueError) as error:
        raise ParamsError(what, expected="0x and hex digits", actual=str(error)) from None


def hash_param(value: Json, what: str) -> Hash32:
    """Return 32 bytes given in hex; ParamsError otherwise."""
    try:
        return Hash32(hex_param(value, what))
    except InputError as error:
        raise ParamsError(what, expected="32 bytes in hex", actual=error.actual) from None


def number_param(value: Json, what: str) -> int:
    """Return a number below 2^63; ParamsError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _MOST:
        raise ParamsError(what, expected="a number from 0 to 2^63 - 1", actual=str(value)[:100])
    return int(value)


def inclusive_range(start: int, end: int) -> BlockRange:
    """Return the range that executes blocks `start` to `end`, both included; BatchError if none."""
    if not 0 < start <= end:
        raise BatchError("end", expected=f"at least start, at least 1 ({start})", actual=end)
    return BlockRange(start=start - 1, end=end)


def witness_of_pob(value: Json) -> bytes:
    """Return the witness in a context: an OP Stack task's lies whole in `interning`."""
    if not isinstance(value, dict):
        raise ParamsError("params", expected="a context", actual=type(value).__name__)
    if value.get("pob") not in ([], None):
        raise ParamsError("pob", expected="an empty list in an OP Stack context", actual="blocks")
    return hex_param(value.get("interning"), "interning")


def _optional_number(value: dict[str, Json], name: str) -> int | None:
    found = value.get(name)
    # Go leaves numbers that are zero out; no range of ours starts or ends with block 0.
    return number_param(found, name) or None if found is not None else None


def _optional_hash(value: dict[str, Json], name: str) -> Hash32 | None:
    found = value.get(name)
    given = None if found is None else hash_param(found, name)
    return None if given == ZERO_HASH else given

"""What is checked and bounded before it is stored, whatever the database."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, cast

from coprove.errors import InputError
from coprove.storage.errors import RangeGapError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coprove.storage.records import JsonScalar, RangePlan, RequestChanges, Values
    from coprove.types import BlockId, BlockRange

__all__ = [
    "MAX_NUMBER",
    "checked_block",
    "checked_blocks",
    "checked_changes",
    "checked_number",
    "checked_path",
    "checked_text",
    "dump_values",
    "load_values",
    "shown_error",
]

MAX_NUMBER = 2**63 - 1
"""The largest whole number of a column."""
_MAX_ERROR = 4_000
_MAX_TEXT = 4_000
_MAX_VALUES = 256 * 1024


def checked_number(what: str, value: int) -> int:
    """Return a number that a column holds; InputError otherwise."""
    if not 0 <= value <= MAX_NUMBER:
        raise InputError(what, expected=f"0 to {MAX_NUMBER}", actual=value)
    return value


def checked_block(what: str, block: BlockId | None) -> BlockId | None:
    """Return a block whose number a column holds; InputError otherwise."""
    if block is not None:
        checked_number(what, block.number)
    return block


def checked_blocks(blocks: BlockRange) -> BlockRange:
    """Return a range that the columns hold; InputError otherwise."""
    checked_number("end of the range", blocks.end)
    return blocks


def checked_text(what: str, value: str) -> str:
    """Return a text that every database can hold: bounded, Unicode, without NUL."""
    if len(value) > _MAX_TEXT or "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise InputError(
            what, expected=f"at most {_MAX_TEXT} characters of text", actual=ascii(value)
        )
    return value


def shown_error(text: str) -> str:
    """Return any text so that every database can hold it: it may come from outside."""
    cut = text if len(text) <= _MAX_ERROR else f"{text[: _MAX_ERROR - 1]}…"
    return cut.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def dump_values(values: Values) -> str:
    """Return scalars as JSON; InputError when they are none, or too many."""
    for name, value in values.items():
        if not isinstance(name, str) or not isinstance(value, (str, int, float, type(None))):
            raise InputError("stored values", expected="named scalars", actual=f"{name}: {value!r}")
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"stored value {name}", expected="a finite number", actual=value)
    text = json.dumps(dict(values), sort_keys=True)
    if len(text) > _MAX_VALUES:
        raise InputError(
            "stored values", expected=f"at most {_MAX_VALUES} bytes", actual=f"{len(text)} bytes"
        )
    return text


def load_values(text: str) -> dict[str, JsonScalar]:
    """Return what `dump_values` stored."""
    return cast("dict[str, JsonScalar]", json.loads(text))


def checked_changes(changes: RequestChanges) -> RequestChanges:
    """Return the fields in a form that every database holds; InputError otherwise."""
    checked = changes.copy()
    given = cast("Mapping[str, object]", changes)
    for name in ("witness_seconds", "execution_seconds", "proof_seconds", "deadline"):
        value = given.get(name)
        if isinstance(value, (int, float)) and not math.isfinite(value):
            raise InputError(name, expected="a finite number", actual=value)
    for name in ("backend", "witness_path"):
        value = given.get(name)
        if isinstance(value, str):
            checked_text(name, value)
    checked_block("L1 head", changes.get("l1_head"))
    checked_block("checkpoint", changes.get("checkpoint"))
    # Through JSON, so that what is returned is what will be read.
    if "statistics" in changes:
        checked["statistics"] = load_values(dump_values(changes["statistics"]))
    if "cost" in changes:
        checked["cost"] = load_values(dump_values(changes["cost"]))
    error = changes.get("error")
    if error is not None:
        checked["error"] = shown_error(error)
    return checked


def checked_path(what: str, ranges: Sequence[RangePlan], start: int) -> int:
    """Return where ranges that follow one another from `start` end; RangeGapError otherwise."""
    for plan in ranges:
        checked_blocks(plan.blocks)
        if plan.blocks.start != start:
            raise RangeGapError(what, expected=f"the next to begin at {start}", actual=plan.blocks)
        start = plan.blocks.end
    return start

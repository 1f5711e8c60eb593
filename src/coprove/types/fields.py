"""Strict reading of JSON objects: every error names the field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from coprove.errors import InputError
from coprove.primitives.bounded_json import check_json_depth

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["UINT64_MAX", "Fields", "parse_json"]

UINT64_MAX = 2**64 - 1


def parse_json(source: bytes | str | dict[str, Any], what: str) -> dict[str, Any]:
    """Return `source` as a JSON object; duplicate keys, NaN and other types are refused."""
    if isinstance(source, dict):
        return source
    try:
        text = source.decode() if isinstance(source, bytes) else source
        check_json_depth(text.encode())
        value = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(what, expected="JSON", actual=str(error)) from error
    if not isinstance(value, dict):
        raise InputError(what, expected="a JSON object", actual=type(value).__name__)
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise InputError("JSON object", expected="each key once", actual=[key for key, _ in pairs])
    return result


def _no_constant(text: str) -> Any:
    raise InputError("JSON number", expected="a finite number", actual=text)


class Fields:
    """One JSON object that is read field by field, each once; `finish` refuses what is left."""

    def __init__(self, value: object, path: str) -> None:
        """Wrap `value`, which must be an object; `path` leads the names in errors."""
        if not isinstance(value, dict):
            raise InputError(path, expected="an object", actual=type(value).__name__)
        self._left = dict(value)
        self._path = path

    def take(self, name: str) -> Any:
        """Remove and return a field, None when it is absent or null."""
        return self._left.pop(name, None)

    def name(self, name: str) -> str:
        """Return the full name of a field for errors."""
        return f"{self._path}.{name}"

    def require(self, name: str) -> Any:
        """Remove and return a field that must be there and not null."""
        value = self.take(name)
        if value is None:
            raise InputError(self.name(name), expected="a value", actual="nothing")
        return value

    def uint(self, name: str, limit: int = UINT64_MAX) -> int:
        """Take a required integer from 0 to `limit`."""
        value = self.optional_uint(name, limit)
        if value is None:
            raise InputError(self.name(name), expected="an integer", actual="nothing")
        return value

    def optional_uint(self, name: str, limit: int = UINT64_MAX) -> int | None:
        """Take an integer from 0 to `limit`, None when it is absent or null."""
        value = self.take(name)
        if value is None:
            return None
        if type(value) is not int or not 0 <= value <= limit:
            expected = f"an integer from 0 to {limit}"
            raise InputError(self.name(name), expected=expected, actual=repr(value))
        return value

    def optional_object(self, name: str) -> Fields | None:
        """Take a nested object, None when it is absent or null."""
        value = self.take(name)
        return None if value is None else Fields(value, self.name(name))

    def object(self, name: str) -> Fields:
        """Take a required nested object."""
        return Fields(self.require(name), self.name(name))

    def ignore(self, names: Iterable[str]) -> None:
        """Drop fields that are known and mean nothing here."""
        for name in names:
            self._left.pop(name, None)

    def finish(self) -> None:
        """Raise InputError when a field is left that nobody asked for; null means absent."""
        left = sorted(name for name, value in self._left.items() if value is not None)
        if left:
            raise InputError(self._path, expected="no unknown fields", actual=left)

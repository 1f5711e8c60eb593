"""Intel's signed JSON documents: a strict reader with typed fields.

Signatures cover the exact text, so a document is parsed from what was signed and never written
again. Members that are not known are left alone: Intel adds some from time to time.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, Final

from coprove.attestation.errors import EvidenceFormatError
from coprove.primitives.bounded_json import check_json_depth

__all__ = ["MAX_DOCUMENT_SIZE", "Document", "parse_document"]

MAX_DOCUMENT_SIZE: Final = 1 << 20
"""Characters; Intel's largest have some 10,000."""
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)
_ADVISORY: Final = re.compile(r"[A-Z]+-SA-\d{5}", re.ASCII)


class Document:
    """A JSON object with the path to it, for messages."""

    __slots__ = ("_members", "_path")

    def __init__(self, members: object, path: str) -> None:
        """Refuse what is no object."""
        if not isinstance(members, dict):
            raise EvidenceFormatError(path, expected="an object", actual=type(members).__name__)
        self._members: dict[str, Any] = members
        self._path = path

    def __contains__(self, name: str) -> bool:
        """Whether there is such a member."""
        return name in self._members

    def text(self, name: str) -> str:
        """Return a string."""
        value = self._get(name)
        if not isinstance(value, str):
            raise self._error(name, "a string", value)
        return value

    def number(self, name: str, most: int) -> int:
        """Return an integer from 0 to `most`."""
        value = self._get(name)
        if type(value) is not int or not 0 <= value <= most:
            raise self._error(name, f"an integer from 0 to {most}", value)
        return value

    def hex(self, name: str, size: int) -> bytes:
        """Return the bytes of a hex string of exactly `size` bytes."""
        value = self.text(name)
        if len(value) != 2 * size or re.fullmatch("[0-9A-Fa-f]*", value) is None:
            raise self._error(name, f"{size} bytes in hex", value)
        return bytes.fromhex(value)

    def date(self, name: str) -> int:
        """Return the Unix seconds of a UTC date such as 2025-06-19T10:56:11Z."""
        value = self.text(name)
        if _DATE.fullmatch(value) is None:
            raise self._error(name, "a date such as 2025-06-19T10:56:11Z", value)
        try:
            return int(datetime.fromisoformat(value).timestamp())
        except ValueError as error:
            raise self._error(name, "a date", value) from error

    def member(self, name: str) -> Document:
        """Return a member object."""
        return Document(self._get(name), f"{self._path}.{name}")

    def members(self, name: str) -> list[Document]:
        """Return the objects of an array."""
        value = self._get(name)
        if not isinstance(value, list):
            raise self._error(name, "an array", value)
        return [Document(item, f"{self._path}.{name}[{at}]") for at, item in enumerate(value)]

    def numbers(self, name: str, member: str, most: int) -> tuple[int, ...]:
        """Return one member, an integer from 0 to `most`, of each object of an array."""
        values = self._get(name)
        if not isinstance(values, list):
            raise self._error(name, "an array", values)
        numbers: list[int] = []
        for item in values:
            number = item.get(member) if isinstance(item, dict) else None
            if type(number) is not int or not 0 <= number <= most:
                raise self._error(f"{name}[].{member}", f"an integer from 0 to {most}", number)
            numbers.append(number)
        return tuple(numbers)

    def advisories(self) -> tuple[str, ...]:
        """Return `advisoryIDs`, or none where the member is absent."""
        value = self._members.get("advisoryIDs", [])
        if not isinstance(value, list) or not all(
            isinstance(item, str) and _ADVISORY.fullmatch(item) for item in value
        ):
            raise self._error("advisoryIDs", "advisories such as INTEL-SA-00615", value)
        return tuple(value)

    def require(self, name: str, expected: object) -> None:
        """Refuse a member with another value."""
        value = self._get(name)
        if value != expected or type(value) is not type(expected):
            raise self._error(name, repr(expected), value)

    def _get(self, name: str) -> Any:
        if name not in self._members:
            raise self._error(name, "a value", "nothing")
        return self._members[name]

    def _error(self, name: str, expected: str, actual: object) -> EvidenceFormatError:
        return EvidenceFormatError(f"{self._path}.{name}", expected=expected, actual=actual)


def parse_document(text: str, what: str) -> Document:
    """Parse JSON text without repeated members, fractions or names for numbers."""
    if len(text) > MAX_DOCUMENT_SIZE:
        expected = f"at most {MAX_DOCUMENT_SIZE} characters"
        raise EvidenceFormatError(what, expected=expected, actual=f"{len(text)} characters")
    try:
        check_json_depth(text.encode())
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_float=_refuse,
            parse_constant=_refuse,
        )
    except ValueError as error:
        raise EvidenceFormatError(what, expected="JSON", actual=error) from error
    return Document(value, what)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice")
    return members


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is no integer")

"""Reads a JSON object from a file piece by piece: memory stays bounded however long it is.

Made for the bodies of aggregation requests, whose list of base64 strings may have gigabytes. Every
value must be taken in the order in which it stands.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from typing import TYPE_CHECKING, BinaryIO

from coprove.primitives.bounded_json import MAX_DEPTH, Json, load_json
from coprove.prover.server.errors import (
    BodyTooLargeError,
    MalformedBodyError,
    RequestFieldError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["JsonObjectReader"]

_CHUNK = 1 << 18
_SPACE = b" \t\n\r"
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]+')
_BARE = re.compile(rb"[-+0-9.eEa-z]+")
_ESCAPES = {
    b'"': b'"', b"\\": b"\\", b"/": b"/", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r",
    b"t": b"\t",
}  # fmt: skip
_Utf8 = codecs.getincrementaldecoder("utf-8")
_MAX_NAME = 1024
_MAX_BARE = 64


class JsonObjectReader:
    """Walks over the members of the one object in a file.

    ```
    for name in reader.members():
        if name == "head":
            head = reader.string(limit=66)
    ```
    A member whose value was not taken is skipped. MalformedBodyError for anything but JSON in
    UTF-8, RequestFieldError for a value of another type than the one asked for.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Read from the file's position on."""
        self._file = file
        self._buffer = b""
        self._at = 0
        self._taken = True
        self._name = ""

    def members(self) -> Iterator[str]:
        """Yield the name of each member; a name that comes twice is refused."""
        if self._peek() != b"{":
            raise self._malformed("an object")
        self._next()
        seen: set[str] = set()
        if self._peek() == b"}":
            self._next()
        else:
            while True:
                if self._peek() != b'"':
                    raise self._malformed("a member's name")
                name = self._text(limit=_MAX_NAME)
                if name in seen:
                    raise RequestFieldError(name, expected="one such member", actual="two")
                seen.add(name)
                self._expect(b":")
                self._name, self._taken = name, False
                yield name
                if not self._taken:
                    self._skip(depth=1)
                if self._expect(b",", b"}") == b"}":
                    break
        if self._peek(end=True):
            raise self._malformed("the end")

    def string(self, *, limit: int) -> str:
        """Return the member's value, a string of at most `limit` bytes."""
        self._take(b'"', "a string")
        return self._text(limit=limit)

    def strings(self, *, limit: int) -> Iterator[str]:
        """Yield the items of the member's value, a list of strings of at most `limit` bytes."""
        for _ in self._items():
            yield self._text(limit=limit)

    def base64_items(self, *, limit: int) -> Iterator[Iterator[bytes]]:
        """Yield for each item of a list of base64 strings an iterator over its decoded pieces.

        Each must be read to its end before the next. An item decodes to at most `limit` bytes.
        """
        for index in self._items():
            yield self._decoded(f"{self._name}[{index}]", limit)

    def value(self, *, limit: int) -> Json:
        """Return the member's value of any type; it has at most `limit` bytes."""
        self._taken = True
        parts: list[bytes] = []
        size = 0
        for part in self._raw(depth=1):
            parts.append(part)
            size += len(part)
            if size > limit:
                raise BodyTooLargeError(self._name, limit)
        try:
            return load_json(b"".join(parts))
        except ValueError:
            raise self._malformed("a JSON value") from None

    def _items(self) -> Iterator[int]:
        self._take(b"[", "a list of strings")
        self._next()
        if self._peek() == b"]":
            self._next()
            return
        index = 0
        while True:
            if self._peek() != b'"':
                raise RequestFieldError(
                    f"{self._name}[{index}]", expected="a string", actual=_shown(self._peek())
                )
            yield index
            index += 1
            if self._expect(b",", b"]") == b"]":
                return

    def _take(self, first: bytes, what: str) -> None:
        found = self._peek()
        if found != first:
            raise RequestFieldError(self._name, expected=what, actual=_shown(found))
        self._taken = True

    def _decoded(self, what: str, limit: int) -> Iterator[bytes]:
        left, size, ended = b"", 0, False
        for part in self._string():
            text = left + part
            whole = len(text) - len(text) % 4
            text, left = text[:whole], text[whole:]
            if not text:
                continue
            if ended:
                raise RequestFieldError(what, expected="base64", actual="text after its padding")
            ended = text.endswith(b"=")
            try:
                piece = base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError):
                raise RequestFieldError(
                    what, expected="base64 with padding", actual=text[:32].decode(errors="replace")
                ) from None
            size += len(piece)
            if size > limit:
                raise BodyTooLargeError(what, limit)
            yield piece
        if left:
            raise RequestFieldError(
                what, expected="base64 with padding", actual="a length that is no multiple of 4"
            )

    def _text(self, *, limit: int) -> str:
        found = bytearray()
        for part in self._string():
            found += part
            if len(found) > limit:
                raise BodyTooLargeError(self._name or "a member's name", limit)
        return found.decode()

    def _string(self) -> Iterator[bytes]:
        """Yield the pieces of a string in UTF-8, its escapes resolved."""
        self._next()
        decoder = _Utf8()
        while True:
            if self._at >= len(self._buffer) and not self._fill():
                raise self._malformed("the end of a string")
            plain = _PLAIN.match(self._buffer, self._at)
            if plain is not None:
                self._at = plain.end()
                self._check_utf8(decoder, plain.group(), final=False)
                yield plain.group()
                continue
            self._check_utf8(decoder, b"", final=True)
            mark = self._next()
            if mark == b'"':
                return
            if mark != b"\\":
                raise self._malformed("no control character in a string")
            yield self._escape()

    def _check_utf8(self, decoder: codecs.IncrementalDecoder, part: bytes, *, final: bool) -> None:
        try:
            decoder.decode(part, final)
        except UnicodeDecodeError:
            raise self._malformed("UTF-8") from None

    def _escape(self) -> bytes:
        kind = self._next()
        if kind != b"u":
            if kind not in _ESCAPES:
                raise self._malformed("an escape of JSON")
            return _ESCAPES[kind]
        unit = self._hex4()
        if 0xD800 <= unit < 0xDC00:
            if self._next() + self._next() != b"\\u":
                raise self._malformed("the second half of a surrogate pair")
            low = self._hex4()
            if not 0xDC00 <= low < 0xE000:
                raise self._malformed("the second half of a surrogate pair")
            unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
        elif 0xDC00 <= unit < 0xE000:
            raise self._malformed("the first half of a surrogate pair")
        return chr(unit).encode()

    def _hex4(self) -> int:
        digits = b"".join(self._next() for _ in range(4))
        if not re.fullmatch(rb"[0-9a-fA-F]{4}", digits):
            raise self._malformed("four hex digits")
        return int(digits, 16)

    def _skip(self, *, depth: int) -> None:
        for _ in self._raw(depth=depth):
            pass

    def _raw(self, *, depth: int) -> Iterator[bytes]:
        """Walk over a value of any type; yield its bytes again, in pieces."""
        if depth > MAX_DEPTH:
            raise self._malformed(f"no nesting deeper than {MAX_DEPTH}")
        first = self._peek()
        if first == b'"':
            yield from self._raw_string()
        elif first in (b"{", b"["):
            yield self._next()
            close = b"}" if first == b"{" else b"]"
            if self._peek() == close:
                yield self._next()
                return
            while True:
                if first == b"{":
                    if self._peek() != b'"':
                        raise self._malformed("a member's name")
                    yield from self._raw_string()
                    yield self._expect(b":")
                yield from self._raw(depth=depth + 1)
                mark = self._expect(b",", close)
                yield mark
                if mark == close:
                    return
        else:
            yield self._bare()

    def _raw_string(self) -> Iterator[bytes]:
        yield b'"'
        for part in self._string():
            # Quotes, backslashes and control characters can only have come from escapes.
            yield part if _PLAIN.fullmatch(part) else b"\\u%04x" % part[0]
        yield b'"'

    def _bare(self) -> bytes:
        """Take a number, true, false or null."""
        found = b""
        while True:
            if self._at >= len(self._buffer) and not self._fill():
                break
            match = _BARE.match(self._buffer, self._at)
            if match is None:
                break
            found += match.group()
            self._at = match.end()
            if len(found) > _MAX_BARE:
                raise self._malformed("a number of fewer digits")
        try:
            load_json(found)
        except ValueError:
            raise self._malformed("a JSON value") from None
        return found

    def _expect(self, *marks: bytes) -> bytes:
        found = self._peek()
        if found not in marks:
            raise self._malformed(" or ".join(mark.decode() for mark in marks))
        return self._next()

    def _peek(self, *, end: bool = False) -> bytes:
        """Return the next byte that is no space without taking it; empty at the end if allowed."""
        while True:
            while self._at < len(self._buffer) and self._buffer[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._buffer):
                return self._buffer[self._at : self._at + 1]
            if not self._fill():
                if end:
                    return b""
                raise self._malformed("more")

    def _next(self) -> bytes:
        if self._at >= len(self._buffer) and not self._fill():
            raise self._malformed("more")
        self._at += 1
        return self._buffer[self._at - 1 : self._at]

    def _fill(self) -> bool:
        self._buffer, self._at = self._file.read(_CHUNK), 0
        return bool(self._buffer)

    def _malformed(self, expected: str) -> MalformedBodyError:
        place = self._file.tell() - len(self._buffer) + self._at
        around = self._buffer[max(0, self._at - 20) : self._at + 20]
        return MalformedBodyError(
            f"body at byte {place}", expected=expected, actual=around.decode(errors="replace")
        )


def _shown(first: bytes) -> str:
    kinds = {b'"': "a string", b"{": "an object", b"[": "a list", b"n": "null"}
    return kinds.get(first, "a number or a boolean")

"""The streaming reader takes what JSON is, in bounded memory, and nothing else."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.prover.server import json_stream
from coprove.prover.server.errors import (
    BodyTooLargeError,
    MalformedBodyError,
    RequestFieldError,
)
from coprove.prover.server.json_stream import JsonObjectReader

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def read(body: bytes, *, limit: int = 1 << 20) -> dict[str, Any]:
    """Read all members by `value`."""
    reader = JsonObjectReader(io.BytesIO(body))
    return {name: reader.value(limit=limit) for name in reader.members()}


@given(
    st.dictionaries(st.text(), JSON, max_size=5), st.booleans(), st.sampled_from([None, 1, "\t"])
)
def test_any_object_is_read_as_the_standard_library_reads_it(
    value: dict[str, Any], ascii_only: bool, indent: int | str | None
) -> None:
    try:
        body = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    except UnicodeEncodeError:
        return
    assert read(body) == value


@given(st.dictionaries(st.text(), JSON, max_size=5), st.integers(1, 7))
def test_where_the_file_is_cut_into_pieces_does_not_matter(
    value: dict[str, Any], size: int
) -> None:
    class Short(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            return super().read(size)

    body = json.dumps(value).encode()
    reader = JsonObjectReader(Short(body))
    assert {name: reader.value(limit=len(body)) for name in reader.members()} == value


@given(st.lists(st.binary(max_size=200)), st.integers(1, 300))
def test_base64_comes_back_whatever_the_pieces(items: list[bytes], size: int) -> None:
    class Short(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            return super().read(size)

    encoded = [base64.b64encode(item).decode() for item in items]
    body = json.dumps({"other": {"a": [1]}, "items": encoded, "last": "x"}).encode()
    reader = JsonObjectReader(Short(body))
    found: dict[str, Any] = {}
    for name in reader.members():
        if name == "items":
            found["items"] = [b"".join(item) for item in reader.base64_items(limit=200)]
        elif name == "last":
            found["last"] = reader.string(limit=1)
    assert found == {"items": items, "last": "x"}


def _no_constant(name: str) -> None:
    raise ValueError(name)


@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:\\u0123abtrue nl-.eE+', max_size=40))
def test_anything_else_is_refused_like_the_standard_library_refuses_it(
    noise: bytes | str,
) -> None:
    body = noise if isinstance(noise, bytes) else noise.encode()
    try:
        expected = json.loads(body.decode(), parse_constant=_no_constant)
        usable = isinstance(expected, dict) and body.lstrip(b" \t\r\n").startswith(b"{")
    except ValueError:
        usable = False
    try:
        found = read(body)
    except (MalformedBodyError, RequestFieldError):
        # Doubled members and lone surrogates are refused although the library takes them.
        assert not usable or b"\\u" in body or body.count(b'"') > 3
        return
    assert usable
    assert found == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{} x",
        b'{"a":1,}',
        b'{"a" 1}',
        b'{"a":01}',
        b'{"a":"\x01"}',
        b'{"a":"\\x"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\udc00\\ud800"}',
        b'{"a":"\\ud800\\u0041"}',
        b'{"a":"\xff"}',
        b'{"a":nul}',
        b'{"a":NaN}',
        b'{"a":' + b"1" * 100 + b"}",
        b'{"a":' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"a":"' + b"x" * 100,
    ],
)
@pytest.mark.parametrize("skipping", [False, True])
def test_malformed_bodies_are_refused_taken_or_skipped(body: bytes, skipping: bool) -> None:
    def walk() -> None:
        reader = JsonObjectReader(io.BytesIO(body))
        for name in reader.members():
            if skipping:
                continue
            if name == "a" and b'"' in body[4:]:
                reader.string(limit=1000)
            else:
                reader.value(limit=1000)

    with pytest.raises(MalformedBodyError):
        walk()


def test_a_doubled_member_is_refused() -> None:
    with pytest.raises(RequestFieldError, match="one such member"):
        read(b'{"a":1,"\\u0061":2}')


def test_sizes_are_limited_before_they_are_held() -> None:
    body = json.dumps({"a": "x" * 100, "b": [base64.b64encode(bytes(100)).decode()]}).encode()
    with pytest.raises(BodyTooLargeError):
        read(body, limit=50)
    reader = JsonObjectReader(io.BytesIO(body))
    items = next(reader.base64_items(limit=99) for name in reader.members() if name == "b")
    with pytest.raises(BodyTooLargeError):
        list(next(items))


def test_a_long_list_is_never_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 4 MB of base64 no more than one buffer is held at once."""
    monkeypatch.setattr(json_stream, "_CHUNK", 4096)
    item = base64.b64encode(bytes(3 << 10))
    body = b'{"items":[' + b",".join([b'"' + item + b'"'] * 1000) + b"]}"
    reader = JsonObjectReader(io.BytesIO(body))
    longest = total = 0
    for _ in reader.members():
        for pieces in reader.base64_items(limit=1 << 20):
            for piece in pieces:
                longest, total = max(longest, len(piece)), total + len(piece)
    assert total == 1000 * (3 << 10)
    assert longest <= 4096

"""JSON of strangers: the same values as the standard parser, and no deep recursion."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.primitives.bounded_json import MAX_DEPTH, load_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(values, st.booleans())
def test_ordinary_values_are_parsed(value: object, ascii_only: bool) -> None:
    """Whatever json writes is read back."""
    assert load_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 10**6,
        b'{"a":' * 10**5,
        b'["]]]]]", ' * 10**5,
        b'["\\"]]]", ' * 10**5,
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
    ],
)
def test_deep_nesting_is_refused_before_the_parser_sees_it(body: bytes) -> None:
    """Whatever the recursion limit of the interpreter is, and whatever strings hide."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10**6)
    try:
        with pytest.raises(ValueError, match="deeper"):
            load_json(body)
    finally:
        sys.setrecursionlimit(limit)


def test_only_utf8_is_read() -> None:
    """In UTF-16 a letter may look like a quote to the depth check."""
    with pytest.raises(ValueError, match="codec"):
        load_json(('["\u2200",' + "[" * 10**5 + '"').encode("utf-16"))


def test_many_flat_items_and_brackets_in_strings_are_no_depth() -> None:
    """Only real nesting counts."""
    assert load_json(b"[" + b",".join([b"[]"] * 1000) + b"]") == [[]] * 1000
    assert load_json(b'["' + b"[" * 1000 + b'"]') == ["[" * 1000]
    assert load_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)


@given(st.binary(max_size=50))
def test_any_bytes_give_a_value_or_a_value_error(body: bytes) -> None:
    """Nothing else is raised."""
    try:
        load_json(body)
    except ValueError:
        return

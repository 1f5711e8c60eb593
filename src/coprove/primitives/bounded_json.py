"""Parsing JSON of strangers: nesting is bounded before the parser recurses into it.

CPython's parser recurses on the C stack, and only the interpreter's recursion limit, which any
library may raise, stops it: a hundred kilobytes of brackets could end the process.
"""

from __future__ import annotations

import json
import re

__all__ = ["MAX_DEPTH", "Json", "check_json_depth", "load_json"]

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
"""A parsed JSON value."""

MAX_DEPTH = 200
"""Objects and lists may nest this deep; answers of nodes need about ten."""

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|([\[{])|([\]}])', re.DOTALL)


def load_json(body: bytes) -> Json:
    """Parse `body`; ValueError when it is not JSON in UTF-8, or nested deeper than MAX_DEPTH."""
    check_json_depth(body)
    # Given bytes, the parser would take UTF-16 as well, which the depth check cannot read.
    value: Json = json.loads(body.decode())
    return value


def check_json_depth(body: bytes) -> None:
    """Raise ValueError when brackets outside strings nest deeper than MAX_DEPTH."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for token in _TOKEN.finditer(body):
        if token.lastindex == 1:
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError(f"nested deeper than {MAX_DEPTH}")
        elif token.lastindex == 2:
            depth -= 1

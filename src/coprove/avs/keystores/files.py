"""Key files: read with a limit; written whole or not at all, for the owner alone."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING

from coprove.avs.errors import KeystoreError
from coprove.primitives.bounded_json import load_json

if TYPE_CHECKING:
    from pathlib import Path

    from coprove.primitives.bounded_json import Json

__all__ = ["MAX_BYTES", "read_bounded", "read_object", "write_private"]

MAX_BYTES = 64 * 1024
"""A keystore has less than a kilobyte; a larger file is another file."""


def read_bounded(path: Path, what: str) -> bytes:
    """Return a file's bytes; KeystoreError when it cannot be read or has more than MAX_BYTES."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise KeystoreError(what, expected="a readable file", actual=error.strerror) from error
    if len(content) > MAX_BYTES:
        raise KeystoreError(what, expected=f"at most {MAX_BYTES} bytes", actual="more")
    return content


def read_object(path: Path, what: str) -> dict[str, Json]:
    """Return the JSON object in a file; KeystoreError for anything else."""
    content = read_bounded(path, what)
    try:
        value = load_json(content)
    except (ValueError, RecursionError):
        # The parser's message stays out: its exception carries the whole file.
        raise KeystoreError(what, expected="JSON", actual="something else") from None
    if not isinstance(value, dict):
        raise KeystoreError(what, expected="a JSON object", actual=type(value).__name__)
    return value


def write_private(path: Path, content: bytes, what: str) -> None:
    """Write a new file that only its owner may read; KeystoreError when one is there.

    It appears with all of its content, on disk, or not at all. No key is ever overwritten.
    """
    partial = None
    try:
        handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, does not replace what is there.
        os.link(partial, path)
        _sync_directory(path.parent)
    except FileExistsError:
        raise KeystoreError(what, expected="no file of that name", actual="one") from None
    except OSError as error:
        raise KeystoreError(what, expected="a place to write to", actual=error.strerror) from error
    finally:
        if partial is not None:
            with suppress(OSError):
                os.unlink(partial)


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Files by which a kernel talks, behind a protocol so that a test can be the kernel."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from coprove.errors import InputError
from coprove.prover.tee.enclave.errors import QuoteMismatchError, QuoteUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["DeviceFiles", "KernelFiles", "answers_of"]

_LARGEST: Final = 1 << 20
_PIECE: Final = 1 << 16


class DeviceFiles(Protocol):
    """What is done with such files; failures are OSError."""

    def read(self, path: Path) -> bytes:
        """Return all that a file gives."""

    def write(self, path: Path, data: bytes) -> None:
        """Hand a file all of `data` at once."""

    def make_folder(self, path: Path) -> None:
        """Make a folder; in configfs this makes an object."""

    def remove_folder(self, path: Path) -> None:
        """Remove it again."""


class KernelFiles:
    """The files of the system that this process runs on."""

    def read(self, path: Path) -> bytes:
        """See DeviceFiles; a megabyte at most, since nothing that a device says is longer."""
        found = bytearray()
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while piece := os.read(descriptor, _PIECE):
                found += piece
                if len(found) > _LARGEST:
                    raise OSError(f"{path} gives more than {_LARGEST} bytes")
        finally:
            os.close(descriptor)
        return bytes(found)

    def write(self, path: Path, data: bytes) -> None:
        """See DeviceFiles; no file is ever made."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            written = os.write(descriptor, data)
        finally:
            os.close(descriptor)
        if written != len(data):
            raise OSError(f"{path} took {written} of {len(data)} bytes")

    def make_folder(self, path: Path) -> None:
        """See DeviceFiles."""
        path.mkdir(mode=0o700)

    def remove_folder(self, path: Path) -> None:
        """See DeviceFiles."""
        path.rmdir()


@contextmanager
def answers_of(device: str) -> Iterator[None]:
    """Turn failures inside the block into the errors of quotes.

    A device that does not answer is QuoteUnavailableError, an answer that is no evidence
    QuoteMismatchError.
    """
    try:
        yield
    except OSError as error:
        raise QuoteUnavailableError(f"{device}: {error}") from None
    except InputError as error:
        raise QuoteMismatchError(f"{device}: {error}") from None

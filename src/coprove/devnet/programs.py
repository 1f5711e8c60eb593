"""Files that stand for the guests where a network wants files: programs run natively here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ProgramFiles", "write_program"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramFiles:
    """A program as a prover network registers it."""

    elf: Path
    """Its executable, of which the local network only keeps the bytes."""
    vkey: Path
    """Its verification key, likewise."""


def write_program(folder: Path, name: str) -> ProgramFiles:
    """Write the files of a program; the same bytes each time."""
    folder.mkdir(parents=True, exist_ok=True)
    files = ProgramFiles(elf=folder / f"{name}.elf", vkey=folder / f"{name}.vkey")
    files.elf.write_bytes(b"\x7fELF coprove devnet " + name.encode())
    files.vkey.write_bytes(b"coprove devnet " + name.encode())
    return files

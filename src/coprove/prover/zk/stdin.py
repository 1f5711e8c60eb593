"""SP1's standard input: buffers that a guest reads in order, and proofs that it verifies.

bincode of `SP1Stdin {buffer: Vec<Vec<u8>>, ptr: usize, proofs: Vec<(SP1RecursionProof, vk)>}`
(sp1, crates/core/machine/src/io.rs). Uploaded as an artifact it is zstd of that from v6.1.0 on.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import zstandard

from coprove.prover.errors import ProofFormatError
from coprove.prover.zk.bincode import Reader, pack_u64

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["ZSTD_LEVEL", "Stdin", "compress", "decompress", "write_artifact"]

ZSTD_LEVEL: Final = 3
_CHUNK: Final = 4096
"""Few bytes at a time, since each may inflate some ten thousandfold."""
_ZSTD_MAGIC: Final = bytes.fromhex("28b52ffd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stdin:
    """What a guest is given."""

    buffers: tuple[bytes, ...]
    """One for each read of the guest."""
    proofs: tuple[tuple[bytes, bytes], ...] = ()
    """Recursion proof and verification key, both in bincode, for each proof it verifies."""

    def parts(self) -> Iterator[bytes]:
        """Return the encoding piece by piece, so that large buffers are not copied."""
        yield pack_u64(len(self.buffers))
        for buffer in self.buffers:
            yield pack_u64(len(buffer))
            yield buffer
        yield pack_u64(0)
        yield pack_u64(len(self.proofs))
        for proof, vkey in self.proofs:
            yield proof
            yield vkey

    def encode(self) -> bytes:
        """Return the encoding."""
        return b"".join(self.parts())

    @classmethod
    def decode(cls, data: bytes, *, proof_size: int = 0, vkey: bytes = b"") -> Stdin:
        """Read an encoding whose proofs have `proof_size` bytes and the key `vkey` each.

        Real proofs have no length in it, so only who knows their size can tell them apart.
        """
        reader = Reader(data)
        buffers = reader.vectors("stdin buffers")
        if pointer := reader.u64("stdin pointer"):
            raise ProofFormatError("stdin pointer", expected=0, actual=pointer)
        count = reader.u64("stdin proofs")
        if count * (proof_size + len(vkey)) != reader.left:
            raise ProofFormatError(
                "stdin proofs", expected=f"{count} proofs", actual=f"{reader.left} bytes"
            )
        proofs = []
        for index in range(count):
            proof = reader.take(proof_size, f"stdin proof {index}")
            found = reader.take(len(vkey), f"stdin key {index}")
            if found != vkey:
                raise ProofFormatError(f"stdin key {index}", expected="the program's", actual=found)
            proofs.append((proof, found))
        return cls(buffers=buffers, proofs=tuple(proofs))


def write_artifact(path: Path, parts: Iterator[bytes], *, zstd: bool) -> int:
    """Write an artifact's content to a file, whole or not at all; return its size in bytes."""
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        if zstd:
            with zstandard.ZstdCompressor(level=ZSTD_LEVEL).stream_writer(
                file, closefd=False
            ) as writer:
                for piece in parts:
                    writer.write(piece)
        else:
            for piece in parts:
                file.write(piece)
        file.flush()
        os.fsync(file.fileno())
        size = file.tell()
    part.replace(path)
    return size


def compress(data: bytes) -> bytes:
    """Return the zstd frame of an artifact."""
    return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(data)


def decompress(data: bytes, *, limit: int) -> bytes:
    """Return an artifact's content, compressed or not; ProofFormatError beyond `limit` bytes."""
    if data[:4] != _ZSTD_MAGIC:
        return data
    content = bytearray()
    frame = zstandard.ZstdDecompressor().decompressobj()
    try:
        for at in range(0, len(data), _CHUNK):
            content += frame.decompress(data[at : at + _CHUNK])
            if len(content) > limit:
                raise ProofFormatError("artifact", expected=f"{limit} bytes", actual="more")
    except zstandard.ZstdError as error:
        raise ProofFormatError("artifact", expected="a zstd frame", actual=error) from None
    if not frame.eof or frame.unused_data:
        raise ProofFormatError("artifact", expected="one whole zstd frame", actual="another end")
    return bytes(content)

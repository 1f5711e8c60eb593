"""Compression of channels: zlib, and from Fjord brotli behind a version byte.

A channel is read only up to a limit, and a stream that ends early or breaks gives what came before
the break: batches in that part count. Memory is bounded by the limit whatever the input.
Sources: https://specs.optimism.io/protocol/derivation.html#channel-format and
https://specs.optimism.io/protocol/fjord/derivation.html#brotli-channel-compression
"""

from __future__ import annotations

import zlib
from enum import Enum
from typing import Final

import brotli

from coprove.errors import InputError

__all__ = ["Compression", "compress", "decompress"]

BROTLI_VERSION: Final = 1
_ZLIB_METHODS: Final = (8, 15)
_STEP: Final = 1 << 16


class Compression(Enum):
    """How a channel's bytes are compressed."""

    ZLIB = "zlib"
    BROTLI = "brotli"


def compress(data: bytes, compression: Compression, *, level: int | None = None) -> bytes:
    """Compress the bytes of a channel.

    `level` is 0 to 9 for zlib (default 9) and 0 to 11 for brotli (default 10).
    """
    if compression is Compression.ZLIB:
        return zlib.compress(data, 9 if level is None else level)
    packed: bytes = brotli.compress(data, quality=10 if level is None else level)
    return bytes([BROTLI_VERSION]) + packed


def decompress(data: bytes, *, limit: int, allow_brotli: bool) -> bytes:
    """Return the first `limit` decompressed bytes of a channel, or fewer if the stream breaks off.

    Raises InputError when the first byte names no compression that is allowed.
    """
    if not data:
        raise InputError("channel", expected="a compression byte", actual="nothing")
    if data[0] & 0x0F in _ZLIB_METHODS:
        return _inflate(data, limit)
    if data[0] == BROTLI_VERSION and allow_brotli:
        return _unbrotli(memoryview(data)[1:], limit)
    raise InputError("channel", expected="zlib, or brotli from Fjord", actual=data[:1].hex())


def _inflate(data: bytes, limit: int) -> bytes:
    stream = zlib.decompressobj()
    out = bytearray()
    pending = data
    while not stream.eof and len(out) < limit:
        room = min(_STEP, limit - len(out))
        before = stream.copy()
        try:
            piece = stream.decompress(pending, room)
        except zlib.error:
            # The failed call keeps its output to itself: repeat it from the state before.
            out += _inflate_to_error(before, pending, room)
            break
        out += piece
        pending = stream.unconsumed_tail
        if not pending and len(piece) < room:
            break
    return bytes(out)


def _inflate_to_error(stream: zlib._Decompress, data: bytes, room: int) -> bytes:
    """Return up to `room` bytes that come before an error which `data` leads to.

    Ever smaller pieces of the input lead up to the byte that breaks; of what that byte itself still
    gives, the last decompressed byte may be missing, as zlib does not hand it out.
    """
    out = bytearray()
    offset = 0
    for size in (4096, 64, 1):
        while offset < len(data) and len(out) < room:
            before = stream.copy()
            try:
                out += stream.decompress(data[offset : offset + size])
            except zlib.error:
                stream = before
                break
            offset += size
    piece = b""
    try:
        while len(out) + len(piece) < room:
            longer = stream.copy().decompress(data[offset : offset + 1], len(piece) + 1)
            if len(longer) == len(piece):
                break
            piece = longer
    except zlib.error:  # `piece` is the longest that comes without the error
        pass
    return bytes(out + piece)[:room]


def _unbrotli(data: memoryview, limit: int) -> bytes:
    stream = brotli.Decompressor()
    out = bytearray()
    offset = 0
    try:
        while len(out) < limit and not stream.is_finished():
            if stream.can_accept_more_data():
                if offset >= len(data):
                    break
                piece = stream.process(
                    bytes(data[offset : offset + _STEP]),
                    output_buffer_limit=min(_STEP, limit - len(out)),
                )
                offset += _STEP
            else:
                piece = stream.process(b"", output_buffer_limit=min(_STEP, limit - len(out)))
            out += piece
    except brotli.error:  # what came out before the error stands
        pass
    return bytes(out[:limit])

"""Data inside EIP-4844 blobs: version 0 of the blob encoding.

Each field element has two unusable high bits. A round puts 127 bytes into four elements: four
chunks of 31 bytes behind the first byte of each, and three bytes more in the low six bits of those
first bytes. The first element starts with the version and the length (u24).
Source: https://specs.optimism.io/protocol/ecotone/derivation.html#blob-encoding
"""

from __future__ import annotations

from typing import Final

from coprove.errors import InputError

__all__ = ["BLOB_SIZE", "MAX_BLOB_DATA", "decode_blob", "encode_blob"]

BLOB_SIZE: Final = 131_072
"""Bytes of a blob: 4,096 field elements of 32."""

_ROUNDS: Final = 1024
_ROUND_IN: Final = 128
_ROUND_OUT: Final = 127
_HEADER: Final = 4

MAX_BLOB_DATA: Final = _ROUNDS * _ROUND_OUT - _HEADER
"""Bytes of data that fit into a blob (130,044)."""


def decode_blob(blob: bytes) -> bytes:
    """Return the data that `blob` carries.

    Raises InputError for another version, a length that does not fit, a field element with a high
    bit set, and for anything but zeros behind the data.
    """
    if len(blob) != BLOB_SIZE:
        raise InputError("blob", expected=f"{BLOB_SIZE} bytes", actual=len(blob))
    if blob[1] != 0:
        raise InputError("blob", expected="encoding version 0", actual=blob[1])
    length = int.from_bytes(blob[2:5], "big")
    if length > MAX_BLOB_DATA:
        raise InputError("blob length", expected=f"{MAX_BLOB_DATA} at most", actual=length)
    # The rounds that hold data; one at least, as the header lies in the first.
    rounds = max(1, -(-(length + _HEADER) // _ROUND_OUT))
    used = rounds * _ROUND_IN
    parts: list[bytes] = []
    for start in range(0, used, _ROUND_IN):
        a, b, c, d = blob[start], blob[start + 32], blob[start + 64], blob[start + 96]
        # The first element's high bits are masked, not checked, as by the reference decoder.
        if ((a if start else 0) | b | c | d) & 0xC0:
            raise InputError("blob", expected="field elements below 2^254", actual=start)
        parts += (
            blob[start + 1 : start + 32],
            bytes((a & 0x3F | (b & 0x30) << 2,)),
            blob[start + 33 : start + 64],
            bytes((b & 0x0F | (d & 0x0F) << 4,)),
            blob[start + 65 : start + 96],
            bytes((c & 0x3F | (d & 0x30) << 2,)),
            blob[start + 97 : start + 128],
        )
    data = b"".join(parts)[_HEADER:]
    if data[length:].strip(b"\0") or blob[used:].strip(b"\0"):
        raise InputError("blob", expected="zeros behind the data", actual="other bytes")
    return data[:length]


def encode_blob(data: bytes) -> bytes:
    """Return the blob that carries `data`; InputError when it is too long."""
    if len(data) > MAX_BLOB_DATA:
        raise InputError("blob data", expected=f"{MAX_BLOB_DATA} bytes at most", actual=len(data))
    content = b"\0" + len(data).to_bytes(3, "big") + data
    content += bytes(-len(content) % _ROUND_OUT)
    out = bytearray()
    for start in range(0, len(content), _ROUND_OUT):
        chunk = content[start : start + _ROUND_OUT]
        x, y, z = chunk[31], chunk[63], chunk[95]
        for head, body in (
            (x & 0x3F, chunk[:31]),
            (y & 0x0F | (x & 0xC0) >> 2, chunk[32:63]),
            (z & 0x3F, chunk[64:95]),
            ((z & 0xC0) >> 2 | (y & 0xF0) >> 4, chunk[96:127]),
        ):
            out.append(head)
            out += body
    return bytes(out) + bytes(BLOB_SIZE - len(out))

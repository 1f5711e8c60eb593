"""Verification keys as contracts hold them: read from what other tools print, and checked.

The range program's commitment is the key's digest, eight field elements of 31 bits, each as four
big-endian bytes; the aggregation program's is the digest as one element of BN254's scalar field.
Both digests are Poseidon2 hashes of the key, which only the SP1 SDK computes here.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from coprove.errors import InputError
from coprove.primitives.bounded_json import load_json
from coprove.types import Hash32

__all__ = [
    "VerificationKeys",
    "aggregation_vkey",
    "is_of_version_6",
    "range_commitment",
    "range_digest",
    "read_vkeys",
]

_MAX_FILE: Final = 1 << 20
_WORDS: Final = 8
_KOALA_BEAR: Final = 2**31 - 2**24 + 1
"""Field of SP1 from version 6 on, the larger of the two."""
_BABY_BEAR: Final = 2**31 - 2**27 + 1
"""Field of SP1 before version 6."""
_BN254: Final = 0x30644E72E131A029B85045B68181585D2833E84879B9709143E1F593F0000001
_RANGE_NAMES: Final = ("range_vkey_commitment", "rangeVkeyCommitment", "range_vkey_digest")
_AGGREGATION_NAMES: Final = ("aggregation_vkey", "aggregationVkey", "aggregation_vkey_hash")
_LINE: Final = re.compile(
    r"^\s*(range|aggregation)\b[^:\n]*(?:verification key|vkey)[^:\n]*:\s*(0x[0-9a-f]{64})\s*$",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationKeys:
    """The two keys, as far as they were given."""

    range_commitment: Hash32 | None
    """Commitment to the range program's key."""
    aggregation_vkey: Hash32 | None
    """Key of the aggregation program."""


def range_commitment(digest: list[int]) -> Hash32:
    """Return the commitment of a digest of eight field elements; InputError for another."""
    if len(digest) != _WORDS:
        raise InputError("range digest", expected="8 words", actual=f"{len(digest)} words")
    for index, word in enumerate(digest):
        if type(word) is not int or not 0 <= word < _KOALA_BEAR:
            raise InputError(
                f"range digest word {index}", expected=f"below {_KOALA_BEAR}", actual=word
            )
    return Hash32(b"".join(word.to_bytes(4, "big") for word in digest))


def range_digest(commitment: Hash32) -> list[int]:
    """Return the eight field elements of a commitment; InputError when one is no field element."""
    words = [int.from_bytes(commitment[at : at + 4], "big") for at in range(0, 32, 4)]
    range_commitment(words)
    if not any(words):
        raise InputError("range vkey commitment", expected="a digest", actual="zero")
    return words


def is_of_version_6(commitment: Hash32) -> bool | None:
    """Whether a commitment can only be of SP1 6 or later; None when it may be of either."""
    return True if max(range_digest(commitment)) >= _BABY_BEAR else None


def aggregation_vkey(value: Hash32) -> Hash32:
    """Return the key when it is an element of BN254's scalar field; InputError otherwise."""
    number = int.from_bytes(value, "big")
    if not 0 < number < _BN254:
        raise InputError(
            "aggregation vkey", expected="a non-zero element of BN254's scalar field", actual=value
        )
    return value


def read_vkeys(content: bytes, what: str) -> VerificationKeys:
    """Read keys from a manifest or an oracle's parameter file (JSON), or from what op-succinct's
    `config` and `vkey` tools print; InputError when there are none.

    Names in JSON: range_vkey_commitment or rangeVkeyCommitment (hex, or a list of eight numbers),
    range_vkey_digest (the list), aggregation_vkey, aggregationVkey or aggregation_vkey_hash.
    """
    if len(content) > _MAX_FILE:
        raise InputError(
            what, expected=f"at most {_MAX_FILE} bytes", actual=f"{len(content)} bytes"
        )
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise InputError(
            what,
            expected="a manifest or the tools' text; a key in bincode has to be hashed by the SP1"
            " SDK (Poseidon2), as op-succinct's config tool does",
            actual="binary",
        ) from None
    found = _of_json(text, what) if text.lstrip().startswith("{") else _of_text(text)
    if found.range_commitment is None and found.aggregation_vkey is None:
        raise InputError(what, expected="a verification key", actual=text[:60])
    return found


def _of_json(text: str, what: str) -> VerificationKeys:
    try:
        values = load_json(text.encode())
    except ValueError as error:
        raise InputError(what, expected="JSON", actual=error) from None
    if not isinstance(values, dict):
        raise InputError(what, expected="an object", actual=type(values).__name__)
    return VerificationKeys(
        range_commitment=_one(values, _RANGE_NAMES, _commitment),
        aggregation_vkey=_one(values, _AGGREGATION_NAMES, _aggregation),
    )


def _of_text(text: str) -> VerificationKeys:
    lines = {kind.lower(): value for kind, value in _LINE.findall(text)}
    commitment, aggregation = lines.get("range"), lines.get("aggregation")
    return VerificationKeys(
        range_commitment=None if commitment is None else _commitment("range", commitment),
        aggregation_vkey=None if aggregation is None else _aggregation("aggregation", aggregation),
    )


def _one(values: dict[str, Any], names: tuple[str, ...], read: Any) -> Hash32 | None:
    there = {name: read(name, values[name]) for name in names if values.get(name) is not None}
    if len(set(there.values())) > 1:
        raise InputError(" and ".join(there), expected="the same key", actual="different ones")
    return next(iter(there.values()), None)


def _commitment(name: str, value: object) -> Hash32:
    if isinstance(value, list):
        return range_commitment(value)
    commitment = Hash32.from_hex(_hex(name, value), name)
    range_digest(commitment)
    return commitment


def _aggregation(name: str, value: object) -> Hash32:
    return aggregation_vkey(Hash32.from_hex(_hex(name, value), name))


def _hex(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InputError(name, expected="32 bytes in hex", actual=json.dumps(value)[:60])
    return value if value.startswith("0x") else f"0x{value}"

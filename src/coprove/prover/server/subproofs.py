"""What a range proof says of itself, and the body of an aggregation request on its way to disk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coprove.errors import InputError
from coprove.prover.errors import ProofFormatError
from coprove.prover.server.errors import BodyTooLargeError, RequestFieldError, SubproofError
from coprove.prover.server.json_stream import JsonObjectReader
from coprove.prover.zk.sp1_proof import CompressedProof
from coprove.types import BootInfo, Hash32

if TYPE_CHECKING:
    from pathlib import Path

    from coprove.primitives.bounded_json import Json
    from coprove.prover.server.files import DataFolder
    from coprove.prover.server.options import ServerOptions

__all__ = ["AggregationBody", "claim_in_proof", "read_aggregation_body"]

_CLAIM_SIZE = 136
_CLAIM_LENGTH = _CLAIM_SIZE.to_bytes(8, "little")
_MOST_POSITIONS = 64
_MAX_SMALL = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregationBody:
    """The body of an aggregation request, its subproofs stored."""

    checkpoint: Hash32 | None
    """Hash of the L1 block in the member that names it; None when it is not there."""
    subproofs: tuple[bytes, ...] | None
    """SHA-256 of each subproof in order; None when the member is not there."""
    others: dict[str, Json]
    """Further members that were asked for."""


def claim_in_proof(proof: bytes) -> BootInfo:
    """Return the claim in a compressed proof as SP1's SDK saves it; SubproofError otherwise.

    The claim is at the proof's end; it is the proof that binds it, which whoever verifies checks.
    """
    at = proof.rfind(_CLAIM_LENGTH)
    for _ in range(_MOST_POSITIONS):
        if at < 0:
            break
        values = proof[at + 8 : at + 8 + _CLAIM_SIZE]
        if len(values) == _CLAIM_SIZE:
            try:
                CompressedProof.decode(proof, public_values=values)
                return BootInfo.decode(values)
            except ProofFormatError:
                pass
        at = proof.rfind(_CLAIM_LENGTH, 0, at + 7)
    raise SubproofError(
        "subproof", expected="a compressed SP1 proof of a range", actual=f"{len(proof)} bytes"
    )


def read_aggregation_body(
    path: Path,
    files: DataFolder,
    options: ServerOptions,
    *,
    checkpoint_member: str,
    other_members: tuple[str, ...] = (),
) -> AggregationBody:
    """Read a body from its file and store each subproof under its SHA-256.

    Memory is bounded by the options' limits for one piece. Raises MalformedBodyError,
    RequestFieldError and BodyTooLargeError.
    """
    checkpoint: Hash32 | None = None
    subproofs: tuple[bytes, ...] | None = None
    others: dict[str, Json] = {}
    with path.open("rb") as file:
        reader = JsonObjectReader(file)
        for name in reader.members():
            if name == checkpoint_member:
                checkpoint = _hash(name, reader.string(limit=_MAX_SMALL))
            elif name == "subproofs":
                subproofs = _store(reader, files, options)
            elif name in other_members:
                others[name] = reader.value(limit=_MAX_SMALL * options.max_subproofs)
    return AggregationBody(checkpoint=checkpoint, subproofs=subproofs, others=others)


def _store(
    reader: JsonObjectReader, files: DataFolder, options: ServerOptions
) -> tuple[bytes, ...]:
    digests: list[bytes] = []
    total = 0
    for pieces in reader.base64_items(limit=options.max_subproof_bytes):
        if len(digests) == options.max_subproofs:
            raise RequestFieldError(
                "subproofs", expected=f"at most {options.max_subproofs}", actual="more"
            )
        hasher = hashlib.sha256()
        temporary = files.temporary()
        try:
            with temporary.open("wb") as out:
                for piece in pieces:
                    hasher.update(piece)
                    total += out.write(piece)
                    if total > options.max_aggregation_bytes:
                        raise BodyTooLargeError("subproofs", options.max_aggregation_bytes)
            target = files.subproof(hasher.digest())
            if not target.exists():
                files.keep(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
        digests.append(hasher.digest())
    return tuple(digests)


def _hash(name: str, text: str) -> Hash32:
    if not text.startswith("0x"):
        raise RequestFieldError(name, expected="0x and 64 hex digits", actual=text)
    try:
        return Hash32.from_hex(text, name)
    except InputError as error:
        raise RequestFieldError(name, expected=error.expected, actual=error.actual) from None

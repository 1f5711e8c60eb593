"""`coprove vkeys`: verification keys as contracts hold them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from coprove.cli.console import print_result, read_file
from coprove.errors import InputError
from coprove.prover.zk.vkeys import (
    VerificationKeys,
    aggregation_vkey,
    is_of_version_6,
    range_commitment,
    range_digest,
    read_vkeys,
)
from coprove.types import Hash32

__all__ = ["vkeys"]


def vkeys(
    file: Path | None = None,
    /,
    *,
    range_digest: str | None = None,
    range_commitment: str | None = None,
    aggregation: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Check verification keys and print them as contracts hold them.

    Keys in bincode are hashed with Poseidon2, which takes the SP1 SDK: op-succinct's `config` tool
    prints both hashes, and its output is read here.

    Parameters
    ----------
    file
        A manifest or an oracle's parameter file (JSON), or what op-succinct's `config` or `vkey`
        tool printed.
    range_digest
        The range key's digest: eight numbers with commas (hash_u32 of the SP1 SDK).
    range_commitment
        The range key's commitment in hex.
    aggregation
        The aggregation key in hex (bytes32 of the SP1 SDK).
    json
        Print one JSON object instead of a table.
    """
    given = _given(file, range_digest, range_commitment, aggregation)
    values: dict[str, object] = {}
    if given.range_commitment is not None:
        values["range_vkey_commitment"] = str(given.range_commitment)
        values["range_digest"] = _words(given.range_commitment)
        newer = is_of_version_6(given.range_commitment)
        values["sp1_version"] = "6 or later" if newer else "any"
    if given.aggregation_vkey is not None:
        values["aggregation_vkey"] = str(given.aggregation_vkey)
    print_result(values, as_json=json)
    return 0


def _given(
    file: Path | None, digest: str | None, commitment: str | None, aggregation: str | None
) -> VerificationKeys:
    if (file is None) == (digest is None and commitment is None and aggregation is None):
        raise InputError("vkeys", expected="a file, or keys as flags", actual="both or neither")
    if file is not None:
        return read_vkeys(read_file(file), str(file))
    if digest is not None and commitment is not None:
        raise InputError("range key", expected="its digest or its commitment", actual="both")
    found: Hash32 | None = None
    if digest is not None:
        found = range_commitment(_numbers(digest))
    elif commitment is not None:
        found = Hash32.from_hex(commitment, "--range-commitment")
        range_digest(found)
    key = None
    if aggregation is not None:
        key = aggregation_vkey(Hash32.from_hex(aggregation, "--aggregation"))
    return VerificationKeys(range_commitment=found, aggregation_vkey=key)


def _numbers(text: str) -> list[int]:
    try:
        return [int(part, 0) for part in text.strip("[] ").split(",")]
    except ValueError:
        raise InputError("--range-digest", expected="eight numbers", actual=text) from None


def _words(commitment: Hash32) -> str:
    return ", ".join(map(str, range_digest(commitment)))

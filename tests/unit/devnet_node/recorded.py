"""The recorded calldata chain, in the node's own records."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

from coprove.devnet.node.store import StoredBlock
from coprove.primitives.rlp import decode, encode

EXAMPLE = Path(__file__).parents[3] / "examples" / "calldata"


@cache
def rows() -> tuple[dict[str, Any], ...]:
    """One JSON object for each L2 block, from genesis."""
    with gzip.open(EXAMPLE / "l2.jsonl.gz") as lines:
        return tuple(json.loads(line) for line in lines)


def hexed(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


@cache
def stored(number: int) -> StoredBlock:
    """The block of this number as the node keeps it."""
    row = rows()[number]
    parts = decode(hexed(row["block_rlp"]))
    assert isinstance(parts, list)
    header, body = parts[0], parts[1]
    assert isinstance(body, list)
    return StoredBlock(
        hash=hexed(row["hash"]),
        number=row["number"],
        parent_hash=hexed(row["block"]["parentHash"]),
        header=encode(header),
        transactions=tuple(item if isinstance(item, bytes) else encode(item) for item in body),
        receipts=tuple(hexed(item) for item in row["raw_receipts"]),
        senders=tuple(hexed(item["from"]) for item in row["block"]["transactions"]),
    )

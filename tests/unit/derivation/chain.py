"""The recorded chains as the records that the modules under test take."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from coprove.derivation.source import L1Block
from coprove.primitives import rlp
from coprove.types import BlockHeader, Hash32, L1ChainConfig, RollupConfig
from tests.vectors import recording_dir

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RECORDINGS = ("calldata", "blobs", "heavy")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedL2:
    """One line of l2.jsonl.gz."""

    header: BlockHeader
    hash: Hash32
    transactions: tuple[bytes, ...]
    output: dict[str, Any]
    block: dict[str, Any]
    receipts: tuple[bytes, ...]

    @property
    def first_tx(self) -> bytes | None:
        return self.transactions[0] if self.transactions else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A whole recording."""

    config: RollupConfig
    l1_config: L1ChainConfig
    l1: tuple[L1Block, ...]
    l2: tuple[RecordedL2, ...]


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def transactions_of(block_rlp: bytes) -> tuple[bytes, bytes, tuple[bytes, ...]]:
    """Return the header's RLP, and the transactions in EIP-2718 form, of a block."""
    header, transactions, *_ = rlp.decode_list(block_rlp)
    assert isinstance(transactions, list)
    raw = tuple(tx if isinstance(tx, bytes) else rlp.encode(tx) for tx in transactions)
    return rlp.encode(header), block_rlp, raw


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path) as lines:
        for line in lines:
            yield json.loads(line)


@cache
def load_chain(name: str) -> Chain:
    """Read the recording `name`; skips the test when it is not beside this checkout."""
    folder = recording_dir(name)
    l2 = []
    for row in _rows(folder / "l2.jsonl.gz"):
        header_rlp, _, transactions = transactions_of(unhex(row["block_rlp"]))
        l2.append(
            RecordedL2(
                header=BlockHeader.decode_rlp(header_rlp),
                hash=Hash32.from_hex(row["hash"]),
                transactions=transactions,
                output=row["output"],
                block=row["block"],
                receipts=tuple(unhex(raw) for raw in row["raw_receipts"]),
            )
        )
    return Chain(
        config=RollupConfig.from_json((folder / "rollup.json").read_bytes()),
        l1_config=L1ChainConfig.from_json((folder / "l1_chain_config.json").read_bytes()),
        l1=tuple(
            L1Block(
                header=BlockHeader.decode_rlp(unhex(row["header_rlp"])),
                hash=Hash32.from_hex(row["hash"]),
                transactions=tuple(unhex(raw) for raw in row["raw_transactions"]),
                receipts=tuple(unhex(raw) for raw in row["raw_receipts"]),
            )
            for row in _rows(folder / "l1.jsonl.gz")
        ),
        l2=tuple(l2),
    )

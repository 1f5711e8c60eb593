"""Blocks of the vectors in the form that the executor takes."""

from __future__ import annotations

import gzip
import json
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from coprove.execution import BlockExecutor, NodeStore
from coprove.primitives import rlp
from coprove.types import (
    Address,
    BlockHeader,
    Fork,
    Hash32,
    PayloadAttributes,
    RollupConfig,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def flat(pieces: Iterable[bytes]) -> bytes:
    return b"".join(struct.pack("<I", len(piece)) + piece for piece in pieces)


def unflat(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        yield data[at + 4 : at + 4 + length]
        at += 4 + length


def header_rlp(block: dict[str, Any]) -> bytes:
    """The RLP of a header in JSON-RPC form."""
    names = (
        "parentHash sha3Uncles miner stateRoot transactionsRoot receiptsRoot logsBloom difficulty"
    )
    names += " number gasLimit gasUsed timestamp extraData mixHash nonce baseFeePerGas"
    names += " withdrawalsRoot blobGasUsed excessBlobGas parentBeaconBlockRoot requestsHash"
    numbers = {"difficulty", "number", "gasLimit", "gasUsed", "timestamp"}
    numbers |= {"baseFeePerGas", "blobGasUsed", "excessBlobGas"}
    fields: list[rlp.Item] = []
    for name in names.split():
        value = block.get(name)
        if value is None:
            continue
        fields.append(rlp.encode_int(int(value, 16)) if name in numbers else unhex(value))
    return rlp.encode(fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One block and its witness."""

    config: RollupConfig
    parent: bytes
    attributes: PayloadAttributes
    hash: Hash32
    nodes: tuple[bytes, ...]
    codes: tuple[bytes, ...]
    headers: tuple[bytes, ...] = ()
    receipts_root: Hash32 | None = None
    raw_receipts: tuple[bytes, ...] = ()
    output: Hash32 | None = None

    def store(self) -> NodeStore:
        store = NodeStore()
        store.add_nodes(flat(self.nodes))
        store.add_codes(flat(self.codes))
        return store

    def executor(self, *, commit: bool = False, record: bool = False) -> BlockExecutor:
        return BlockExecutor(
            self.config, self.parent, self.store(), self.headers, commit=commit, record=record
        )

    def with_transactions(self, *transactions: bytes) -> PayloadAttributes:
        return replace(self.attributes, transactions=transactions)


def sepolia(folder: Path, number: int) -> Case:
    block = json.loads(gzip.decompress((folder / f"block-{number}.json.gz").read_bytes()))
    records = gzip.decompress((folder / f"block-{number}.kv.gz").read_bytes())
    pieces, at = [], 0
    while at < len(records):
        (length,) = struct.unpack_from("<I", records, at + 32)
        pieces.append(records[at + 36 : at + 36 + length])
        at += 36 + length
    payload = block["executing_payload"]
    return Case(
        config=RollupConfig.from_json({"regolith_time": 0, **block["rollup_config"]}),
        parent=header_rlp(block["parent_header"]),
        attributes=PayloadAttributes(
            timestamp=int(payload["timestamp"], 16),
            prev_randao=Hash32.from_hex(payload["prevRandao"]),
            suggested_fee_recipient=Address.from_hex(payload["suggestedFeeRecipient"]),
            parent_beacon_block_root=Hash32.from_hex(payload["parentBeaconBlockRoot"]),
            withdrawals_enabled=True,
            transactions=tuple(unhex(tx) for tx in payload["transactions"]),
            no_tx_pool=True,
            gas_limit=int(payload["gasLimit"], 16),
            eip_1559_params=unhex(payload["eip1559Params"]),
            min_base_fee=None,
        ),
        hash=Hash32.from_hex(block["expected_block_hash"]),
        # Nodes and codes are mixed in the file; each store keeps what is asked for by hash.
        nodes=tuple(pieces),
        codes=tuple(pieces),
    )


def recorded_rows(folder: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(folder / "l2.jsonl.gz") as lines:
        for line in lines:
            yield json.loads(line)


def recorded_config(folder: Path) -> RollupConfig:
    return RollupConfig.from_json((folder / "rollup.json").read_bytes())


def recorded(folder: Path) -> Iterator[Case]:
    """Every block of a recording but the first."""
    config = recorded_config(folder)
    parent = b""
    for row in recorded_rows(folder):
        block_rlp = unhex(row["block_rlp"])
        header_item, transactions, *_ = rlp.expect_list(rlp.decode(block_rlp), "block")
        raw_header = rlp.encode(header_item)
        header = BlockHeader.decode_rlp(raw_header)
        if row["number"]:
            yield _case(config, parent, header, row, transactions)
        parent = raw_header


def _case(
    config: RollupConfig, parent: bytes, header: BlockHeader, row: dict[str, Any], txs: rlp.Item
) -> Case:
    holocene = config.is_active(Fork.HOLOCENE, header.timestamp)
    jovian = config.is_active(Fork.JOVIAN, header.timestamp)
    witness = row["execution_witness"]
    return Case(
        config=config,
        parent=parent,
        attributes=PayloadAttributes(
            timestamp=header.timestamp,
            prev_randao=header.mix_hash,
            suggested_fee_recipient=header.beneficiary,
            parent_beacon_block_root=header.parent_beacon_block_root,
            withdrawals_enabled=True,
            transactions=tuple(
                tx if isinstance(tx, bytes) else rlp.encode(tx)
                for tx in rlp.expect_list(txs, "transactions")
            ),
            no_tx_pool=True,
            gas_limit=header.gas_limit,
            eip_1559_params=header.extra_data[1:9] if holocene else None,
            min_base_fee=int.from_bytes(header.extra_data[9:17], "big") if jovian else None,
        ),
        hash=Hash32.from_hex(row["hash"]),
        nodes=tuple(unhex(node) for node in witness["state"] + row["extra_state"]),
        codes=tuple(unhex(code) for code in witness["codes"]),
        headers=tuple(raw for raw in map(header_rlp, witness["headers"]) if raw != parent),
        receipts_root=header.receipts_root,
        raw_receipts=tuple(unhex(raw) for raw in row["raw_receipts"]),
        output=Hash32.from_hex(row["output"]["outputRoot"]),
    )

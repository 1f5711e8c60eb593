"""The answers of the four servers, from a recording's rows."""

from __future__ import annotations

import functools
import gzip
import json
from typing import TYPE_CHECKING, Any

from coprove.primitives import keccak256, rlp
from tests.replay.state import FullState, access_list, trace
from tests.replay.trie import NodePool, UnknownNodeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Params = list[Any]


class RpcFailure(Exception):  # noqa: N818
    """Becomes a JSON-RPC error object."""

    def __init__(self, code: int, message: str) -> None:
        """`code` and `message` go to the caller."""
        super().__init__(message)
        self.code = code


class ReplayChain:
    """Methods by server name ("l1", "l2", "node") and method name."""

    def __init__(self, path: Path) -> None:
        """Load the recording in the folder `path`."""
        self._path = path
        self.l1 = _rows(path / "l1.jsonl.gz")
        self.l2 = _rows(path / "l2.jsonl.gz")
        blobs = path / "blobs.jsonl.gz"
        self.blob_rows = _rows(blobs) if blobs.exists() else []
        self.sync_status = json.loads((path / "sync_status.json").read_bytes())
        self.l1_config = (path / "l1_chain_config.json").read_bytes()
        config = json.loads((path / "rollup.json").read_bytes())
        self.chain_ids = {"l1": config["l1_chain_id"], "l2": config["l2_chain_id"]}
        self.pool = NodePool(lambda name: self.state.get(name))  # noqa: PLW0108 - made when first asked
        for row in self.l2:
            witness = row["execution_witness"] or {"state": [], "codes": []}
            proof = row["message_passer_proof"]["accountProof"]
            extra = row.get("extra_state", [])
            for part in (witness["state"], witness["codes"], extra, proof):
                self.pool.add(bytes.fromhex(item[2:]) for item in part)
        self._by_hash = {
            "l1": {row["hash"]: row for row in self.l1},
            "l2": {row["hash"]: row for row in self.l2},
        }
        self.methods: dict[str, dict[str, Callable[[Params], Any]]] = {
            "l1": self._eth("l1"),
            "l2": {
                **self._eth("l2"),
                "debug_executionWitness": self._execution_witness,
                "debug_dbGet": self._db_get,
                "eth_getProof": self._get_proof,
                "eth_getCode": self._get_code,
                "debug_traceBlockByHash": self._trace,
                "eth_createAccessList": self._access_list,
                "eth_getTransactionByBlockNumberAndIndex": self._transaction_at,
            },
            "node": {
                "optimism_outputAtBlock": lambda p: self._row("l2", p[0])["output"],
                "optimism_syncStatus": lambda _: self.sync_status["optimism_syncStatus"],
                "optimism_rollupConfig": lambda _: self.sync_status["optimism_rollupConfig"],
                "optimism_safeHeadAtL1Block": self._safe_head,
            },
        }

    @functools.cached_property
    def state(self) -> FullState:
        """The whole state, for what the recorded witnesses do not hold."""
        return FullState(self._path)

    def _trace(self, params: Params) -> Any:
        number = int(self._row("l2", params[0])["block"]["number"], 16)
        return trace(*self.state.touched(number))

    def _access_list(self, params: Params) -> Any:
        touched, _ = self.state.touched(int(params[1], 16) + 1)
        return access_list(touched)

    def _eth(self, layer: str) -> dict[str, Callable[[Params], Any]]:
        rows = self.l1 if layer == "l1" else self.l2

        def block(params: Params) -> Any:
            row = self._find(layer, params[0])
            if row is None:
                return None
            found = dict(row["block"])
            if not params[1]:
                found["transactions"] = [tx["hash"] for tx in found["transactions"]]
            return found

        def receipt(params: Params) -> Any:
            for row in rows:
                for item in row["receipts"]:
                    if item["transactionHash"] == params[0]:
                        return item
            return None

        return {
            "eth_chainId": lambda _: hex(self.chain_ids[layer]),
            "eth_blockNumber": lambda _: hex(len(rows) - 1),
            "eth_getBlockByNumber": block,
            "eth_getBlockByHash": block,
            "eth_getBlockReceipts": lambda p: self._row(layer, p[0])["receipts"],
            "eth_getTransactionReceipt": receipt,
            "debug_getRawBlock": lambda p: self._raw_block(layer, p[0]),
            "debug_getRawReceipts": lambda p: self._row(layer, p[0])["raw_receipts"],
        }

    def _find(self, layer: str, name: str) -> dict[str, Any] | None:
        rows = self.l1 if layer == "l1" else self.l2
        if name in {"latest", "safe", "finalized"}:
            return rows[-1]
        if len(name) == 66:
            return self._by_hash[layer].get(name)
        number = int(name, 16)
        return rows[number] if number < len(rows) else None

    def _row(self, layer: str, name: str) -> dict[str, Any]:
        row = self._find(layer, name)
        if row is None:
            raise RpcFailure(-32000, f"block {name} not found")
        return row

    def _raw_block(self, layer: str, name: str) -> str:
        row = self._row(layer, name)
        if layer == "l2":
            return str(row["block_rlp"])
        header = rlp.decode(bytes.fromhex(row["header_rlp"][2:]))
        raw = [bytes.fromhex(tx[2:]) for tx in row["raw_transactions"]]
        items = [rlp.decode(tx) if tx[0] >= 0xC0 else tx for tx in raw]
        return "0x" + rlp.encode([header, items, [], []]).hex()

    def _execution_witness(self, params: Params) -> Any:
        return self._row("l2", params[0])["execution_witness"]

    def _db_get(self, params: Params) -> str:
        found = self.pool.get(bytes.fromhex(params[0][2:]))
        if found is None:
            raise RpcFailure(-32000, "leveldb: not found")
        return "0x" + found.hex()

    def _get_proof(self, params: Params) -> Any:
        address, slots, block = params
        root = bytes.fromhex(self._row("l2", block)["block"]["stateRoot"][2:])
        try:
            nodes, leaf = self.pool.walk(root, bytes.fromhex(address[2:]))
            storage_root = rlp.decode_list(leaf)[2] if leaf else keccak256(b"\x80")
            assert isinstance(storage_root, bytes)
            storage = []
            for slot in slots:
                proof, value = self.pool.walk(storage_root, bytes.fromhex(slot[2:]))
                storage.append(
                    {
                        "key": slot,
                        "value": "0x" + (rlp.decode(value).hex() if value else "0"),  # type: ignore[union-attr]
                        "proof": ["0x" + node.hex() for node in proof],
                    }
                )
        except UnknownNodeError as error:
            raise RpcFailure(-32000, f"missing trie node {error}") from None
        return {
            "address": address,
            "accountProof": ["0x" + node.hex() for node in nodes],
            "storageHash": "0x" + storage_root.hex(),
            "storageProof": storage,
        }

    def _get_code(self, params: Params) -> str:
        root = bytes.fromhex(self._row("l2", params[1])["block"]["stateRoot"][2:])
        _, leaf = self.pool.walk(root, bytes.fromhex(params[0][2:]))
        name = rlp.decode_list(leaf)[3] if leaf else b""
        assert isinstance(name, bytes)
        return "0x" + (self.pool.get(name) or b"").hex()

    def _transaction_at(self, params: Params) -> Any:
        transactions = self._row("l2", params[0])["block"]["transactions"]
        index = int(params[1], 16)
        return transactions[index] if index < len(transactions) else None

    def _safe_head(self, params: Params) -> Any:
        number = int(params[0], 16)
        entries = self.sync_status["safe_head_at_l1"]
        known = [entry for entry in entries if entry["l1"] <= number]
        if not known:
            raise RpcFailure(-32000, "not found")
        entry = known[-1]
        return {
            "l1Block": {
                "hash": self.l1[entry["safe_head_l1"]]["hash"],
                "number": entry["safe_head_l1"],
            },
            "safeHead": {
                "hash": self.l2[entry["safe_head"]]["hash"],
                "number": entry["safe_head"],
            },
        }


def _rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path) as lines:
        return [json.loads(line) for line in lines]

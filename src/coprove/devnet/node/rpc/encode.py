"""Blocks, transactions and logs as op-geth's JSON shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from coprove.devnet.node.rpc.codec import hex_data, hex_quantity
from coprove.devnet.node.transactions import Transaction, decode_transaction
from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.primitives.rlp import Item, decode, encode

if TYPE_CHECKING:
    from coprove.devnet.node.store import StoredBlock

__all__ = [
    "block_json",
    "block_rlp",
    "header_fields",
    "header_json",
    "header_number",
    "pending_transaction_json",
    "transaction_json",
]

_QUANTITIES: Final = frozenset(
    {
        "difficulty",
        "number",
        "gasLimit",
        "gasUsed",
        "timestamp",
        "baseFeePerGas",
        "blobGasUsed",
        "excessBlobGas",
    }
)
_FIELDS: Final = (
    "parentHash",
    "sha3Uncles",
    "miner",
    "stateRoot",
    "transactionsRoot",
    "receiptsRoot",
    "logsBloom",
    "difficulty",
    "number",
    "gasLimit",
    "gasUsed",
    "timestamp",
    "extraData",
    "mixHash",
    "nonce",
    "baseFeePerGas",
    "withdrawalsRoot",
    "blobGasUsed",
    "excessBlobGas",
    "parentBeaconBlockRoot",
    "requestsHash",
)
"""A header's members in RLP order, by their JSON names; later ones are absent before their fork."""


def header_fields(header: bytes) -> dict[str, bytes]:
    """Members of a header's RLP by their JSON names, as encoded."""
    items = decode(header)
    if not isinstance(items, list) or not 15 <= len(items) <= len(_FIELDS):
        raise InputError("header", expected=f"15 to {len(_FIELDS)} members", actual=len(items))
    fields = {}
    for name, item in zip(_FIELDS, items, strict=False):
        if not isinstance(item, bytes):
            raise InputError(f"header {name}", expected="bytes", actual="a list")
        fields[name] = item
    return fields


def header_number(header: bytes, name: str) -> int:
    """One numeric member of a header, by its JSON name; 0 when the header has not got it."""
    return int.from_bytes(header_fields(header).get(name, b""), "big")


def header_json(header: bytes) -> dict[str, Any]:
    """A header, without what only a whole block has (size, transactions, withdrawals)."""
    shown: dict[str, Any] = {
        name: hex_quantity(int.from_bytes(value, "big")) if name in _QUANTITIES else hex_data(value)
        for name, value in header_fields(header).items()
    }
    shown["hash"] = hex_data(keccak256(header))
    return shown


def block_rlp(block: StoredBlock) -> bytes:
    """The block's RLP, as debug_getRawBlock gives it."""
    header = decode(block.header)
    body: list[Item] = [decode(raw) if raw[0] >= 0xC0 else raw for raw in block.transactions]
    parts: list[Item] = [header, body, []]
    if "withdrawalsRoot" in header_fields(block.header):
        parts.append([])
    return encode(parts)


def block_json(block: StoredBlock, *, full: bool) -> dict[str, Any]:
    """A block with its transactions' hashes, or with the transactions when `full`."""
    shown = header_json(block.header)
    shown["size"] = hex_quantity(len(block_rlp(block)))
    shown["uncles"] = []
    if "withdrawalsRoot" in shown:
        shown["withdrawals"] = []
    shown["transactions"] = [
        transaction_json(block, index) if full else hex_data(keccak256(raw))
        for index, raw in enumerate(block.transactions)
    ]
    return shown


def _access_list(transaction: Transaction) -> list[dict[str, Any]]:
    return [
        {"address": hex_data(address), "storageKeys": [hex_data(slot) for slot in slots]}
        for address, slots in transaction.access_list
    ]


def _signed(transaction: Transaction) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "v": hex_quantity(transaction.v),
        "r": hex_quantity(transaction.r),
        "s": hex_quantity(transaction.s),
    }
    if transaction.chain_id is not None:
        shown["chainId"] = hex_quantity(transaction.chain_id)
    if transaction.type != 0:
        shown["yParity"] = shown["v"]
        shown["accessList"] = _access_list(transaction)
    if transaction.type in (2, 4):
        shown["maxFeePerGas"] = hex_quantity(transaction.max_fee)
        shown["maxPriorityFeePerGas"] = hex_quantity(transaction.max_tip)
    if transaction.type == 4:
        shown["authorizationList"] = [
            {
                "chainId": hex_quantity(item.chain_id),
                "address": hex_data(item.address),
                "nonce": hex_quantity(item.nonce),
                "yParity": hex_quantity(item.y_parity),
                "r": hex_quantity(item.r),
                "s": hex_quantity(item.s),
            }
            for item in transaction.authorizations
        ]
    return shown


def _body(transaction: Transaction, sender: bytes) -> dict[str, Any]:
    return {
        "from": hex_data(sender),
        "gas": hex_quantity(transaction.gas_limit),
        "hash": hex_data(transaction.hash),
        "input": hex_data(transaction.data),
        "nonce": hex_quantity(transaction.nonce),
        "to": None if transaction.to is None else hex_data(transaction.to),
        "value": hex_quantity(transaction.value),
        "type": hex_quantity(transaction.type),
    }


def pending_transaction_json(transaction: Transaction, sender: bytes) -> dict[str, Any]:
    """A transaction of the pool: its block fields are null."""
    return {
        "blockHash": None,
        "blockNumber": None,
        "blockTimestamp": None,
        "transactionIndex": None,
        "gasPrice": hex_quantity(transaction.max_fee),
        **_body(transaction, sender),
        **_signed(transaction),
    }


def transaction_json(block: StoredBlock, index: int) -> dict[str, Any]:
    """The transaction at a position of a block."""
    transaction = decode_transaction(block.transactions[index])
    fields = header_fields(block.header)
    base_fee = int.from_bytes(fields.get("baseFeePerGas", b""), "big")
    shown: dict[str, Any] = {
        "blockHash": hex_data(block.hash),
        "blockNumber": hex_quantity(block.number),
        "blockTimestamp": hex_quantity(int.from_bytes(fields["timestamp"], "big")),
        "transactionIndex": hex_quantity(index),
        "gasPrice": hex_quantity(transaction.effective_gas_price(base_fee)),
        **_body(transaction, block.senders[index]),
    }
    if not transaction.is_deposit:
        return shown | _signed(transaction)
    shown |= {
        "v": "0x0",
        "r": "0x0",
        "s": "0x0",
        "sourceHash": hex_data(transaction.source_hash or b""),
        "mint": hex_quantity(transaction.mint),
    }
    if transaction.is_system:
        shown["isSystemTx"] = True
    receipt = decode(block.receipts[index][1:])
    # A deposit's nonce is known from its receipt alone (Regolith; its version since Canyon).
    if isinstance(receipt, list) and len(receipt) > 4 and isinstance(receipt[4], bytes):
        shown["nonce"] = hex_quantity(int.from_bytes(receipt[4], "big"))
        if len(receipt) > 5 and isinstance(receipt[5], bytes):
            shown["depositReceiptVersion"] = hex_quantity(int.from_bytes(receipt[5], "big"))
    return shown

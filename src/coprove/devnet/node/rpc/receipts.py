"""Receipts and logs of a block as op-geth's JSON shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coprove.devnet.node.fees import L1FeeParameters, fee_parameters
from coprove.devnet.node.rpc.codec import hex_data, hex_quantity
from coprove.devnet.node.rpc.encode import header_number
from coprove.devnet.node.transactions import Transaction, decode_transaction
from coprove.primitives import keccak256
from coprove.primitives.rlp import (
    Item,
    decode_int,
    decode_list,
    encode,
    expect_bytes,
    expect_list,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.devnet.node.store import StoredBlock

__all__ = ["Log", "Receipt", "decode_receipt", "log_json", "receipts_json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """One event log."""

    address: bytes
    """Contract that emitted it."""
    topics: tuple[bytes, ...]
    """Up to four topics."""
    data: bytes
    """Data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A decoded receipt."""

    type: int
    """EIP-2718 type."""
    status: int
    """1: succeeded, 0: failed."""
    cumulative_gas: int
    """Gas of the block through this transaction."""
    bloom: bytes
    """256 bytes."""
    logs: tuple[Log, ...]
    """Its logs."""
    deposit_nonce: int | None
    """Deposit: nonce of its sender when it ran (Regolith)."""
    deposit_version: int | None
    """Deposit: version of the receipt (Canyon)."""


def _log(item: Item) -> Log:
    address, topics, data = expect_list(item, "log", 3)
    return Log(
        address=expect_bytes(address, "log address"),
        topics=tuple(
            expect_bytes(topic, "log topic") for topic in expect_list(topics, "log topics")
        ),
        data=expect_bytes(data, "log data"),
    )


def decode_receipt(raw: bytes) -> Receipt:
    """Decode an EIP-2718 receipt that the kernel made."""
    kind = 0 if raw[0] >= 0xC0 else raw[0]
    fields = decode_list(raw if kind == 0 else raw[1:], "receipt")
    return Receipt(
        type=kind,
        status=decode_int(fields[0]),
        cumulative_gas=decode_int(fields[1]),
        bloom=expect_bytes(fields[2], "bloom"),
        logs=tuple(_log(item) for item in expect_list(fields[3], "logs")),
        deposit_nonce=decode_int(fields[4]) if len(fields) > 4 else None,
        deposit_version=decode_int(fields[5]) if len(fields) > 5 else None,
    )


def log_json(
    block: StoredBlock, log: Log, *, transaction: bytes, index: int, log_index: int, time: str
) -> dict[str, Any]:
    """A log with its place in the chain."""
    return {
        "address": hex_data(log.address),
        "topics": [hex_data(topic) for topic in log.topics],
        "data": hex_data(log.data),
        "blockNumber": hex_quantity(block.number),
        "transactionHash": hex_data(transaction),
        "transactionIndex": hex_quantity(index),
        "blockHash": hex_data(block.hash),
        "blockTimestamp": time,
        "logIndex": hex_quantity(log_index),
        "removed": False,
    }


def _fees(transaction: Transaction, fees: L1FeeParameters) -> dict[str, Any]:
    shown = {
        "l1GasPrice": hex_quantity(fees.base_fee),
        "l1GasUsed": hex_quantity(fees.l1_gas_used(transaction.raw)),
        "l1Fee": hex_quantity(fees.l1_fee(transaction.raw)),
        "l1BaseFeeScalar": hex_quantity(fees.base_fee_scalar),
        "l1BlobBaseFee": hex_quantity(fees.blob_base_fee),
        "l1BlobBaseFeeScalar": hex_quantity(fees.blob_base_fee_scalar),
    }
    if fees.operator_fee_scalar or fees.operator_fee_constant:
        shown["operatorFeeScalar"] = hex_quantity(fees.operator_fee_scalar)
        shown["operatorFeeConstant"] = hex_quantity(fees.operator_fee_constant)
    if fees.da_footprint_gas_scalar is not None:
        shown["daFootprintGasScalar"] = hex_quantity(fees.da_footprint_gas_scalar)
        shown["blobGasUsed"] = hex_quantity(fees.da_footprint(transaction.raw))
    return shown


def _created(sender: bytes, nonce: int) -> str:
    minimal = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    return hex_data(keccak256(encode([sender, minimal]))[12:])


def receipts_json(
    block: StoredBlock, wanted: Callable[[int], bool] = lambda _index: True
) -> list[dict[str, Any]]:
    """The receipts of a block whose position is `wanted`, all by default."""
    base_fee = header_number(block.header, "baseFeePerGas")
    time = hex_quantity(header_number(block.header, "timestamp"))
    fees = fee_parameters(block)
    shown: list[dict[str, Any]] = []
    gas_before = logs_before = 0
    for index, (raw, raw_receipt) in enumerate(
        zip(block.transactions, block.receipts, strict=True)
    ):
        receipt = decode_receipt(raw_receipt)
        gas_used, first_log = receipt.cumulative_gas - gas_before, logs_before
        gas_before, logs_before = receipt.cumulative_gas, logs_before + len(receipt.logs)
        if not wanted(index):
            continue
        transaction, sender = decode_transaction(raw), block.senders[index]
        nonce = transaction.nonce
        entry: dict[str, Any] = {
            "blockHash": hex_data(block.hash),
            "blockNumber": hex_quantity(block.number),
            "contractAddress": None,
            "cumulativeGasUsed": hex_quantity(receipt.cumulative_gas),
            "effectiveGasPrice": hex_quantity(transaction.effective_gas_price(base_fee)),
            "from": hex_data(sender),
            "gasUsed": hex_quantity(gas_used),
            "logs": [
                log_json(
                    block,
                    log,
                    transaction=transaction.hash,
                    index=index,
                    log_index=first_log + position,
                    time=time,
                )
                for position, log in enumerate(receipt.logs)
            ],
            "logsBloom": hex_data(receipt.bloom),
            "status": hex_quantity(receipt.status),
            "to": None if transaction.to is None else hex_data(transaction.to),
            "transactionHash": hex_data(transaction.hash),
            "transactionIndex": hex_quantity(index),
            "type": hex_quantity(receipt.type),
        }
        if receipt.deposit_nonce is not None:
            nonce = receipt.deposit_nonce
            entry["depositNonce"] = hex_quantity(nonce)
        if receipt.deposit_version is not None:
            entry["depositReceiptVersion"] = hex_quantity(receipt.deposit_version)
        if not transaction.is_deposit and fees is not None:
            entry |= _fees(transaction, fees)
        if transaction.to is None:
            entry["contractAddress"] = _created(sender, nonce)
        shown.append(entry)
    return shown

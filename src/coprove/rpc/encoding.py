"""Consensus encodings rebuilt from JSON-RPC objects, for servers that lack debug_getRaw*.

Nothing here is believed: the caller hashes what comes out and compares. Sources: execution-specs
(headers, transactions, receipts), EIP-2718, 2930, 1559, 4844, 7702, 7685; the OP Stack's
specification of deposits and deposit receipts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coprove.primitives import rlp
from coprove.rpc.errors import MalformedResponseError
from coprove.rpc.fields import array, boolean, data, fixed, member, quantity, record

if TYPE_CHECKING:
    from coprove.primitives.rlp import Encodable
    from coprove.rpc.http import Json

__all__ = ["encode_header", "encode_receipt", "encode_transaction"]

DEPOSIT_TYPE = 0x7E
"""EIP-2718 type of an OP Stack deposit."""

_OPTIONAL_HEADER_FIELDS = (
    ("baseFeePerGas", None),
    ("withdrawalsRoot", 32),
    ("blobGasUsed", None),
    ("excessBlobGas", None),
    ("parentBeaconBlockRoot", 32),
    ("requestsHash", 32),
)
"""Fields that forks from London to Prague appended, with their size (None: a quantity)."""


def encode_header(value: Json) -> bytes:
    """Return the RLP of a block's header, from a block or header object.

    Fields that are not known here are left out: then the hash tells that something is missing.
    """
    obj = record(value, "header")

    def byte_field(name: str, size: int) -> bytes:
        return fixed(member(obj, name, "header"), size, f"header.{name}")

    def int_field(name: str, bits: int = 64) -> bytes:
        return rlp.encode_int(quantity(member(obj, name, "header"), f"header.{name}", bits))

    items: list[Encodable] = [
        byte_field("parentHash", 32),
        byte_field("sha3Uncles", 32),
        byte_field("miner", 20),
        byte_field("stateRoot", 32),
        byte_field("transactionsRoot", 32),
        byte_field("receiptsRoot", 32),
        byte_field("logsBloom", 256),
        int_field("difficulty", 256),
        int_field("number"),
        int_field("gasLimit"),
        int_field("gasUsed"),
        int_field("timestamp"),
        data(member(obj, "extraData", "header"), "header.extraData"),
        byte_field("mixHash", 32),
        byte_field("nonce", 8),
    ]
    ended_at = ""
    for name, size in _OPTIONAL_HEADER_FIELDS:
        if obj.get(name) is None:
            ended_at = ended_at or name
            continue
        if ended_at:
            raise MalformedResponseError(
                "header", expected=f"no {name} without {ended_at}", actual=obj.get(name)
            )
        items.append(int_field(name, 256) if size is None else byte_field(name, size))
    return rlp.encode(items)


def encode_transaction(value: Json) -> bytes:
    """Return the EIP-2718 bytes of a transaction object of any known type."""
    obj = record(value, "transaction")
    kind = quantity(obj.get("type", "0x0"), "transaction.type", 8)
    fields = _Fields(obj, "transaction")
    if kind == DEPOSIT_TYPE:
        return bytes([kind]) + rlp.encode(_deposit_items(obj, fields))
    to, value_, input_ = fields.recipient(), fields.integer("value", 256), fields.input()
    gas, nonce = fields.integer("gas"), fields.integer("nonce")
    if kind == 0:
        return rlp.encode(
            [
                nonce,
                fields.integer("gasPrice", 256),
                gas,
                to,
                value_,
                input_,
                *fields.legacy_signature(),
            ]
        )
    chain_id = fields.integer("chainId", 256)
    fees = (
        [fields.integer("gasPrice", 256)]
        if kind == 1
        else [fields.integer("maxPriorityFeePerGas", 256), fields.integer("maxFeePerGas", 256)]
    )
    items: list[Encodable] = [chain_id, nonce, *fees, gas, to, value_, input_, fields.access_list()]
    if kind == 3:
        hashes = array(obj.get("blobVersionedHashes"), "transaction.blobVersionedHashes")
        items += [
            fields.integer("maxFeePerBlobGas", 256),
            [fixed(item, 32, "transaction.blobVersionedHashes") for item in hashes],
        ]
    elif kind == 4:
        items.append(fields.authorizations())
    elif kind not in {1, 2}:
        raise MalformedResponseError(
            "transaction.type", expected="0, 1, 2, 3, 4 or 0x7e", actual=hex(kind)
        )
    return bytes([kind]) + rlp.encode([*items, *fields.signature()])


def encode_receipt(value: Json) -> bytes:
    """Return the EIP-2718 bytes of a receipt object of any known type.

    A deposit receipt commits to its nonce only together with depositReceiptVersion (Canyon).
    """
    obj = record(value, "receipt")
    kind = quantity(obj.get("type", "0x0"), "receipt.type", 8)
    fields = _Fields(obj, "receipt")
    outcome = (
        fixed(obj["root"], 32, "receipt.root")
        if obj.get("root") and obj.get("status") is None
        else fields.integer("status", 1)
    )
    logs: list[Encodable] = []
    for entry in array(obj.get("logs"), "receipt.logs"):
        log = record(entry, "log")
        topics = array(log.get("topics"), "log.topics", 4)
        logs.append(
            [
                fixed(log.get("address"), 20, "log.address"),
                [fixed(topic, 32, "log.topics") for topic in topics],
                data(log.get("data"), "log.data"),
            ]
        )
    bloom = fixed(obj.get("logsBloom"), 256, "receipt.logsBloom")
    items: list[Encodable] = [outcome, fields.integer("cumulativeGasUsed"), bloom, logs]
    if kind == DEPOSIT_TYPE and obj.get("depositReceiptVersion") is not None:
        items += [fields.integer("depositNonce"), fields.integer("depositReceiptVersion")]
    payload = rlp.encode(items)
    return payload if kind == 0 else bytes([kind]) + payload


def _deposit_items(obj: dict[str, Json], fields: _Fields) -> list[Encodable]:
    """Items of a deposit; a missing mint and a mint of zero have the same encoding."""
    mint = obj.get("mint")
    system = obj.get("isSystemTx")
    return [
        fixed(obj.get("sourceHash"), 32, "transaction.sourceHash"),
        fixed(obj.get("from"), 20, "transaction.from"),
        fields.recipient(),
        rlp.encode_int(0 if mint is None else quantity(mint, "transaction.mint", 128)),
        fields.integer("value", 256),
        fields.integer("gas"),
        b"\x01" if system is not None and boolean(system, "transaction.isSystemTx") else b"",
        fields.input(),
    ]


class _Fields:
    """Reads fields of one object into RLP byte strings."""

    def __init__(self, obj: dict[str, Json], what: str) -> None:
        self._obj = obj
        self._what = what

    def integer(self, name: str, bits: int = 64) -> bytes:
        value = member(self._obj, name, self._what)
        return rlp.encode_int(quantity(value, f"{self._what}.{name}", bits))

    def recipient(self) -> bytes:
        to = self._obj.get("to")
        return b"" if to is None else fixed(to, 20, f"{self._what}.to")

    def input(self) -> bytes:
        found = self._obj.get("input")
        return data(self._obj.get("data") if found is None else found, f"{self._what}.input")

    def access_list(self) -> list[Encodable]:
        items: list[Encodable] = []
        for entry in array(self._obj.get("accessList"), f"{self._what}.accessList"):
            access = record(entry, "accessList")
            keys = array(access.get("storageKeys"), "accessList.storageKeys")
            items.append(
                [
                    fixed(access.get("address"), 20, "accessList.address"),
                    [fixed(key, 32, "accessList.storageKeys") for key in keys],
                ]
            )
        return items

    def authorizations(self) -> list[Encodable]:
        items: list[Encodable] = []
        for entry in array(self._obj.get("authorizationList"), "authorizationList"):
            fields = _Fields(record(entry, "authorization"), "authorization")
            address = fixed(fields._obj.get("address"), 20, "authorization.address")
            items.append(
                [
                    fields.integer("chainId", 256),
                    address,
                    fields.integer("nonce"),
                    *fields.signature(8),
                ]
            )
        return items

    def legacy_signature(self) -> list[bytes]:
        return [self.integer("v", 256), self.integer("r", 256), self.integer("s", 256)]

    def signature(self, parity_bits: int = 1) -> list[bytes]:
        parity = "yParity" if self._obj.get("yParity") is not None else "v"
        return [self.integer(parity, parity_bits), self.integer("r", 256), self.integer("s", 256)]

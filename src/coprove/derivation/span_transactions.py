"""Transactions inside a span batch: their fields lie apart, grouped by kind.

txs = contract_creation_bits ++ y_parity_bits ++ tx_sigs ++ tx_tos ++ tx_datas ++ tx_nonces ++
tx_gases ++ protected_bits. `tx_datas` holds what varies in length, as RLP lists behind their type:
legacy (value, gas price, data), 1 and 2 with their access list, 4 (from Isthmus) with its
authorizations. Full transactions are put together from slices of those bytes, whose shape is
checked but which are not decoded, so that thousands cost little.
Sources: https://specs.optimism.io/protocol/delta/span-batches.html#span-batch-format and
https://specs.optimism.io/protocol/isthmus/derivation.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from coprove.derivation.parameters import MAX_SPAN_BATCH_ELEMENTS
from coprove.derivation.wire import (
    Reader,
    encode_bits,
    encode_uvarint,
    item_bounds,
    list_items,
)
from coprove.errors import InputError
from coprove.primitives import rlp

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["SpanTransactions", "decode_span_transactions", "encode_span_transactions"]

_LEGACY: Final = 0
_ACCESS_LIST: Final = 1
_DYNAMIC_FEE: Final = 2
_SET_CODE: Final = 4

_FIELDS: Final = {_LEGACY: 3, _ACCESS_LIST: 4, _DYNAMIC_FEE: 5, _SET_CODE: 6}
"""How many items the list in tx_datas has, by transaction type."""

_EMPTY_LIST: Final = b"\xc0"
_LIST_HEAD: Final = tuple(bytes([0xC0 + size]) for size in range(56))
_STRING_HEAD: Final = tuple(bytes([0x80 + size]) for size in range(56))


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanTransactions:
    """The transactions of a span batch as they lie in it."""

    creations: str
    """For each transaction "1" if it creates a contract (it has no `to`), else "0"."""
    parities: str
    """For each transaction the y parity of its signature, "0" or "1"."""
    signatures: bytes
    """For each transaction r and s, 64 bytes."""
    recipients: bytes
    """`to` of each transaction that is no creation, 20 bytes each."""
    datas: tuple[bytes, ...]
    """For each transaction its type (none for legacy) and the RLP list of its further fields."""
    nonces: tuple[int, ...]
    """For each transaction its nonce; u64."""
    gas_limits: tuple[int, ...]
    """For each transaction its gas limit; u64."""
    protected: str
    """For each legacy transaction "1" if its signature names the chain (EIP-155), else "0"."""

    def rebuild(self, chain_id: int) -> list[bytes]:
        """Return the full transactions, EIP-2718 encoded.

        Raises InputError for a type that span batches do not carry, and for lists of a wrong shape.
        """
        chain = _string(rlp.encode_int(chain_id))
        transactions: list[bytes] = []
        recipient = legacy = 0
        for index, data in enumerate(self.datas):
            if self.creations[index] == "1":
                to = b"\x80"
            else:
                to = b"\x94" + self.recipients[recipient : recipient + 20]
                recipient += 20
            parity = self.parities[index] == "1"
            nonce = _integer(self.nonces[index])
            gas = _integer(self.gas_limits[index])
            signature = self.signatures[64 * index : 64 * index + 64]
            r = _string(signature[:32].lstrip(b"\0"))
            s = _string(signature[32:].lstrip(b"\0"))
            kind = data[0]
            if kind > 0x7F:
                value, price, payload = _fields(data, 0, _LEGACY)
                if self.protected[legacy] == "1":
                    # As a node with 64-bit arithmetic computes it.
                    v = _integer((2 * chain_id + 35 + parity) & 0xFFFFFFFFFFFFFFFF)
                else:
                    v = _integer(27 + parity)
                legacy += 1
                body = b"".join((nonce, price, gas, to, value, payload, v, r, s))
                transactions.append(_list(body))
                continue
            y = b"\x01" if parity else b"\x80"
            parts: tuple[bytes, ...]
            if kind == _DYNAMIC_FEE:
                value, tip, cap, payload, access = _fields(data, 1, kind)
                parts = (chain, nonce, tip, cap, gas, to, value, payload, access, y, r, s)
            elif kind == _ACCESS_LIST:
                value, price, payload, access = _fields(data, 1, kind)
                parts = (chain, nonce, price, gas, to, value, payload, access, y, r, s)
            elif kind == _SET_CODE:
                if to == b"\x80":
                    raise InputError("set-code transaction", expected="a recipient", actual="none")
                value, tip, cap, payload, access, auths = _fields(data, 1, kind)
                parts = (chain, nonce, tip, cap, gas, to, value, payload, access, auths, y, r, s)
            else:
                raise InputError("span batch transaction", expected="type 0, 1, 2, 4", actual=kind)
            transactions.append(data[:1] + _list(b"".join(parts)))
        return transactions


def decode_span_transactions(reader: Reader, count: int) -> SpanTransactions:
    """Read the `count` transactions of a span batch, without looking into their data."""
    creations = reader.bits(count)
    parities = reader.bits(count)
    signatures = reader.take(64 * count)
    recipients = reader.take(20 * creations.count("0"))
    datas = tuple([_read_data(reader) for _ in range(count)])
    nonces = reader.uvarints(count)
    gas_limits = reader.uvarints(count)
    # A type byte 0 is none that exists, but it is counted as legacy before that is noticed.
    legacy = sum(data[0] == 0 or data[0] > 0x7F for data in datas)
    return SpanTransactions(
        creations=creations,
        parities=parities,
        signatures=signatures,
        recipients=recipients,
        datas=datas,
        nonces=nonces,
        gas_limits=gas_limits,
        protected=reader.bits(legacy),
    )


def encode_span_transactions(transactions: Iterable[bytes], chain_id: int) -> bytes:
    """Return the bytes of signed transactions inside a span batch.

    Raises InputError for types that span batches do not carry and for another chain's
    transactions.
    """
    creations, parities, protected = [], [], []
    signatures, recipients, datas, nonces, gas_limits = [], [], [], [], []
    for raw in transactions:
        kind = _LEGACY if raw[:1] > b"\x7f" else raw[0] if raw else -1
        fields = rlp.decode_list(raw if kind == _LEGACY else raw[1:], "transaction")
        if kind == _LEGACY and len(fields) == 9:
            nonce, price, gas, to, value, payload, v_item, r, s = fields
            v = rlp.decode_int(v_item, "v")
            is_protected = v not in (27, 28)
            if is_protected and (v - 35) // 2 != chain_id:
                raise InputError("transaction v", expected=f"chain {chain_id}", actual=v)
            protected.append(is_protected)
            parity = (v - 35) & 1 if is_protected else v - 27
            data = rlp.encode([value, price, payload])
        elif kind in _FIELDS and len(fields) == _FIELDS[kind] + 7:
            chain, nonce, *middle, y_item, r, s = fields
            if rlp.decode_int(chain, "chain id") != chain_id:
                raise InputError("transaction", expected=f"chain {chain_id}", actual=chain)
            prices = 1 if kind == _ACCESS_LIST else 2
            gas, to, value, *rest = middle[prices:]
            parity = rlp.decode_int(y_item, "y parity")
            data = raw[:1] + rlp.encode([value, *middle[:prices], *rest])
        else:
            raise InputError("span batch transaction", expected="type 0, 1, 2 or 4", actual=kind)
        if parity not in (0, 1):
            raise InputError("transaction y parity", expected="0 or 1", actual=parity)
        parities.append(bool(parity))
        creations.append(to == b"")
        if to != b"":
            recipients.append(rlp.expect_bytes(to, "recipient", 20))
        signatures += [rlp.decode_int(part, "signature").to_bytes(32, "big") for part in (r, s)]
        datas.append(data)
        nonces.append(encode_uvarint(rlp.decode_int(nonce, "nonce", 8)))
        gas_limits.append(encode_uvarint(rlp.decode_int(gas, "gas limit", 8)))
    head = encode_bits(creations) + encode_bits(parities)
    body = b"".join((*signatures, *recipients, *datas, *nonces, *gas_limits))
    return head + body + encode_bits(protected)


def _read_data(reader: Reader) -> bytes:
    """Take one entry of tx_datas: a type byte unless it is legacy, and one RLP list."""
    start = reader.offset
    at = start if reader.peek(start) > 0x7F else start + 1
    first = reader.peek(at)
    if first < 0xC0:
        raise InputError("span batch tx_data", expected="an RLP list", actual=first)
    _, end = item_bounds(reader.data, at, reader.end)
    if end - at > MAX_SPAN_BATCH_ELEMENTS:
        raise InputError("span batch tx_data", expected="10,000,000 bytes", actual=end - at)
    return reader.take(end - start)


def _fields(data: bytes, offset: int, kind: int) -> list[bytes]:
    """Split the list at `offset` into the encodings of its items, checking their shapes."""
    fields = [data[start:end] for start, end in list_items(data, offset, _FIELDS[kind])]
    if len(fields) != _FIELDS[kind]:
        raise InputError("tx_data", expected=f"{_FIELDS[kind]} items", actual=len(fields))
    prices = 2 if kind in (_LEGACY, _ACCESS_LIST) else 3
    for number in fields[:prices]:
        _check_integer(number, 33 if kind == _SET_CODE else len(number))
    if fields[prices][0] > 0xBF:
        raise InputError("tx_data payload", expected="a byte string", actual="a list")
    if kind != _LEGACY and fields[prices + 1] != _EMPTY_LIST:
        _check_access_list(fields[prices + 1])
    if kind == _SET_CODE:
        _check_authorizations(fields[-1])
    return fields


def _check_integer(encoded: bytes, size: int) -> None:
    first = encoded[0]
    if first > 0xBF or len(encoded) > size:
        raise InputError("tx_data number", expected="an integer", actual=encoded[:40].hex())
    if first == 0 or (first > 0x80 and encoded[1 if first < 0xB8 else first - 0xB6] == 0):
        raise InputError("tx_data number", expected="no leading zeros", actual=encoded[:40].hex())


def _check_access_list(encoded: bytes) -> None:
    # Walked rather than decoded, as millions of tiny items may hide in it.
    for entry, _ in list_items(encoded, 0):
        (address, _), (keys, _) = list_items(encoded, entry, 2, "access list entry")
        if encoded[address] != 0x94:
            raise InputError("access list address", expected="20 bytes", actual="another item")
        for key, _ in list_items(encoded, keys):
            if encoded[key] != 0xA0:
                raise InputError("access list key", expected="32 bytes", actual="another item")


def _check_authorizations(encoded: bytes) -> None:
    for start, _ in list_items(encoded, 0):
        items = [encoded[at:to] for at, to in list_items(encoded, start, 6, "authorization")]
        chain, address, nonce, parity, r, s = items
        if address[0] != 0x94:
            raise InputError("authorization", expected="an address", actual=address[:32].hex())
        for number, size in ((chain, 33), (nonce, 9), (parity, 2), (r, 33), (s, 33)):
            _check_integer(number, size)


def _integer(value: int) -> bytes:
    if 0 < value < 0x80:
        return bytes((value,))
    size = (value.bit_length() + 7) // 8
    return _STRING_HEAD[size] + value.to_bytes(size, "big")


def _string(data: bytes) -> bytes:
    """Encode a short byte string (below 56 bytes)."""
    if len(data) == 1 and data[0] < 0x80:
        return data
    return _STRING_HEAD[len(data)] + data


def _list(body: bytes) -> bytes:
    size = len(body)
    if size < 56:
        return _LIST_HEAD[size] + body
    width = (size.bit_length() + 7) // 8
    return bytes((0xF7 + width,)) + size.to_bytes(width, "big") + body

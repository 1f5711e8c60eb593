"""Decode EIP-2718 transactions as far as the pool and the JSON encoders need.

The kernel decodes transactions again, by itself, when it executes them: nothing here decides
whether a block is valid.
"""

from __future__ import annotations

from dataclasses import dataclass

from coprove.errors import InputError
from coprove.primitives import keccak256
from coprove.primitives.rlp import Item, decode, decode_int, expect_bytes, expect_list

__all__ = ["DEPOSIT_TYPE", "Authorization", "Transaction", "decode_transaction"]

DEPOSIT_TYPE = 0x7E
"""EIP-2718 type of a deposit (specs/protocol/deposits)."""

_FIELDS = {0x00: 9, 0x01: 11, 0x02: 12, 0x04: 13, DEPOSIT_TYPE: 8}
"""Members of each type's RLP list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """One entry of an EIP-7702 authorization list."""

    chain_id: int
    """Chain that it is for; 0: any."""
    address: bytes
    """Account whose code is delegated to."""
    nonce: int
    """Nonce of the signer."""
    y_parity: int
    """Parity of the signature's R point."""
    r: int
    """Signature."""
    s: int
    """Signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A decoded transaction of type 0, 1, 2, 4 or 0x7e."""

    raw: bytes
    """EIP-2718 encoding."""
    hash: bytes
    """Keccak-256 of `raw`."""
    type: int
    """EIP-2718 type; 0 for a legacy transaction."""
    chain_id: int | None
    """Chain id; None for a legacy transaction without replay protection and for a deposit."""
    nonce: int
    """Nonce of the sender; 0 for a deposit (its real one is in the receipt)."""
    gas_limit: int
    """Gas limit."""
    max_fee: int
    """Most that is paid for one gas, in wei; the gas price of types 0 and 1."""
    max_tip: int
    """Most that goes to the fee recipient for one gas, in wei; the gas price of types 0 and 1."""
    to: bytes | None
    """Recipient; None creates a contract."""
    value: int
    """Value in wei."""
    data: bytes
    """Input."""
    access_list: tuple[tuple[bytes, tuple[bytes, ...]], ...] = ()
    """EIP-2930 access list: address and its slots."""
    authorizations: tuple[Authorization, ...] = ()
    """EIP-7702 authorizations."""
    v: int = 0
    """Signature's v as encoded: with EIP-155 for type 0, the parity otherwise."""
    r: int = 0
    """Signature."""
    s: int = 0
    """Signature."""
    source_hash: bytes | None = None
    """Deposit: what makes it unique."""
    sender: bytes | None = None
    """Deposit: who it acts for; None for signed types, whose sender comes from the signature."""
    mint: int = 0
    """Deposit: wei minted to the sender."""
    is_system: bool = False
    """Deposit: a system transaction (before Regolith)."""

    @property
    def is_deposit(self) -> bool:
        """Whether it came from L1 or from the protocol."""
        return self.type == DEPOSIT_TYPE

    def effective_gas_price(self, base_fee: int) -> int:
        """Wei paid for one gas in a block with this base fee; 0 for a deposit."""
        if self.is_deposit:
            return 0
        return min(self.max_fee, base_fee + self.max_tip)

    def effective_tip(self, base_fee: int) -> int:
        """Wei for one gas that go to the fee recipient; negative when the fee cap is too low."""
        return min(self.max_tip, self.max_fee - base_fee)


def _bad(what: str, expected: str, actual: object) -> InputError:
    return InputError(f"transaction {what}", expected=expected, actual=actual)


def _bytes(item: Item, what: str, length: int | None = None) -> bytes:
    return expect_bytes(item, f"transaction {what}", length)


def _list(item: Item, what: str, length: int | None = None) -> list[Item]:
    return expect_list(item, f"transaction {what}", length)


def _int(item: Item, what: str, size: int = 32) -> int:
    return decode_int(item, f"transaction {what}", size)


def _to(item: Item) -> bytes | None:
    return _bytes(item, "to", 20) if item else None


def _access_list(item: Item) -> tuple[tuple[bytes, tuple[bytes, ...]], ...]:
    entries = []
    for entry in _list(item, "access list"):
        address, slots = _list(entry, "access list entry", 2)
        keys = tuple(_bytes(slot, "storage key", 32) for slot in _list(slots, "storage keys"))
        entries.append((_bytes(address, "access list address", 20), keys))
    return tuple(entries)


def _authorizations(item: Item) -> tuple[Authorization, ...]:
    entries = []
    for entry in _list(item, "authorization list"):
        chain_id, address, nonce, parity, r, s = _list(entry, "authorization", 6)
        entries.append(
            Authorization(
                chain_id=_int(chain_id, "authorization chain id"),
                address=_bytes(address, "authorization address", 20),
                nonce=_int(nonce, "authorization nonce", 8),
                y_parity=_int(parity, "authorization parity", 1),
                r=_int(r, "authorization r"),
                s=_int(s, "authorization s"),
            )
        )
    return tuple(entries)


def _legacy(raw: bytes, fields: list[Item]) -> Transaction:
    v = _int(fields[6], "v", 8)
    if v in (27, 28):
        chain_id = None
    elif v >= 35:
        chain_id = (v - 35) // 2
    else:
        raise _bad("v", "27, 28 or 35 and above", v)
    price = _int(fields[1], "gas price")
    return Transaction(
        raw=raw,
        hash=keccak256(raw),
        type=0,
        chain_id=chain_id,
        nonce=_int(fields[0], "nonce", 8),
        max_fee=price,
        max_tip=price,
        gas_limit=_int(fields[2], "gas", 8),
        to=_to(fields[3]),
        value=_int(fields[4], "value"),
        data=_bytes(fields[5], "data"),
        v=v,
        r=_int(fields[7], "r"),
        s=_int(fields[8], "s"),
    )


def _deposit(raw: bytes, fields: list[Item]) -> Transaction:
    return Transaction(
        raw=raw,
        hash=keccak256(raw),
        type=DEPOSIT_TYPE,
        chain_id=None,
        nonce=0,
        max_fee=0,
        max_tip=0,
        source_hash=_bytes(fields[0], "source hash", 32),
        sender=_bytes(fields[1], "from", 20),
        to=_to(fields[2]),
        mint=_int(fields[3], "mint"),
        value=_int(fields[4], "value"),
        gas_limit=_int(fields[5], "gas", 8),
        is_system=_int(fields[6], "is system", 1) == 1,
        data=_bytes(fields[7], "data"),
    )


def _typed(raw: bytes, kind: int, fields: list[Item]) -> Transaction:
    dynamic = kind != 0x01
    head = fields[: 9 if dynamic else 8]
    price = _int(head[2], "priority fee" if dynamic else "gas price")
    gas, to, value, data, access = head[-5:]
    return Transaction(
        raw=raw,
        hash=keccak256(raw),
        type=kind,
        chain_id=_int(head[0], "chain id"),
        nonce=_int(head[1], "nonce", 8),
        max_tip=price,
        max_fee=_int(head[3], "fee cap") if dynamic else price,
        gas_limit=_int(gas, "gas", 8),
        to=_to(to),
        value=_int(value, "value"),
        data=_bytes(data, "data"),
        access_list=_access_list(access),
        authorizations=_authorizations(fields[9]) if kind == 0x04 else (),
        v=_int(fields[-3], "parity", 1),
        r=_int(fields[-2], "r"),
        s=_int(fields[-1], "s"),
    )


def decode_transaction(raw: bytes) -> Transaction:
    """Decode one EIP-2718 transaction.

    `InputError` when the bytes are not a transaction of a type that an OP Stack L2 takes: 0, 1, 2,
    4 (EIP-7702) or 0x7e (deposit). Blob transactions are not among them.
    """
    if not raw:
        raise _bad("encoding", "at least one byte", "none")
    legacy = raw[0] >= 0xC0
    kind = 0 if legacy else raw[0]
    if (kind == 0) != legacy or kind not in _FIELDS:
        raise _bad("type", "0, 1, 2, 4 or 0x7e", hex(raw[0]))
    fields = _list(decode(raw if legacy else raw[1:]), "body", _FIELDS[kind])
    if legacy:
        return _legacy(raw, fields)
    if kind == DEPOSIT_TYPE:
        return _deposit(raw, fields)
    return _typed(raw, kind, fields)

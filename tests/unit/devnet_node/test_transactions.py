"""Decoding of transactions that strangers send."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coprove.devnet.node.mempool import Mempool, PoolError
from coprove.devnet.node.transactions import decode_transaction
from coprove.errors import InputError
from tests.unit.devnet_node.recorded import rows, stored
from tests.unit.devnet_node.test_mempool import pool

RAW = [raw for row in rows() for raw in stored(row["number"]).transactions]
SIGNED = [raw for raw in RAW if raw[0] != 0x7E]


def test_fields_are_the_recorded_ones() -> None:
    """Nonce, gas, value and data of every signed transaction are those that op-geth showed."""
    for row in rows():
        shown = row["block"]["transactions"]
        for raw, wanted in zip(stored(row["number"]).transactions, shown, strict=True):
            transaction = decode_transaction(raw)
            assert "0x" + transaction.hash.hex() == wanted["hash"]
            assert hex(transaction.gas_limit) == wanted["gas"]
            assert hex(transaction.value) == wanted["value"]
            assert "0x" + transaction.data.hex() == wanted["input"]
            if not transaction.is_deposit:
                assert hex(transaction.nonce) == wanted["nonce"]


@given(raw=st.sampled_from(RAW), at=st.integers(0), byte=st.integers(0, 255), cut=st.integers(0))
def test_altered_bytes(raw: bytes, at: int, byte: int, cut: int) -> None:
    """A changed or cut transaction decodes to one with those bytes or raises an InputError."""
    changed = bytearray(raw)
    changed[at % len(raw)] = byte
    for data in (bytes(changed), raw[: cut % len(raw)], raw + bytes([byte])):
        try:
            assert decode_transaction(data).raw == data
        except InputError:
            continue


@given(raw=st.sampled_from(SIGNED), at=st.integers(0), byte=st.integers(0, 255))
def test_the_pool_takes_no_harm(raw: bytes, at: int, byte: int) -> None:
    """An altered transaction is refused with a PoolError or held under its own hash."""
    changed = bytearray(raw)
    changed[at % len(raw)] = byte
    mempool: Mempool = pool()
    try:
        entry = mempool.add(bytes(changed))
    except PoolError:
        assert len(mempool) == 0
    else:
        assert mempool.get(entry.transaction.hash) is entry


@given(data=st.binary(max_size=200))
def test_noise(data: bytes) -> None:
    """Noise raises an InputError or is a transaction."""
    try:
        assert decode_transaction(data).raw == data
    except InputError:
        return

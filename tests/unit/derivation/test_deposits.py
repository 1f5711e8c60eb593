"""Deposit transactions, TransactionDeposited logs, and receipts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coprove.derivation.deposits import (
    DEPOSIT_EVENT_TOPIC,
    DepositLogError,
    DepositTransaction,
    deposit_from_log,
    deposits_from_receipts,
    l1_info_source_hash,
    upgrade_source_hash,
    user_source_hash,
)
from coprove.derivation.receipts import Log, Receipt, decode_receipt, find_logs
from coprove.errors import InputError
from coprove.primitives import keccak256, rlp
from coprove.types import Address, Hash32
from tests.unit.derivation.chain import RECORDINGS, load_chain

UINT64 = st.integers(min_value=0, max_value=2**64 - 1)
UINT256 = st.integers(min_value=0, max_value=2**256 - 1)
HASHES = st.binary(min_size=32, max_size=32).map(Hash32)
ADDRESSES = st.binary(min_size=20, max_size=20).map(Address)
DEPOSITS = st.builds(
    DepositTransaction,
    source_hash=HASHES,
    sender=ADDRESSES,
    to=st.none() | ADDRESSES,
    mint=UINT256,
    value=UINT256,
    gas=UINT64,
    is_system=st.booleans(),
    data=st.binary(max_size=300),
)
BLOCK_HASH = Hash32(bytes(range(32)))
PORTAL = Address(b"\x55" * 20)


def log_of(deposit: DepositTransaction) -> Log:
    """Return the log with which the portal announces a deposit."""
    opaque = b"".join(
        (
            deposit.mint.to_bytes(32, "big"),
            deposit.value.to_bytes(32, "big"),
            deposit.gas.to_bytes(8, "big"),
            b"\x01" if deposit.to is None else b"\0",
            deposit.data,
        )
    )
    padded = opaque + bytes(-len(opaque) % 32)
    return Log(
        address=PORTAL,
        topics=(
            DEPOSIT_EVENT_TOPIC,
            Hash32(bytes(12) + deposit.sender),
            Hash32(bytes(12) + (deposit.to or bytes(20))),
            Hash32(bytes(32)),
        ),
        data=(32).to_bytes(32, "big") + len(opaque).to_bytes(32, "big") + padded,
    )


def encode_log(log: Log) -> rlp.Encodable:
    return [log.address, list(log.topics), log.data]


def encode_receipt(logs: list[Log], *, kind: int = 2, status: bytes = b"\x01") -> bytes:
    body = rlp.encode([status, b"\x05", bytes(256), [encode_log(log) for log in logs]])
    return (bytes((kind,)) if kind else b"") + body


@given(DEPOSITS)
def test_deposits_round_trip(deposit: DepositTransaction) -> None:
    """Type byte and eight fields; creation is an empty recipient."""
    raw = deposit.encode()
    assert raw[0] == 0x7E
    assert DepositTransaction.decode(raw) == deposit


@given(DEPOSITS, st.integers(min_value=0), st.integers(min_value=0, max_value=255))
def test_a_changed_byte_is_refused_or_another_deposit(
    deposit: DepositTransaction, position: int, value: int
) -> None:
    """Every deposit has one encoding."""
    raw = bytearray(deposit.encode())
    index = position % len(raw)
    if raw[index] == value:
        return
    raw[index] = value
    try:
        other = DepositTransaction.decode(bytes(raw))
    except InputError:
        return
    assert other != deposit
    assert other.encode() == bytes(raw)


@given(st.binary(max_size=200))
def test_random_bytes_are_no_deposit(data: bytes) -> None:
    """Only typed errors come out."""
    for raw in (data, b"\x7e" + data):
        with pytest.raises(InputError):
            DepositTransaction.decode(raw)


def test_a_boolean_is_empty_or_one() -> None:
    """Other bytes in its place are refused."""
    items = rlp.decode_list(sample().encode()[1:])
    items[6] = b"\x02"
    with pytest.raises(InputError, match="boolean"):
        DepositTransaction.decode(b"\x7e" + rlp.encode(items))


def sample() -> DepositTransaction:
    return DepositTransaction(
        source_hash=user_source_hash(BLOCK_HASH, 1),
        sender=Address(b"\x01" * 20),
        to=Address(b"\x02" * 20),
        mint=3,
        value=4,
        gas=5,
        is_system=False,
        data=b"\x06" * 40,
    )


@given(DEPOSITS, st.integers(min_value=0, max_value=10_000))
def test_logs_decode_to_the_deposit_that_they_announce(
    deposit: DepositTransaction, index: int
) -> None:
    """Everything but the source hash, which comes from the log's place, and the system flag."""
    expected = replace(deposit, source_hash=user_source_hash(BLOCK_HASH, index), is_system=False)
    assert deposit_from_log(log_of(deposit), BLOCK_HASH, index) == expected


def test_malformed_logs_stop_derivation() -> None:
    """A deposit may not be left out, so that each malformed log is a critical error."""
    log = log_of(sample())
    data = log.data

    def word(value: int) -> bytes:
        return value.to_bytes(32, "big")

    broken = [
        replace(log, topics=log.topics[:3]),
        replace(log, topics=(*log.topics[:3], Hash32(word(1)))),
        replace(log, data=b""),
        replace(log, data=data[:32]),
        replace(log, data=data[:-1]),
        replace(log, data=data + bytes(32)),
        replace(log, data=word(64) + data[32:]),
        replace(log, data=word(2**64 + 32) + data[32:]),
        replace(log, data=data[:32] + word(len(data)) + data[64:]),
        replace(log, data=data[:32] + word(2**255) + data[64:]),
        replace(log, data=word(32) + word(72) + bytes(96)),
        replace(log, data=word(32) + word(0)),
    ]
    for wrong in broken:
        with pytest.raises(DepositLogError, match="log 7"):
            deposit_from_log(wrong, BLOCK_HASH, 7)
        with pytest.raises(DepositLogError):
            deposits_from_receipts([encode_receipt([wrong])], PORTAL, BLOCK_HASH)


@given(st.binary(max_size=400))
def test_random_log_data_is_a_deposit_or_a_typed_error(data: bytes) -> None:
    """No other exception escapes."""
    log = replace(log_of(sample()), data=data)
    try:
        deposit = deposit_from_log(log, BLOCK_HASH, 0)
    except DepositLogError:
        return
    assert DepositTransaction.decode(deposit.encode()) == deposit


def test_log_indices_count_all_logs_of_the_block() -> None:
    """Other contracts' logs and failed transactions move the index, and give no deposit."""
    log = log_of(sample())
    other = replace(log, address=Address(b"\x66" * 20))
    foreign = replace(log, topics=(Hash32(bytes(32)), *log.topics[1:]))
    anonymous = replace(log, topics=())
    receipts = [
        encode_receipt([other, log], kind=0),
        encode_receipt([], status=b"", kind=1),
        encode_receipt([log], status=b"", kind=3),
        encode_receipt([foreign, anonymous, log], kind=4),
    ]
    assert [index for index, _ in find_logs(receipts, PORTAL, DEPOSIT_EVENT_TOPIC)] == [1, 5]
    raw = deposits_from_receipts(receipts, PORTAL, BLOCK_HASH)
    hashes = [DepositTransaction.decode(deposit).source_hash for deposit in raw]
    assert hashes == [user_source_hash(BLOCK_HASH, 1), user_source_hash(BLOCK_HASH, 5)]
    assert deposits_from_receipts([b"not even RLP"], PORTAL, BLOCK_HASH) == ()


@pytest.mark.parametrize("name", RECORDINGS)
def test_recorded_user_deposits(name: str) -> None:
    """Each epoch's first block holds its origin's deposits, byte for byte."""
    chain = load_chain(name)
    found = 0
    for block in chain.l2[1:]:
        if block.output["blockRef"]["sequenceNumber"]:
            continue
        origin = chain.l1[block.output["blockRef"]["l1origin"]["number"]]
        assert origin.receipts is not None
        portal = chain.config.deposit_contract_address
        deposits = deposits_from_receipts(origin.receipts, portal, origin.hash)
        assert block.transactions[1 : 1 + len(deposits)] == deposits
        found += len(deposits)
    assert found == (0 if name == "heavy" else 7)


def test_source_hashes_have_their_domains() -> None:
    """User 0, L1 attributes 1, upgrade 2; the upgrade example is the specification's."""
    inner = keccak256(BLOCK_HASH + (9).to_bytes(32, "big"))
    assert user_source_hash(BLOCK_HASH, 9) == keccak256(bytes(32) + inner)
    assert l1_info_source_hash(BLOCK_HASH, 9) == keccak256((1).to_bytes(32, "big") + inner)
    assert str(upgrade_source_hash("Ecotone: L1 Block Deployment")) == (
        "0x877a6077205782ea15a6dc8699fa5ebcec5e0f4389f09cb8eda09488231346f8"
    )
    signature = b"TransactionDeposited(address,address,uint256,bytes)"
    assert keccak256(signature) == DEPOSIT_EVENT_TOPIC


@pytest.mark.parametrize("name", RECORDINGS)
def test_recorded_receipts_decode(name: str) -> None:
    """L1's and L2's receipts of every type; L2 deposits carry nonce and version."""
    chain = load_chain(name)
    kinds: set[int] = set()
    for block in chain.l1:
        assert block.receipts is not None
        kinds |= {decode_receipt(raw).transaction_type for raw in block.receipts}
    for recorded in chain.l2:
        receipts = [decode_receipt(raw) for raw in recorded.receipts]
        kinds |= {receipt.transaction_type for receipt in receipts}
        for receipt in receipts:
            deposit = receipt.transaction_type == 0x7E
            assert (receipt.deposit_receipt_version == 1) == deposit
            assert (receipt.deposit_nonce is not None) == deposit
        if receipts:
            assert receipts[-1].cumulative_gas_used == recorded.header.gas_used
    assert {2, 0x7E} <= kinds


def test_malformed_receipts_are_refused() -> None:
    """Impossible types, wrong shapes, sizes and counts."""
    log = log_of(sample())
    good = decode_receipt(encode_receipt([log]))
    assert isinstance(good, Receipt)
    assert good.logs == (log,)
    pre_byzantium = encode_receipt([], kind=0, status=bytes(32))
    assert decode_receipt(pre_byzantium).succeeded
    five_topics = replace(log, topics=(Hash32(bytes(32)),) * 5)
    body = rlp.decode_list(encode_receipt([], kind=0))
    broken = [
        b"",
        b"\x00" + rlp.encode(body),
        b"\x05" + rlp.encode([*body, b"\x01"]),
        b"\x7f" + rlp.encode(body),
        encode_receipt([], status=b"\x02"),
        encode_receipt([], status=bytes(32)),
        encode_receipt([five_topics]),
        encode_receipt([replace(log, topics=())], kind=0)[:-1],
        rlp.encode(body[:3]),
        rlp.encode([*body, b"\x01"]),
        b"\x02" + rlp.encode([*body, b"\x01"]),
        b"\x7e" + rlp.encode([*body, b"\x01", b"\x01", b"\x01"]),
        rlp.encode([body[0], body[1], bytes(255), body[3]]),
        rlp.encode([body[0], body[1], body[2], b""]),
    ]
    for raw in broken:
        with pytest.raises(InputError, match=r"receipt|log|RLP"):
            decode_receipt(raw)


@pytest.mark.parametrize("kind", [0x05, 0x7D])
def test_receipts_of_future_types_count_when_they_decode(kind: int) -> None:
    """Read as today's typed receipts; one of another shape is passed over with all its logs."""
    deposit = sample()
    log = log_of(deposit)
    strange = bytes([kind]) + rlp.encode([b"\x01", bytes(PORTAL)])
    receipts = [encode_receipt([log], kind=kind), strange, encode_receipt([log])]
    assert find_logs(receipts, PORTAL, DEPOSIT_EVENT_TOPIC) == [(0, log), (1, log)]
    with pytest.raises(InputError):
        find_logs([b"\x02" + strange[1:]], PORTAL, DEPOSIT_EVENT_TOPIC)


@given(st.binary(max_size=400))
def test_random_bytes_are_no_receipt(data: bytes) -> None:
    """Only typed errors come out."""
    for raw in (data, b"\x02" + data):
        with pytest.raises(InputError):
            decode_receipt(raw)

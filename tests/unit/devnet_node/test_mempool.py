"""The transaction pool."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account

from coprove.devnet.node.config import MempoolConfig
from coprove.devnet.node.fees import L1FeeParameters
from coprove.devnet.node.mempool import HeadView, Mempool, PoolError, intrinsic_gas
from coprove.devnet.node.transactions import decode_transaction
from tests.unit.devnet_node.recorded import rows, stored

KEYS = [Account.from_key(bytes([n]) * 32) for n in range(1, 7)]
RICH = 10**20


def view(
    nonces: dict[int, int] | None = None, *, base_fee: int = 100, balance: int = RICH
) -> HeadView:
    by_address = {
        bytes.fromhex(key.address[2:]): ((nonces or {}).get(index, 0), balance)
        for index, key in enumerate(KEYS)
    }
    return HeadView(
        chain_id=901,
        account=lambda address: by_address.get(address, (0, 0)),
        base_fee=base_fee,
        gas_limit=30_000_000,
        l1_fees=L1FeeParameters(
            base_fee=10**9, blob_base_fee=1, base_fee_scalar=1368, blob_base_fee_scalar=810_949
        ),
        is_jovian=True,
        is_isthmus=True,
        is_karst=True,
    )


def signed(key: int, nonce_: int, *, tip: int = 1000, **changes: Any) -> bytes:
    fields: dict[str, Any] = {
        "chainId": 901,
        "nonce": nonce_,
        "gas": 21_000,
        "maxFeePerGas": 10_000 + tip,
        "maxPriorityFeePerGas": tip,
        "to": "0x" + "11" * 20,
        "value": 1,
        "data": "0x",
    }
    return bytes(KEYS[key].sign_transaction(fields | changes).raw_transaction)


def pool(**limits: int) -> Mempool:
    return Mempool(MempoolConfig(**limits), view())


def test_best_tip_first_nonces_in_order() -> None:
    """Candidates come by tip, but never a nonce before the one below it."""
    mempool = pool()
    cheap, dear = signed(0, 0, tip=5), signed(0, 1, tip=900)
    middle = signed(1, 0, tip=50)
    for raw in (dear, cheap, middle):
        mempool.add(raw)
    assert mempool.candidates() == [middle, cheap, dear]


def test_high_gas_limits_do_not_keep_others_out() -> None:
    """A limit is not what is used, and one as high as the block's may never fit: it is the
    kernel's to tell, and until then the rest of the pool stays a candidate too."""
    mempool = Mempool(MempoolConfig(), replace(view(), is_karst=False))
    greedy = [signed(key, 0, tip=5000, gas=30_000_000) for key in (0, 1, 2)]
    modest = signed(3, 0, tip=5)
    for raw in (*greedy, modest):
        mempool.add(raw)
    assert mempool.candidates() == [*greedy, modest]


def test_gaps_wait() -> None:
    """A transaction behind a nonce gap is queued until the gap is filled."""
    mempool = pool()
    mempool.add(signed(0, 1))
    assert mempool.candidates() == []
    assert [len(part) for part in mempool.content()] == [0, 1]
    mempool.add(signed(0, 0))
    assert len(mempool.candidates()) == 2
    assert mempool.pending_nonce(bytes.fromhex(KEYS[0].address[2:])) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"chainId": 5}, "invalid chain id"),
        ({"gas": 20_999}, "intrinsic gas too low"),
        ({"gas": 31_000_000}, "exceeds block gas limit"),
        ({"gas": 2**24 + 1}, "gas limit too high"),
        ({"value": 2 * RICH}, "insufficient funds"),
        ({"nonce": 5000}, "nonce too high"),
        ({"data": "0x" + "00" * 131_073, "gas": 10**7}, "oversized data"),
        ({"maxPriorityFeePerGas": 10**9}, "max priority fee per gas higher"),
    ],
)
def test_refusals(changes: dict[str, Any], message: str) -> None:
    """Each rule refuses with the words that wallets know."""
    with pytest.raises(PoolError, match=message):
        pool().add(signed(0, 0, **changes))


def test_stale_nonce_and_duplicates() -> None:
    """A used nonce and a known transaction are refused."""
    mempool = Mempool(MempoolConfig(), view({0: 3}))
    with pytest.raises(PoolError, match="nonce too low"):
        mempool.add(signed(0, 2))
    mempool.add(signed(0, 3))
    with pytest.raises(PoolError, match="already known"):
        mempool.add(signed(0, 3))


def test_replacement_needs_a_tenth_more() -> None:
    """The same nonce again must raise fee cap and tip by ten per cent."""
    mempool = pool()
    mempool.add(signed(0, 0, tip=1000))
    with pytest.raises(PoolError, match="replacement transaction underpriced"):
        mempool.add(signed(0, 0, tip=1099, maxFeePerGas=50_000))
    better = signed(0, 0, tip=1100, maxFeePerGas=50_000)
    mempool.add(better)
    assert mempool.candidates() == [better]
    assert len(mempool) == 1


def test_l1_fee_counts() -> None:
    """Who can pay gas and value but not the data fee is refused."""
    mempool = Mempool(MempoolConfig(), view(balance=21_000 * 11_000 + 1))
    with pytest.raises(PoolError, match="insufficient funds"):
        mempool.add(signed(0, 0))


def test_queued_transactions_share_the_balance() -> None:
    """All of a sender's transactions together must be payable."""
    mempool = pool()
    mempool.add(signed(0, 0, value=RICH * 6 // 10))
    with pytest.raises(PoolError, match="queued transactions"):
        mempool.add(signed(0, 1, value=RICH * 6 // 10))


def test_full_pool_evicts_the_worst() -> None:
    """A better payer takes the place of the worst; a worse one is refused."""
    mempool = pool(max_transactions=2)
    worst = signed(0, 0, tip=10)
    mempool.add(worst)
    mempool.add(signed(1, 0, tip=20))
    with pytest.raises(PoolError, match="txpool is full"):
        mempool.add(signed(2, 0, tip=10))
    mempool.add(signed(3, 0, tip=30))
    assert mempool.get(decode_transaction(worst).hash) is None
    assert len(mempool) == 2


def test_account_limit() -> None:
    """One sender cannot fill the pool."""
    mempool = pool(max_per_account=2)
    mempool.add(signed(0, 0))
    mempool.add(signed(0, 1))
    with pytest.raises(PoolError, match="account limit"):
        mempool.add(signed(0, 2))


def test_below_base_fee_waits() -> None:
    """A fee cap below the base fee keeps a transaction, and those behind it, out of the block."""
    mempool = Mempool(MempoolConfig(), view(base_fee=50_000))
    mempool.add(signed(0, 0))
    mempool.add(signed(0, 1, maxFeePerGas=90_000))
    assert mempool.candidates() == []


def test_new_head_drops_what_was_included_and_reorg_brings_it_back() -> None:
    """Included transactions leave; those of a block that a reorg dropped return."""
    mempool = pool()
    first, second = signed(0, 0), signed(0, 1)
    mempool.add(first)
    mempool.add(second)
    mempool.reset(view({0: 1}))
    assert mempool.candidates() == [second]
    deposit = stored(5).transactions[0]
    mempool.reset(view(), dropped=[deposit, first])
    assert mempool.candidates() == [first, second]


def test_deposits_and_noise_are_refused() -> None:
    """Deposits, blobs and bytes that are no transaction do not enter."""
    for raw in (stored(5).transactions[0], b"", b"\x03\xc0", b"\xff" * 50):
        with pytest.raises(PoolError):
            pool().add(raw)


def test_intrinsic_gas_is_never_more_than_was_given() -> None:
    """Every recorded transaction had at least the intrinsic gas computed here."""
    for row in rows():
        for raw in stored(row["number"]).transactions:
            transaction = decode_transaction(raw)
            if not transaction.is_deposit:
                assert intrinsic_gas(transaction) <= transaction.gas_limit

"""The transaction manager on a real anvil: crashes, stuck and lost transactions, reorgs, gaps."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from coprove.contracts import (
    FeePolicy,
    IntentConflictError,
    LocalSigner,
    ManagerClosedError,
    MemoryIntentStore,
    Mined,
    StoreMismatchError,
    TransactionManager,
    TransactionOptions,
    TransactionRefusedError,
    TransactionRevertedError,
    Web3Signer,
)
from coprove.contracts.transactions import Fees, IntentState, UnsignedTransaction
from coprove.errors import Critical, Temporary
from coprove.rpc import (
    EndpointOptions,
    JsonRpcTransport,
    NotYetAvailableError,
    RetryPolicy,
    RpcTimeoutError,
)
from coprove.types import Address
from tests.integration.anvil_l1 import DEPLOYER, L1, OTHER, running_l1
from tests.intent_stores import open_intent_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

    from coprove.contracts import IntentStore
    from coprove.rpc import Json
    from tests.postgres import PostgresServer

pytestmark = pytest.mark.anvil

GWEI = 10**9
TO = Address(b"\x55" * 20)
ME = DEPLOYER.address


class NotLeadingError(Critical):
    """What a guard raises once the lease is lost."""


class NotYetLeadingError(Temporary):
    """What a guard raises while a lease is only being renewed."""


@pytest.fixture
async def l1() -> AsyncIterator[L1]:
    async with running_l1() as running:
        yield running


@pytest.fixture(params=["memory", "file", "requests on SQLite", "requests on server"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[IntentStore]:
    def server_url() -> str:
        server: PostgresServer = request.getfixturevalue("postgres")
        return server.new_database()

    async with open_intent_store(request.param, tmp_path, server_url) as opened:
        yield opened


async def balance(l1: L1) -> int:
    return int(str(await l1.rpc("eth_getBalance", str(TO), "latest")), 16)


async def pooled(l1: L1) -> int:
    status = await l1.rpc("txpool_status")
    assert isinstance(status, dict)
    return int(str(status["pending"]), 16) + int(str(status["queued"]), 16)


async def until(condition: str, check: Callable[[], Awaitable[bool]]) -> None:
    """Wait until `check` is true; fail after a minute, naming the condition."""
    for _ in range(3000):
        if await check():
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"never {condition}")


async def crash(manager: TransactionManager, waiting: asyncio.Task[Mined]) -> None:
    """End a manager while a call waits, as a process that dies would."""
    await manager.close()
    with pytest.raises(ManagerClosedError):
        await waiting


async def test_one_key_has_one_effect(l1: L1, store: IntentStore) -> None:
    """Calls with the same key, at once, later and from a later manager, send one transaction."""
    async with l1.manager(store=store) as manager:
        first, second = await asyncio.gather(
            manager.send(key="k", to=TO, value=1), manager.send(key="k", to=TO, value=1)
        )
        third = await manager.send(key="k", to=TO, value=1)
    async with l1.manager(store=store) as manager:
        fourth = await manager.send(key="k", to=TO, value=1)
        assert await manager.outcome("k") == fourth
        with pytest.raises(IntentConflictError, match="value"):
            await manager.send(key="k", to=TO, value=2)
    assert first == second == third == fourth
    assert await balance(l1) == 1
    assert await l1.nonce(ME) == 1


async def test_many_at_once_take_consecutive_nonces(l1: L1, store: IntentStore) -> None:
    """Twenty calls at once all arrive."""
    async with l1.manager(store=store) as manager:
        calls = (manager.send(key=f"k{i}", to=TO, value=1) for i in range(20))
        mined = await asyncio.gather(*calls)
    assert len({m.tx_hash for m in mined}) == 20
    assert (await balance(l1), await l1.nonce(ME)) == (20, 20)


async def test_a_restart_between_reserving_and_signing_sends_once(
    l1: L1, store: IntentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The intent has a nonce but no signed transaction when the process dies."""

    async def never(*_: object) -> bytes:
        await asyncio.Event().wait()
        raise AssertionError

    with monkeypatch.context() as patch:
        patch.setattr(LocalSigner, "sign", never)
        manager = l1.manager(store=store)
        await manager.start()
        waiting = asyncio.create_task(manager.send(key="k", to=TO, value=1))
        await until("reserved", lambda: _stored(store, "k"))
        await crash(manager, waiting)
    assert await store.attempts("k") == []
    async with l1.manager(store=store) as again:
        await until("mined", lambda: _settled(again, "k"))
        await again.send(key="k", to=TO, value=1)
    assert (await balance(l1), await l1.nonce(ME)) == (1, 1)


async def test_a_restart_between_signing_and_sending_sends_the_same_bytes(
    l1: L1, store: IntentStore
) -> None:
    """The node never heard of the signed transaction: the next process sends that very one."""
    dead = CuttingTransport(l1, cut="eth_sendRawTransaction")
    manager = l1.manager(store=store, transport=dead)
    await manager.start()
    waiting = asyncio.create_task(manager.send(key="k", to=TO, value=1))
    await until("signed", lambda: _signed(store, "k"))
    await crash(manager, waiting)
    (attempt,) = await store.attempts("k")
    async with l1.manager(store=store) as again:
        mined = await again.send(key="k", to=TO, value=1)
    assert mined.tx_hash == attempt.tx_hash
    assert (await balance(l1), await l1.nonce(ME)) == (1, 1)


async def test_a_restart_between_sending_and_mining_finds_its_transaction(
    l1: L1, store: IntentStore
) -> None:
    """It is mined while no process watches; the next one finds it and sends nothing."""
    await l1.automine(on=False)
    manager = l1.manager(store=store)
    await manager.start()
    waiting = asyncio.create_task(manager.send(key="k", to=TO, value=1))
    await until("pooled", lambda: _equals(pooled(l1), 1))
    await crash(manager, waiting)
    await l1.automine(on=True)
    await l1.mine()
    async with l1.manager(store=store) as again:
        await again.send(key="k", to=TO, value=1)
    assert len(await store.attempts("k")) == 1
    assert (await balance(l1), await l1.nonce(ME)) == (1, 1)


async def test_a_send_whose_answer_was_lost_is_not_sent_twice(l1: L1) -> None:
    """The node took the transaction, the connection broke before its answer."""
    lossy = CuttingTransport(l1, cut="eth_sendRawTransaction", after=True)
    async with l1.manager(transport=lossy) as manager:
        await manager.send(key="k", to=TO, value=1)
    assert (await balance(l1), await l1.nonce(ME)) == (1, 1)


async def test_an_endpoint_that_fails_for_a_while_only_delays(l1: L1) -> None:
    """Three of ten calls fail; all transactions arrive once."""
    flaky = CuttingTransport(l1, loss=0.3)
    manager = l1.manager(transport=flaky)
    while True:
        with contextlib.suppress(RpcTimeoutError):
            await manager.start()
            break
    sends = [_persist(manager, f"k{i}") for i in range(5)]
    await asyncio.gather(*sends)
    await manager.close()
    assert (await balance(l1), await l1.nonce(ME)) == (5, 5)


async def test_a_stuck_transaction_is_replaced_at_the_same_nonce(l1: L1) -> None:
    """The base fee rises above the offer; replacements with higher fees follow until one fits."""
    await l1.automine(on=False)
    policy = FeePolicy(min_max_fee=GWEI, min_priority_fee=1, base_fee_factor=1)
    store = MemoryIntentStore()
    async with l1.manager(store=store, resubmit_after=0.2, fees=policy) as manager:
        waiting = asyncio.create_task(manager.send(key="k", to=TO, value=1))
        await until("pooled", lambda: _equals(pooled(l1), 1))
        await l1.rpc("anvil_setNextBlockBaseFeePerGas", hex(20 * GWEI))
        await l1.mine()
        assert await balance(l1) == 0
        await until("replaced", lambda: _offers(store, "k", 20 * GWEI))
        await l1.mine()
        mined = await waiting
    attempts = await store.attempts("k")
    assert mined.tx_hash in {attempt.tx_hash for attempt in attempts}
    assert mined.tx_hash != attempts[0].tx_hash
    assert {attempt.nonce for attempt in attempts} == {0}
    for older, newer in pairwise(attempts):
        assert newer.fees.max_fee * 10 >= older.fees.max_fee * 11
        assert newer.fees.priority_fee * 10 >= older.fees.priority_fee * 11
    assert (await balance(l1), await l1.nonce(ME)) == (1, 1)


async def test_a_transaction_that_a_reorg_removes_is_sent_again(l1: L1) -> None:
    """Mined, then reorganised away before the asked-for depth: it is mined again, once."""
    store = MemoryIntentStore()
    async with l1.manager(store=store, confirmations=4) as manager:
        waiting = asyncio.create_task(manager.send(key="k", to=TO, value=1))
        await until("mined", lambda: _equals(balance(l1), 1))
        await until("seen", lambda: _mined_in(store, "k"))
        await l1.mine()
        await l1.automine(on=False)
        await l1.rpc("anvil_reorg", 2, [])
        assert await balance(l1) == 0
        await until("pooled", lambda: _equals(pooled(l1), 1))
        assert not waiting.done()
        await l1.mine(5)
        mined = await waiting
    assert mined.block_hash == await l1.block_hash(mined.block_number)
    assert (await balance(l1), await l1.nonce(ME)) == (1, 1)


async def test_a_reorg_below_a_settled_transaction_is_mended_by_the_next_start(l1: L1) -> None:
    """Settled, then reorganised away: a later manager puts it back before it sends on."""
    store = MemoryIntentStore()
    async with l1.manager(store=store) as manager:
        await manager.send(key="one", to=TO, value=1)
    await l1.rpc("anvil_rollback", 1)
    assert await l1.nonce(ME) == 0
    async with l1.manager(store=store) as manager:
        await manager.send(key="two", to=TO, value=2)
        await until("mended", lambda: _settled(manager, "one"))
    assert (await balance(l1), await l1.nonce(ME)) == (3, 2)


async def test_a_settled_transaction_that_a_reorg_removes_is_sent_again(l1: L1) -> None:
    """With one confirmation asked for, nobody waits any more when the reorg comes."""
    store = MemoryIntentStore()
    async with l1.manager(store=store) as manager:
        await manager.send(key="k", to=TO, value=1)
        await l1.mine()
        await l1.automine(on=False)
        await l1.rpc("anvil_reorg", 2, [])
        assert await balance(l1) == 0
        await until("pooled", lambda: _equals(pooled(l1), 1))
        await l1.mine()
        await until("settled", lambda: _settled(manager, "k"))
        mined = await manager.send(key="k", to=TO, value=1)
    assert mined.block_hash == await l1.block_hash(mined.block_number)
    assert (await balance(l1), await l1.nonce(ME)) == (1, 1)


async def test_a_nonce_gap_that_no_intent_explains_is_filled(l1: L1) -> None:
    """A foreign transaction of the same account was counted, then lost by a reorg."""
    await _foreign(l1, nonce=0)
    store = MemoryIntentStore()
    await l1.automine(on=False)
    async with l1.manager(store=store) as manager:
        waiting = asyncio.create_task(manager.send(key="k", to=TO, value=1))
        await until("pooled", lambda: _equals(pooled(l1), 1))
        await l1.rpc("anvil_rollback", 1)
        await l1.automine(on=True)
        await l1.mine()
        await until("filled", lambda: _equals(l1.nonce(ME), 2))
        await waiting
    assert await balance(l1) == 1


async def test_a_nonce_taken_by_a_foreign_transaction_is_given_up(l1: L1) -> None:
    """Another process used the nonce: the intent moves to the next one and is mined once."""
    store = MemoryIntentStore()
    dead = CuttingTransport(l1, cut="eth_sendRawTransaction")
    manager = l1.manager(store=store, transport=dead)
    await manager.start()
    waiting = asyncio.create_task(manager.send(key="k", to=TO, value=1))
    await until("signed", lambda: _signed(store, "k"))
    await crash(manager, waiting)
    await _foreign(l1, nonce=0)
    await l1.mine(3)
    async with l1.manager(store=store) as again:
        await again.send(key="k", to=TO, value=1)
    assert [attempt.nonce for attempt in await store.attempts("k")] == [0, 1]
    assert (await balance(l1), await l1.nonce(ME)) == (1, 2)


async def test_a_transaction_that_fails_on_chain_is_reported_each_time(
    l1: L1, store: IntentStore
) -> None:
    """Mined and failed is an outcome: the key keeps it, and no second transaction is sent."""
    reverting = bytes.fromhex("60006000fd")
    async with l1.manager(store=store) as manager:
        for _ in range(2):
            with pytest.raises(TransactionRevertedError):
                await manager.send(key="k", to=None, data=reverting, gas_limit=100_000)
    intent = await store.get("k")
    assert intent is not None
    assert intent.state is IntentState.DONE
    assert await l1.nonce(ME) == 1


async def test_what_a_node_never_takes_is_forgotten(l1: L1, store: IntentStore) -> None:
    """Too little gas for the calldata alone: refused, and the nonce is free for the next one."""
    async with l1.manager(store=store) as manager:
        with pytest.raises(TransactionRefusedError):
            await manager.send(key="k", to=TO, value=1, gas_limit=20_000)
        assert await store.get("k") is None
        await manager.send(key="l", to=TO, value=2)
    assert (await balance(l1), await l1.nonce(ME)) == (2, 1)


async def test_a_refused_transaction_does_not_hold_up_those_behind_it(
    l1: L1, store: IntentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its nonce cannot be given back any more, so it is used up."""
    discard = store.discard

    async def discard_late(key: str) -> bool:
        await until("behind it", lambda: _stored(store, "l"))
        return await discard(key)

    monkeypatch.setattr(store, "discard", discard_late)
    async with l1.manager(store=store) as manager:
        first = asyncio.create_task(manager.send(key="k", to=TO, value=1, gas_limit=20_000))
        await until("stored", lambda: _stored(store, "k"))
        refused, sent = await asyncio.gather(
            first,
            manager.send(key="l", to=TO, value=2, gas_limit=21_000),
            return_exceptions=True,
        )
    assert isinstance(refused, TransactionRefusedError)
    assert isinstance(sent, Mined)
    assert (await balance(l1), await l1.nonce(ME)) == (2, 2)


async def test_an_empty_account_sends_once_it_has_money(l1: L1, store: IntentStore) -> None:
    """The call waits with its signed transaction; the transfer arrives after the account is funded.

    anvil's estimate does not look at the balance, so the refusal comes from its pool.
    """
    await l1.rpc("anvil_setBalance", str(ME), "0x0")
    async with l1.manager(store=store) as manager:
        waiting = asyncio.create_task(manager.send(key="k", to=TO, value=1))
        await until("signed", lambda: _signed(store, "k"))
        await l1.rpc("anvil_setBalance", str(ME), hex(10**18))
        await waiting
    assert (await balance(l1), await l1.nonce(ME)) == (1, 1)
    assert len(await store.attempts("k")) == 1


async def test_a_transaction_is_a_plain_eip1559_one_with_the_least_tip(l1: L1) -> None:
    """The endpoint suggests next to nothing; the policy's floor is offered, and no blob."""
    await l1.rpc("anvil_setNextBlockBaseFeePerGas", hex(7))
    await l1.mine()
    policy = FeePolicy(min_priority_fee=3 * GWEI, min_max_fee=4 * GWEI)
    async with l1.manager(fees=policy) as manager:
        mined = await manager.send(key="k", to=TO, value=1)
    there = await l1.rpc("eth_getTransactionByHash", str(mined.tx_hash))
    assert isinstance(there, dict)
    assert there["type"] == "0x2"
    assert int(str(there["maxPriorityFeePerGas"]), 16) >= 3 * GWEI
    assert int(str(there["maxFeePerGas"]), 16) >= 4 * GWEI
    assert not there.get("blobVersionedHashes")


async def test_a_call_returns_at_the_asked_for_depth_and_not_before(l1: L1) -> None:
    """Four confirmations: the transaction's own block and three more."""
    store = MemoryIntentStore()
    counting = CuttingTransport(l1)
    async with l1.manager(store=store, confirmations=4, transport=counting) as manager:
        waiting = asyncio.create_task(manager.send(key="k", to=TO, value=1))
        await until("seen", lambda: _mined_in(store, "k"))
        for _ in range(2):
            await l1.mine()
            await _two_more_looks(counting)
            assert not waiting.done()
            assert await manager.outcome("k") is None
        await l1.mine()
        mined = await waiting
    assert await l1.number() - mined.block_number + 1 == 4


async def test_a_foreign_transaction_stuck_at_our_nonce_is_replaced(l1: L1) -> None:
    """It waits in the pool and pays more than the market asks: ours is raised until it counts."""
    await l1.automine(on=False)
    await _foreign(l1, nonce=0, mined=False, fees=Fees(max_fee=40 * GWEI, priority_fee=9 * GWEI))
    store = MemoryIntentStore()
    async with l1.manager(store=store) as manager:
        waiting = asyncio.create_task(manager.send(key="k", to=TO, value=1))
        await until("in the pool", lambda: _knows(l1, store, "k"))
        await l1.mine()
        mined = await waiting
    attempts = await store.attempts("k")
    assert attempts[-1].fees.max_fee > 40 * GWEI
    assert len(attempts) > 1
    assert mined.tx_hash == attempts[-1].tx_hash
    assert (await balance(l1), await l1.nonce(ME)) == (1, 1)


async def test_nothing_is_sent_once_the_guard_objects(l1: L1, store: IntentStore) -> None:
    """The lease goes between signing and sending: no broadcast; the intent waits for a leader."""
    asked = 0

    async def guard() -> None:
        nonlocal asked
        asked += 1
        raise NotLeadingError("another one leads")

    async with l1.manager(store=store, guard=guard) as manager:
        with pytest.raises(NotLeadingError):
            await manager.send(key="k", to=TO, value=1)
    assert asked == 1
    assert (await pooled(l1), await l1.nonce(ME)) == (0, 0)
    assert len(await store.attempts("k")) == 1
    async with l1.manager(store=store) as leader:
        await leader.send(key="k", to=TO, value=1)
    assert (await balance(l1), await l1.nonce(ME)) == (1, 1)
    assert len(await store.attempts("k")) == 1


async def test_the_guard_stands_before_every_broadcast(l1: L1) -> None:
    """Replacements, lost transactions sent again and fillers ask as well as the first one."""
    await l1.automine(on=False)
    may_send = True
    refused = 0

    async def guard() -> None:
        nonlocal refused
        if not may_send:
            refused += 1
            raise NotYetLeadingError("wait")

    store = MemoryIntentStore()
    async with l1.manager(store=store, guard=guard) as manager:
        waiting = asyncio.create_task(manager.send(key="k", to=TO, value=1))
        await until("pooled", lambda: _equals(pooled(l1), 1))
        may_send = False
        await l1.rpc("anvil_dropAllTransactions")
        await until("refused", lambda: _true(refused >= 2))
        assert await pooled(l1) == 0
        may_send = True
        await until("pooled again", lambda: _equals(pooled(l1), 1))
        await l1.mine()
        await waiting
    assert (await balance(l1), await l1.nonce(ME)) == (1, 1)


async def test_a_remote_signer_serves_as_well(l1: L1) -> None:
    """anvil answers eth_signTransaction for its own accounts, as web3signer does."""
    signer = Web3Signer(l1.transport, ME)
    options = TransactionOptions(confirmations=1, poll_interval=0.02)
    async with TransactionManager(l1.transport, signer, MemoryIntentStore(), options) as manager:
        await manager.send(key="k", to=TO, value=1)
    assert await balance(l1) == 1


async def test_a_store_is_tied_to_its_chain(l1: L1, store: IntentStore) -> None:
    """The intents of one chain are never sent to another."""
    async with l1.manager(store=store):
        pass
    async with running_l1(chain_id=1337) as other:
        with pytest.raises(StoreMismatchError):
            await other.manager(store=store).start()


class CuttingTransport(JsonRpcTransport):
    """A transport that loses calls: those of one method, or any by chance."""

    def __init__(self, l1: L1, *, cut: str = "", after: bool = False, loss: float = 0.0) -> None:
        """`after` loses the answer instead of the call, once; `loss` is a probability."""
        options = EndpointOptions(retry=RetryPolicy(attempts=1))
        super().__init__("http://unused.invalid", options)
        self._inner = l1.transport
        self._cut, self._after, self._loss, self._random = cut, after, loss, random.Random(1)
        self.calls: Counter[str] = Counter()

    async def call(
        self,
        method: str,
        params: Sequence[Json] = (),
        *,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Json:
        self.calls[method] += 1
        if method == self._cut and self._after:
            self._cut = ""
            await self._inner.call(method, params, timeout=timeout)
            raise RpcTimeoutError(f"{method}: answer lost")
        if method == self._cut or self._random.random() < self._loss:
            raise RpcTimeoutError(f"{method}: call lost")
        return await self._inner.call(method, params, timeout=timeout)


async def _persist(manager: TransactionManager, key: str) -> None:
    """Send, calling again while the estimate before the intent fails."""
    while True:
        try:
            await manager.send(key=key, to=TO, value=1)
        except RpcTimeoutError:
            await asyncio.sleep(0.01)
        else:
            return


async def _foreign(l1: L1, *, nonce: int, fees: Fees | None = None, mined: bool = True) -> None:
    """Send a transaction of our account past the manager, and wait until it is mined."""
    raw = await DEPLOYER.sign(
        UnsignedTransaction(
            chain_id=31337,
            nonce=nonce,
            fees=fees or Fees(max_fee=10 * GWEI, priority_fee=GWEI),
            gas_limit=21_000,
            to=OTHER.address,
            value=1,
            data=b"",
        )
    )
    await l1.rpc("eth_sendRawTransaction", f"0x{raw.hex()}")
    if mined:
        await until("mined", lambda: _equals(l1.nonce(DEPLOYER.address), nonce + 1))


async def _two_more_looks(transport: CuttingTransport) -> None:
    """Wait until a manager has asked for receipts again, twice."""
    seen = transport.calls["eth_getTransactionReceipt"]
    await until(
        "looked again", lambda: _true(transport.calls["eth_getTransactionReceipt"] >= seen + 2)
    )


async def _knows(l1: L1, store: IntentStore, key: str) -> bool:
    attempts = await store.attempts(key)
    if not attempts:
        return False
    newest = str(attempts[-1].tx_hash)
    try:
        return await l1.rpc("eth_getTransactionByHash", newest) is not None
    except NotYetAvailableError:
        return False


async def _stored(store: IntentStore, key: str) -> bool:
    return await store.get(key) is not None


async def _signed(store: IntentStore, key: str) -> bool:
    return bool(await store.attempts(key))


async def _offers(store: IntentStore, key: str, max_fee: int) -> bool:
    return (await store.attempts(key))[-1].fees.max_fee >= max_fee


async def _mined_in(store: IntentStore, key: str) -> bool:
    intent = await store.get(key)
    return intent is not None and intent.mined is not None


async def _settled(manager: TransactionManager, key: str) -> bool:
    return await manager.outcome(key) is not None


async def _true(value: bool) -> bool:
    return value


async def _equals(value: Awaitable[int], expected: int) -> bool:
    return await value == expected

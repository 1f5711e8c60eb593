"""What went wrong in op-succinct's proposers, continued: the rows that need a node to show.

As in tests/unit/proposer/test_what_went_wrong.py every scenario holds with the guard in, and the
same scenario shows the fault with the guard taken out.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from coprove.contracts import FeePolicy, MemoryIntentStore, Mined, SqliteIntentStore
from coprove.contracts.transactions import watcher
from coprove.primitives import rlp
from coprove.rpc import (
    Call,
    EndpointOptions,
    JsonRpcTransport,
    RateLimitedError,
    RetryPolicy,
    RpcError,
)
from coprove.rpc import http as rpc_http
from coprove.rpc.limiter import RateLimiter
from coprove.types import Address
from tests.integration.anvil_l1 import DEPLOYER, L1, running_l1
from tests.unit.rpc.hostile import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

    from coprove.contracts import IntentStore, TransactionManager
    from coprove.rpc import Json

with_and_without = pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "unguarded"])

GWEI = 10**9
TO = Address(b"\x55" * 20)
ME = DEPLOYER.address
LOOKS = 50
"""Looks at the chain after which a transaction that did not move counts as stuck."""


# Under-priced transactions and the nonce queue behind them


@pytest.mark.anvil
@with_and_without
async def test_fees_have_a_floor_or_the_queue_stands_still(*, guarded: bool) -> None:
    """The endpoint suggests no tip, pools take none without: the first blocks all behind it."""
    policy = FeePolicy() if guarded else FeePolicy(min_priority_fee=0, min_max_fee=0)
    store = MemoryIntentStore()
    async with running_l1() as l1:
        pool = PickyPool(l1)
        manager = l1.manager(store=store, transport=pool, resubmit_after=0.0, fees=policy)
        async with manager, _sending(manager, store, 3) as sends:
            assert await _all_settle(sends, pool, l1.mine) is guarded
        assert await l1.nonce(ME) == (3 if guarded else 0)
        assert (pool.refused == 0) is guarded


@pytest.mark.anvil
@with_and_without
async def test_a_stuck_transaction_is_replaced_or_the_queue_stands_still(
    monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    """The base fee rises above what was offered: only a dearer one of the same nonce helps."""
    if not guarded:

        async def wait_for_better_times(*_: Any, **__: Any) -> None:
            """Trust that the pool will have it mined some day."""

        monkeypatch.setattr(watcher, "_keep_in_pool", wait_for_better_times)
    policy = FeePolicy(min_max_fee=GWEI, min_priority_fee=1, base_fee_factor=1)
    store = MemoryIntentStore()
    async with running_l1() as l1:
        await l1.automine(on=False)
        pool = PickyPool(l1)
        manager = l1.manager(store=store, transport=pool, resubmit_after=0.2, fees=policy)

        async def mine_dear_block() -> None:
            await l1.rpc("anvil_setNextBlockBaseFeePerGas", hex(20 * GWEI))
            await l1.mine()

        async with manager, _sending(manager, store, 2) as sends:
            await _until(lambda: _are_signed(store, "k0", "k1"))
            assert await _all_settle(sends, pool, mine_dear_block) is guarded
        first = await store.attempts("k0")
        assert (len(first) > 1) is guarded
        assert {attempt.nonce for attempt in first} == {0}
        assert await l1.nonce(ME) == (2 if guarded else 0)


@pytest.mark.anvil
@with_and_without
async def test_what_was_sent_is_known_after_a_restart_or_it_is_sent_twice(
    tmp_path: Path, *, guarded: bool
) -> None:
    """The hash is stored before the transaction leaves; the next process finds it mined."""

    with ExitStack() as stack:

        def open_store() -> IntentStore:
            if not guarded:
                return MemoryIntentStore()
            return stack.enter_context(closing(SqliteIntentStore(tmp_path / "sent.sqlite")))

        async with running_l1() as l1:
            await l1.automine(on=False)
            first = open_store()
            async with l1.manager(store=first) as manager, _sending(manager, first, 1):
                await _until(lambda: _has_pooled(l1))
            await l1.automine(on=True)
            await l1.mine()
            second = open_store()
            async with l1.manager(store=second) as manager:
                await manager.send(key="k0", to=TO, value=1)
            assert len(await second.attempts("k0")) == 1
            assert await l1.nonce(ME) == (1 if guarded else 2)


# 36,000 calls and an endpoint that answers 429


@with_and_without
@pytest.mark.parametrize("how", ["retry-after", "no-header", "json-rpc"])
async def test_an_endpoint_that_said_stop_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, how: str, *, guarded: bool
) -> None:
    """Refused once, all callers of the endpoint wait: as long as it asks, or as the policy says.

    Without the shared pause each of the callers runs into the ban by itself; without reading
    Retry-After the first retry comes too soon.
    """
    if not guarded and how == "retry-after":
        monkeypatch.setattr(rpc_http, "_seconds", lambda _: None)
    elif not guarded:
        monkeypatch.setattr(RateLimiter, "penalise", lambda *_: None)
    node = LimitedNode(first_calls=5, ban=2.0, how=how)
    first_pause = 0.001 if how == "retry-after" else 2.0
    retry = RetryPolicy(attempts=4, base_delay=first_pause, max_delay=3.0, jitter=0.0)
    options = EndpointOptions(max_concurrency=1, max_batch=1, retry=retry)
    async with serving(node.handle) as url, JsonRpcTransport(url, options) as transport:
        calls = [transport.call("eth_getHeader", [number]) for number in range(20)]
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert node.bans == 1
    assert (node.calls_in_ban == 0) is guarded
    if guarded:
        assert results == [hex(number) for number in range(20)]
    else:
        assert how != "retry-after" or any(isinstance(item, RateLimitedError) for item in results)


@with_and_without
async def test_a_batch_that_was_refused_in_part_pauses_the_endpoint(
    monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    """HTTP 200, and in the batch errors that say "limit exceeded": nothing goes out at once."""
    if not guarded:
        monkeypatch.setattr(JsonRpcTransport, "_pause", lambda *_: None)
    node = LimitedNode(first_calls=5, ban=2.0, how="json-rpc")
    retry = RetryPolicy(attempts=4, base_delay=2.0, max_delay=3.0, jitter=0.0)
    options = EndpointOptions(max_concurrency=1, max_batch=50, retry=retry)
    async with serving(node.handle) as url, JsonRpcTransport(url, options) as transport:
        results = await transport.batch([Call("eth_getHeader", [n]) for n in range(10)])
    assert results == [hex(number) for number in range(10)]
    assert (node.calls_in_ban == 0) is guarded


@with_and_without
async def test_the_rate_limit_keeps_an_endpoint_from_refusing_at_all(*, guarded: bool) -> None:
    """All clients of an endpoint share one bucket, and each call of a batch counts."""
    node = LimitedNode(per_second=35)
    options = EndpointOptions(
        max_concurrency=1,
        max_batch=5,
        burst=5,
        calls_per_second=20.0 if guarded else 0.0,
        retry=RetryPolicy(attempts=6, base_delay=0.4, jitter=0.0),
    )
    async with serving(node.handle) as url, JsonRpcTransport(url, options) as transport:
        clients = [
            transport.batch([Call("eth_getHeader", [n]) for n in range(first, first + 10)])
            for first in range(0, 50, 10)
        ]
        found = [result for results in await asyncio.gather(*clients) for result in results]
    assert found == [hex(number) for number in range(50)]
    assert (node.refused == 0) is guarded


@dataclass
class LimitedNode:
    """A node that refuses when it is asked too much, and counts who comes all the same."""

    first_calls: int = 1 << 30
    """Calls that it answers before its one ban."""
    ban: float = 0.0
    """Seconds of the ban."""
    how: str = "no-header"
    """Refuses by HTTP 429, with or without Retry-After, or by errors of JSON-RPC."""
    per_second: int = 1 << 30
    """Calls that it answers within any second."""
    refused: int = 0
    bans: int = 0
    calls_in_ban: int = 0
    _answered: list[float] = field(default_factory=list)
    _until: float = 0.0

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json()
        asked = body if isinstance(body, list) else [body]
        admitted = self._admit(len(asked))
        self.refused += len(asked) - admitted
        if admitted < len(asked) and self.how != "json-rpc":
            wait = {"Retry-After": str(int(self.ban))} if self.how == "retry-after" else {}
            return web.Response(status=429, headers=wait)
        self._answered += [time.monotonic()] * admitted
        replies = [
            self._reply(call, is_admitted=index < admitted) for index, call in enumerate(asked)
        ]
        return web.json_response(replies if isinstance(body, list) else replies[0])

    def _admit(self, calls: int) -> int:
        """Return how many calls of a request are answered; the ban begins with the first not."""
        now = time.monotonic()
        if now < self._until:
            self.calls_in_ban += calls
            return 0
        room = self.per_second - sum(then > now - 1.0 for then in self._answered)
        if self.ban and not self.bans and len(self._answered) + calls > self.first_calls:
            self.bans, self._until = 1, now + self.ban
            room = self.first_calls - len(self._answered)
        return max(0, min(calls, room))

    def _reply(self, call: dict[str, Any], *, is_admitted: bool) -> dict[str, Any]:
        reply = {"jsonrpc": "2.0", "id": call["id"]}
        if not is_admitted:
            return {**reply, "error": {"code": -32005, "message": "limit exceeded"}}
        return {**reply, "result": hex(call["params"][0])}


class PickyPool(JsonRpcTransport):
    """The L1 behind a pool like geth's, which takes nothing without a tip, and suggests none."""

    def __init__(self, l1: L1) -> None:
        """Pass on what is not about tips."""
        super().__init__("http://unused.invalid")
        self._inner = l1.transport
        self.looks = 0
        self.refused = 0

    async def call(
        self,
        method: str,
        params: Sequence[Json] = (),
        *,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Json:
        self.looks += method == "eth_getTransactionReceipt"
        if method == "eth_maxPriorityFeePerGas":
            return "0x0"
        if method == "eth_sendRawTransaction":
            fields = rlp.decode_list(bytes.fromhex(str(params[0])[4:]))
            if not fields[2]:
                self.refused += 1
                text = "transaction underpriced: gas tip cap 0, minimum needed 1"
                raise RpcError(method, code=-32000, message=text)
        return await self._inner.call(method, params, timeout=timeout)


@asynccontextmanager
async def _sending(
    manager: TransactionManager, store: IntentStore, count: int
) -> AsyncIterator[list[asyncio.Task[Mined]]]:
    """Have calls k0, k1, … under way, with nonces in this order."""
    tasks: list[asyncio.Task[Mined]] = []
    for number in range(count):
        key = f"k{number}"
        tasks.append(asyncio.create_task(manager.send(key=key, to=TO, value=1)))
        await _until(partial(_is_stored, store, key))
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _all_settle(
    sends: list[asyncio.Task[Mined]], pool: PickyPool, mine: Callable[[], Awaitable[None]]
) -> bool:
    """Whether all transactions settle while the manager looks at the chain a number of times."""
    last = pool.looks + LOOKS * len(sends)
    while pool.looks < last:
        if all(task.done() for task in sends):
            return all(task.exception() is None for task in sends)
        await mine()
        await asyncio.sleep(0.01)
    return False


async def _until(check: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(3000):
        if await check():
            return
        await asyncio.sleep(0.02)
    pytest.fail("the condition never came true")


async def _has_pooled(l1: L1) -> bool:
    status = await l1.rpc("txpool_status")
    assert isinstance(status, dict)
    return status["pending"] != "0x0"


async def _is_stored(store: IntentStore, key: str) -> bool:
    return await store.get(key) is not None


async def _are_signed(store: IntentStore, *keys: str) -> bool:
    return all([await store.attempts(key) for key in keys])

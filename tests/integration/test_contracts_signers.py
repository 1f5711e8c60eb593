"""Transactions signed by a web3signer: a local server that speaks its JSON-RPC API."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from coprove.contracts import (
    LocalSigner,
    MemoryIntentStore,
    TransactionManager,
    TransactionOptions,
    Web3Signer,
)
from coprove.contracts.errors import SigningError
from coprove.contracts.transactions import Fees, UnsignedTransaction
from coprove.rpc import EndpointOptions, JsonRpcTransport, RetryPolicy, RpcError
from coprove.types import Address
from tests.integration.anvil_l1 import DEPLOYER, OTHER, running_l1

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

pytestmark = pytest.mark.anvil

TO = Address(b"\x55" * 20)
_QUANTITIES = ("nonce", "gas", "maxFeePerGas", "maxPriorityFeePerGas", "value")


@dataclass
class LocalWeb3Signer:
    """Holds keys and answers as web3signer's eth1 mode does."""

    accounts: dict[str, LocalSigner]
    """The keys, by lower-case address."""
    alter: Callable[[dict[str, Any]], None] = lambda _: None
    """Changes what is asked for before it is signed: a signer that was broken into."""
    down: int = 0
    """How many of the next requests get HTTP 503."""
    methods: list[str] = field(default_factory=list)
    """What was asked."""

    async def answer(self, request: web.Request) -> web.Response:
        if self.down:
            self.down -= 1
            return web.Response(status=503)
        body = await request.json()
        self.methods.append(body["method"])
        try:
            result = await self._result(body["method"], body["params"])
        except (KeyError, TypeError, ValueError) as error:
            failure = {"code": -32602, "message": f"Invalid params: {error}"}
            return web.json_response({"jsonrpc": "2.0", "id": body["id"], "error": failure})
        except PermissionError as error:
            failure = {"code": -32000, "message": str(error)}
            return web.json_response({"jsonrpc": "2.0", "id": body["id"], "error": failure})
        return web.json_response({"jsonrpc": "2.0", "id": body["id"], "result": result})

    async def _result(self, method: str, params: list[dict[str, Any]]) -> str:
        if method != "eth_signTransaction" or len(params) != 1:
            raise ValueError(method)
        given = dict(params[0])
        self.alter(given)
        signer = self.accounts.get(given["from"].lower())
        if signer is None:
            raise PermissionError("Signing from account is not configured")
        nonce, gas, max_fee, priority, value = (int(given[name], 16) for name in _QUANTITIES)
        raw = await signer.sign(
            UnsignedTransaction(
                chain_id=31337,
                nonce=nonce,
                fees=Fees(max_fee=max_fee, priority_fee=priority),
                gas_limit=gas,
                to=None if given.get("to") is None else Address.from_hex(given["to"]),
                value=value,
                data=bytes.fromhex(given["data"][2:]),
            )
        )
        return f"0x{raw.hex()}"


@asynccontextmanager
async def serving(signer: LocalWeb3Signer) -> AsyncIterator[JsonRpcTransport]:
    """Serve on a free port and connect to it."""
    app = web.Application()
    app.router.add_post("/", signer.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    options = EndpointOptions(retry=RetryPolicy(attempts=2, base_delay=0.01))
    try:
        async with JsonRpcTransport(f"http://127.0.0.1:{port}", options) as transport:
            yield transport
    finally:
        await runner.cleanup()


def holding(*signers: LocalSigner, **more: Any) -> LocalWeb3Signer:
    return LocalWeb3Signer({str(s.address).lower(): s for s in signers}, **more)


def transaction(nonce: int = 0) -> UnsignedTransaction:
    return UnsignedTransaction(
        chain_id=31337,
        nonce=nonce,
        fees=Fees(max_fee=3 * 10**9, priority_fee=10**9),
        gas_limit=21_000,
        to=TO,
        value=1,
        data=b"",
    )


async def test_transfers_and_creations_go_through_a_web3signer() -> None:
    """The manager sends what the service signed; an outage in between only delays."""
    service = holding(DEPLOYER)
    options = TransactionOptions(confirmations=1, poll_interval=0.02)
    async with running_l1() as l1, serving(service) as transport:
        signer = Web3Signer(transport, DEPLOYER.address)
        store = MemoryIntentStore()
        async with TransactionManager(l1.transport, signer, store, options) as manager:
            service.down = 3
            await manager.send(key="transfer", to=TO, value=1)
            made = await manager.send(key="create", to=None, data=bytes.fromhex("00"))
        assert made.contract_address is not None
        assert int(str(await l1.rpc("eth_getBalance", str(TO), "latest")), 16) == 1
    assert set(service.methods) == {"eth_signTransaction"}


async def test_an_account_that_the_service_does_not_hold_is_told() -> None:
    """Its own message reaches the caller."""
    async with serving(holding(OTHER)) as transport:
        with pytest.raises(RpcError, match="not configured"):
            await Web3Signer(transport, DEPLOYER.address).sign(transaction())


@pytest.mark.parametrize(
    "change",
    [
        {"to": "0x" + "66" * 20},
        {"value": "0xffff"},
        {"nonce": "0x7"},
        {"gas": "0xfffff"},
        {"data": "0x00"},
        {"maxFeePerGas": hex(10**12)},
        {"from": str(OTHER.address)},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_another_transaction_than_asked_for_is_never_sent(change: dict[str, str]) -> None:
    """A service that signs something else, or as somebody else, gets a typed error."""
    service = holding(DEPLOYER, OTHER, alter=lambda given: given.update(change))
    async with serving(service) as transport:
        with pytest.raises(SigningError):
            await Web3Signer(transport, DEPLOYER.address).sign(transaction())


async def test_many_signatures_at_once_do_not_mix() -> None:
    """Each caller gets its own."""
    async with serving(holding(DEPLOYER)) as transport:
        signer = Web3Signer(transport, DEPLOYER.address)
        wanted = [transaction(nonce) for nonce in range(20)]
        signed = await asyncio.gather(*(signer.sign(one) for one in wanted))
    assert all(one.matches(raw) for one, raw in zip(wanted, signed, strict=True))

"""A web3signer: a local server that speaks its JSON-RPC API."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web
from eth_account.messages import encode_defunct

from coprove.contracts.transactions import Fees, UnsignedTransaction
from coprove.rpc import EndpointOptions, JsonRpcTransport, RetryPolicy
from coprove.types import Address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from coprove.contracts import LocalSigner

__all__ = ["LocalWeb3Signer", "holding", "serving"]

_QUANTITIES = ("nonce", "gas", "maxFeePerGas", "maxPriorityFeePerGas", "value")


@dataclass
class LocalWeb3Signer:
    """Holds keys and answers as web3signer's eth1 mode does."""

    accounts: dict[str, LocalSigner]
    """The keys, by lower-case address."""
    alter: Callable[[dict[str, Any]], None] = lambda _: None
    """Changes what is asked for before it is signed: a signer that was broken into."""
    forge: Callable[[str], Any] = lambda signature: signature
    """Changes signatures of messages."""
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

    async def _result(self, method: str, params: list[Any]) -> Any:
        if method == "eth_accounts":
            return list(self.accounts)
        if method == "eth_sign":
            account, message = params
            return self.forge(self._sign_message(account, bytes.fromhex(message[2:])))
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

    def _sign_message(self, account: str, message: bytes) -> str:
        """Sign as eth_sign does: with the prefix of EIP-191, as eth-account has it."""
        signer = self.accounts.get(account.lower())
        if signer is None:
            raise PermissionError("Signing from account is not configured")
        signed = signer._account.sign_message(encode_defunct(message))
        return f"0x{bytes(signed.signature).hex()}"


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

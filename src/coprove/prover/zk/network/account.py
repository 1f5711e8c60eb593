"""The requester's account: its nonce, which orders and limits all that is signed."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from coprove.prover.errors import ProverUnavailableError
from coprove.prover.zk.proto import network_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from coprove.prover.zk.network.channel import NetworkChannel
    from coprove.prover.zk.network.options import NetworkOptions
    from coprove.prover.zk.network.signing import NetworkSigner
    from coprove.types import Address

__all__ = ["NetworkAccount"]


class NetworkAccount:
    """An account of which one call at a time is signed: two with one nonce would fight."""

    def __init__(
        self, channel: NetworkChannel, signer: NetworkSigner, options: NetworkOptions
    ) -> None:
        """The signer's account."""
        self.signer, self.options = signer, options
        self._channel = channel
        self._lock = asyncio.Lock()

    @property
    def address(self) -> Address:
        """The account's address."""
        return self.signer.address

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[int]:
        """Wait for the turn to sign, and give the nonce to sign with."""
        async with self._lock:
            yield await self.nonce()

    async def nonce(self) -> int:
        """Return the number of the account's accepted calls."""
        answer = await self._channel.ask(
            "GetNonce",
            network_pb2.GetNonceRequest(address=self.address),
            network_pb2.GetNonceResponse,
        )
        return answer.nonce

    async def balance(self) -> int:
        """Return the credits, in the payment token's base unit."""
        answer = await self._channel.ask(
            "GetBalance",
            network_pb2.GetBalanceRequest(address=self.address),
            network_pb2.GetBalanceResponse,
        )
        if not answer.amount.isdecimal():
            raise ProverUnavailableError(f"GetBalance: {answer.amount[:40]!r} is no amount")
        return int(answer.amount)

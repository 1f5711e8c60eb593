"""The traffic generator's loop."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any, Final

from coprove.devnet.accounts import DevAccounts
from coprove.devnet.traffic import kinds
from coprove.errors import CoproveError, InputError
from coprove.primitives import keccak256, rlp
from coprove.rpc import Call
from coprove.telemetry import MetricKind, MetricSpec, get_logger
from coprove.types import Address

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from coprove.devnet.traffic.config import TrafficConfig
    from coprove.rpc import JsonRpcTransport
    from coprove.telemetry import Metrics

__all__ = ["REFUSED", "SENT", "TrafficGenerator"]

SENT = MetricSpec(
    name="coprove_devnet_traffic_sent",
    kind=MetricKind.COUNTER,
    help="Transactions that a node took.",
    labels=("kind",),
)
REFUSED = MetricSpec(
    name="coprove_devnet_traffic_refused",
    kind=MetricKind.COUNTER,
    help="Transactions that no node took.",
    labels=("kind",),
)
_TIP: Final = 1_000_000
_ETHER: Final = 10**18
_CONTRACTS_KEPT: Final = 50
_REPORT_SECONDS: Final = 10.0
_log = get_logger(part="traffic")


class TrafficGenerator:
    """Sends at a set rate; a transaction that is refused is counted and left behind."""

    def __init__(
        self,
        config: TrafficConfig,
        *,
        l1: JsonRpcTransport,
        l2: JsonRpcTransport,
        l1_chain_id: int,
        l2_chain_id: int,
        metrics: Metrics,
    ) -> None:
        """The chain ids must have passed `require_dev_chain`."""
        self._config, self._metrics = config, metrics
        self._l1, self._l2 = l1, l2
        self._l1_chain_id, self._l2_chain_id = l1_chain_id, l2_chain_id
        self._random = random.Random(config.seed)  # noqa: S311 - chooses kinds, no secrets
        self._accounts = [DevAccounts().account(index) for index in config.accounts]
        self._portal = Address.from_hex(config.portal)
        self._contracts: list[Address] = []
        self._sent = 0

    async def run(self) -> None:
        """Send for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._run_l2())
            group.create_task(self._run_deposits())
            group.create_task(self._report())

    async def _run_l2(self) -> None:
        turn, due = 0, time.monotonic()
        while True:
            account = self._accounts[turn % len(self._accounts)]
            await self._send(self._l2, self._l2_chain_id, account, self._next_payload(account))
            turn += 1
            # A slow node delays traffic; it does not pile it up.
            due = max(due + 1 / self._config.rate, time.monotonic() - 1)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _run_deposits(self) -> None:
        account = self._accounts[0]
        while True:
            payload = kinds.deposit(self._portal, _address(self._accounts[-1]), _ETHER // 1000)
            await self._send(self._l1, self._l1_chain_id, account, payload)
            await asyncio.sleep(self._config.deposit_interval)

    async def _report(self) -> None:
        while True:
            before = self._sent
            await asyncio.sleep(_REPORT_SECONDS)
            rate = round((self._sent - before) / _REPORT_SECONDS, 2)
            _log.info("traffic", sent=self._sent, per_second=rate)

    def _next_payload(self, account: LocalAccount) -> kinds.Payload:
        config = self._config
        weights = (
            config.transfer_weight,
            config.creation_weight,
            config.call_weight if self._contracts else 0,
            config.withdrawal_weight,
        )
        kind = self._random.choices(range(4), weights if any(weights) else (1, 0, 0, 0))[0]
        if kind == 1:
            return kinds.create_store()
        if kind == 2:
            return kinds.call_store(self._random.choice(self._contracts), 1)
        if kind == 3:
            return kinds.withdrawal(_address(account), _ETHER // 10_000)
        receiver = keccak256(self._random.randbytes(8))[12:]
        return kinds.transfer(Address(receiver), self._random.randrange(1, 10**12))

    async def _send(
        self,
        transport: JsonRpcTransport,
        chain_id: int,
        account: LocalAccount,
        payload: kinds.Payload,
    ) -> None:
        try:
            nonce, price = await transport.all(
                [
                    Call("eth_getTransactionCount", [account.address, "pending"]),
                    Call("eth_gasPrice"),
                ]
            )
            raw = _sign(account, payload, chain_id=chain_id, nonce=_int(nonce), price=_int(price))
            await transport.call("eth_sendRawTransaction", [f"0x{raw.hex()}"])
        except CoproveError as error:
            self._metrics.inc(REFUSED, kind=payload.kind)
            _log.debug("refused", kind=payload.kind, error=error)
            return
        self._sent += 1
        self._metrics.inc(SENT, kind=payload.kind)
        if payload.to is None:
            made = keccak256(rlp.encode([bytes(_address(account)), rlp.encode_int(_int(nonce))]))
            self._contracts = [*self._contracts, Address(made[12:])][-_CONTRACTS_KEPT:]


def _sign(
    account: LocalAccount, payload: kinds.Payload, *, chain_id: int, nonce: int, price: int
) -> bytes:
    transaction: dict[str, Any] = {
        "type": 2,
        "chainId": chain_id,
        "nonce": nonce,
        "value": payload.value,
        "data": payload.data,
        "gas": payload.gas,
        "maxFeePerGas": 2 * price + _TIP,
        "maxPriorityFeePerGas": _TIP,
    }
    if payload.to is not None:
        transaction["to"] = bytes(payload.to)
    return bytes(account.sign_transaction(transaction).raw_transaction)


def _address(account: LocalAccount) -> Address:
    return Address.from_hex(account.address.lower())


def _int(value: object) -> int:
    if not isinstance(value, str):
        raise InputError("quantity", expected="hex", actual=value)
    return int(value, 16)

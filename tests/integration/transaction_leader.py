"""A process that leads and sends, for tests that stop, wake and kill it.

Run as `python -m tests.integration.transaction_leader DATABASE L1 TTL MODE`; says what it does
line by line. Mode `send` waits for its transaction once it is in the pool. Mode `pause` stops
itself after its lease was confirmed and before the signed bytes leave it. Both go on to send for
another purpose when they get so far.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress

from coprove.contracts import TransactionManager, TransactionOptions
from coprove.errors import CoproveError
from coprove.proposer.leadership import Leadership
from coprove.rpc import EndpointOptions, JsonRpcTransport, NotYetAvailableError, RetryPolicy
from coprove.storage import TransactionLog, open_store
from coprove.types import Address
from tests.integration.anvil_l1 import DEPLOYER
from tests.intent_stores import SCOPE

TO = Address(b"\x55" * 20)
KEY = "propose-100"
LATE = "propose-200"


def say(*words: object) -> None:
    """Write a line that the test reads."""
    sys.stdout.write(" ".join(str(word) for word in words) + "\n")
    sys.stdout.flush()


async def main(database: str, l1_url: str, ttl: float, mode: str) -> None:
    """Lead, send, and say how each ended."""
    options = EndpointOptions(timeout=10.0, retry=RetryPolicy(attempts=2, base_delay=0.01))
    async with (
        JsonRpcTransport(l1_url, options) as transport,
        await open_store(database, SCOPE) as store,
    ):
        leadership = Leadership(store, holder="old", seconds=ttl)
        log = TransactionLog(store, await leadership.gain())
        keeper = asyncio.create_task(leadership.keep())

        async def guard() -> None:
            await leadership.confirm()
            if mode == "pause":
                say("confirmed")
                os.kill(os.getpid(), signal.SIGSTOP)

        manager = TransactionManager(
            transport,
            DEPLOYER,
            log,
            TransactionOptions(confirmations=1, poll_interval=0.05),
            guard=guard,
        )
        async with manager:
            first = asyncio.create_task(manager.send(key=KEY, to=TO, value=1))
            say("leading")
            if mode == "send":
                await _in_pool(transport, log)
                say("sent")
            for name, sending in (
                ("first", first),
                ("late", manager.send(key=LATE, to=TO, value=10, gas_limit=21_000)),
            ):
                try:
                    mined = await sending
                except CoproveError as error:
                    say("refused", name, type(error).__name__)
                else:
                    say("settled", name, mined.tx_hash)
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)


async def _in_pool(transport: JsonRpcTransport, log: TransactionLog) -> None:
    """Wait until the node knows the transaction."""
    while True:
        for attempt in await log.attempts(KEY):
            with suppress(NotYetAvailableError):
                await transport.call("eth_getTransactionByHash", [attempt.tx_hash.hex0x])
                return
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4]))

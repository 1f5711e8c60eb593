"""What both APIs ask for: the enclave's services with the host's limits and metrics around them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

from coprove.primitives import keccak256
from coprove.prover.tee.enclave import QuoteUnavailableError, WitnessDigestError
from coprove.prover.tee.host import metrics as names
from coprove.prover.tee.host.desk import ProvingDesk
from coprove.prover.tee.host.errors import TooManyTasksError
from coprove.prover.tee.host.memory import HeldBytes, MemoryBudget
from coprove.prover.tee.host.witnesses import WitnessShelf
from coprove.telemetry import get_logger
from coprove.types import Hash32

if TYPE_CHECKING:
    from collections.abc import Callable

    from coprove.prover.tee.enclave import BoundEvidence, Enclave, Quote
    from coprove.prover.tee.host.contexts import WitnessMaker
    from coprove.prover.tee.host.options import TeeProverOptions
    from coprove.telemetry import Metrics
    from coprove.types import Address

__all__ = ["TeeService"]

T = TypeVar("T")
_CHECK: Final = "check"
_log = get_logger(part="tee-prover")


class TeeService:
    """The enclave behind a desk, a shelf and a budget. Belongs to one event loop."""

    def __init__(
        self,
        enclave: Enclave,
        options: TeeProverOptions,
        metrics: Metrics,
        maker: WitnessMaker | None,
    ) -> None:
        """Put them together; `maker` collects witnesses that clients do not bring."""
        self.enclave, self.options, self.metrics, self.maker = enclave, options, metrics, maker
        self.budget = MemoryBudget(options.memory_bytes)
        self.desk = ProvingDesk(enclave, options, metrics)
        self.shelf = WitnessShelf(ttl=options.witness_ttl, max_locks=options.max_locks)
        self.quotes = True
        """Whether the platform quoted when it was last asked."""
        self._checking: asyncio.Task[None] | None = None
        # A thread of its own: a platform that is slow or silent holds up no proof.
        self._quoter = ThreadPoolExecutor(1, thread_name_prefix="quotes")
        self._asked = 0

    def start(self) -> None:
        """Look from time to time whether the platform still quotes."""
        self._checking = asyncio.create_task(self._check_for_ever())

    async def stop(self) -> None:
        """End what is under way; witnesses and proofs are forgotten."""
        if self._checking is not None:
            self._checking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._checking
        self._quoter.shutdown(wait=False, cancel_futures=True)
        await self.desk.stop()

    @property
    def is_healthy(self) -> bool:
        """Whether proofs and evidence are to be had, as far as was seen."""
        return self.quotes

    async def named(self, witness: HeldBytes, digest: Hash32 | None = None) -> Hash32:
        """Return a witness's keccak256; WitnessDigestError when the client has another one."""
        found = Hash32(await asyncio.to_thread(keccak256, witness.data))
        if digest is not None and found != digest:
            raise WitnessDigestError("witness digest", expected=digest, actual=found)
        return found

    async def registration_evidence(
        self,
        *,
        chain_id: int,
        verifier: Address,
        operator: Address,
        block_number: int,
        block_hash: Hash32,
        nonce: Hash32,
    ) -> BoundEvidence:
        """See Enclave; TooManyTasksError when many others wait for evidence."""
        return await self._quoted(
            "registration",
            lambda: self.enclave.registration_evidence(
                chain_id=chain_id,
                verifier=verifier,
                operator=operator,
                block_number=block_number,
                block_hash=block_hash,
                nonce=nonce,
            ),
        )

    async def avs_evidence(self, request: bytes) -> Quote:
        """See Enclave; TooManyTasksError when many others wait for evidence."""
        return await self._quoted("avs", lambda: self.enclave.avs_evidence(request))

    async def check(self) -> None:
        """Have the enclave look at a quote of its own; raises what is wrong."""
        await self._quoted(_CHECK, self.enclave.check)

    def measure(self) -> None:
        """Set the gauges."""
        self.shelf.sweep()
        self.desk.measure()
        self.metrics.set(names.MEMORY, self.budget.used)
        self.metrics.set(names.UP, int(self.is_healthy))

    async def _quoted(self, purpose: str, ask: Callable[[], T]) -> T:
        # Our own looks at the platform are never more than one.
        if purpose != _CHECK and self._asked >= self.options.max_quotes:
            raise TooManyTasksError(f"{self._asked} requests wait for evidence")
        self._asked += 1
        began = time.monotonic()
        try:
            found = await self._in_time(ask)
        except Exception as error:
            self.metrics.inc(names.QUOTES, purpose=purpose, outcome=type(error).__name__)
            raise
        finally:
            self._asked -= 1
        self.metrics.inc(names.QUOTES, purpose=purpose, outcome="given")
        self.metrics.set(names.AVS_ATTESTATION_MS, (time.monotonic() - began) * 1000)
        return found

    async def _in_time(self, ask: Callable[[], T]) -> T:
        seconds = self.options.quote_timeout
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.get_running_loop().run_in_executor(self._quoter, ask)
        except TimeoutError:
            raise QuoteUnavailableError(f"the platform gave no quote in {seconds:g} s") from None

    async def _check_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self.options.check_interval)
            try:
                await self.check()
            except Exception as error:  # noqa: BLE001 - whatever it is, there was no quote
                _log.error("the platform does not quote", error=error)
                self.quotes = False
            else:
                self.quotes = True

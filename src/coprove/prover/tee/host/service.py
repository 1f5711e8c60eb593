"""What both APIs ask for: the enclave's services with the host's limits and metrics around them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, TypeVar

from coprove.errors import CoproveError
from coprove.primitives import keccak256
from coprove.prover.tee.enclave import WitnessDigestError
from coprove.prover.tee.host import metrics as names
from coprove.prover.tee.host.desk import ProvingDesk
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

    def start(self) -> None:
        """Look from time to time whether the platform still quotes."""
        self._checking = asyncio.create_task(self._check_for_ever())

    async def stop(self) -> None:
        """End what is under way; witnesses and proofs are forgotten."""
        if self._checking is not None:
            self._checking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._checking
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
        """See Enclave."""
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
        """See Enclave."""
        return await self._quoted("avs", lambda: self.enclave.avs_evidence(request))

    async def check(self) -> None:
        """Have the enclave look at a quote of its own; raises what is wrong."""
        await self._quoted("check", self.enclave.check)

    def measure(self) -> None:
        """Set the gauges."""
        self.shelf.sweep()
        self.desk.measure()
        self.metrics.set(names.MEMORY, self.budget.used)
        self.metrics.set(names.UP, int(self.is_healthy))

    async def _quoted(self, purpose: str, ask: Callable[[], T]) -> T:
        began = time.monotonic()
        try:
            found = await asyncio.to_thread(ask)
        except CoproveError as error:
            self.metrics.inc(names.QUOTES, purpose=purpose, outcome=type(error).__name__)
            raise
        self.metrics.inc(names.QUOTES, purpose=purpose, outcome="given")
        self.metrics.set(names.AVS_ATTESTATION_MS, (time.monotonic() - began) * 1000)
        return found

    async def _check_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self.options.check_interval)
            try:
                await self.check()
            except CoproveError as error:
                _log.error("the platform does not quote", error=error)
                self.quotes = False
            else:
                self.quotes = True

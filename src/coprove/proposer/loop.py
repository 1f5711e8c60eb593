"""The proposer's loop: one named step a line, each isolated from the errors of the others."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from coprove.proposer import metrics as m
from coprove.proposer.alerts import Alert
from coprove.proposer.isolation import isolated
from coprove.proposer.look import look
from coprove.proposer.steps.aggregation import aggregate
from coprove.proposer.steps.metrics import measure
from coprove.proposer.steps.optimistic import propose_unproven
from coprove.proposer.steps.proving import poll
from coprove.proposer.steps.ranges import plan
from coprove.proposer.steps.requesting import request_proofs
from coprove.proposer.steps.revalidation import revalidate
from coprove.proposer.steps.settling import settle
from coprove.proposer.steps.startup import recover
from coprove.proposer.steps.submission import submit
from coprove.proposer.steps.witness_timeouts import end_overdue
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from coprove.proposer.context import Context
    from coprove.proposer.look import Look

__all__ = ["ProposerLoop"]

_log = get_logger(part="loop")
_FAILED_OFTEN = 10


class ProposerLoop:
    """The ticks of one term of leadership."""

    def __init__(
        self,
        ctx: Context,
        *,
        wake: asyncio.Event | None = None,
        on_tick: Callable[[], None] = lambda: None,
    ) -> None:
        """`wake` begins the next tick at once; `on_tick` is called after each without errors."""
        self._ctx = ctx
        self._on_tick = on_tick
        self._wake = wake or asyncio.Event()
        self._failures = 0
        self._has_recovered = False

    async def run(self) -> None:
        """Tick until the term ends: LeaseLostError, NotLeadingError or ConfigMismatchError."""
        while True:
            self._wake.clear()
            if await self.tick():
                self._failures = 0
                self._on_tick()
            else:
                self._failures += 1
                if self._failures == _FAILED_OFTEN:
                    self._ctx.alerts.send(
                        Alert.REPEATED_FAILURE, f"{self._failures} ticks in a row had errors"
                    )
            with suppress(TimeoutError):
                async with asyncio.timeout(self._ctx.settings.poll_interval):
                    await self._wake.wait()

    async def tick(self) -> bool:
        """Take every step once; whether none had an error."""
        ctx = self._ctx
        _ = ctx.lease  # raises when this process does not lead any more
        seen = await self._look()
        results = [seen is not None]
        if seen is not None and not self._has_recovered:
            self._has_recovered = await self._step("recovery", partial(recover, ctx, seen.latest))
            results.append(self._has_recovered)
        if seen is not None and self._has_recovered:
            results += [
                await self._step("metrics", partial(measure, ctx, seen)),
                await self._step("settling", partial(settle, ctx, seen)),
                await self._step("revalidation", partial(revalidate, ctx, seen)),
            ]
            if not seen.is_optimistic:
                results.append(await self._step("ranges", partial(plan, ctx, seen)))
        results.append(await self._step("proving", partial(poll, ctx)))
        if self._has_recovered:
            results.append(await self._step("witness timeouts", partial(end_overdue, ctx)))
        if seen is not None and self._has_recovered:
            results += await self._act(seen)
        return all(results)

    async def _act(self, seen: Look) -> list[bool]:
        ctx = self._ctx
        if seen.is_optimistic:
            return [await self._step("optimistic", partial(propose_unproven, ctx, seen))]
        return [
            await self._step("aggregation", partial(aggregate, ctx, seen)),
            await self._step("requesting", partial(request_proofs, ctx)),
            await self._step("submission", partial(submit, ctx, seen)),
        ]

    async def _look(self) -> Look | None:
        found: list[Look] = []

        async def see() -> None:
            found.append(await look(self._ctx))

        await self._step("look", see)
        return found[0] if found else None

    async def _step(self, name: str, step: Callable[[], Coroutine[None, None, None]]) -> bool:
        return await isolated(self._ctx, name, m.STEP_FAILED, step)

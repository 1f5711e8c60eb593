"""Receiving aggregation bodies, the same for both APIs: few at once, on disk, subproofs stored."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from coprove.prover.server import metrics as names
from coprove.prover.server.bodies import body_on_disk
from coprove.prover.server.errors import QueueFullError
from coprove.prover.server.subproofs import read_aggregation_body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from coprove.prover.server.engine import Engine
    from coprove.prover.server.subproofs import AggregationBody
    from coprove.telemetry import Metrics

__all__ = ["Uploads"]


class Uploads:
    """Bodies under way; while one is, no subproof is swept away."""

    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        """Limits are the engine's options."""
        self._engine, self._options, self._metrics = engine, engine.options, metrics

    @asynccontextmanager
    async def body(
        self, request: Request, *, checkpoint_member: str, other_members: tuple[str, ...] = ()
    ) -> AsyncIterator[AggregationBody]:
        """Give a body that was received and read; submit its job inside the block.

        QueueFullError when as many are being received as may be; further errors are those of
        `body_on_disk` and `read_aggregation_body`.
        """
        if self._engine.receiving >= self._options.max_uploads:
            raise QueueFullError(f"{self._engine.receiving} bodies are being received")
        self._engine.receiving += 1
        try:
            async with body_on_disk(
                request,
                self._engine.files,
                limit=self._options.max_body_bytes,
                idle=self._options.body_idle_timeout,
                count=lambda size: self._metrics.inc(names.UPLOADED, size),
            ) as path:
                found = await asyncio.to_thread(
                    read_aggregation_body,
                    path,
                    self._engine.files,
                    self._options,
                    checkpoint_member=checkpoint_member,
                    other_members=other_members,
                )
            yield found
        finally:
            self._engine.receiving -= 1
            self._engine.sweep()

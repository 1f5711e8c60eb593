"""Where the witness of a task comes from: the operator's own nodes, or a recorded chain."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from coprove.witness import CollectTask, LiveOptions, Recording, collect_in

if TYPE_CHECKING:
    from pathlib import Path

    from coprove.avs.tasks import AvsTask
    from coprove.rpc import EndpointOptions
    from coprove.witness import LiveEndpoints, WorkExecutor

__all__ = ["NodeWitnesses", "RecordedWitnesses"]


class NodeWitnesses:
    """Collects from nodes, in a worker."""

    def __init__(
        self,
        executor: WorkExecutor,
        endpoints: LiveEndpoints,
        endpoint_options: EndpointOptions,
        *,
        options: LiveOptions | None = None,
        cache: Path | None = None,
    ) -> None:
        """`cache` is a folder for what several ranges want."""
        self._executor, self._endpoints = executor, endpoints
        self._endpoint_options = endpoint_options
        self._options = options or LiveOptions()
        self._cache = None if cache is None else str(cache)

    async def collect(self, task: AvsTask) -> bytes:
        """See WitnessSource."""
        range_ = task.draft.metadata
        asked = CollectTask(
            endpoints=self._endpoints,
            from_block=range_.pre_block,
            to_block=range_.end_block,
            l1_head=task.draft.l1_head_number,
            options=self._options,
            endpoint_options=self._endpoint_options,
            cache_path=self._cache,
        )
        return await collect_in(self._executor, asked)


class RecordedWitnesses:
    """Reads from a recorded chain; for development and tests."""

    def __init__(self, folder: Path) -> None:
        """See `Recording`."""
        self._recording = Recording(folder)
        self._lock = asyncio.Lock()

    async def collect(self, task: AvsTask) -> bytes:
        """See WitnessSource."""
        range_ = task.draft.metadata
        async with self._lock:
            given = await asyncio.to_thread(
                self._recording.range_input,
                range_.pre_block,
                range_.end_block,
                l1_head=task.draft.l1_head_number,
            )
        return given.encode()

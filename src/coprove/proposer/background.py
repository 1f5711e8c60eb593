"""Work that goes on beside the loop, one task for each request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["Background"]

_log = get_logger(part="background")


class Background:
    """Named tasks: each name at most once at a time, all of them ended by `stop`."""

    def __init__(self, on_done: Callable[[], None] = lambda: None) -> None:
        """`on_done` is called whenever a task has ended by itself."""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._on_done = on_done
        self._is_stopped = False

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> bool:
        """Run `work` under `name`; False, with nothing begun, when that runs or all is stopped."""
        if self._is_stopped or name in self._tasks:
            work.close()
            return False
        task = asyncio.create_task(work, name=name)
        self._tasks[name] = task
        task.add_done_callback(self._ended)
        return True

    def is_running(self, name: str) -> bool:
        """Whether a task of this name is at work."""
        return name in self._tasks

    async def cancel(self, name: str) -> None:
        """Cancel the task of this name, if there is one, and wait for its end.

        A task that asks for its own end is left alone: it is about to end anyway.
        """
        task = self._tasks.get(name)
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.wait([task])

    async def stop(self) -> None:
        """Cancel everything, wait for the end, and begin nothing any more."""
        self._is_stopped = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task.get_name(), None)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            _log.error("task failed", task=task.get_name(), error=error, exc_info=error)
        self._on_done()

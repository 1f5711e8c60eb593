"""Child processes kept alive: started in order, watched, restarted with backoff, stopped clean."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from coprove import processes
from coprove.devnet.errors import ChildNotReadyError
from coprove.telemetry import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

__all__ = ["Child", "ChildSpec", "ChildState", "Supervisor", "backoff_seconds"]

_log = get_logger()
_POLL_SECONDS: Final = 0.1
_STEADY_SECONDS: Final = 30.0
_TAIL_BYTES: Final = 4000


def backoff_seconds(failures: int) -> float:
    """Return the pause before restart number `failures` (from 1): 0.25 s doubled, 10 s at most."""
    return float(min(10.0, 0.25 * 2 ** (max(failures, 1) - 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """What a child process is and how one sees that it works."""

    name: str
    """Short name, also of its log file."""
    command: Callable[[], Sequence[str]]
    """Gives program and arguments at each start."""
    log_path: Path
    """Where its standard output and error go; appended to."""
    ready: Callable[[], Awaitable[bool]]
    """Asked again and again after a start until it says True; must not raise."""
    ready_timeout: float = 60.0
    """Seconds until the first start counts as failed."""
    stop_signal: signal.Signals = signal.SIGTERM
    """Asks the process to end."""
    stop_timeout: float = 10.0
    """Seconds after `stop_signal` until the whole process group is killed."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables added to the supervisor's own."""


@dataclass(slots=True, kw_only=True)
class ChildState:
    """How a child does, for the view."""

    pid: int | None = None
    """Process id while it runs."""
    ready: bool = False
    """Whether it answered since its last start."""
    restarts: int = 0
    """Starts after the first."""
    last_exit: int | None = None
    """Exit status of its last unexpected end; negative: the signal."""


class Child:
    """One supervised process, in a process group of its own."""

    def __init__(self, spec: ChildSpec) -> None:
        """`spec` tells all about it; nothing is started yet."""
        self.spec = spec
        self.state = ChildState()
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._stopping = False
        self._spawning = asyncio.Lock()

    async def start(self) -> None:
        """Start it and wait until it is ready; `ChildNotReadyError` when that takes too long."""
        await self._spawn()
        self._watcher = asyncio.create_task(self._watch(), name=f"watch {self.spec.name}")
        deadline = time.monotonic() + self.spec.ready_timeout
        while not await self._probe():
            if time.monotonic() > deadline:
                raise ChildNotReadyError(
                    self.spec.name, seconds=self.spec.ready_timeout, tail=self._tail()
                )
            await asyncio.sleep(_POLL_SECONDS)

    async def stop(self) -> None:
        """Ask it to end, wait, then kill what is left of its process group."""
        self._stopping = True
        if self._watcher is not None:
            async with self._spawning:  # a cancelled spawn would lose the process it made
                self._watcher.cancel()
            with suppress(asyncio.CancelledError):
                await self._watcher
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(self.spec.stop_signal)
            try:
                await asyncio.wait_for(process.wait(), self.spec.stop_timeout)
            except TimeoutError:
                _log.warning("killed: did not stop in time", child=self.spec.name)
        _kill_group(process.pid)
        await process.wait()
        self.state.pid, self.state.ready = None, False

    async def _spawn(self) -> None:
        spec = self.spec
        spec.log_path.parent.mkdir(parents=True, exist_ok=True)
        with spec.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-S",
                processes.__file__,
                str(os.getpid()),
                *spec.command(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **spec.environment},
            )
        self.state.pid, self.state.ready = self._process.pid, False
        _log.debug("started", child=spec.name, pid=self._process.pid)

    async def _watch(self) -> None:
        failures = 0
        while True:
            process = self._process
            if process is None or self._stopping:
                return
            began = time.monotonic()
            waiter = asyncio.create_task(process.wait())
            try:
                while not waiter.done():
                    if not self.state.ready:
                        await self._probe()
                    await asyncio.wait([waiter], timeout=0.5)
            finally:
                waiter.cancel()
            _kill_group(process.pid)
            failures = 1 if time.monotonic() - began > _STEADY_SECONDS else failures + 1
            pause = backoff_seconds(failures)
            self.state.pid, self.state.ready = None, False
            self.state.last_exit = process.returncode
            _log.warning(
                "process ended, restarting",
                child=self.spec.name,
                exit=process.returncode,
                pause_seconds=pause,
            )
            await asyncio.sleep(pause)
            self.state.restarts += 1
            async with self._spawning:
                await self._spawn()

    async def _probe(self) -> bool:
        if self._process is None or self._process.returncode is not None:
            return False
        self.state.ready = await self.spec.ready()
        return self.state.ready

    def _tail(self) -> str:
        with suppress(OSError), self.spec.log_path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
            return log.read().decode(errors="replace")
        return ""


class Supervisor:
    """The devnet's processes in the order in which they depend on each other."""

    def __init__(self) -> None:
        """Begin without any process."""
        self._children: dict[str, Child] = {}

    @property
    def states(self) -> dict[str, ChildState]:
        """How each child does, in start order."""
        return {name: child.state for name, child in self._children.items()}

    async def start(self, spec: ChildSpec) -> None:
        """Start one more child after those already there and wait until it is ready."""
        child = Child(spec)
        self._children[spec.name] = child
        await child.start()

    async def stop(self, name: str) -> None:
        """Stop one child for good."""
        await self._children.pop(name).stop()

    async def stop_all(self, *, but: tuple[str, ...] = ()) -> None:
        """Stop every child but those named in `but`, the last started first."""
        for name in reversed([name for name in self._children if name not in but]):
            await self.stop(name)


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)

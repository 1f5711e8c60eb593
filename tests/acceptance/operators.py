"""An operator's own processes on a devnet: proposers and servers that are killed and started."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from coprove import processes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Operated", "Probe"]

_PROGRAM = "from coprove.cli import main; main()"


@dataclass(frozen=True)
class Probe:
    """What a process says of itself over HTTP."""

    status: int
    """HTTP status; 0 when nobody answered."""
    text: str
    """The body."""


@dataclass
class Operated:
    """`coprove` run as a process of its own, again and again on the same settings.

    It dies with the test's process, and its log is one file for all its lives.
    """

    name: str
    folder: Path
    command: str
    config: Path
    settings: Mapping[str, object]
    environment: Mapping[str, str] = field(default_factory=dict)
    lives: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def said(self) -> str:
        return self.log.read_text()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start it; an earlier life must be over."""
        assert self.process is None
        sets = [f"--set={name}={value}" for name, value in self.settings.items()]
        own = [sys.executable, "-c", _PROGRAM, self.command, "--config", str(self.config), *sets]
        watched = [sys.executable, "-I", "-S", processes.__file__, str(os.getpid()), *own]
        # Nothing of the environment may speak for the settings.
        kept = {"HOME", "LANG", "PATH", "PYTHONPATH", "TMPDIR"}
        environment = {name: value for name, value in os.environ.items() if name in kept}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                watched,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**environment, "PYTHONUNBUFFERED": "1", **self.environment},
            )
        self.lives += 1

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        assert self.process is not None
        self.process.kill()
        self._gone()

    def stop(self, seconds: float = 60.0) -> int:
        """SIGTERM; return the exit status."""
        assert self.process is not None
        self.process.terminate()
        status = self.process.wait(seconds)
        self._gone()
        return status

    async def stopped(self) -> None:
        """SIGSTOP, and wait until the kernel says that it stands still."""
        self.signal(signal.SIGSTOP)
        await asyncio.to_thread(os.waitid, os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def close(self) -> None:
        """End it in whatever state it is."""
        if self.process is not None:
            self.kill()

    def require_alive(self) -> None:
        assert self.process is not None
        assert self.process.poll() is None, self.said[-6000:]

    async def ask(self, url: str) -> Probe:
        """Ask one of its URLs; whoever else has the port meanwhile is no answer of it."""
        return await asyncio.to_thread(_ask, url)

    def _gone(self) -> None:
        assert self.process is not None
        self.process.wait(60)
        self.process = None


def _ask(url: str) -> Probe:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - loopback
            return Probe(answer.status, answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Probe(error.code, error.read().decode())
    except OSError:
        return Probe(0, "")

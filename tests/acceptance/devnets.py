"""A devnet as a user runs it, in a process of its own, and hands to reach into it."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from coprove.devnet.manifest import DataDir, Manifest
from coprove.devnet.outputs import ProposedOutput, proposed_outputs
from coprove.errors import Temporary
from coprove.rpc import JsonRpcTransport, L1Client, L2Client, RollupNodeClient
from coprove.types import Address

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

__all__ = ["RunningDevnet", "all_processes_of", "processes_of", "running_devnet", "until"]

Value = TypeVar("Value")


async def until(
    what: str, check: Callable[[], Awaitable[Value | None]], seconds: float = 90.0
) -> Value:
    """Return the first value of `check` that is neither None nor False; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            value = await check()
        except Temporary:
            value = None
        if value is not None and value is not False:
            return value
        assert time.monotonic() < deadline, f"not in {seconds:.0f} s: {what}"
        await asyncio.sleep(0.25)


def all_processes_of(data_dir: Path) -> dict[int, str]:
    """Return every process that writes to one of the devnet's logs, with that service's name."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                output = (entry / "fd" / "1").readlink()
            except OSError:
                continue
            if output.parent == data_dir / "logs":
                found[int(entry.name)] = output.stem
    return found


def processes_of(data_dir: Path) -> dict[str, int]:
    """Return the pids of the devnet's services by name, without their worker processes."""
    found = {}
    for pid, name in all_processes_of(data_dir).items():
        try:
            if os.getpgid(pid) == pid:
                found[name] = pid
        except ProcessLookupError:
            continue
    return found


@dataclass
class RunningDevnet:
    """Handles of a running devnet."""

    process: subprocess.Popen[str]
    data_dir: Path
    l1_url: str
    l2_url: str
    manifest: Manifest
    log: Path
    transports: list[JsonRpcTransport] = field(default_factory=list)

    def l1(self) -> L1Client:
        return L1Client(self._transport(self.l1_url))

    def l2(self) -> L2Client:
        return L2Client(self._transport(self.l2_url))

    def node(self) -> RollupNodeClient:
        return RollupNodeClient(self._transport(self.l2_url))

    def _transport(self, url: str) -> JsonRpcTransport:
        self.transports.append(JsonRpcTransport(url))
        return self.transports[-1]

    async def close(self) -> None:
        for transport in self.transports:
            await transport.close()
        self.transports.clear()

    async def outputs(self) -> list[ProposedOutput]:
        return await proposed_outputs(self.l1().transport, Address.from_hex(self.manifest.oracle))

    async def final_output_above(self, l2_block: int, seconds: float = 120.0) -> ProposedOutput:
        """Wait for an output at or above `l2_block` that is final on L1."""

        async def check() -> ProposedOutput | None:
            finalized = (await self.l1().block_ref("finalized")).number
            outputs = [item for item in await self.outputs() if item.l1_block <= finalized]
            return next((item for item in outputs if item.l2_block >= l2_block), None)

        return await until(f"a final output at {l2_block}", check, seconds)

    def kill(self, name: str) -> int:
        """kill -9 one service; return the pid that it had."""
        pid = processes_of(self.data_dir)[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def store(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the proposer's database."""
        path = self.data_dir / "proposer" / "requests.sqlite"
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            return db.execute(query).fetchall()


_CROWD = 4
"""Operators beyond which two devnets at once are too many for two cores."""
_PROGRAM = """
import json, sys
from pathlib import Path
from coprove.devnet.main import DevnetOptions, run_devnet
options = json.loads(sys.argv[2])
sys.exit(run_devnet(DevnetOptions(data_dir=Path(sys.argv[1]), **options)))
"""


@contextmanager
def running_devnet(
    data_dir: Path, *, start_seconds: float = 60.0, **options: object
) -> Iterator[RunningDevnet]:
    """Run a devnet with these `DevnetOptions` in a process of its own until the block is left."""
    log = data_dir.parent / f"{data_dir.name}.log"
    chosen = {
        "l1_block_time": 1,
        "submission_interval": 10,
        "tee_provers": 0,
        "operators": 0,
        **options,
    }
    with _alone() if int(str(chosen["operators"])) > _CROWD else nullcontext():
        yield from _running(data_dir, log, chosen, start_seconds)


def _running(
    data_dir: Path, log: Path, chosen: dict[str, object], start_seconds: float
) -> Iterator[RunningDevnet]:
    command = [sys.executable, "-c", _PROGRAM, str(data_dir), json.dumps(chosen)]
    with log.open("a") as out:
        start = log.stat().st_size
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdout=subprocess.PIPE, stderr=out, text=True, start_new_session=True
        )
    try:
        yield _opened(process, data_dir, log, start, start_seconds)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other test runs such a crowd of processes on this machine."""
    path = Path(tempfile.gettempdir()) / f"coprove-crowded-devnet-{os.getuid()}.lock"
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _opened(
    process: subprocess.Popen[str], data_dir: Path, log: Path, start: int, seconds: float
) -> RunningDevnet:
    deadline = time.monotonic() + seconds
    while True:
        for line in log.read_text()[start:].splitlines():
            if not line.startswith("{"):
                continue
            event = json.loads(line)
            if str(event.get("event", "")).startswith("running"):
                manifest = DataDir(data_dir).read_manifest()
                assert manifest is not None
                return RunningDevnet(process, data_dir, event["l1"], event["l2"], manifest, log)
        assert process.poll() is None, log.read_text()[-4000:]
        assert time.monotonic() < deadline, log.read_text()[-4000:]
        time.sleep(0.1)

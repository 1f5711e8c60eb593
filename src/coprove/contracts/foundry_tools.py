"""Where the Foundry binaries are, and how an anvil is started. Development only.

The tools come from npm (`make setup`); a binary on PATH serves as well. Nothing
that runs in production calls this module.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from coprove.errors import Critical

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Anvil",
    "AnvilStartError",
    "ToolNotFoundError",
    "anvil_command",
    "find_tool",
    "free_port",
    "node_modules",
    "start_anvil",
]

_ARCHITECTURES: Final = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_SYSTEMS: Final = {"Linux": "linux", "Darwin": "darwin"}


class ToolNotFoundError(Critical):
    """A development tool is neither in node_modules nor on PATH."""

    def __init__(self, tool: str) -> None:
        """Name the missing tool and the command that installs it."""
        super().__init__(f"{tool} is neither in node_modules nor on PATH: run `make setup`")
        self.tool = tool


class AnvilStartError(Critical):
    """anvil ended, or did not answer, before it was ready."""

    def __init__(self, reason: str) -> None:
        """Keep the reason, with the tail of anvil's own output when there is one."""
        super().__init__(f"anvil did not start: {reason}")
        self.reason = reason


def node_modules() -> Path:
    """Return the folder of the installed Node packages.

    The variable COPROVE_NODE_MODULES wins; else the nearest `node_modules` with Foundry's packages
    above the working directory, then above this file. Raises ToolNotFoundError when there is none.
    """
    named = os.environ.get("COPROVE_NODE_MODULES")
    if named:
        return Path(named)
    for start in (Path.cwd(), Path(__file__).resolve()):
        for folder in (start, *start.parents):
            if (folder / "node_modules" / "@foundry-rs").is_dir():
                return folder / "node_modules"
    raise ToolNotFoundError("node_modules")


def find_tool(name: str) -> Path:
    """Return the path of anvil, forge or cast: first from node_modules, then from PATH."""
    system = _SYSTEMS.get(platform.system(), "")
    machine = _ARCHITECTURES.get(platform.machine(), "")
    try:
        packages = node_modules()
    except ToolNotFoundError:
        pass
    else:
        binary = packages / "@foundry-rs" / f"{name}-{system}-{machine}" / "bin" / name
        if binary.is_file():
            return binary
    on_path = shutil.which(name)
    if on_path is None:
        raise ToolNotFoundError(name)
    return Path(on_path)


def free_port() -> int:
    """Return a TCP port of the loopback interface that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def anvil_command(
    *,
    port: int,
    chain_id: int = 31337,
    block_time: int | None = 2,
    slots_in_an_epoch: int = 4,
    hardfork: str = "osaka",
    extra: Sequence[str] = (),
) -> list[str]:
    """Return the command line of an anvil L1 that listens on 127.0.0.1.

    `block_time` is in seconds; None mines one block for each transaction. The safe head lies
    `slots_in_an_epoch` blocks behind the latest one, the finalized head twice as many.
    """
    command = [
        str(find_tool("anvil")),
        "--host=127.0.0.1",
        f"--port={port}",
        f"--chain-id={chain_id}",
        f"--hardfork={hardfork}",
        f"--slots-in-an-epoch={slots_in_an_epoch}",
        "--quiet",
    ]
    if block_time is not None:
        command.append(f"--block-time={block_time}")
    return [*command, *extra]


@dataclass(frozen=True, slots=True, kw_only=True)
class Anvil:
    """A running anvil process; a context manager that ends it."""

    process: subprocess.Popen[bytes]
    """The child process."""
    port: int
    """TCP port on 127.0.0.1."""

    @property
    def url(self) -> str:
        """The JSON-RPC endpoint."""
        return f"http://127.0.0.1:{self.port}"

    def stop(self, timeout: float = 5.0) -> None:
        """End the process and wait for it; kill it when it outlives `timeout` seconds."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self) -> Anvil:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.stop()


def start_anvil(
    *,
    port: int | None = None,
    chain_id: int = 31337,
    block_time: int | None = 2,
    slots_in_an_epoch: int = 4,
    hardfork: str = "osaka",
    extra: Sequence[str] = (),
    timeout: float = 20.0,
) -> Anvil:
    """Start an anvil and return when its port answers (some 100 ms).

    The parameters are those of `anvil_command`; `port` None takes a free one. Raises
    AnvilStartError when it ends early or does not answer within `timeout` seconds.
    """
    chosen = port if port is not None else free_port()
    command = anvil_command(
        port=chosen,
        chain_id=chain_id,
        block_time=block_time,
        slots_in_an_epoch=slots_in_an_epoch,
        hardfork=hardfork,
        extra=extra,
    )
    process = subprocess.Popen(  # noqa: S603 - our own binary, arguments built above
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    anvil = Anvil(process=process, port=chosen)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AnvilStartError(f"it ended with status {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", chosen), timeout=1.0).close()
        except OSError:
            time.sleep(0.02)
        else:
            return anvil
    anvil.stop()
    raise AnvilStartError(f"port {chosen} did not answer within {timeout} s")

"""A PostgreSQL server of the tests' own: Debian's binaries, a temporary folder, a unix socket."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PostgresServer", "postgres_server"]

_SETTINGS = (
    "fsync=off",
    "full_page_writes=off",
    "listen_addresses=",
    "max_connections=50",
    "shared_buffers=16MB",
    "autovacuum=off",
    "log_statement=none",
)


class PostgresServer:
    """A running server; each test makes a database of its own in it."""

    def __init__(self, socket_dir: Path) -> None:
        """`socket_dir` is the folder of its unix socket."""
        self._socket_dir = socket_dir

    def url(self, database: str = "postgres") -> str:
        """Return the address of one of its databases, as an operator would write it."""
        return f"postgresql://postgres@/{database}?host={self._socket_dir}"

    def new_database(self) -> str:
        """Make an empty database and return its address."""
        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if found:
        return found[-1].parent
    reason = "PostgreSQL's server binaries are not installed"
    if os.environ.get("COPROVE_REQUIRE_VECTORS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Run a server until the end of the block; skip, or fail in CI, when there is none."""
    binaries = _binaries()
    # The server refuses root. A short path: a socket's has a limit of 107 bytes.
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    try:
        if as_user:
            account = pwd.getpwnam("postgres")
            os.chown(folder, account.pw_uid, account.pw_gid)
        data = folder / "data"

        def run(*command: str | Path) -> None:
            done = subprocess.run(  # noqa: S603 - the tests' own server
                [*as_user, *command],
                cwd=folder,
                check=False,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                # A C locale, whatever the tests' own is.
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
                timeout=120,
            )
            assert done.returncode == 0, (command, done.stdout, done.stderr)

        run(binaries / "initdb", "--auth=trust", "--no-sync", "--username=postgres", "-D", data)
        options = " ".join(f"-c {setting}" for setting in _SETTINGS)
        options += f" -c unix_socket_directories={folder}"
        run(
            binaries / "pg_ctl",
            *("-D", data, "-l", folder / "log", "-o", options, "-w", "-t", "100", "start"),
        )
        try:
            yield PostgresServer(folder)
        finally:
            run(binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)

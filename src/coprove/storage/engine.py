"""Connections: addresses, and how SQLite and PostgreSQL are set up so that nothing is lost."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from coprove.errors import InputError
from coprove.storage.errors import (
    DatabaseFaultError,
    IntegrityViolationError,
    StoreUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

__all__ = ["check_file", "connect", "database_url", "shown_address", "transaction"]

LOCK_SECONDS = 10.0
"""How long a write waits for another's, and how long one that was paused may hold it up."""
TRANSACTION_SECONDS = 60.0
"""After how long a transaction on a server is given up."""
_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}


def database_url(given: str) -> URL:
    """Return an address with its driver; InputError, which never shows it, for any other.

    Taken are `sqlite:///file` (four slashes for an absolute path) and `postgresql://…` or
    `postgres://…` as libpq knows them.
    """
    expected = "sqlite:///file or postgresql://user@host/database"
    try:
        url = make_url(given)
    except (ArgumentError, ValueError):
        # Not shown, and not chained: it may hold a password.
        raise InputError("database URL", expected=expected, actual="another form") from None
    driver = _DRIVERS.get(url.drivername)
    if driver is None:
        raise InputError("database URL", expected=expected, actual=f"{url.drivername}://…")
    if driver.startswith("sqlite") and url.database in (None, "", ":memory:"):
        raise InputError("database URL", expected="a file for SQLite", actual="none")
    return url.set(drivername=driver)


def shown_address(url: URL) -> str:
    """Return an address without user, password and options."""
    backend = url.get_backend_name()
    if backend == "sqlite":
        return f"sqlite:///{url.database}"
    port = "" if url.port is None else f":{url.port}"
    return f"{backend}://{url.host or ''}{port}/{url.database or ''}"


def connect(url: URL) -> AsyncEngine:
    """Return an engine for an address from `database_url`; connections are made when needed."""
    # Parameters hold proofs, and errors are logged.
    if url.get_backend_name() == "sqlite":
        engine = create_async_engine(
            url, hide_parameters=True, connect_args={"timeout": LOCK_SECONDS}
        )
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine
    return create_async_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        # Statements prepared on the server do not survive a pooler between.
        connect_args={
            "prepare_threshold": None,
            "connect_timeout": 10,
            # A server that is gone without a word is noticed.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 30_000,
        },
    )


async def check_file(engine: AsyncEngine) -> None:
    """Raise StoreUnavailableError when the file of an SQLite database cannot be opened.

    aiosqlite leaves a thread behind that reports to a loop which may be closed, when it is the
    first to find out.
    """
    if engine.dialect.name == "sqlite":
        try:
            await asyncio.to_thread(_open_file, engine.url.database or "")
        except sqlite3.Error as error:
            raise StoreUnavailableError(f"{shown_address(engine.url)}: {error}") from error


def _open_file(path: str) -> None:
    sqlite3.connect(path).close()


def _set_up_sqlite(connection: Any, _record: object) -> None:
    # Transactions are begun by `_begin_sqlite`, not by guesses of the driver.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    # What is committed is on disk: an intent must outlive a power cut.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    writing = connection.get_execution_options().get("coprove_writing", False)
    # A writer takes the lock at once: taken later, it may fail after reads.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


async def _begin_writing(connection: AsyncConnection) -> None:
    if connection.dialect.name == "sqlite":
        await connection.execution_options(coprove_writing=True)
        return
    milliseconds = int(LOCK_SECONDS * 1000)
    # A writer that is paused in the middle must not keep a standby from taking over.
    await connection.execute(
        text(
            f"SET LOCAL idle_in_transaction_session_timeout = {milliseconds};"
            f"SET LOCAL lock_timeout = {milliseconds};"
            "SET LOCAL synchronous_commit = on"
        )
    )


@asynccontextmanager
async def transaction(engine: AsyncEngine, *, write: bool) -> AsyncIterator[AsyncConnection]:
    """Give a connection in a transaction; committed at the end unless an error leaves it."""
    with _translated_errors(shown_address(engine.url)):
        # SQLite waits for locks only, and not longer than LOCK_SECONDS.
        is_server = engine.dialect.name != "sqlite"
        async with (
            asyncio.timeout(TRANSACTION_SECONDS if is_server else None),
            engine.connect() as connection,
        ):
            if write:
                await _begin_writing(connection)
            elif is_server:
                # One view of the data for all statements of a read, as SQLite has by itself.
                await connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection
            try:
                await connection.commit()
            except IntegrityError:
                if not is_server:
                    # SQLite keeps a transaction open whose end it refuses.
                    raw: Any = (await connection.get_raw_connection()).driver_connection
                    await raw.rollback()
                raise


@contextmanager
def _translated_errors(address: str) -> Iterator[None]:
    """Raise the store's own errors in place of the database's, without SQL and values."""
    try:
        yield
    except IntegrityError as error:
        raise IntegrityViolationError(f"{address} refused a write: {_reason(error)}") from error
    except (OperationalError, InterfaceError, InternalError) as error:
        raise StoreUnavailableError(f"{address}: {_reason(error)}") from error
    except DBAPIError as error:
        raise DatabaseFaultError(f"{address}: {_reason(error)}") from error
    except TimeoutError as error:
        raise StoreUnavailableError(f"{address} did not answer in time") from error
    except SQLAlchemyError as error:
        raise StoreUnavailableError(f"{address}: {type(error).__name__}") from error


def _reason(error: DBAPIError) -> str:
    lines = str(error.orig).strip().splitlines()
    return f"{type(error.orig).__name__}: {lines[0] if lines else ''}"

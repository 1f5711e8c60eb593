"""Addresses, secrets and failures of databases."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from coprove.errors import InputError
from coprove.storage import Scope, SqlRequestStore, engine, open_store, stored_scopes
from coprove.storage.engine import connect, database_url, shown_address
from coprove.storage.errors import (
    DatabaseFaultError,
    IntegrityViolationError,
    StoreUnavailableError,
)
from coprove.storage.migrate import upgrade
from coprove.types import Address
from tests.unit.storage.lab import SCOPE, TTL, plans

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncEngine

    from tests.postgres import PostgresServer

SECRET = "hunter2"  # noqa: S105 - nobody's


@pytest.mark.parametrize(
    ("given", "driver", "shown"),
    [
        ("sqlite:////data/r.db", "sqlite+aiosqlite", "sqlite:////data/r.db"),
        ("postgres://u:hunter2@db:5433/p", "postgresql+psycopg", "postgresql://db:5433/p"),
        ("postgresql://u:hunter2@db/p", "postgresql+psycopg", "postgresql://db/p"),
        (
            "postgresql://db/p?user=u&password=hunter2&sslmode=require",
            "postgresql+psycopg",
            "postgresql://db/p",
        ),
    ],
)
def test_addresses_get_their_driver_and_are_shown_without_secrets(
    given: str, driver: str, shown: str
) -> None:
    url = database_url(given)
    assert url.drivername == driver
    assert shown_address(url) == shown


@pytest.mark.parametrize(
    "given",
    [
        "",
        "requests.db",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://u:hunter2@db/p",
        "postgresql+asyncpg://u:hunter2@db/p",
        "postgresql://u:hunter2@db:port/p",
        "hunter2",
    ],
)
def test_other_addresses_are_refused_without_showing_them(given: str) -> None:
    with pytest.raises(InputError) as refused:
        database_url(given)
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


async def test_a_database_that_is_not_there_is_unavailable_and_its_password_unsaid(
    tmp_path: Path,
) -> None:
    """No traceback, message or repr holds it."""
    with pytest.raises(StoreUnavailableError) as failed:
        await open_store(f"postgresql://u:{SECRET}@/p?host={tmp_path}", SCOPE)
    error: BaseException | None = failed.value
    while error is not None:
        assert SECRET not in repr(error) + str(error)
        error = error.__cause__ or error.__context__
    with pytest.raises(StoreUnavailableError):
        await open_store(f"sqlite:///{tmp_path}/none/r.db", SCOPE)


async def test_a_store_shows_where_it_is_and_no_secret(url: str) -> None:
    async with await open_store(url, SCOPE) as store:
        assert store.address in repr(store)
        assert "postgres@" not in repr(store)
        assert "?" not in repr(store)


async def test_sqlite_keeps_what_it_has_committed(tmp_path: Path) -> None:
    """A write-ahead log, on disk at every commit, with references checked."""
    path = tmp_path / "r.db"
    async with await open_store(f"sqlite:///{path}", SCOPE):
        db_engine = connect(database_url(f"sqlite:///{path}"))
        try:
            async with db_engine.connect() as db:
                settings = {
                    name: (await db.execute(text(f"PRAGMA {name}"))).scalar_one()
                    for name in ("journal_mode", "synchronous", "foreign_keys")
                }
        finally:
            await db_engine.dispose()
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


async def test_postgres_commits_are_on_disk_whatever_the_servers_default(
    postgres: PostgresServer,
) -> None:
    """An intent must outlive the server's crash, even where commits are asynchronous by default."""
    db_engine = connect(database_url(postgres.new_database()))
    try:
        async with engine.transaction(db_engine, write=True) as db:
            for name, value in (
                ("synchronous_commit", "on"),
                ("idle_in_transaction_session_timeout", "10s"),
                ("lock_timeout", "10s"),
            ):
                assert (await db.execute(text(f"SHOW {name}"))).scalar_one() == value
    finally:
        await db_engine.dispose()


async def test_a_locked_sqlite_file_is_unavailable_for_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process that writes for long holds us up; reading goes on."""
    monkeypatch.setattr(engine, "LOCK_SECONDS", 0.05)
    path = tmp_path / "r.db"
    async with await open_store(f"sqlite:///{path}", SCOPE) as store:
        lease = await store.acquire("one", TTL)
        await store.reanchor(lease, 0)
        other = sqlite3.connect(path, isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailableError, match="locked"):
                await store.plan_ranges(lease, plans(0, 10), backend="mock")
            assert await store.highest_end() == 0
            other.execute("ROLLBACK")
            await store.plan_ranges(lease, plans(0, 10), backend="mock")
        finally:
            other.close()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    path.write_bytes(os.urandom(8192))
    with pytest.raises(DatabaseFaultError, match="not a database"):
        await open_store(f"sqlite:///{path}", SCOPE)


async def test_the_scopes_of_a_database_are_listed(url: str) -> None:
    """For pages that show all of them."""
    other = Scope(l1_chain_id=1, l2_chain_id=2, contract=Address(b"x" * 20), config_name="näme")
    for scope in (SCOPE, other, SCOPE):
        async with await open_store(url, scope):
            pass
    assert await stored_scopes(url) == [SCOPE, other]


async def test_many_calls_at_once_share_the_connections(url: str) -> None:
    """More than there are connections."""
    async with await open_store(url, SCOPE) as store:
        lease = await store.acquire("one", TTL)
        await store.reanchor(lease, 0)
        reads = await asyncio.gather(*(store.highest_end() for _ in range(60)))
        assert set(reads) == {0}


async def _put_stray_proof(store: SqlRequestStore) -> None:
    async with store._session(write=True) as session:
        await session.put_proof(99, SECRET.encode())


async def test_errors_of_the_database_do_not_hold_what_was_written(url: str) -> None:
    """Values may be proofs of megabytes, or texts from outside: errors are logged."""
    async with await open_store(url, SCOPE) as store:
        lease = await store.acquire("one", TTL)
        with pytest.raises(IntegrityViolationError) as refused:
            await _put_stray_proof(store)
        error: BaseException | None = refused.value
        while error is not None:
            assert SECRET not in repr(error) + str(error)
            error = error.__cause__ or error.__context__
        await store.check(lease)


async def _break_the_path(db_engine: AsyncEngine) -> None:
    async with engine.transaction(db_engine, write=True) as db:
        await db.execute(
            text(
                "INSERT INTO scopes (id, l1_chain_id, l2_chain_id, contract, config_name)"
                " VALUES (1, 1, 1, :contract, '')"
            ),
            {"contract": b"c"},
        )
        await db.execute(
            text(
                "INSERT INTO spans (scope_id, start_block, end_block, request_id)"
                " VALUES (1, 5, 6, 7)"
            )
        )


async def test_a_commit_that_is_refused_leaves_a_store_that_works(url: str) -> None:
    """Rules that hold at the end of a transaction break it there, and nothing after it."""
    db_engine = connect(database_url(url))
    try:
        async with engine.transaction(db_engine, write=True) as db:
            await upgrade(db)
        for _ in range(3):
            with pytest.raises(IntegrityViolationError):
                await _break_the_path(db_engine)
        async with engine.transaction(db_engine, write=False) as db:
            assert (await db.execute(text("SELECT count(*) FROM scopes"))).scalar_one() == 0
    finally:
        await db_engine.dispose()

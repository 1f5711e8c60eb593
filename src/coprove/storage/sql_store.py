"""The request store on SQLite or PostgreSQL."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from coprove.storage import leases
from coprove.storage.cancellation import unbroken
from coprove.storage.checks import checked_number, checked_text
from coprove.storage.engine import (
    check_file,
    connect,
    database_url,
    shown_address,
    transaction,
)
from coprove.storage.migrate import upgrade
from coprove.storage.records import Scope
from coprove.storage.schema import leases as leases_table
from coprove.storage.schema import scopes
from coprove.storage.sql_session import SqlSession
from coprove.storage.store import RequestStore
from coprove.types import Address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from coprove.storage.records import Lease

__all__ = ["SqlRequestStore", "open_store", "stored_scopes"]


class SqlRequestStore(RequestStore):
    """A `RequestStore` in a database; `open_store` makes one."""

    def __init__(
        self,
        engine: AsyncEngine,
        scope: Scope,
        *,
        scope_id: int,
        clock: Callable[[], float],
    ) -> None:
        """Speak for `scope`, which the database numbers `scope_id`."""
        super().__init__(scope, shown_address(engine.url))
        self._engine = engine
        self._scope_id = scope_id
        self._clock = clock

    def __repr__(self) -> str:
        """Return the address and the scope, and no secret."""
        return f"{type(self).__name__}({self.address}, {self.scope})"

    @asynccontextmanager
    async def _session(self, *, write: bool) -> AsyncIterator[SqlSession]:
        async with transaction(self._engine, write=write) as connection:
            yield SqlSession(connection, self._scope_id, write=write, clock=self._clock)

    @asynccontextmanager
    async def connection(self, lease: Lease | None) -> AsyncIterator[tuple[AsyncConnection, int]]:
        """Give a transaction on other tables of the scope, and the scope's number in them.

        For writing with the leader's lease, checked as for every write; for reading with None.
        """
        async with transaction(self._engine, write=lease is not None) as connection:
            if lease is not None:
                session = SqlSession(connection, self._scope_id, write=True, clock=self._clock)
                await leases.check(session, self._scope, lease)
            yield connection, self._scope_id

    @unbroken
    async def close(self) -> None:
        """Release connections."""
        await self._engine.dispose()


@unbroken
async def open_store(
    url: str, scope: Scope, *, clock: Callable[[], float] = time.time
) -> SqlRequestStore:
    """Open the database at `url` for `scope`, making file, tables and scope when not there.

    `url` is `sqlite:///file` or `postgresql://…`. An older schema is brought to this version's;
    SchemaVersionError for a newer one. `clock` gives unix time in seconds to SQLite, which has
    one host's; PostgreSQL has its own.
    """
    for what, value in (("L1 chain id", scope.l1_chain_id), ("L2 chain id", scope.l2_chain_id)):
        checked_number(what, value)
    checked_text("name of the configuration", scope.config_name)
    engine = connect(database_url(url))
    try:
        await check_file(engine)
        async with transaction(engine, write=True) as connection:
            await upgrade(connection)
            scope_id = await _register(connection, scope)
    except BaseException:
        await engine.dispose()
        raise
    return SqlRequestStore(engine, scope, scope_id=scope_id, clock=clock)


@unbroken
async def stored_scopes(url: str) -> Sequence[Scope]:
    """Return whose requests the database at `url` holds, bringing its schema up to date."""
    engine = connect(database_url(url))
    try:
        await check_file(engine)
        async with transaction(engine, write=True) as connection:
            await upgrade(connection)
            found = await connection.execute(select(scopes).order_by(scopes.c.id))
            return [
                Scope(
                    l1_chain_id=row["l1_chain_id"],
                    l2_chain_id=row["l2_chain_id"],
                    contract=Address(row["contract"]),
                    config_name=row["config_name"],
                )
                for row in found.mappings()
            ]
    finally:
        await engine.dispose()


async def _register(connection: AsyncConnection, scope: Scope) -> int:
    """Return the number of a scope, with its lease's row beside it; within `upgrade`'s lock."""
    identity = {
        "l1_chain_id": scope.l1_chain_id,
        "l2_chain_id": scope.l2_chain_id,
        "contract": scope.contract,
        "config_name": scope.config_name,
    }
    query = select(scopes.c.id).where(*(scopes.c[name] == v for name, v in identity.items()))
    stored: int | None = (await connection.execute(query)).scalar_one_or_none()
    if stored is not None:
        return stored
    added = await connection.execute(insert(scopes).values(identity).returning(scopes.c.id))
    scope_id = int(added.scalar_one())
    await connection.execute(
        insert(leases_table).values(scope_id=scope_id, holder=None, token=0, expires_at=0.0)
    )
    return scope_id

"""The database itself refuses gaps and overlaps; migrations lead to the schema of the code."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert, inspect, text
from sqlalchemy.exc import IntegrityError

from coprove.storage import RequestKind, RequestStatus, open_store
from coprove.storage.engine import connect
from coprove.storage.engine import database_url as parsed
from coprove.storage.errors import SchemaVersionError
from coprove.storage.migrate import revisions, upgrade
from coprove.storage.schema import DIES, METADATA, requests, scopes
from coprove.storage.schema import spans as spans_table
from coprove.storage.states import DEAD
from tests.unit.storage.lab import SCOPE, TTL, plans
from tests.unit.storage.samples import SAMPLES, check_sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_SPANS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=6)


def _is_path(anchor: int, spans: list[tuple[int, int]]) -> bool:
    at = anchor
    for start, end in sorted(spans):
        if start != at or end <= start:
            return False
        at = end
    return True


async def _insert_span(db: AsyncConnection, scope_id: int, start: int, end: int) -> None:
    row = {
        "scope_id": scope_id,
        "kind": int(RequestKind.RANGE),
        "status": int(RequestStatus.PROVING),
        "backend": "mock",
        "start_block": start,
        "end_block": end,
        "live_end": end,
        "attempts": 0,
        "created_at": 0.0,
        "updated_at": 0.0,
        "statistics": "{}",
        "cost": "{}",
    }
    request_id = (await db.execute(insert(requests).values(row).returning(requests.c.id))).scalar()
    await db.execute(
        insert(spans_table).values(
            scope_id=scope_id, start_block=start, end_block=end, request_id=request_id
        )
    )


async def _scope(db: AsyncConnection) -> int:
    row = {"l1_chain_id": 1, "l2_chain_id": 2, "contract": b"x" * 20, "config_name": ""}
    return int((await db.execute(insert(scopes).values(row).returning(scopes.c.id))).scalar_one())


async def _wipe(engine: AsyncEngine) -> None:
    async with engine.begin() as db:
        for table in (spans_table, requests, scopes):
            await db.execute(delete(table))


def test_any_spans_are_accepted_exactly_when_they_are_one_path(url: str) -> None:
    """Raw SQL, whatever the order: the constraints alone tell paths from everything else."""
    verdicts: set[bool] = set()
    with asyncio.Runner() as runner:
        engine = connect(parsed(url))

        async def prepare() -> None:
            async with engine.begin() as db:
                await upgrade(db)

        async def attempt(anchor: int, spans: list[tuple[int, int]]) -> bool:
            await _wipe(engine)
            try:
                async with engine.begin() as db:
                    scope_id = await _scope(db)
                    await db.execute(
                        insert(spans_table).values(scope_id=scope_id, end_block=anchor)
                    )
                    for start, end in spans:
                        await _insert_span(db, scope_id, start, end)
            except IntegrityError:
                return False
            return True

        @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
        @example(anchor=0, spans=[(2, 3), (0, 2), (3, 7)])
        @example(anchor=0, spans=[(0, 2), (3, 4)])
        @example(anchor=0, spans=[(0, 2), (1, 4)])
        @example(anchor=0, spans=[(0, 2), (0, 2)])
        @example(anchor=1, spans=[(0, 1)])
        @example(anchor=0, spans=[(1, 3), (3, 1)])
        @example(anchor=0, spans=[(2, 2)])
        @given(anchor=st.integers(0, 2), spans=_SPANS)
        def tries(anchor: int, spans: list[tuple[int, int]]) -> None:
            accepted = runner.run(attempt(anchor, spans))
            verdicts.add(accepted)
            assert accepted == _is_path(anchor, spans), (anchor, spans)

        try:
            runner.run(prepare())
            tries()
        finally:
            runner.run(engine.dispose())
    assert verdicts == {True, False}


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM spans WHERE start_block = 10",
        "DELETE FROM spans WHERE start_block IS NULL",
        "UPDATE requests SET status = 6 WHERE start_block = 10",
        "UPDATE requests SET status = 6, live_end = NULL WHERE start_block = 10",
        "UPDATE requests SET end_block = 25, live_end = 25 WHERE start_block = 10",
        "UPDATE spans SET end_block = 25 WHERE start_block = 20",
        "UPDATE spans SET request_id = NULL WHERE start_block = 20",
        "INSERT INTO spans (scope_id, end_block) SELECT scope_id, 99 FROM spans WHERE end_block=30",
        "UPDATE requests SET status = 5 WHERE start_block = 10",
        "UPDATE requests SET status = 8 WHERE start_block = 10",
    ],
)
async def test_a_range_on_the_path_cannot_be_changed_behind_its_back(
    url: str, statement: str
) -> None:
    """A live range, its place on the path and its state belong together, for any SQL."""
    async with await open_store(url, SCOPE) as store:
        lease = await store.acquire("leader", TTL)
        await store.reanchor(lease, 0)
        await store.plan_ranges(lease, plans(0, 10, 20, 30), backend="mock")
        before = await store.live_ranges()
        engine = connect(parsed(url))
        try:
            with pytest.raises(IntegrityError):
                async with engine.begin() as db:
                    await db.execute(text(statement))
        finally:
            await engine.dispose()
        assert await store.live_ranges() == before


def test_the_schema_and_the_table_of_states_agree_on_what_is_dead() -> None:
    assert f"status IN ({', '.join(str(int(status)) for status in sorted(DEAD))})" == DIES


def _as_text(value: object) -> str:
    """Return plain values in a fixed order, and clauses as their SQL."""
    if isinstance(value, dict):
        return str([(name, _as_text(value[name])) for name in sorted(value)])
    return str(value)


def _shape(db: Connection) -> dict[str, object]:
    """Return all that a database knows of its tables."""
    looks = inspect(db)

    def by_name(found: object) -> list[str]:
        assert isinstance(found, list)
        return sorted(_as_text(one) for one in found)

    return {
        table: {
            "columns": [repr(column) for column in looks.get_columns(table)],
            "key": looks.get_pk_constraint(table),
            "unique": by_name(looks.get_unique_constraints(table)),
            "checks": by_name(looks.get_check_constraints(table)),
            "references": by_name(looks.get_foreign_keys(table)),
            "indexes": by_name(looks.get_indexes(table)),
        }
        for table in sorted(looks.get_table_names())
        if table != "alembic_version"
    }


@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
async def test_migrations_lead_to_the_schema_of_the_code(
    backend: str, database_url: Callable[[str], str]
) -> None:
    """Nothing is left for autogenerate, and every constraint is as `create_all` makes it."""
    shapes = []
    for by_migration in (True, False):
        engine = connect(parsed(database_url(backend)))
        try:
            async with engine.begin() as db:
                if by_migration:
                    await upgrade(db)
                    difference = await db.run_sync(
                        lambda sync: compare_metadata(MigrationContext.configure(sync), METADATA)
                    )
                    assert difference == []
                else:
                    await db.run_sync(METADATA.drop_all)
                    await db.run_sync(METADATA.create_all)
                shapes.append(await db.run_sync(_shape))
        finally:
            await engine.dispose()
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("revision", revisions())
async def test_every_revision_upgrades_with_its_data(url: str, revision: str) -> None:
    """Rows as that revision had them are there, and usable, after the way to the newest."""
    engine = connect(parsed(url))
    try:
        async with engine.begin() as db:
            await upgrade(db, revision)
            for table, row in SAMPLES[revision]:
                names = ", ".join(row)
                holes = ", ".join(f":{name}" for name in row)
                await db.execute(
                    text(f"INSERT INTO {table} ({names}) VALUES ({holes})"),  # noqa: S608 - constants
                    row,
                )
    finally:
        await engine.dispose()
    await check_sample(url, revision)


async def test_a_newer_schema_is_refused(url: str) -> None:
    """A database that a later version wrote is not touched."""
    async with await open_store(url, SCOPE):
        pass
    engine = connect(parsed(url))
    try:
        async with engine.begin() as db:
            await db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(SchemaVersionError, match="9999"):
            await open_store(url, SCOPE)
    finally:
        await engine.dispose()


async def test_processes_that_start_together_set_up_one_schema(url: str) -> None:
    """Openings at the same time wait for one another; the scope is registered once."""
    stores = await asyncio.gather(*(open_store(url, SCOPE) for _ in range(6)))
    try:
        await stores[0].acquire("one", TTL)
        for store in stores:
            leader = await store.leader()
            assert leader is not None
            assert leader.holder == "one"
    finally:
        for store in stores:
            await store.close()


async def test_a_failed_upgrade_leaves_nothing(url: str) -> None:
    """All steps are one transaction: a crash in the middle is as if it had never begun."""
    engine = connect(parsed(url))

    async def crash() -> None:
        async with engine.begin() as db:
            await upgrade(db, revisions()[0])
            raise InterruptedError

    try:
        with pytest.raises(InterruptedError):
            await crash()
        async with engine.begin() as db:
            assert await db.run_sync(lambda sync: inspect(sync).get_table_names()) == []
    finally:
        await engine.dispose()
    async with await open_store(url, SCOPE) as store:
        assert await store.anchor() is None

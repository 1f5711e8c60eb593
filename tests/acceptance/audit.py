"""Who wrote what into a request store on PostgreSQL, and under which lease: noted by triggers."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

__all__ = ["Audit", "Write"]

_SET_UP = """
CREATE TABLE audit (
    n bigserial PRIMARY KEY, at double precision, who text, what text,
    token bigint, holder text, expires_at double precision);
CREATE FUNCTION note_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit (at, who, what, token, holder, expires_at)
    SELECT extract(epoch FROM clock_timestamp()), current_setting('application_name'),
        TG_OP || ' ' || TG_TABLE_NAME, token, holder, expires_at FROM leases;
    RETURN NULL;
END $$;
"""


@dataclass(frozen=True)
class Write:
    """A row that was written."""

    n: int
    at: float
    """When, in seconds by the database's clock."""
    who: str
    """`application_name` of the connection: each process has its own."""
    what: str
    token: int
    """Fencing token of the lease at that moment."""
    holder: str | None
    expires_at: float
    """When that lease ends, unless it is renewed."""


class Audit:
    """Notes every row written to a store from now on."""

    def __init__(self, url: str) -> None:
        """The store's tables must be there."""
        self._url = url
        with psycopg.connect(url, autocommit=True) as db:
            db.execute(_SET_UP)
            tables = db.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
                " AND tablename NOT IN ('audit', 'alembic_version', 'scopes')"
            ).fetchall()
            assert len(tables) >= 7, tables
            for (table,) in tables:
                trigger = (
                    f"CREATE TRIGGER noted AFTER INSERT OR UPDATE OR DELETE ON {table}"
                    " FOR EACH ROW EXECUTE FUNCTION note_write()"
                )
                db.execute(trigger.encode())

    def now(self) -> float:
        """Return the database's time in seconds."""
        with psycopg.connect(self._url, autocommit=True) as db:
            row = db.execute("SELECT extract(epoch FROM clock_timestamp())").fetchone()
            assert row is not None
            return float(row[0])

    def writes(self, after: int = 0) -> list[Write]:
        """Return the writes with a number above `after`, in their order."""
        with psycopg.connect(self._url, autocommit=True) as db:
            found = db.execute(
                "SELECT n, at, who, what, token, holder, expires_at FROM audit"
                " WHERE n > %s ORDER BY n",
                (after,),
            ).fetchall()
        return [Write(*row) for row in found]

    def leader(self) -> tuple[int, str | None]:
        """Return token and holder of the lease, expired or not."""
        with psycopg.connect(self._url, autocommit=True) as db:
            row = db.execute("SELECT token, holder FROM leases").fetchone()
        return (0, None) if row is None else (int(row[0]), row[1])

"""Brings a database to this version's schema when it is opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from coprove.storage.errors import SchemaVersionError

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["revisions", "upgrade"]

_SCRIPTS = Path(__file__).parent / "migrations"
_ADVISORY_LOCK = 0x636F70726F7665  # "coprove"


def _config() -> Config:
    config = Config()
    # The option goes through string interpolation.
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def revisions() -> tuple[str, ...]:
    """Return the revisions of the schema, oldest first."""
    script = ScriptDirectory.from_config(_config())
    return tuple(step.revision for step in script.walk_revisions())[::-1]


async def upgrade(connection: AsyncConnection, revision: str = "head") -> None:
    """Bring the schema up within the connection's transaction, once for all that try at a time.

    SchemaVersionError when the database has a revision that this version does not know.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(
            text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK}
        )
    await connection.run_sync(_upgrade, revision)


def _upgrade(connection: Connection, revision: str) -> None:
    known = revisions()
    current = MigrationContext.configure(connection).get_current_heads()
    for stored in current:
        if stored not in known:
            raise SchemaVersionError(
                f"the database has schema {stored}, this version knows up to {known[-1]}"
            )
    if current == known[-1:]:
        return
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)

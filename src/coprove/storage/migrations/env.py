"""Runs migrations on the connection that the store hands in."""

from __future__ import annotations

from alembic import context

from coprove.storage.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
# The store's transaction holds them all: either the whole way is gone, or none of it.
context.run_migrations()

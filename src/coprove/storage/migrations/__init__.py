"""What alembic runs when a database is opened."""

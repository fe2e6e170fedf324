"""Decisions record the forecast that could decide instead of a hold."""

import sqlalchemy as sa
from alembic import op

from monitor.store.database import tables

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Bring the store to this revision."""
    op.add_column("decision", sa.Column("forecast", tables.JsonText(), nullable=True))

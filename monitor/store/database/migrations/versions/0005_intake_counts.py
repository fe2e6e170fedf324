"""Rows of each source by hour, and the names of machines and steps that the plant file has not."""

import sqlalchemy as sa
from alembic import op

from monitor.store.database import tables

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Bring the store to this revision."""
    op.create_table(
        "source_hour",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("hour", tables.UtcDateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("accepted", "refused")),
        sa.PrimaryKeyConstraint("source", "hour", name=op.f("pk_source_hour")),
    )
    op.create_index("ix_source_hour_hour", "source_hour", ["hour"])
    op.create_table(
        "unknown_name",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("source", "kind", "name")),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("newest_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", "kind", "name", name=op.f("pk_unknown_name")),
    )

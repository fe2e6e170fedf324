"""Drills, which try out the way from a metric to people."""

import sqlalchemy as sa
from alembic import op

from monitor.store.database import tables

revision = "0030"
down_revision = "0027"


def upgrade() -> None:
    """Bring the store to this revision."""
    serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "drill",
        sa.Column("id", serial, nullable=False),
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("scheduled", sa.Boolean(), nullable=False),
        sa.Column("started_at", tables.UtcDateTime(), nullable=False),
        sa.Column("cleared_at", tables.UtcDateTime(), nullable=True),
        sa.Column("finished_at", tables.UtcDateTime(), nullable=True),
        sa.Column("broken", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("sentence", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("told_at", tables.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_drill"),
    )
    op.create_index("ix_drill_started_at", "drill", ["started_at"])

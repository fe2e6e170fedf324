"""How far the lake has been sent to, the batch under way to each of its tables, windows that changed."""

import sqlalchemy as sa
from alembic import op

from monitor.store.database import tables

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Bring the store to this revision."""
    op.create_table(
        "lake_table",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("url", "name", "application")),
        sa.Column("marks", tables.JsonText(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("number", "rows", "attempts")),
        *(sa.Column(name, tables.UtcDateTime(), nullable=True) for name in ("next_at", "kept_at")),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("url", "name", name="pk_lake_table"),
    )
    op.create_table(
        "lake_batch",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("url", "name")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("number", "rows")),
        sa.Column("fixed_at", tables.UtcDateTime(), nullable=False),
        sa.Column("marks", tables.JsonText(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("url", "name", name="pk_lake_batch"),
    )
    op.create_table(
        "lake_window",
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("start", tables.UtcDateTime(), nullable=False),
        sa.Column("changes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("machine", "start", name="pk_lake_window"),
    )

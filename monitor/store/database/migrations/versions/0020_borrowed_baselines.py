"""The baselines that machines took over from a sister."""

import sqlalchemy as sa
from alembic import op

from monitor.store.database import tables

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Bring the store to this revision."""
    op.create_table(
        "borrowed_baseline",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("sister", sa.Text(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("until", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_borrowed_baseline")),
    )
    op.create_index("ix_borrowed_baseline_machine_until", "borrowed_baseline", ["machine", "until"])

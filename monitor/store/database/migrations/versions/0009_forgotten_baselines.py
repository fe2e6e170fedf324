"""The baselines of machines that people let start anew."""

import sqlalchemy as sa
from alembic import op

from monitor.store.database import tables

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Bring the store to this revision."""
    op.create_table(
        "forgotten_baseline",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=True),
        sa.Column("until", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forgotten_baseline")),
    )
    op.create_index("ix_forgotten_baseline_machine_until", "forgotten_baseline", ["machine", "until"])

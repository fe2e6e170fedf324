"""What several findings have in common."""

import sqlalchemy as sa
from alembic import op

from monitor.store.database import tables

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Bring the store to this revision."""
    op.create_table(
        "cause",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("since", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("found_at", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", tables.UtcDateTime(timezone=True), nullable=True),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("parts", sa.Text(), nullable=False),
        sa.Column("gates", sa.Text(), nullable=False),
        sa.Column("shift", sa.Double(), nullable=False),
        sa.Column("certainty", sa.Double(), nullable=False),
        sa.Column("instead", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cause")),
    )
    op.create_index("ix_cause_ended_at", "cause", ["ended_at"])

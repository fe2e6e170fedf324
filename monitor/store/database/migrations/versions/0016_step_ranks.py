"""The newest ranking of the plant's steps, by characteristic."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Bring the store to this revision."""
    op.create_table(
        "step_rank",
        sa.Column("characteristic", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("ranked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gain", sa.Double(), nullable=True),
        sa.Column("low", sa.Double(), nullable=True),
        sa.Column("high", sa.Double(), nullable=True),
        sa.Column("deserves_gate", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("characteristic", "step", name="pk_step_rank"),
    )

"""The expected cost of every action that a gate could recommend."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Bring the store to this revision."""
    op.add_column("decision", sa.Column("costs", sa.Text(), nullable=True))

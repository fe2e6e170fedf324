"""The newest handover and the newest report of each schedule."""

import sqlalchemy as sa
from alembic import op

from monitor.store.database import tables

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Bring the store to this revision."""
    op.create_table(
        "bulletin",
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("due", tables.UtcDateTime(), nullable=False),
        sa.Column("at", tables.UtcDateTime(), nullable=False),
        sa.Column("content", tables.JsonText(), nullable=False),
    )

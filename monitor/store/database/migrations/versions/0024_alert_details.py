"""Where an alert is, and what its summary says, in no language."""

import sqlalchemy as sa
from alembic import op

from monitor.store.database import tables

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Bring the store to this revision."""
    op.add_column("alert", sa.Column("step", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("alert", sa.Column("details", tables.JsonText(), nullable=True))

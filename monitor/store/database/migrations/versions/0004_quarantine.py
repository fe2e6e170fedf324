"""The quarantine keeps every cell of a row, the column to blame, and whether the row has been taken in since."""

import sqlalchemy as sa
from alembic import op

from monitor.store.database import tables

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Bring the store to this revision."""
    with op.batch_alter_table("quarantine", schema=None) as batch_op:
        for name in ("column", "value", "resolution"):
            batch_op.add_column(sa.Column(name, sa.Text(), nullable=False, server_default=sa.text("''")))
        batch_op.add_column(sa.Column("cells", tables.JsonText(), nullable=True))
        for name in ("asked_at", "resolved_at"):
            batch_op.add_column(sa.Column(name, tables.UtcDateTime(timezone=True), nullable=True))
    op.create_index("ix_quarantine_asked_at", "quarantine", ["asked_at"])

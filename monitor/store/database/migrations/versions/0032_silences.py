"""Alerts that Alertmanager does not send because they are silenced there."""

import sqlalchemy as sa
from alembic import op

from monitor.store.database import tables

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """Bring the store to this revision."""
    op.create_table(
        "silence",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("name", "condition", "subject")),
        *(sa.Column(name, tables.UtcDateTime(), nullable=False) for name in ("at", "until")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("actor", "reason")),
        sa.Column("ours", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", "condition", "subject", name="pk_silence"),
    )

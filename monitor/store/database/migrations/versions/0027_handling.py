"""What people do about alerts: acknowledgements, shelves, and the chained record."""

import sqlalchemy as sa
from alembic import op

from monitor.store.database import tables

revision = "0027"
down_revision = "0025"


def upgrade() -> None:
    """Bring the store to this revision."""
    op.add_column("alert", sa.Column("acknowledged_at", tables.UtcDateTime(), nullable=True))
    op.add_column("alert", sa.Column("acknowledged_by", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("alert", sa.Column("escalated", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.create_index("ix_alert_escalated", "alert", ["escalated"])
    op.create_table(
        "shelf",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("at", tables.UtcDateTime(), nullable=False),
        sa.Column("until", tables.UtcDateTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", "subject", name="pk_shelf"),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", tables.UtcDateTime(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("actor", "role", "via", "action", "about")),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=True),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sa.UniqueConstraint("request", name="uq_audit_request"),
    )

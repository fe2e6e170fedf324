"""What evaluations of the alerts read, for a backtest."""

import sqlalchemy as sa
from alembic import op

from monitor.store.database import tables

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Bring the store to this revision."""
    serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "alert_reading",
        sa.Column("id", serial, nullable=False),
        sa.Column("at", tables.UtcDateTime(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=name != "readings") for name in ("readings", "states", "evaluated")),
        sa.PrimaryKeyConstraint("id", name="pk_alert_reading"),
    )
    op.create_index("ix_alert_reading_at", "alert_reading", ["at"])

"""Readings and machine states by source, when each revision became available, and how far machines are judged."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

from monitor.store.database import tables

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Bring the store to this revision."""
    for name in ("reading", "machine_state"):
        with op.batch_alter_table(name, schema=None) as batch_op:
            batch_op.add_column(_available_at())
            batch_op.drop_constraint(f"uq_{name}_at_machine_revision", type_="unique")
            batch_op.create_unique_constraint(
                f"uq_{name}_at_machine_source_revision", ["at", "machine", "source", "revision"]
            )
    op.add_column("disposition", _available_at())
    op.add_column("detector_state", sa.Column("until", tables.UtcDateTime(timezone=True), nullable=True))
    op.create_table(
        "judged",
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("until", tables.UtcDateTime(timezone=True), nullable=False),
        sa.Column("after", tables.UtcDateTime(timezone=True), nullable=True),
        sa.Column("arrival", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("machine", "until", name=op.f("pk_judged")),
    )
    # What was judged so far was judged in order of arrival: the states are rebuilt in order of time.
    op.execute(
        "INSERT INTO judged (machine, until, after, arrival) "
        "SELECT machine, max(at), NULL, max(arrival) FROM reading GROUP BY machine"
    )
    op.execute("DELETE FROM detector_state")


def _available_at() -> sa.Column[datetime]:
    return sa.Column("available_at", tables.UtcDateTime(timezone=True), nullable=True)

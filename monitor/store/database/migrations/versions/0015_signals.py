"""What a decision by cost rests on beside the part's own prediction, and the newest decisions of a gate by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Bring the store to this revision."""
    op.add_column("decision", sa.Column("signals", sa.Text(), nullable=True))
    op.create_index("ix_decision_gate_arrival", "decision", ["gate", "arrival"])

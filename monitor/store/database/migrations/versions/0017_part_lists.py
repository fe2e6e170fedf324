"""An index for lists of parts by verdict, gate and reason, and for the holds that wait."""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Bring the store to this revision."""
    op.create_index("ix_decision_verdict_gate_reason_at", "decision", ["verdict", "gate", "reason", "at"])

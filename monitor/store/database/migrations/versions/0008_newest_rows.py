"""The newest part of a step and the newest outcome of a characteristic are found by index."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Bring the store to this revision."""
    op.create_index("ix_part_step_step_at", "part_step", ["step", "at"])
    op.create_index("ix_outcome_characteristic_available_at", "outcome", ["characteristic", "available_at"])

"""The newest state of a machine is found by index."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Bring the store to this revision."""
    op.create_index("ix_machine_state_machine_at", "machine_state", ["machine", "at"])

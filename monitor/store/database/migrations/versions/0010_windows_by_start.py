"""Machine windows by start: without the index, every row of a machine was read to find those of an instant."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Bring the store to this revision."""
    op.create_index("ix_machine_window_start_machine", "machine_window", ["start", "machine"])

"""Where a judged picture lies among those that its gate's model was trained on."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Bring the store to this revision."""
    op.add_column("decision", sa.Column("coordinates", sa.Text(), nullable=True))

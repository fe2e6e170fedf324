"""What a gate recommended to set otherwise at later steps."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Bring the store to this revision."""
    op.add_column("decision", sa.Column("adjustment", sa.Text(), nullable=True))

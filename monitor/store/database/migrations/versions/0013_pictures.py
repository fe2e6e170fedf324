"""Pictures of part steps that a gate judges, each under the arrival number of its row."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Bring the store to this revision."""
    op.create_table(
        "picture",
        sa.Column("arrival", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("png", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("arrival", "name", name="pk_picture"),
    )

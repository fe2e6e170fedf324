"""${message}."""

import sqlalchemy as sa
from alembic import op

from monitor.store import tables

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Bring the store to this revision."""
    ${upgrades if upgrades else "pass"}

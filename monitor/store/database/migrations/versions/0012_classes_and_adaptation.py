"""Decisions record the probabilities of classes and what adapted an interval; `no_coverage` is now `not_calibrated`."""

import sqlalchemy as sa
from alembic import op

from monitor.store.database import tables

revision = "0012"
down_revision = "0011"

_BEFORE, _NOW = "no_coverage", "not_calibrated"


def upgrade() -> None:
    """Bring the store to this revision."""
    for name in ("probabilities", "adapted"):
        op.add_column("decision", sa.Column(name, tables.JsonText(), nullable=True))
    decision = sa.table("decision", *(sa.column(name, sa.Text) for name in ("reason", "withheld", "forecast")))
    for column in (decision.c.reason, decision.c.withheld):
        op.execute(decision.update().where(column == _BEFORE).values({column: _NOW}))
    replaced = sa.func.replace(decision.c.forecast, f'"{_BEFORE}"', f'"{_NOW}"')
    op.execute(decision.update().where(decision.c.forecast.contains(_BEFORE)).values(forecast=replaced))

"""Opened alerts are counted by subject and team too: the counts are made again from the stored episodes."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

_NAME = "gatewatch_alerts_opened_total"
_LABELS = ("alert", "severity", "subject", "team")


def upgrade() -> None:
    """Bring the store to this revision."""
    connection = op.get_bind()
    alert = sa.table("alert", *(sa.column(name) for name in ("name", "severity", "subject", "team", "fired_at")))
    tally = sa.table("tally", *(sa.column(name) for name in ("name", "labels", "value")))
    c = alert.c
    by = (c.name, c.severity, c.subject, c.team)
    fired = sa.select(*by, sa.func.count()).where(c.fired_at.is_not(None)).group_by(*by)
    rows = [
        {
            "name": _NAME,
            "labels": json.dumps(dict(zip(_LABELS, row[:4], strict=True)), separators=(",", ":")),
            "value": float(row[4]),
        }
        for row in connection.execute(fired)
    ]
    connection.execute(tally.delete().where(tally.c.name == _NAME))
    if rows:
        connection.execute(tally.insert(), rows)

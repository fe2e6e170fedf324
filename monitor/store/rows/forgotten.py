"""The baselines that people let start anew: which, after what, why, and who did it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.rows import fetch_rows, select_columns


class ForgottenBaseline(NamedTuple):
    """What a machine had learnt up to the instant `until`, of one recipe or (None) of all, counts no more.

    Its detectors had judged it up to `until` when it was forgotten, at `at`. `person`: '' if unknown.
    """

    machine: str
    recipe: str | None
    until: datetime
    at: datetime
    reason: str
    person: str


def forgotten_after(connection: sa.Connection, machine: str, since: datetime | None) -> list[ForgottenBaseline]:
    """What was forgotten of a machine after an instant (None: from the beginning), in order."""
    f = t.forgotten_baseline.c
    query = select_columns(ForgottenBaseline, t.forgotten_baseline).where(f.machine == machine)
    query = query if since is None else query.where(f.until > since)
    return list(fetch_rows(connection, ForgottenBaseline, query.order_by(f.until, f.id)))


def newest_forgotten(connection: sa.Connection) -> list[ForgottenBaseline]:
    """Everything that was forgotten, what was recorded last first, whatever the clock said then."""
    query = select_columns(ForgottenBaseline, t.forgotten_baseline).order_by(t.forgotten_baseline.c.id.desc())
    return list(fetch_rows(connection, ForgottenBaseline, query))

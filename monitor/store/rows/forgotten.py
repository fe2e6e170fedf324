"""The baselines that people let start anew, with reasons, and those that machines took over from a sister."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from monitor.ports import State
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


class BorrowedBaseline(NamedTuple):
    """What a machine without a baseline was compared with after the instant `until`: its sister's, of a recipe.

    `content`: by detector, as that lent it. It was taken over at `at`, in the commit of the first row compared with it.
    """

    machine: str
    sister: str
    recipe: str
    until: datetime
    at: datetime
    content: Mapping[str, State]


def borrowed_since(connection: sa.Connection, machine: str, since: datetime | None) -> list[BorrowedBaseline]:
    """What a machine took over from an instant on (None: from the beginning), in order.

    That instant is among them: a state that was saved there is of before.
    """
    b = t.borrowed_baseline.c
    query = select_columns(BorrowedBaseline, t.borrowed_baseline).where(b.machine == machine)
    query = query if since is None else query.where(b.until >= since)
    return list(fetch_rows(connection, BorrowedBaseline, query.order_by(b.until, b.id)))


def newest_borrowed(connection: sa.Connection) -> list[BorrowedBaseline]:
    """Everything that was taken over, the last first."""
    query = select_columns(BorrowedBaseline, t.borrowed_baseline).order_by(t.borrowed_baseline.c.id.desc())
    return list(fetch_rows(connection, BorrowedBaseline, query))


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

"""Stored causes: what several findings were found to have in common, from the first of them until all are over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

import sqlalchemy as sa

from alerting.notifications.languages.sentences import Said
from alerting.notifications.likely_causes import LikelyCause, cited_words
from detectors.attribution.causes import CauseKind, cause_words, shown_names, unpacked
from monitor.instants import EPOCH
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert
from monitor.store.database.database import Store
from monitor.store.database.rows import fetch_rows, select_columns
from monitor.store.watching.alerts import Alert

REMEMBERED = timedelta(days=3)
"""How long after its end a cause is still looked for in new findings: the outcomes of its parts come late."""
SURE = 0.9
"""The certainty from which no other explanation is named."""
MOST_PARTS = 1000
"""Parts of a cause that are kept, the newest ones: later findings follow from it by them."""


class StoredCause(NamedTuple):
    """A cause; `findings` are the (detector, method, subject, feature) of those that it explains.

    `found_at` is when it was found first, also where it ended and came again since. `parts` are the serial numbers of
    parts that it touched, `gates` those that judge what it touched. `ended_at` is None while one of its findings is in
    breach. `instead` is the next likely explanation, packed, '' where there is none.
    """

    id: int
    kind: str
    subject: str
    step: str
    names: Sequence[str]
    since: datetime
    found_at: datetime
    ended_at: datetime | None
    findings: Sequence[Sequence[str]]
    parts: Sequence[str]
    gates: Sequence[str]
    shift: float
    certainty: float
    instead: str


def causes_since(connection: sa.Connection, since: datetime) -> list[StoredCause]:
    """The causes that are open or ended at or after an instant, oldest first."""
    c = t.cause.c
    query = select_columns(StoredCause, t.cause).where(sa.or_(c.ended_at.is_(None), c.ended_at >= since))
    return list(fetch_rows(connection, StoredCause, query.order_by(c.id)))


def likely_causes(connection: sa.Connection, since: datetime) -> list[LikelyCause]:
    """The causes that are open or ended at or after an instant as alerts cite them, oldest first."""
    rows = fetch_rows(connection, CitedCause, _cited(), {"since": since})
    return [
        LikelyCause(
            row.id, words_of(row), frozenset((key[0], key[2]) for key in row.findings), frozenset(row.gates),
            row.since, row.ended_at, row.found_at, _said(row),
        )
        for row in rows
    ]  # fmt: skip


class CitedCause(NamedTuple):
    """A cause without its parts."""

    id: int
    kind: str
    subject: str
    names: Sequence[str]
    since: datetime
    found_at: datetime
    ended_at: datetime | None
    findings: Sequence[Sequence[str]]
    gates: Sequence[str]
    certainty: float
    instead: str


def listed_causes(store: Store, ended: bool) -> list[CitedCause]:
    """The causes that are open, with those that ended if asked for; the newest first."""
    with store.read() as connection:
        rows = list(fetch_rows(connection, CitedCause, _cited(), {"since": EPOCH}))
    return [row for row in reversed(rows) if ended or row.ended_at is None]


def cited_by(store: Store, rows: Sequence[Alert]) -> dict[int, str]:
    """The likely cause of each alert in a few words, by its id; '' where none is known."""
    with store.read() as connection:
        return cited_words_of(connection, rows)


def cited_words_of(connection: sa.Connection, rows: Sequence[Alert]) -> dict[int, str]:
    """As `cited_by`, in a transaction."""
    causes = likely_causes(connection, min((row.since for row in rows), default=EPOCH))
    return {row.id: cited_words(row.name, row.subject, row.since, row.ended_at, causes) for row in rows}


@cache
def _cited() -> sa.Select[tuple[object, ...]]:
    c = t.cause.c
    ended: sa.BindParameter[datetime] = sa.bindparam("since")
    query = select_columns(CitedCause, t.cause).where(sa.or_(c.ended_at.is_(None), c.ended_at >= ended))
    return query.order_by(c.id)


def words_of(row: CitedCause | StoredCause) -> str:
    """The cause in a few words, and what else it could be where that is not unlikely."""
    words = cause_words(CauseKind(row.kind), row.subject, row.names)
    return f"{words}, or {instead_words(row)}" if row.instead and row.certainty < SURE else words


def instead_words(row: CitedCause | StoredCause) -> str:
    """The next likely explanation in a few words, '' where there is none."""
    other = unpacked(row.instead)
    return row.instead if other is None else cause_words(*other)


def _said(row: CitedCause) -> tuple[Said, ...]:
    """The cause in no language, and what else it could be where that is not unlikely."""
    cause = _named(row.kind, row.subject, row.names)
    if not row.instead or row.certainty >= SURE:
        return (cause,)
    other = unpacked(row.instead)
    return cause, Said("quoted", {"text": row.instead}) if other is None else _named(*other)


def _named(kind: str, subject: str, names: Sequence[str]) -> Said:
    return Said(f"cause_{kind}", {"subject": subject, "names": shown_names(names)})


def save_causes(connection: sa.Connection, changed: Iterable[StoredCause]) -> None:
    """Write causes: those with id 0 are new, the others replace what was stored of them."""
    for cause in changed:
        row = cause._asdict()
        number = row.pop("id")
        row["parts"] = list(cause.parts)[-MOST_PARTS:]
        if number:
            connection.execute(t.cause.update().where(t.cause.c.id == number).values(row))
        else:
            insert(connection, t.cause, [row])

"""What people did about alerts: acknowledgements, shelves, and the chained record of every action.

An action and its entry in the record are one transaction, under the lock of the alert table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import sqlalchemy as sa

from alerting.handling.actions import Action, Person, RefusedError, Standing, Wish, check
from alerting.handling.audit import Entry, Last, continued
from alerting.handling.shelves import Shelf
from monitor.statuses import AlertStatus, Announced
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.rows import fetch_one, fetch_rows, select_columns
from monitor.store.watching.alerts import lock_alerts
from monitor.store.watching.silences import silenced_by_people


class _Episode(NamedTuple):
    id: int
    severity: str
    state: AlertStatus
    ended_at: datetime | None
    acknowledged_by: str


def handle(store: Store, wish: Wish, person: Person, now: datetime, request: str | None = None) -> Entry:
    """Do what a person wishes and put it on record; RefusedError if it may not be.

    `request` is the id of the request that asked for it: the second one of an id is refused.
    """
    with store.write() as connection:
        lock_alerts(connection)
        _check_request(connection, request)
        episode = _newest(connection, wish.name, wish.subject)
        standing = _standing(connection, wish, episode, now)
        check(wish, person, standing, now)
        details: dict[str, object] = {"note": wish.note} if wish.note else {}
        if wish.until is not None:
            details["until"] = wish.until.astimezone(UTC).isoformat()
        if episode is not None:
            details["alert"] = episode.id
        entry = append(connection, person, wish.action, f"{wish.name} {wish.subject}", details, now, request)
        _apply(connection, wish, person, episode, now)
    return entry


def append(
    connection: sa.Connection,
    person: Person,
    action: str,
    about: str,
    details: Mapping[str, object],
    now: datetime,
    request: str | None = None,
) -> Entry:
    """Put an action on record, as the next entry of the chain. The caller holds the lock of the alert table."""
    row = connection.execute(_LAST).one_or_none()
    last = Last() if row is None else Last(*row)
    text = json.dumps(dict(details), sort_keys=True)
    by = (person.name, person.role.value, person.via.value)
    entry = continued(last, Entry(0, now, *by, str(action), about, text, request, "", ""))
    connection.execute(t.audit.insert(), [entry._asdict()])
    return entry


_LAST = sa.select(t.audit.c.id, t.audit.c.digest).order_by(t.audit.c.id.desc()).limit(1)


def entries(connection: sa.Connection) -> Iterator[Entry]:
    """Every entry of the record, oldest first, some at a time."""
    return fetch_rows(connection, Entry, select_columns(Entry, t.audit).order_by(t.audit.c.id))


class Unanswered(NamedTuple):
    """A critical alert that its team was told of and nobody acknowledged."""

    name: str
    subject: str
    team: str


def unanswered(connection: sa.Connection, fired_by: datetime) -> list[Unanswered]:
    """The critical alerts that fire, were told and not acknowledged, of those that fired by an instant."""
    a = t.alert.c
    fires = (a.state == AlertStatus.FIRING, a.ended_at.is_(None), a.fired_at <= fired_by)
    query = select_columns(Unanswered, t.alert).where(
        *fires, a.severity == "critical", a.told == Announced.FIRED, a.acknowledged_by == ""
    )
    return list(fetch_rows(connection, Unanswered, query.order_by(a.id)))


def newest_entries(connection: sa.Connection, count: int) -> list[Entry]:
    """The newest entries, newest first."""
    query = select_columns(Entry, t.audit).order_by(t.audit.c.id.desc()).limit(count)
    return list(fetch_rows(connection, Entry, query))


def shelves(connection: sa.Connection, now: datetime) -> list[Shelf]:
    """The alerts that are shelved now, the first to come back first; then those that are silenced in Alertmanager."""
    return [*own_shelves(connection, now), *silenced_by_people(connection, now)]


def own_shelves(connection: sa.Connection, now: datetime) -> list[Shelf]:
    """The alerts that are shelved now in Gatewatch, the first to come back first."""
    s = t.shelf.c
    query = sa.select(s.name, s.subject, s.at, s.until, s.actor, s.reason).where(s.until > now)
    return [Shelf(*row) for row in connection.execute(query.order_by(s.until, s.name))]


def withhold(connection: sa.Connection, alerts: Sequence[int]) -> None:
    """Mark alerts, by id, that were over before anybody was to be told of them."""
    if alerts:
        connection.execute(t.alert.update().where(t.alert.c.id.in_(alerts)).values(told=Announced.WITHHELD))


def _check_request(connection: sa.Connection, request: str | None) -> None:
    if request is None:
        return
    if connection.execute(sa.select(t.audit.c.id).where(t.audit.c.request == request)).first() is not None:
        raise RefusedError("this request was taken already; send another with a new id", conflict=True)


def _newest(connection: sa.Connection, name: str, subject: str) -> _Episode | None:
    """The episode of the alert that is on, else the newest one."""
    a = t.alert.c
    query = select_columns(_Episode, t.alert).where(a.name == name, a.subject == subject)
    return fetch_one(connection, _Episode, query.order_by(a.ended_at.is_not(None), a.id.desc()).limit(1))


def _standing(connection: sa.Connection, wish: Wish, episode: _Episode | None, now: datetime) -> Standing:
    s = t.shelf.c
    until = connection.scalar(sa.select(s.until).where(s.name == wish.name, s.subject == wish.subject))
    if episode is None:
        return Standing(None, False, shelved_until=until)
    firing = episode.state is AlertStatus.FIRING and episode.ended_at is None
    about = (one for one in silenced_by_people(connection, now) if (one.name, one.subject) == (wish.name, wish.subject))
    silenced = next((one.actor for one in about), "")
    return Standing(episode.severity, firing, episode.acknowledged_by if firing else "", until, silenced)


def _apply(connection: sa.Connection, wish: Wish, person: Person, episode: _Episode | None, now: datetime) -> None:
    key = (t.shelf.c.name == wish.name, t.shelf.c.subject == wish.subject)
    if wish.action is Action.ACKNOWLEDGE and episode is not None:
        # Both conditions of an alert, a breach and an absence, are one thing to people.
        a = t.alert.c
        open_ = (a.name == wish.name, a.subject == wish.subject, a.ended_at.is_(None), a.acknowledged_by == "")
        connection.execute(t.alert.update().where(*open_).values(acknowledged_at=now, acknowledged_by=person.name))
    elif wish.action in (Action.SHELVE, Action.UNSHELVE):
        connection.execute(t.shelf.delete().where(*key))
    if wish.action is Action.SHELVE:
        row = {
            "name": wish.name, "subject": wish.subject, "at": now, "until": wish.until, "actor": person.name,
            "reason": wish.note,
        }  # fmt: skip
        connection.execute(t.shelf.insert(), [row])

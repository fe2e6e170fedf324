"""The alert table, one row per episode. The embedded evaluation and Alertmanager's webhook write it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from alerting.alerts.evaluator import AlertState, Change, Key
from alerting.alerts.in_force import line_of, step_of, team_of
from alerting.alerts.webhook import Ended
from alerting.handling.maintenance import Place
from alerting.notifications.languages.headline import headline
from alerting.notifications.languages.sentences import ENGLISH, Said, shipped
from alerting.specs.spec import AlertSpec
from exporters.metrics.shared.labels import SEVERITIES
from monitor.failpoints import reach
from monitor.model import WATCHDOG
from monitor.plant.plant import Plant
from monitor.statuses import AlertCondition, AlertStatus, Announced
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert_new
from monitor.store.database.database import Store
from monitor.store.database.rows import fetch_rows, select_columns
from monitor.store.database.statements import TallyKey, add_counts, tally_key
from monitor.store.watching.details import details_of

_MAX_SUMMARY = 500


class Alert(NamedTuple):
    """An episode of an alert: since when its condition holds (`since`), when it fired and when it ended.

    `kept_since` is since when only `keep_firing` keeps it firing, `seen_at` when Alertmanager last sent it, `told` what
    was announced of it, `escalated` what another team was told. `step` is where it is, '' where it belongs to none;
    `details` are what its summary adds to its text, as JSON of a list of `Said`, None for one of an earlier version.
    `acknowledged_by` is who attends to it, '' while nobody does.
    """

    id: int
    name: str
    subject: str
    severity: str
    summary: str
    since: datetime
    ended_at: datetime | None
    condition: AlertCondition
    state: AlertStatus
    team: str
    line: str
    origin: str
    fired_at: datetime | None
    kept_since: datetime | None
    value: float | None
    limit: float | None
    seen_at: datetime | None
    told: Announced
    step: str
    details: Sequence[Any] | None
    acknowledged_at: datetime | None
    acknowledged_by: str
    escalated: Announced


def place_of(alert: Alert) -> Place:
    """What an alert is about, and where that is."""
    return Place(alert.subject, alert.step, alert.line)


def open_states(connection: sa.Connection) -> dict[Key, AlertState]:
    """The state of every pending or firing alert."""
    a = t.alert.c
    query = sa.select(a.name, a.condition, a.subject, a.since, a.fired_at, a.kept_since, a.value, a.limit)
    return {Key(*row[:3]): AlertState(*row[3:]) for row in connection.execute(query.where(a.ended_at.is_(None)))}


def lock_alerts(connection: sa.Connection) -> None:
    """Lock alerts against changes by other processes; SQLite has a single writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(727272)")


def newest_episodes(connection: sa.Connection, keys: Iterable[Key]) -> tuple[dict[Key, AlertState], dict[Key, Ended]]:
    """Of these alerts, the state of each that is pending or firing, and the newest ended episode of each.

    Read by index, two rows an alert: an open episode is always the newest one of its alert.
    """
    states: dict[Key, AlertState] = {}
    ended: dict[Key, Ended] = {}
    for key in dict.fromkeys(keys):
        for row in connection.execute(_NEWEST_TWO, dict(zip(_KEY, key, strict=True))):
            if row.ended_at is None:
                states[key] = AlertState(row.since, row.fired_at, row.kept_since, row.value, row.limit)
            elif key not in ended:
                ended[key] = Ended(row.fired_at, row.seen_at is None or row.seen_at >= row.ended_at)
    return states, ended


def _newest_two() -> sa.Select[tuple[object, ...]]:
    a = t.alert.c
    columns = (a.since, a.fired_at, a.kept_since, a.value, a.limit, a.seen_at, a.ended_at)
    key = (a[name] == sa.bindparam(name) for name in _KEY)
    return sa.select(*columns).where(*key).order_by(a.id.desc()).limit(2)


_KEY = ("name", "condition", "subject")
_NEWEST_TWO = _newest_two()


def mark_seen(connection: sa.Connection, keys: Iterable[Key], now: datetime) -> None:
    """Record that Alertmanager sent these alerts, firing or resolved."""
    for key in keys:
        connection.execute(t.alert.update().where(_newest_episode(key)).values(seen_at=now))


def end_unrepeated(connection: sa.Connection, now: datetime, after: timedelta) -> None:
    """End alerts that Alertmanager stopped repeating: after a restart it never sends those that ended meanwhile.

    One that is silenced there is not repeated though it fires, so it goes on until it is read that it is over.
    """
    a, s = t.alert.c, t.silence.c
    of_alert = (s.name == a.name, s.condition == a.condition, s.subject == a.subject)
    silenced = sa.exists(sa.select(s.name).where(*of_alert, s.until > now))
    silent = (a.ended_at.is_(None), a.origin == "prometheus", a.seen_at < now - after, ~silenced)
    connection.execute(
        t.alert.update().where(*silent).values(ended_at=now, state=AlertStatus.RESOLVED, kept_since=None)
    )


def end_silenced(connection: sa.Connection, keys: Iterable[Key], now: datetime) -> None:
    """End alerts that Alertmanager would not tell the end of, because they were silenced there."""
    for key in keys:
        _end(connection, key, now)


def save_changes(
    connection: sa.Connection,
    changes: Iterable[Change],
    specs: Mapping[str, AlertSpec],
    plant: Plant,
    now: datetime,
    origin: str,
) -> None:
    """Apply changes of alerts; applying one twice has no further effect."""
    tallies: Counter[TallyKey] = Counter()
    for key, before, after in changes:
        spec = specs.get(key.alert)
        if after is None:
            _end(connection, key, now)
        elif spec is not None:
            # While it is only kept firing, the summary stays: its causes are no longer on the board.
            keep = {"kept_since": after.kept_since}
            row = _row(connection, spec, key, after, plant) if before is None or after.kept_since is None else keep
            is_new = before is None and _insert(connection, key, row, spec, plant, origin)
            if not is_new:
                connection.execute(t.alert.update().where(*_open_episode(key)).values(row))
            if after.fired_at is not None and (is_new or (before is not None and before.fired_at is None)):
                tallies[_opened(spec, key.subject)] += 1
    add_counts(connection, tallies)
    reach("during_alert_change")


def _opened(spec: AlertSpec, subject: str) -> TallyKey:
    return tally_key(
        "gatewatch_alerts_opened_total",
        alert=spec.name,
        subject=subject,
        severity=spec.severity,
        team=team_of(spec, subject),
    )


def _newest_episode(key: Key) -> sa.ColumnElement[bool]:
    """By index, however many episodes there were."""
    a = t.alert.c
    of_alert = (a.name == key.alert, a.condition == key.condition, a.subject == key.subject)
    return a.id == sa.select(sa.func.max(a.id)).where(*of_alert).scalar_subquery()


def _open_episode(key: Key) -> tuple[sa.ColumnElement[bool], ...]:
    """An open episode is always the newest of its alert: another one begins only when it has ended."""
    return _newest_episode(key), t.alert.c.ended_at.is_(None)


def _insert(
    connection: sa.Connection, key: Key, row: Mapping[str, object], spec: AlertSpec, plant: Plant, origin: str
) -> bool:
    """Begin an episode; false if one is open already, as two processes may receive it at once."""
    open_ = connection.execute(sa.select(t.alert.c.id).where(*_open_episode(key))).scalar_one_or_none()
    if open_ is not None:
        return False
    identity = {
        "name": key.alert, "condition": key.condition, "subject": key.subject, "severity": spec.severity,
        "team": team_of(spec, key.subject), "line": line_of(plant, spec.kind, key.subject),
        "step": step_of(plant, spec.kind, key.subject), "origin": origin,
    }  # fmt: skip
    insert_new(connection, t.alert, [{**identity, **row}])
    return True


def _row(connection: sa.Connection, spec: AlertSpec, key: Key, state: AlertState, plant: Plant) -> dict[str, object]:
    details: list[Said] = []
    if key.condition == AlertCondition.BREACH:
        details = details_of(connection, spec, key.subject, plant, state.value, state.limit)
    summary = headline(shipped(ENGLISH), key.alert, key.condition, key.subject, details)
    return {
        "since": state.active_at, "fired_at": state.fired_at, "kept_since": state.kept_since, "state": state.state,
        "value": state.value, "limit": state.limit,
        "summary": summary[:_MAX_SUMMARY], "details": details,
    }  # fmt: skip


def _end(connection: sa.Connection, key: Key, now: datetime) -> None:
    """End an episode that fired; delete one that was only pending."""
    connection.execute(t.alert.delete().where(*_open_episode(key), t.alert.c.fired_at.is_(None)))
    connection.execute(
        t.alert.update().where(*_open_episode(key)).values(ended_at=now, state=AlertStatus.RESOLVED, kept_since=None)
    )


def alerts(store: Store, active: bool) -> list[Alert]:
    """Alerts, newest first: if `active`, only firing ones, without Watchdog, which always fires."""
    a = t.alert.c
    firing = (a.state == AlertStatus.FIRING, a.ended_at.is_(None), a.name != WATCHDOG)
    query = select_columns(Alert, t.alert).order_by(a.since.desc(), a.id.desc())
    with store.read() as connection:
        return list(fetch_rows(connection, Alert, query.where(*firing) if active else query))


def firing_breaches(connection: sa.Connection, names: Collection[str]) -> list[Alert]:
    """Firing alerts of these names, oldest first, without those for an absent value."""
    return list(fetch_rows(connection, Alert, _breaches(tuple(names))))


@cache
def _breaches(names: tuple[str, ...]) -> sa.Select[Any]:
    a = t.alert.c
    fires = (a.condition == AlertCondition.BREACH, a.fired_at.is_not(None), a.ended_at.is_(None))
    return select_columns(Alert, t.alert).where(a.name.in_(names), *fires).order_by(a.id)


def unannounced(connection: sa.Connection) -> list[Alert]:
    """Alerts that fired and whose end was not announced to everybody who was told of them, oldest first."""
    a = t.alert.c
    # By the indexes: the end of nearly all past alerts was announced.
    untold = sa.or_(a.told.in_((Announced.NOTHING, Announced.FIRED)), a.escalated == Announced.FIRED)
    open_ = (untold, a.fired_at.is_not(None))
    return list(fetch_rows(connection, Alert, select_columns(Alert, t.alert).where(*open_).order_by(a.id)))


def alerts_since(connection: sa.Connection, since: datetime) -> list[Alert]:
    """The alerts that fire or ended at or after an instant, the worst and oldest first; without Watchdog."""
    a = t.alert.c
    told = (a.state != AlertStatus.PENDING, a.name != WATCHDOG, sa.or_(a.ended_at.is_(None), a.ended_at >= since))
    rows = fetch_rows(connection, Alert, select_columns(Alert, t.alert).where(*told))
    return sorted(rows, key=lambda row: (SEVERITIES.index(row.severity), row.since, row.id))


def fired_alerts(connection: sa.Connection) -> list[Alert]:
    """Every alert that ever fired, oldest first."""
    a = t.alert.c
    query = select_columns(Alert, t.alert).where(a.fired_at.is_not(None)).order_by(a.since, a.id)
    return list(fetch_rows(connection, Alert, query))

"""The passport of a part: everything the store knows of one serial number, in order of time.

A passport is a map of JSON values: `serial` and `events`, each event with `at` (ISO 8601, UTC), `kind`, a
`summary` in words and its `details`. Equal stores give equal passports.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from exporters.html.words import shown, visible
from monitor.store.database import tables as t

FINDINGS_BEFORE = timedelta(minutes=30)
FINDINGS_AFTER = timedelta(minutes=5)
MOST_FINDINGS = 20
"""Findings told of the machine for each step: the newest of those around the time of the step."""

LONGEST_WINDOW = timedelta(hours=1)
"""How far before a step the machine window that covers it may have started."""

Event = dict[str, Any]

# What happens at one instant is told in the order of cause and effect.
_ORDER = ("machine_window", "machine_finding", "part_step", "quarantine", "decision", "recommendation", "disposition",
          "outcome")  # fmt: skip


def passport(connection: Connection, serial: str) -> dict[str, Any] | None:
    """The passport of `serial`; None where the store knows nothing of it."""
    if not _storable(serial):
        return None
    steps = _rows(connection, t.part_step, serial, "arrival")
    events = [_part_step(row) for row in steps]
    events += [_decision(row) for row in _rows(connection, t.decision, serial, "decided_at")]
    events += _recommendations(connection, serial)
    events += [_outcome(row) for row in _rows(connection, t.outcome, serial, "arrival")]
    events += [_disposition(row) for row in _rows(connection, t.disposition, serial, "arrival")]
    events += _quarantined(connection, serial)
    if not events:
        return None
    events += _around(connection, steps)
    return {"serial": serial, "events": sorted(events, key=_place)}


def as_text(passport: Mapping[str, Any]) -> str:
    """The passport for a terminal; control characters in the data are shown, never sent."""
    lines = [f"part {visible(passport['serial'])}"]
    for event in passport["events"]:
        lines.append(f"{event['at']}  {event['kind']:<15} {visible(event['summary'])}")
        lines += [f"{'':24}{visible(f'{name}: {shown(value)}')}" for name, value in event["details"].items()]
    return "\n".join(lines) + "\n"


def _storable(serial: str) -> bool:
    """Neither database takes a lone surrogate and PostgreSQL no NUL: no part can be called so."""
    try:
        serial.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return bool(serial) and "\0" not in serial


def _rows(connection: Connection, table: sa.Table, serial: str, order: str) -> list[Row[Any]]:
    return list(connection.execute(sa.select(table).where(table.c.serial == serial).order_by(table.c[order])))


def _place(event: Event) -> tuple[str, int, str]:
    return event["at"], _ORDER.index(event["kind"]), json.dumps(event, sort_keys=True)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    """A value as JSON has it: times as text, numbers that are not finite as None."""
    if isinstance(value, datetime):
        return _iso(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _plain(value[name]) for name in sorted(value)}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _event(at: datetime, kind: str, summary: str, details: Mapping[str, Any]) -> Event:
    return {
        "at": _iso(at),
        "kind": kind,
        "summary": summary,
        "details": {name: _plain(value) for name, value in details.items()},
    }


def _details(row: Row[Any], *names: str) -> dict[str, Any]:
    return {name: row._mapping[name] for name in names}


def _part_step(row: Row[Any]) -> Event:
    what = f"correction {row.revision} of" if row.revision else "passed"
    where = "".join(f", {word} {value}" for word, value in (("recipe", row.recipe), ("lot", row.lot)) if value)
    on = f" on {row.machine}" if row.machine else ""
    details = _details(
        row, "step", "visit", "revision", "machine", "recipe", "lot", "available_at", "arrival", "source", "values"
    )
    return _event(row.at, "part_step", f"{what} step {row.step}, visit {row.visit}{on}{where}", details)


def _decision(row: Row[Any]) -> Event:
    of = f"gate {row.gate} at {row.step}, visit {row.visit}: {row.verdict} ({row.reason})"
    if row.predicted is not None:
        of += f", {row.characteristic} predicted {shown(row.predicted)} in [{shown(row.lower)}, {shown(row.upper)}]"
    names = (
        "gate", "step", "visit", "revision", "verdict", "reason", "on_hold", "characteristic", "predicted", "lower",
        "upper", "distance", "distance_limit", "model", "version", "model_digest", "plant_digest", "arrival", "inputs",
    )  # fmt: skip
    return _event(row.decided_at, "decision", of, _details(row, *names))


def _recommendations(connection: Connection, serial: str) -> Iterator[Event]:
    for row in connection.execute(sa.select(t.outbox).where(t.outbox.c.subject == serial).order_by(t.outbox.c.id)):
        # Alerts may wait in the same outbox, about a machine whose name is this serial number.
        if row.payload.get("serial") != serial:
            continue
        standing = {"pending": "waits to be sent", "dead": "could not be delivered"}.get(row.status, row.status)
        what = f"recommendation {row.payload.get('recommendation')} for {row.payload.get('step')}: {standing}"
        details = _details(row, "channel", "key", "status", "attempts", "created_at", "sent_at", "error")
        yield _event(row.sent_at or row.created_at, "recommendation", what, details)


def _outcome(row: Row[Any]) -> Event:
    what = f"correction {row.revision}: " if row.revision else ""
    details = _details(row, "characteristic", "value", "revision", "available_at", "arrival", "source")
    return _event(row.at, "outcome", f"{what}{row.characteristic} measured {shown(row.value)}", details)


def _disposition(row: Row[Any]) -> Event:
    what = f"correction {row.revision}: " if row.revision else ""
    at = f" at {row.step}" if row.step else ""
    details = _details(row, "step", "disposition", "revision", "arrival", "source")
    return _event(row.at, "disposition", f"{what}{row.disposition}{at}", details)


def _quarantined(connection: Connection, serial: str) -> Iterator[Event]:
    """Rows in quarantine one of whose key columns is the serial number, whatever the column is called."""
    # Not LIKE: SQLite refuses long patterns and ignores case.
    place = sa.func.instr if connection.dialect.name == "sqlite" else sa.func.strpos
    spellings = sorted({json.dumps(serial)[1:-1], json.dumps(serial, ensure_ascii=False)[1:-1]})
    named = sa.or_(*(place(t.quarantine.c.key, text) > 0 for text in spellings))
    query = sa.select(t.quarantine).where(named)
    for row in connection.execute(query.order_by(t.quarantine.c.id)):
        if serial in _key_values(row.key):
            summary = f"a row of {row.source} went to quarantine: {row.reason}"
            details = _details(row, "source", "reason", "at", "first_seen_at", "row")
            yield _event(row.at or row.first_seen_at, "quarantine", summary, details)


def _key_values(key: str) -> Iterable[Any]:
    try:
        values = json.loads(key)
    except ValueError:
        return (key,)
    if isinstance(values, dict):
        return values.values()
    return values if isinstance(values, list) else (values,)


def _around(connection: Connection, steps: Iterable[Row[Any]]) -> Iterator[Event]:
    """What was known of the machine of each step about that time; each finding and window is told once."""
    seen: dict[str, Event] = {}
    for step in steps:
        if step.machine:
            for event in (*_findings(connection, step), *_windows(connection, step)):
                seen[json.dumps(event, sort_keys=True)] = event
    yield from seen.values()


def _findings(connection: Connection, step: Row[Any]) -> Iterator[Event]:
    c = t.finding.c
    span = c.at.between(step.at - FINDINGS_BEFORE, step.at + FINDINGS_AFTER)
    query = sa.select(t.finding).where(c.subject == step.machine, span)
    for row in connection.execute(query.order_by(c.at.desc(), c.id.desc()).limit(MOST_FINDINGS)):
        judged = f" with {shown(row.value)} against {shown(row._mapping['limit'])}" if row.value is not None else ""
        what = f"{row.subject} {row.feature}: {row.status} by {row.detector} ({row.method}){judged}"
        names = ("subject", "feature", "detector", "method", "status", "value", "limit", "causes")
        yield _event(row.at, "machine_finding", what.replace(" :", ":"), _details(row, *names))


def _windows(connection: Connection, step: Row[Any]) -> Iterator[Event]:
    c = t.machine_window.c
    before = (c.machine == step.machine, c.start <= step.at, c.start > step.at - LONGEST_WINDOW)
    start = connection.scalar(sa.select(sa.func.max(c.start)).where(*before))
    if start is None:
        return
    query = sa.select(t.machine_window).where(c.machine == step.machine, c.start == start).order_by(c.sensor)
    sensors = {row.sensor: _statistics(row) for row in connection.execute(query)}
    means = ", ".join(f"{sensor} {shown(known['mean'])}" for sensor, known in sensors.items())
    yield _event(
        start,
        "machine_window",
        f"means of {step.machine} in the window of the step: {means}",
        {"machine": step.machine, "sensors": sensors},
    )


def _statistics(row: Row[Any]) -> dict[str, Any]:
    measured = row.rows - row.missing
    mean = row.total / measured if measured and row.total is not None else None
    return {"mean": mean, **_details(row, "minimum", "maximum", "rows", "missing")}

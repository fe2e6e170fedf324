"""What evaluations of the alerts read, as it is kept: a row where something is not what the rows before say.

A value that stays is written once. So is an age, which grows by one in a known time: it is told by that, and where a
prediction is not the value, bit for bit, the value is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from alerting.alerts.evaluator import AlertState, Key, States
from monitor.instants import from_micros, to_micros

_MICROSECOND = timedelta(microseconds=1)
WHOLE_EVERY = timedelta(hours=6)
"""Time between two rows that hold everything, from each of which a backtest can begin."""


class Reading(NamedTuple):
    """A value from an evaluation on, whose instant is in microseconds.

    It stays, or grows by one each `per` microseconds.
    """

    value: float
    at: int
    per: int | None = None

    def value_at(self, at: int) -> float:
        """The value at a later evaluation."""
        return self.value if self.per is None else (at - self.at + round(self.value * self.per)) / self.per


Readings = Mapping[Key, Reading]


class Recorded(NamedTuple):
    """A row: what changed at an evaluation, [alert, condition, subject, value or None, per or None] each.

    With `states`, the alerts that were open before the evaluation, it is whole: it holds every reading, and
    `evaluated`, the instants since the last whole row as microseconds between them.
    """

    at: datetime
    readings: Sequence[Sequence[Any]]
    states: Sequence[Sequence[Any]] | None
    evaluated: Sequence[int] | None


@dataclass(frozen=True, slots=True)
class Known:
    """What is on record: the readings of the newest rows, and when the newest whole row was; None before the first."""

    readings: Readings
    whole_at: datetime | None


def changed(
    known: Readings, values: Mapping[Key, float], growing: Mapping[tuple[str, str], timedelta], at: datetime
) -> dict[Key, Reading | None]:
    """The readings that are not what is on record; None for one that is gone."""
    now = to_micros(at)
    found: dict[Key, Reading | None] = {key: None for key in known if key not in values}
    for key, value in values.items():
        before = known.get(key)
        if before is None or before.value_at(now) != value:
            found[key] = _reading(value, now, growing.get((key.alert, key.subject)))
    return found


def _reading(value: float, at: int, grows: timedelta | None) -> Reading:
    growing = Reading(value, at, None if grows is None else grows // _MICROSECOND)
    return growing if value > 0 and growing.value_at(at) == value else Reading(value, at)


def followed(known: Readings, changes: Mapping[Key, Reading | None]) -> dict[Key, Reading]:
    """The readings after these changes."""
    after = {**known, **changes}
    return {key: reading for key, reading in after.items() if reading is not None}


def whole_is_due(known: Known, at: datetime) -> bool:
    """Whether the next row holds everything."""
    return known.whole_at is None or at - known.whole_at >= WHOLE_EVERY


def row_of(at: datetime, changes: Mapping[Key, Reading | None]) -> Recorded:
    """The row of what changed."""
    return Recorded(at, _listed(changes, at), None, None)


def whole_row(
    at: datetime, readings: Readings, states: States, known: Known, evaluated: Iterable[datetime]
) -> Recorded:
    """The row of everything: open alerts before the evaluation, and the evaluations since the last such row."""
    times = [] if known.whole_at is None else [known.whole_at, *sorted(evaluated)]
    between = [(after - before) // _MICROSECOND for before, after in pairwise(times)]
    opened = [
        [*key, *(None if time is None else to_micros(time) for time in (s.active_at, s.fired_at, s.kept_since))]
        for key, s in sorted(states.items())
    ]
    return Recorded(at, _listed(readings, at), opened, between)


def _listed(readings: Mapping[Key, Reading | None], at: datetime) -> list[list[object]]:
    now = to_micros(at)
    return [
        [*key, None, None] if reading is None else [*key, reading.value_at(now), reading.per]
        for key, reading in sorted(readings.items())
    ]


def changes_of(row: Recorded) -> dict[Key, Reading | None]:
    """What a row says."""
    at = to_micros(row.at)
    return {
        Key(alert, condition, subject): None if value is None else Reading(value, at, per)
        for alert, condition, subject, value, per in row.readings
    }


def states_of(row: Recorded) -> dict[Key, AlertState]:
    """The alerts that were open before the evaluation of a whole row; without values."""
    return {
        Key(*key): AlertState(from_micros(active), _maybe(fired), _maybe(kept))
        for *key, active, fired, kept in row.states or ()
    }


def _maybe(at: int | None) -> datetime | None:
    return None if at is None else from_micros(at)


def known_from(rows: Iterable[Recorded]) -> Known:
    """What rows say, of which the first is whole."""
    known = Known({}, None)
    for row in rows:
        if row.states is not None:
            known = Known(followed({}, changes_of(row)), row.at)
        else:
            known = Known(followed(known.readings, changes_of(row)), known.whole_at)
    return known

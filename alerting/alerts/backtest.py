"""A backtest: the evaluator over recorded readings, with the rules as they are now.

Each subject of a rule is for itself, so only the evaluations are made at which something happens to it: its reading
changes, a growing one passes the limit, or a time runs out. The others would change nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from alerting.alerts.evaluator import AlertState, Key, Result, advance, is_breach
from alerting.alerts.readings import Reading, Recorded, changes_of, states_of
from alerting.specs.spec import AlertSpec
from monitor.instants import from_micros, to_micros
from monitor.statuses import AlertCondition

_NONE = timedelta(0)


class Episode(NamedTuple):
    """An alert that fired: since when its condition held, when it fired, and when it ended; None if it still fires."""

    name: str
    condition: str
    subject: str
    since: datetime
    fired_at: datetime
    ended_at: datetime | None


@dataclass(slots=True)
class _Track:
    """One subject of a rule: its reading since an evaluation, by its place in the evaluations, and its state."""

    key: Key
    limit: float | None
    clear: float | None
    pending_for: timedelta
    keep_firing: timedelta
    state: AlertState | None = None
    reading: Reading | None = None
    since: int = 0
    episodes: list[Episode] = field(default_factory=list)

    def read(self, reading: Reading | None, place: int, instants: Sequence[int]) -> None:
        """From an evaluation on it has another reading: make the evaluations before it."""
        self._go_on(instants, place)
        self.reading, self.since = reading, place

    def end(self, instants: Sequence[int]) -> list[Episode]:
        """Make the last evaluations; the episodes, the last of which may still be on."""
        self._go_on(instants, len(instants))
        return [*self.episodes, *self._episode(None)]

    def _go_on(self, instants: Sequence[int], until: int) -> None:
        place = self.since
        if self.state is None and place < until and not self._is_true(instants[until - 1]):
            return  # a reading never falls: it was not true before either
        while place < until:
            at = instants[place]
            true = self._is_true(at)
            now, before = from_micros(at), self.state
            result = Result(None, self.limit) if true else None
            self.state = advance(before, result, self.pending_for, self.keep_firing, now)
            if self.state is None and before is not None:
                self.state = before
                self.episodes.extend(self._episode(now))
                self.state = None
            place = self._next(instants, place + 1, until, true)

    def _is_true(self, at: int) -> bool:
        reading = self.reading
        return reading is not None and is_breach(reading.value_at(at), self.limit, self.clear, self.state)

    def _next(self, instants: Sequence[int], start: int, until: int, true: bool) -> int:
        """The place of the next evaluation that may change something."""
        state = self.state
        if state is not None and state.fired_at is None:
            until = bisect_left(instants, to_micros(state.active_at + self.pending_for), start, until)
        if state is not None and state.kept_since is not None:
            until = bisect_left(instants, to_micros(state.kept_since + self.keep_firing), start, until)
        if not true and self.reading is not None and self.reading.per is not None:
            until = bisect_left(instants, True, start, until, key=self._is_true)
        return until

    def _episode(self, ended_at: datetime | None) -> Iterator[Episode]:
        state = self.state
        if state is not None and state.fired_at is not None:
            yield Episode(*self.key, state.active_at, state.fired_at, ended_at)


def backtest(
    specs: Iterable[AlertSpec], rows: Iterable[Recorded], instants: Sequence[int], after: datetime | None = None
) -> list[Episode]:
    """What would have fired at or after `after`, in order of time.

    `rows` begin with a whole one; `instants` are all evaluations from there on, in microseconds, each later than the
    one before. Alerts that were open then are taken over as they were.
    """
    by_name = {spec.name: spec for spec in specs}
    tracks: dict[Key, _Track] = {}
    known: dict[Key, Reading] = {}
    place = 0
    for number, row in enumerate(rows):
        # A clock that was set back does not undo what was evaluated.
        place = max(place, bisect_left(instants, to_micros(row.at), place))
        changes = changes_of(row)
        if row.states is not None:
            changes = {**{key: None for key in known if key not in changes}, **changes}
        if number == 0:
            tracks = _taken_over(by_name, row, place)
        for key, reading in changes.items():
            _keep(known, key, reading)
        for key in _concerned(changes):
            track = tracks.get(key) or _track(by_name, key, place)
            if track is not None:
                tracks[key] = track
                track.read(_read_by(key, known), place, instants)
    found = [episode for track in tracks.values() for episode in track.end(instants)]
    return sorted((e for e in found if after is None or e.fired_at >= after), key=lambda e: (e.fired_at, e))


def _taken_over(specs: Mapping[str, AlertSpec], row: Recorded, place: int) -> dict[Key, _Track]:
    """The alerts that were open before the first row."""
    found = {}
    for key, state in states_of(row).items():
        track = _track(specs, key, place)
        if track is not None:
            track.state = state
            found[key] = track
    return found


def _keep(known: dict[Key, Reading], key: Key, reading: Reading | None) -> None:
    if reading is None:
        known.pop(key, None)
    else:
        known[key] = reading


def _concerned(changes: Iterable[Key]) -> dict[Key, None]:
    """The subjects of rules that changes are about: whether a value is there is read by the rule of its absence."""
    both = (Key(key.alert, condition, key.subject) for key in changes for condition in AlertCondition)
    return dict.fromkeys(both)


def _read_by(key: Key, known: Mapping[Key, Reading]) -> Reading | None:
    if key.condition == AlertCondition.BREACH:
        return known.get(key)
    is_there = key._replace(condition=AlertCondition.BREACH) in known
    return None if is_there else known.get(key)


def _track(specs: Mapping[str, AlertSpec], key: Key, place: int) -> _Track | None:
    """A new subject; None for a rule that is not evaluated."""
    spec = specs.get(key.alert)
    if spec is None or not spec.enabled:
        return None
    if key.condition == AlertCondition.BREACH:
        return _Track(key, spec.limit, spec.clear, spec.pending_for, spec.keep_firing, since=place)
    return None if spec.absent_after is None else _Track(key, 0.0, None, spec.absent_after, _NONE, since=place)

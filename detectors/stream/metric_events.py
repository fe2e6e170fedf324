"""Events of single sensors, for metrics without a fixed normal: a row beyond everything seen before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from detectors.events import saved
from detectors.events.events import Scores, Settings, score, start
from detectors.events.events import State as Metric
from detectors.shared.rows import columns, due, running
from detectors.shared.state import number_or_none, require, require_version, whole_number
from monitor.detection import EVENT, EVENTS
from monitor.instants import EPOCH, from_nanos
from monitor.model import Finding, MachineBatch, Status
from monitor.ports import State

VERSION = 1
LIMIT: Final = 1.5
"""Above the limit of a file's rows: that one is passed some times in 10,000 rows of noise, this one was once in
864,000 (simulated, seeds 1000 to 1049)."""
_FIELDS = ("version", "identity", "machine", "sensors")


@dataclass(slots=True)
class Watched:
    """One sensor: what its metric has shown; `left`: rows of a breach still to come; `at`: of the last value (ns)."""

    metric: Metric
    status: Status = Status.NO_DATA
    value: float | None = None
    left: int = 0
    at: int | None = None


@dataclass(slots=True)
class EventState:
    """The state of one machine: its watched sensors, in order."""

    machine: str
    sensors: list[Watched] = field(default_factory=list)


class MetricEvents:
    """Judges sensors one by one, whatever the recipe, by `detectors.events`.

    An event starts a breach, which lasts until one that goes no further would be an event again: `Settings.quiet`
    values later. Value: how far the newest value goes beyond all before, in a breach how far the event did; limit 1.5.
    CANNOT_JUDGE during the warm-up. A row counts when the machine runs or its state is unknown, and the sensor was due
    and has a value. `machine` is the subject of findings until the first batch names it.
    """

    name = EVENTS

    def __init__(self, sensors: Sequence[str], settings: Settings | None = None, machine: str = "") -> None:
        self.sensors = tuple(sensors)
        self.settings = settings or Settings()
        self.machine = machine

    def start(self) -> EventState:
        """The state before the first row."""
        return EventState(self.machine, [Watched(start(self.settings)) for _ in self.sensors])

    def observe(self, state: EventState, batch: MachineBatch) -> tuple[EventState, Sequence[Finding]]:
        """Judge the rows in order; returns the state (changed in place) and a finding for each change of status."""
        if not len(batch):
            return state, ()
        state.machine = batch.machine
        values, counts = columns(batch, self.sensors), running(batch.states)
        changes: list[tuple[int, int, Finding]] = []
        for sensor, watched in enumerate(state.sensors):
            counted = counts & ~np.isnan(values[:, sensor]) & due(batch, self.sensors[sensor])
            rows = np.flatnonzero(counted)
            watched.metric, scores = score(self.settings, watched.metric, values[rows, sensor], batch.at[rows])
            for place in self._walk(watched, scores):
                row = int(rows[place])
                watched.at = int(batch.at[row])
                changes.append((row, sensor, self._finding(state, sensor, batch.offset + row)))
            watched.at = int(batch.at[rows[-1]]) if len(rows) else watched.at
        changes.sort(key=lambda change: change[:2])
        return state, tuple(finding for _, _, finding in changes)

    def current(self, state: EventState) -> Sequence[Finding]:
        """The latest value and status of each sensor."""
        return tuple(self._finding(state, sensor, -1) for sensor in range(len(self.sensors)))

    def save(self, state: EventState) -> State:
        """The state as JSON values."""
        sensors = [
            {
                "metric": saved.save(self.settings, one.metric), "status": one.status.value, "value": one.value,
                "left": one.left, "at": one.at,
            }
            for one in state.sensors
        ]  # fmt: skip
        return {"version": VERSION, "identity": self._identity, "machine": state.machine, "sensors": sensors}

    def restore(self, given: State) -> EventState:
        """The state that `save` returned; ValueError for another version, other sensors or an incomplete state."""
        require_version(given, self.name, VERSION, self._identity)
        sensors = require(given, self.name, _FIELDS)["sensors"]
        if not isinstance(sensors, list) or len(sensors) != len(self.sensors):
            raise ValueError(f"the saved state of {self.name} is incomplete; rebuild it from history")
        return EventState(str(given["machine"]), [self._restored(one) for one in sensors])

    def _restored(self, given: object) -> Watched:
        fields = require(given, "a sensor's events", ("metric", "status", "value", "left", "at"))
        value, at = number_or_none(fields["value"], self.name), fields["at"]
        metric, left = saved.load(self.settings, fields["metric"]), whole_number(fields["left"], "left")
        return Watched(metric, Status(fields["status"]), value, left, None if at is None else whole_number(at, "at"))

    def _walk(self, watched: Watched, scores: Scores) -> Iterator[int]:
        """Count the rows; yields those at which the status changes, as it does."""
        known, events = ~np.isnan(scores.scores), scores.events & (scores.scores > LIMIT)
        if known.all() and watched.status is Status.OK and len(known) and not events.any():
            watched.value = float(scores.scores[-1])
            return
        for row, (judged, event) in enumerate(zip(known.tolist(), events.tolist(), strict=True)):
            before = watched.status
            if not judged:
                watched.status = Status.CANNOT_JUDGE
            elif event:
                watched.status, watched.left = Status.BREACH, self.settings.quiet
                watched.value = float(scores.scores[row])
            elif watched.left > 1:
                watched.left -= 1
            else:
                watched.status, watched.left, watched.value = Status.OK, 0, float(scores.scores[row])
            if watched.status is not before:
                yield row

    def _finding(self, state: EventState, sensor: int, row: int) -> Finding:
        watched, name = state.sensors[sensor], self.sensors[sensor]
        return Finding(
            detector=self.name, method=EVENT, subject=state.machine, feature=name,
            at=EPOCH if watched.at is None else from_nanos(watched.at), status=watched.status, value=watched.value,
            limit=None if watched.value is None else LIMIT, row=row,
            causes=(name,) if watched.status is Status.BREACH else (),
        )  # fmt: skip

    @property
    def _identity(self) -> str:
        """What must be unchanged for a saved state to be usable: the sensors in order and the settings."""
        return f"{','.join(self.sensors)};{self.settings}"

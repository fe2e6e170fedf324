"""Sensor limits: judges whether each sensor of a machine is within its operating limits, not dead and not stuck."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.shared.rows import columns, due, running
from detectors.shared.state import require, require_version, whole_number
from detectors.stream.track import METHODS, Rules, Track, dump, load, step
from monitor.detection import DEAD, LIMIT, LIMITS, STUCK
from monitor.instants import EPOCH, from_nanos
from monitor.model import Finding, Floats, MachineBatch, Status
from monitor.ports import State

VERSION = 3
Limits = Mapping[str, tuple[float | None, float | None]]


@dataclass(slots=True)
class LimitState:
    """The state of one machine: a track for each sensor, and the times of the last and the last judged row (ns)."""

    machine: str
    tracks: list[Track]
    seen_at: int | None = None
    judged_at: int | None = None


@dataclass(frozen=True, slots=True)
class _Motion:
    """Judged values of a batch, shape (judged rows, sensors), and counts for each sensor, shape (sensors,).

    `moved`: values that differ from the one before; `longest`: the longest run of equal values; `tail`: the run at
    the end of the batch. Runs include the equal values that ended the batch before.
    """

    values: Floats
    moved: NDArray[np.int64]
    longest: NDArray[np.int64]
    tail: NDArray[np.int64]


class SensorLimits:
    """Judges every sensor of one machine by three methods, with a finding for each change of status.

    `limit`: `limit_rows` consecutive judged samples outside [low, high] start a breach, as many inside end it. Missing
    samples neither count nor interrupt. Value: the sample, in a breach the last one outside; limit: the limit it
    violates, or else the nearer one.
    `dead`: `dead_rows` consecutive missing samples while the machine runs or its state is unknown; with `always`, in
    any state. Value: their number.
    `stuck`: `stuck_rows` consecutive judged samples that are exactly equal. Only sensors that have been observed to
    move are judged (see `Rules.moving_share`); others, and those that never move, are CANNOT_JUDGE. Value: the
    number of consecutive equal samples.
    `limit_rows` consecutive samples with a value end `dead`; as many that differ from the one before end `stuck`.
    A row is judged when the machine runs or its state is unknown. While a sensor is dead, the other two are NO_DATA.
    A sensor without limits has no `limit`, one of `steady` no `stuck`.
    `machine` is the subject of findings until the first batch names it.
    """

    name = LIMITS

    def __init__(
        self,
        limits: Limits,
        limit_rows: int = 3,
        dead_rows: int = 10,
        stuck_rows: int = 40,
        machine: str = "",
        always: bool = False,
        steady: Collection[str] = (),
    ) -> None:
        if min(limit_rows, dead_rows) < 1 or stuck_rows < 2:
            raise ValueError("expected limit_rows and dead_rows >= 1 and stuck_rows >= 2")
        self.sensors = tuple(limits)
        self.machine = machine
        self.rules = Rules(limit_rows, dead_rows, stuck_rows, always)
        self._low = np.array([-math.inf if low is None else low for low, _ in limits.values()], dtype=np.float64)
        self._high = np.array([math.inf if high is None else high for _, high in limits.values()], dtype=np.float64)
        self._methods = [
            frozenset(
                method
                for method in METHODS
                if (method != LIMIT or limit != (None, None)) and (method != STUCK or sensor not in steady)
            )
            for sensor, limit in limits.items()
        ]

    def start(self) -> LimitState:
        """The state before the first row."""
        return LimitState(self.machine, [Track() for _ in self.sensors])

    def observe(self, state: LimitState, batch: MachineBatch) -> tuple[LimitState, Sequence[Finding]]:
        """Judge the rows in order; returns the state (changed in place) and a finding for each change of status."""
        if not len(batch):
            return state, ()
        state.machine = batch.machine
        values, judged = columns(batch, self.sensors), running(batch.states)
        motion = self._motion(state, values if judged.all() else values[judged])
        quiet = self._quiet(state, values, motion)
        running_rows = judged.tolist()
        due_rows = _due_rows(batch, self.sensors)
        changes: list[tuple[int, int, Finding]] = []
        for sensor, track in enumerate(state.tracks):
            if quiet[sensor] and due_rows[sensor] is None:
                _step_quiet(track, motion, sensor)
                continue
            for row, method in self._walk(track, sensor, values[:, sensor].tolist(), running_rows, due_rows[sensor]):
                finding = self._finding(state, sensor, method, int(batch.at[row]), batch.offset + row)
                changes.append((row, sensor, finding))
        state.seen_at = int(batch.at[-1])
        if judged.any():
            state.judged_at = int(batch.at[np.flatnonzero(judged)[-1]])
        changes.sort(key=lambda change: change[:2])
        return state, tuple(finding for _, _, finding in changes)

    def current(self, state: LimitState) -> Sequence[Finding]:
        """The latest value, limit and status of each sensor and method by which it is judged."""
        findings = []
        for sensor in range(len(self.sensors)):
            for method in METHODS:
                if method in self._methods[sensor]:
                    at = state.seen_at if method == DEAD else state.judged_at
                    findings.append(self._finding(state, sensor, method, at, -1))
        return tuple(findings)

    def save(self, state: LimitState) -> State:
        """The state as JSON values."""
        return {
            "version": VERSION,
            "identity": self._identity,
            "machine": state.machine,
            "seen_at": state.seen_at,
            "judged_at": state.judged_at,
            "tracks": [dump(track) for track in state.tracks],
        }

    def restore(self, saved: State) -> LimitState:
        """The state that `save` returned; ValueError for another version, other sensors or an incomplete state."""
        require_version(saved, self.name, VERSION, self._identity)
        keys = ("version", "identity", "machine", "seen_at", "judged_at", "tracks")
        fields = require(saved, self.name, keys)
        tracks = fields["tracks"]
        if not isinstance(tracks, list) or len(tracks) != len(self.sensors):
            raise ValueError(f"the saved state of {self.name} is incomplete; rebuild it from history")
        times = [
            fields[key] if fields[key] is None else whole_number(fields[key], key) for key in ("seen_at", "judged_at")
        ]
        return LimitState(str(fields["machine"]), [load(track) for track in tracks], *times)

    @property
    def _identity(self) -> str:
        """What must be unchanged for a saved state to be usable: the sensors in order and the rules, not the limits."""
        return f"{','.join(self.sensors)};{self.rules}"

    def _motion(self, state: LimitState, values: Floats) -> _Motion:
        count, width = values.shape
        carried = np.array([track.same for track in state.tracks], dtype=np.int64)
        if not count:
            return _Motion(values, np.zeros(width, np.int64), carried, carried)
        same = np.empty(values.shape, dtype=np.bool_)
        same[0] = values[0] == [math.nan if track.value is None else track.value for track in state.tracks]
        np.equal(values[1:], values[:-1], out=same[1:])
        if not same.any():
            ones = np.ones(width, np.int64)
            return _Motion(values, np.full(width, count), ones, ones)
        # The row at which each run of equal values began; negative for a run carried over from the last batch.
        row = np.arange(count)[:, None]
        began = np.maximum.accumulate(np.where(same, -carried, row), axis=0)
        lengths = row - began + 1
        return _Motion(values, count - same.sum(axis=0), lengths.max(axis=0), lengths[-1])

    def _quiet(self, state: LimitState, values: Floats, motion: _Motion) -> Sequence[bool]:
        """For each sensor, whether no row of the batch can change a status: true for nearly all healthy sensors."""
        inside = ((motion.values >= self._low) & (motion.values <= self._high)).all(axis=0)
        healthy = ~np.isnan(values).any(axis=0) & inside & (motion.longest < self.rules.stuck_rows)
        rows = len(motion.values)
        return [
            ok
            and track.dead is Status.OK
            and track.limit is Status.OK
            and (track.stuck is Status.OK if track.moves else self._in_study(track, rows))
            for ok, track in zip(healthy.tolist(), state.tracks, strict=True)
        ]

    def _in_study(self, track: Track, rows: int) -> bool:
        return track.stuck is Status.CANNOT_JUDGE and track.seen + rows < self.rules.study_rows

    def _walk(
        self, track: Track, sensor: int, values: list[float], judged: list[bool], due: Sequence[int] | None
    ) -> Iterator[tuple[int, str]]:
        """Step through the rows at which the sensor was due (None: all)."""
        low, high = float(self._low[sensor]), float(self._high[sensor])
        for row in range(len(values)) if due is None else due:
            for method in step(track, values[row], judged[row], low, high, self.rules):
                if method in self._methods[sensor]:
                    yield row, method

    def _finding(self, state: LimitState, sensor: int, method: str, at: int | None, row: int) -> Finding:
        track = state.tracks[sensor]
        value, limit, status = self._reading(track, sensor, method)
        return Finding(
            detector=self.name,
            method=method,
            subject=state.machine,
            feature=self.sensors[sensor],
            at=EPOCH if at is None else from_nanos(at),
            status=status,
            value=value,
            limit=limit,
            row=row,
            causes=(self.sensors[sensor],) if status is Status.BREACH else (),
        )

    def _reading(self, track: Track, sensor: int, method: str) -> tuple[float | None, float | None, Status]:
        if method == DEAD:
            return (None if track.dead is Status.NO_DATA else float(track.missing)), self.rules.dead_rows, track.dead
        if method == STUCK:
            return (None if track.stuck is Status.NO_DATA else float(track.same)), self.rules.stuck_rows, track.stuck
        value = track.value
        if track.limit is Status.BREACH and track.beyond is not None:
            # Not the newest one, which may be back inside while the breach lasts.
            value = track.beyond
        limit = _relevant_limit(value, float(self._low[sensor]), float(self._high[sensor]))
        return value, limit, track.limit


def _due_rows(batch: MachineBatch, sensors: Sequence[str]) -> list[Sequence[int] | None]:
    """By sensor the rows at which it was due; None: all of them."""
    if batch.sampled is None:
        return [None] * len(sensors)
    columns_due = (due(batch, name) for name in sensors)
    return [None if column.all() else np.flatnonzero(column).tolist() for column in columns_due]


def _step_quiet(track: Track, motion: _Motion, sensor: int) -> None:
    """Does what `step` would do for every row, for a sensor whose statuses no row can change."""
    track.missing = 0
    if not len(motion.values):
        return
    track.limit_run = 0
    track.same = int(motion.tail[sensor])
    track.value = float(motion.values[-1, sensor])
    if not track.moves:
        track.seen += len(motion.values)
        track.moved += int(motion.moved[sensor])


def _relevant_limit(value: float | None, low: float, high: float) -> float | None:
    """The limit that a value violates, or else the nearer one; None for a sensor without limits."""
    sides = [limit for limit in (low, high) if math.isfinite(limit)]
    if not sides:
        return None
    if value is None:
        return sides[-1]
    if value < low:
        return low
    if value > high:
        return high
    return min(sides, key=lambda limit: abs(limit - value))

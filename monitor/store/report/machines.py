"""Machines in a report: sensor values while running, and findings of the detectors."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from exporters.report.values import Breach, Bucket, MachineReport, Period, SensorReport
from monitor.instants import floor_to
from monitor.model import MachineState, Status
from monitor.plant.line import Sensor
from monitor.plant.plant import Plant
from monitor.store.database import tables as t
from monitor.store.database.rows import fetch_rows, select_columns
from monitor.store.report.samples import bucket_length, bucketed, running_samples
from monitor.store.rows.readings import MachineWindow

_MOST_PAUSES = 1000
"""Pauses looked at for one window."""
_BUCKETS = 240
"""Approximate number of points of a sensor's curve: enough for the width of the chart."""
_FEW = 48
"""With fewer windows than these a curve is drawn from the samples, as far as they are still stored."""


def machines(connection: sa.Connection, plant: Plant, start: datetime, end: datetime) -> tuple[MachineReport, ...]:
    """Every machine of the plant file, in its order."""
    window = plant.store.window
    step = max(1, math.ceil((end - start) / window / _BUCKETS)) * window
    return tuple(_machine(connection, plant, name, start, end, step) for name in plant.machines)


def _machine(
    connection: sa.Connection, plant: Plant, name: str, start: datetime, end: datetime, step: timedelta
) -> MachineReport:
    resting = tuple(_resting(connection, name, start, end))
    windows = _running_windows(connection, name, start, end, resting, step, plant.store.window)
    breaches = tuple(breaches_of(connection, name, start, end))
    sensors = tuple(
        _sensor(sensor, config, windows[sensor], step, tuple(b for b in breaches if b.feature == sensor))
        for sensor, config in plant.machines[name].sensors.items()
    )
    if end - start < _FEW * plant.store.window:
        samples = running_samples(connection, name, start, end, resting)
        length = bucket_length(samples, (end - start) / _BUCKETS)
        sensors = tuple(_finer(sensor, samples.get(sensor.name), length) for sensor in sensors)
    other_breaches = tuple(b for b in breaches if b.feature not in plant.machines[name].sensors)
    return MachineReport(name, plant.machines[name].step, sensors, resting, other_breaches)


def _sensor(
    name: str, config: Sensor, windows: Sequence[MachineWindow], step: timedelta, breaches: tuple[Breach, ...]
) -> SensorReport:
    rows, missing = sum(w.rows for w in windows), sum(w.missing for w in windows)
    buckets = tuple(_buckets(windows, step))
    return SensorReport(name, config.unit, config.low, config.high, step, buckets, rows, missing, breaches)


def _finer(
    sensor: SensorReport, samples: Sequence[tuple[datetime, float | None]] | None, step: timedelta
) -> SensorReport:
    """The sensor from its samples; as it is where none are stored."""
    if not samples:
        return sensor
    missing = sum(value is None for _, value in samples)
    return replace(sensor, step=step, buckets=bucketed(samples, step), rows=len(samples), missing=missing)


def _buckets(windows: Sequence[MachineWindow], step: timedelta) -> Iterator[Bucket]:
    by_bucket: dict[datetime, list[MachineWindow]] = defaultdict(list)
    for w in windows:
        if w.rows > w.missing and w.minimum is not None:
            by_bucket[floor_to(w.start, step)].append(w)
    for start, group in sorted(by_bucket.items()):
        count = sum(w.rows - w.missing for w in group)
        mean = sum(w.total for w in group) / count
        lows, highs = (w.minimum for w in group), (w.maximum for w in group)
        yield Bucket(start, min(n for n in lows if n is not None), mean, max(n for n in highs if n is not None))


def _running_windows(
    connection: sa.Connection,
    machine: str,
    start: datetime,
    end: datetime,
    resting: Sequence[Period],
    step: timedelta,
    length: timedelta,
) -> dict[str, list[MachineWindow]]:
    """Windows by sensor, without those in which the machine did not run.

    Windows in which it stopped for a while are left out of a bucket that has others: a machine with short jobs has
    hardly any but those.
    """
    c = t.machine_window.c
    # With the window that the period begins in, which is all that a short one has.
    where = (c.machine == machine, c.start > start - length, c.start < end)
    query = select_columns(MachineWindow, t.machine_window).where(*where).order_by(c.start)
    windows: dict[tuple[str, datetime], list[tuple[timedelta, MachineWindow]]] = defaultdict(list)
    first = 0
    for w in fetch_rows(connection, MachineWindow, query):
        while first < len(resting) and (resting[first].end or end) <= w.start:
            first += 1
        rested = _rested(resting[first : first + _MOST_PAUSES], w.start, w.start + length, end)
        if rested < length:
            windows[w.sensor, floor_to(w.start, step)].append((rested, w))
    used: dict[str, list[MachineWindow]] = defaultdict(list)
    for (sensor, _), group in windows.items():
        ran_throughout = [w for rested, w in group if not rested]
        used[sensor] += ran_throughout or [w for _, w in group]
    return used


def _rested(pauses: Iterable[Period], start: datetime, until: datetime, end: datetime) -> timedelta:
    """For how long a machine did not run in a window."""
    overlaps = (min(pause.end or end, until) - max(pause.start, start) for pause in pauses if pause.start < until)
    return sum((overlap for overlap in overlaps if overlap > timedelta()), timedelta())


def _resting(connection: sa.Connection, machine: str, start: datetime, end: datetime) -> Iterator[Period]:
    """The periods in which the machine did not run, as far as states were reported."""
    c = t.machine_state.c
    states = sa.select(c.at, c.state).where(c.machine == machine)
    before = connection.execute(states.where(c.at < start).order_by(c.at.desc(), c.revision.desc()).limit(1)).all()
    inside = connection.execute(states.where(c.at >= start, c.at < end).order_by(c.at, c.revision)).all()
    rest: Period | None = None
    for at, state in [*((start, row.state) for row in before), *inside]:
        if rest is not None and state != rest.what:
            yield rest._replace(end=at)
            rest = None
        if rest is None and state not in (MachineState.RUN.value, MachineState.UNKNOWN.value):
            rest = Period(at, None, state)
    if rest is not None:
        yield rest._replace(end=end)


def breaches_of(connection: sa.Connection, subject: str, start: datetime, end: datetime) -> Iterable[Breach]:
    """The periods in which each detector had a subject in breach, from the recorded changes of status."""
    c = t.finding.c
    columns = (c.id, c.detector, c.method, c.feature, c.at, c.status, c.value, c["limit"], c.causes)
    newest = sa.select(sa.func.max(c.id)).where(c.subject == subject, c.at < start)
    before = sa.select(*columns).where(c.id.in_(newest.group_by(c.detector, c.method, c.feature)))
    inside = sa.select(*columns).where(c.subject == subject, c.at >= start, c.at < end).order_by(c.id)
    open_: dict[tuple[str, str, str], Breach] = {}
    ended: list[Breach] = []
    for row in [*connection.execute(before), *connection.execute(inside)]:
        key = (row.detector, row.method, row.feature)
        if row.status == Status.BREACH.value:
            began = max(row.at, start)
            open_.setdefault(key, Breach(*key, began, None, row.value, row.limit, tuple(row.causes)))
        elif key in open_:
            ended.append(open_.pop(key)._replace(end=row.at))
    return sorted([*ended, *open_.values()], key=lambda b: (b.start, b.detector, b.method, b.feature))

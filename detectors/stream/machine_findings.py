"""What the state of a machine's score says, as findings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from detectors.condition.levels import PAGE
from detectors.stream.anomaly_state import AnomalyState
from detectors.stream.wearing import TimeLeft, Watched
from monitor.detection import (
    ANOMALY,
    CHANGE,
    CONDITION,
    CONDITION_ALARM,
    CONTRIBUTION,
    TIME_LEFT,
    TIME_LEFT_EARLIEST,
    TIME_LEFT_LATEST,
    UNWATCHED,
)
from monitor.instants import EPOCH, from_nanos
from monitor.model import Finding, Status

FLAG = 1.0
"""The score above which a row is anomalous."""


def of_machine(state: AnomalyState, method: str, row: int) -> Finding:
    """The finding of the machine as a whole by `condition`, `condition_alarm` or `change`."""
    status, value, limit, causes = _verdict(state, method)
    at = EPOCH if state.at is None else from_nanos(state.at)
    known = None if value is None else limit
    breach = causes if status is Status.BREACH else ()
    return Finding(ANOMALY, method, state.machine, "", at, status, value, known, row, breach)


def _verdict(state: AnomalyState, method: str) -> tuple[Status, float | None, float, tuple[str, ...]]:
    """Status, value, limit and causes by a method."""
    if method == CHANGE:
        return state.change.status, state.change.value, FLAG, (state.change.sensor,)
    verdict, limit = (state.flag, FLAG) if method == CONDITION else (state.page, PAGE)
    return verdict.status, state.value, limit, state.causes


def of_time_left(state: AnomalyState, sensor: str, left: TimeLeft, horizon: float, row: int) -> Finding:
    """The finding of one sensor by the hours until it reaches its limit. Current ones are as of the last row that was
    taken up: while a recipe runs that borrows, nothing is known anew."""
    at = state.at if row >= 0 or state.wearing.at is None else state.wearing.at
    causes = (sensor,) if left.status is Status.BREACH else ()
    time = EPOCH if at is None else from_nanos(at)
    return Finding(ANOMALY, TIME_LEFT, state.machine, sensor, time, left.status, left.likely, horizon, row, causes)


def current(state: AnomalyState, sensors: Sequence[str], watched: Watched, allowed: float) -> Iterator[Finding]:
    """The latest score by both limits, the rows that nothing was compared with and how many are allowed, the latest
    change, what each sensor contributes to the score, and the time left of those with operating limits."""
    flag, page = (of_machine(state, method, -1) for method in (CONDITION, CONDITION_ALARM))
    status = Status.CANNOT_JUDGE if state.unwatched > allowed else Status.OK
    status = Status.NO_DATA if state.at is None else status
    unwatched = replace(flag, method=UNWATCHED, status=status, value=float(state.unwatched), limit=allowed, causes=())
    yield from (flag, page, unwatched, of_machine(state, CHANGE, -1))
    values = [math.nan] * len(sensors) if state.contributions is None else state.contributions.tolist()
    for sensor, value in zip(sensors, values, strict=True):
        yield _measure(replace(flag, method=CONTRIBUTION, feature=sensor), None if math.isnan(value) else value)
    for place, left in zip(watched.places.tolist(), state.wearing.sensors, strict=True):
        found = of_time_left(state, sensors[place], left, watched.horizon, -1)
        yield found
        yield _measure(replace(found, method=TIME_LEFT_EARLIEST), left.earliest)
        yield _measure(replace(found, method=TIME_LEFT_LATEST), left.latest)


def _measure(finding: Finding, value: float | None) -> Finding:
    """A value beside a finding, without a verdict of its own."""
    status = Status.NO_DATA if value is None else Status.OK
    return replace(finding, status=status, value=value, limit=None, causes=())

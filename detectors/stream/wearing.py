"""Whether the sensors of a machine wear towards their operating limits, and when they reach them.

What is followed is by how much a smoothed sensor exceeds where it was in the warm-up of the recipe that runs, so that a
changeover is no trend. It is looked at after the first row of an hour.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.condition.smoothing import smooth
from detectors.shared.state import number_or_none, pack, require, unpack, whole_number
from detectors.stream.baseline import Baseline
from detectors.trend.time_left import (
    Forecast,
    Limit,
    Trend,
    follow,
    forecasts,
    in_units,
    load_trend,
    save_trend,
    start,
)
from monitor.model import Floats, Status

STARTS, ENDS = 0.5, 0.3
"""The chance of reaching the limit within the horizon from which a look speaks for a breach, and below which against
one. Chosen, as what follows, on simulated plants with seeds from 1000."""
LOOKS = 2
"""Looks in a row that start a breach or end it."""
LEAST = 2.5
"""Units of noise by which a sensor, and its mean over the newest blocks, must have moved towards its limit before a
forecast is asked for: it takes some 20 milliseconds."""
NEW_ROWS = 16
"""The least rows from one look to the next, for machines that are sampled rarely."""
_HOUR = 3_600_000_000_000
_HOURS = ("likely", "earliest", "latest")


@dataclass(frozen=True, slots=True)
class Watched:
    """The sensors with operating limits, all of shape (watched,): their places among the machine's, and the limits, NaN
    where there is none. `horizon`: hours of running within which a limit that will be reached is told."""

    places: NDArray[np.int64]
    low: Floats
    high: Floats
    horizon: float


def watched(limits: Mapping[str, tuple[float | None, float | None]], horizon: float) -> Watched:
    """The sensors to watch, in the order of `limits`."""
    places = [place for place, limit in enumerate(limits.values()) if limit != (None, None)]
    bounds = np.array([*limits.values()], dtype=np.float64).reshape(-1, 2)[places]
    return Watched(np.array(places, dtype=np.int64), bounds[:, 0], bounds[:, 1], horizon)


@dataclass(frozen=True, slots=True)
class TimeLeft:
    """What the last look said of a sensor. `run`: looks in a row that spoke against the status. `likely`, `earliest`,
    `latest`: hours of running until the limit is reached, the median and what nine of ten cases lie between; None where
    it is not known."""

    status: Status = Status.NO_DATA
    run: int = 0
    likely: float | None = None
    earliest: float | None = None
    latest: float | None = None


@dataclass(slots=True)
class Wearing:
    """The past of the watched sensors, as deviations in their own units. `level`, shape (watched,): the last smoothed
    ones; `at`: time of the last row (ns); `looked`: how many rows there were at the last look."""

    trend: Trend
    level: Floats
    sensors: list[TimeLeft]
    at: int | None = None
    looked: int = 0


class Told(NamedTuple):
    """A change of status: after which row, of which watched sensor."""

    row: int
    sensor: int
    left: TimeLeft


def new_wearing(count: int) -> Wearing:
    """Before the first row, of so many watched sensors."""
    return Wearing(start(count), np.zeros(count), [TimeLeft()] * count)


def anew(wearing: Wearing) -> tuple[Wearing, Iterator[tuple[int, TimeLeft]]]:
    """Without a past, and the sensors whose status changed: what was judged no longer is."""
    lost = [TimeLeft(Status.NO_DATA if s.status is Status.NO_DATA else Status.CANNOT_JUDGE) for s in wearing.sensors]
    changed = ((i, left) for i, left in enumerate(lost) if left.status is not wearing.sensors[i].status)
    return replace(new_wearing(len(lost)), sensors=lost), changed


def watch(
    wearing: Wearing, sensors: Watched, baseline: Baseline, rows: Floats, at: NDArray[np.int64], interval: float
) -> Iterator[Told]:
    """Take up standardised rows, shape (n, judged), that the baseline was compared with, at these times; yields every
    change of status. `interval`: seconds from row to row."""
    if not len(rows) or not len(sensors.places):
        return
    reference, (mine, columns) = baseline.reference, _columns(sensors, baseline)
    smoothed = _smoothed(wearing, baseline, rows, mine, columns)
    mine, columns = mine[reference.moves[columns]], columns[reference.moves[columns]]
    units, anchors = (np.ones(len(sensors.places)), np.zeros(len(sensors.places)))
    units[mine], anchors[mine] = (reference.scale * reference.level.forward)[columns], baseline.anchor[columns]
    low, high = (sensors.low - anchors) / units, (sensors.high - anchors) / units
    done = 0
    for end in _looks(wearing, at):
        levels = smoothed[end - 1] / units
        limits = [*_plausible(mine.tolist(), levels, np.where(levels < 0.0, low, high))]
        if limits:
            wearing.trend, done = follow(wearing.trend, smoothed[done:end]), end
            recent = wearing.trend.means[0].mean(axis=0) / units
            limits = [limit for limit in limits if recent[limit.series] * np.sign(limit.value) >= LEAST]
        found = {f.limit.series: f for f in forecasts(in_units(wearing.trend, units), limits)} if limits else {}
        for sensor in mine.tolist():
            before = wearing.sensors[sensor]
            wearing.sensors[sensor] = left = _after(before, found.get(sensor), sensors.horizon, interval / 3600.0)
            if left.status is not before.status:
                yield Told(end - 1, sensor, left)
    wearing.trend = follow(wearing.trend, smoothed[done:])
    wearing.level, wearing.at = smoothed[-1], int(at[-1])


def _looks(wearing: Wearing, at: NDArray[np.int64]) -> list[int]:
    """The rows, counted from 1, after which the sensors are looked at: the first of an hour, if enough came since."""
    hours = at // _HOUR
    before = hours[0] if wearing.at is None else wearing.at // _HOUR
    ends, rows = [], wearing.trend.rows
    for end in (np.flatnonzero(np.diff(hours, prepend=before) > 0) + 1).tolist():
        if rows + end >= wearing.looked + NEW_ROWS:
            wearing.looked = rows + end
            ends.append(end)
    return ends


def _columns(sensors: Watched, baseline: Baseline) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The watched sensors that the baseline judges, and their columns in its rows."""
    mine = np.flatnonzero(baseline.judged[sensors.places])
    return mine, np.cumsum(baseline.judged)[sensors.places[mine]] - 1


def _smoothed(
    wearing: Wearing, baseline: Baseline, rows: Floats, mine: NDArray[np.int64], columns: NDArray[np.int64]
) -> Floats:
    """The smoothed deviations, shape (n, watched); a sensor that the baseline does not judge stays where it was."""
    reference = baseline.reference
    moved = rows[:, columns] * reference.scale[columns] + (reference.centre - baseline.anchor)[columns]
    smoothed = np.tile(wearing.level, (len(rows), 1))
    smoothed[:, mine] = smooth(moved, reference.settings.level_weight, wearing.level[mine])
    return smoothed


def _plausible(sensors: Iterable[int], levels: Floats, limits: Floats) -> Iterator[Limit]:
    """The limits towards which sensors have moved; levels and limits, shape (watched,), in units of their noise."""
    for sensor in sensors:
        if abs(levels[sensor]) >= LEAST and limits[sensor] * levels[sensor] > 0.0:
            yield Limit(sensor, float(limits[sensor]))


def _after(before: TimeLeft, forecast: Forecast | None, horizon: float, hours: float) -> TimeLeft:
    """A sensor after a look; `forecast`: None where there is nothing to forecast; `hours`: from row to row."""
    chance = 0.0 if forecast is None else forecast.within(horizon / hours)
    breach = before.status is Status.BREACH
    against = chance < ENDS if breach else forecast is not None and forecast.established and chance >= STARTS
    run = before.run + 1 if against else 0
    status = before.status if breach else Status.OK
    if run >= LOOKS:
        status, run = (Status.OK if breach else Status.BREACH), 0
    return TimeLeft(status, run, *_hours(forecast, hours))


def _hours(forecast: Forecast | None, hours: float) -> tuple[float | None, ...]:
    """Likely, earliest and latest time of a trend."""
    interval = None if forecast is None else forecast.interval
    if forecast is None or interval is None:
        return None, None, None
    likely = 0.0 if forecast.reached else forecast.after(0.5)
    return tuple(hours * rows if math.isfinite(rows) else None for rows in (likely, *interval))


def save_wearing(wearing: Wearing) -> dict[str, Any]:
    """The past and the statuses as JSON values."""
    return {
        "trend": save_trend(wearing.trend), "level": pack(wearing.level), "at": wearing.at, "looked": wearing.looked,
        "sensors": [asdict(sensor) for sensor in wearing.sensors],
    }  # fmt: skip


def load_wearing(saved: object, count: int) -> Wearing:
    """What was given to `save_wearing`, of so many sensors; ValueError when it is incomplete or damaged."""
    given = require(saved, "wear", ("trend", "level", "at", "looked", "sensors"))
    at, sensors = given["at"], given["sensors"]
    if not isinstance(sensors, list) or len(sensors) != count:
        raise ValueError("the saved state of wear is of other sensors; rebuild it from history")
    return Wearing(
        load_trend(given["trend"], count), unpack(given["level"], (count,)), [_time_left(sensor) for sensor in sensors],
        None if at is None else whole_number(at, "at"), whole_number(given["looked"], "looked"),
    )  # fmt: skip


def _time_left(saved: object) -> TimeLeft:
    given = require(saved, "a time left", ("status", "run", *_HOURS))
    hours = [number_or_none(given[name], "a time left") for name in _HOURS]
    return TimeLeft(Status(given["status"]), whole_number(given["run"], "run"), *hours)

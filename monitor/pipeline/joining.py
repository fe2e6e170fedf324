"""Rows for the detectors of a machine: at each instant the newest value of every sensor that is not too old.

A reading is (machine, sensor, time). Several sources may feed one machine, at instants of their own; the rows depend
on the readings and their times only, not on how they arrived or in how many pieces. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from monitor.model import Floats, Mask

_VERSION = 1
_INTERVALS = 2
"""A value is held for at least this many intervals of its source."""
_GAPS = 3
"""And for this many times the sensor's own interval, where that is longer than its source's."""


class Reading(NamedTuple):
    """What one source says of a machine at an instant (ns since the epoch): its revisions in one."""

    at: int
    arrival: int
    source: str
    recipe: str
    values: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Feed:
    """What a source gives of a machine: the sensors in each of its rows, whether or not they have a value there (none
    in the long layout), and whether it knows the recipe."""

    sensors: frozenset[str] = frozenset()
    recipe: bool = False


@dataclass(frozen=True, slots=True)
class Holding:
    """How long a value of a sensor is held: `max_age`, or by the intervals if None; `on_change`: until the next."""

    interval: timedelta
    max_age: timedelta | None = None
    on_change: bool = False

    def longest(self, last: Last) -> int:
        """How long a last value is held (ns)."""
        if self.max_age is not None:
            return _nanos(self.max_age)
        return max(_INTERVALS * _nanos(self.interval), _GAPS * min(last.gap, last.gap_before))


@dataclass(slots=True)
class Last:
    """A sensor's last value, when it was reported (ns), and its last two intervals (ns, 0: none yet)."""

    value: float
    at: int
    gap: int = 0
    gap_before: int = 0

    def follow(self, value: float, at: int) -> None:
        """Take the next value."""
        self.gap_before, self.gap = self.gap, at - self.at
        self.value, self.at = value, at


@dataclass(slots=True)
class JoinState:
    """The last value of each sensor of a machine, and its recipe."""

    sensors: dict[str, Last] = field(default_factory=dict)
    recipe: str = ""

    def follow(self, name: str, value: float, at: int) -> None:
        """Take a sensor's next value."""
        last = self.sensors.get(name)
        if last is None:
            self.sensors[name] = Last(value, at)
        else:
            last.follow(value, at)

    def save(self) -> dict[str, Any]:
        """The state as JSON values."""
        sensors = {name: asdict(last) for name, last in self.sensors.items()}
        return {"version": _VERSION, "sensors": sensors, "recipe": self.recipe}

    @classmethod
    def restore(cls, saved: Mapping[str, Any]) -> JoinState:
        """The state that was saved; ValueError if it is of another version or damaged."""
        try:
            if saved["version"] != _VERSION:
                raise ValueError("the saved last values are of another version; they are rebuilt from history")
            return cls({name: Last(**last) for name, last in saved["sensors"].items()}, str(saved["recipe"]))
        except (KeyError, TypeError, AttributeError) as exc:
            raise ValueError("the saved last values of a machine are damaged; they are rebuilt from history") from exc


@dataclass(frozen=True, slots=True)
class Joined:
    """Rows of a machine: times (ns), values and `sampled` of shape (rows, sensors), recipes, and arrival numbers.

    `sampled`: the sensor was due at the row, with a value or without; where it is not, an earlier value is held. None:
    all were due everywhere.
    """

    at: list[int]
    values: Floats
    sampled: Mask | None
    recipes: list[str]
    arrivals: list[int]


def join(
    state: JoinState,
    readings: Sequence[Reading],
    sensors: Sequence[str],
    feeds: Mapping[str, Feed],
    holding: Mapping[str, Holding],
) -> tuple[JoinState, Joined]:
    """The rows of the instants of these readings, which are in order of time; the state is changed in place.

    `feeds`: by source; a source that is not in it gives the sensors of its rows. `holding`: by sensor, as far as a
    source gives it.
    """
    if not any(h.on_change for h in holding.values()) and _are_whole(readings, sensors, feeds):
        return state, _whole_rows(state, readings, sensors, feeds)
    at: list[int] = []
    recipes: list[str] = []
    arrivals: list[int] = []
    cells: list[list[tuple[float, bool]]] = []
    for instant, group in groupby(readings, key=lambda reading: reading.at):
        rows = sorted(group, key=lambda reading: reading.source)
        given = _given(rows, feeds)
        _learn_recipe(state, rows, feeds)
        cells.append([_cell(state, name, given, instant, holding.get(name)) for name in sensors])
        at.append(instant)
        recipes.append(state.recipe)
        arrivals.append(max(row.arrival for row in rows))
    values = np.array([[value for value, _ in row] for row in cells], np.float64).reshape(len(at), len(sensors))
    sampled = np.array([[due for _, due in row] for row in cells], np.bool_).reshape(len(at), len(sensors))
    return state, Joined(at, values, sampled, recipes, arrivals)


def _are_whole(readings: Sequence[Reading], sensors: Sequence[str], feeds: Mapping[str, Feed]) -> bool:
    """Whether each reading gives every sensor of its machine and is the only one of its instant."""
    count = len(sensors)
    whole = {source for source, feed in feeds.items() if len(feed.sensors) >= count}
    given = all(reading.source in whole or len(reading.values) >= count for reading in readings)
    return given and all(a.at < b.at for a, b in pairwise(readings))


def _whole_rows(
    state: JoinState, readings: Sequence[Reading], sensors: Sequence[str], feeds: Mapping[str, Feed]
) -> Joined:
    """The rows where every reading is one: nothing is held. The same as cell by cell, much faster."""
    recipes = []
    for reading in readings:
        _learn_recipe(state, (reading,), feeds)
        recipes.append(state.recipe)
    values = np.array(_cells(readings, sensors), dtype=np.float64).reshape(len(readings), len(sensors))
    at = [reading.at for reading in readings]
    for j, name in enumerate(sensors):
        for i in np.flatnonzero(~np.isnan(values[:, j]))[-3:].tolist():  # as many as a state remembers
            state.follow(name, float(values[i, j]), at[i])
    return Joined(at, values, None, recipes, [reading.arrival for reading in readings])


def _cells(readings: Sequence[Reading], sensors: Sequence[str]) -> list[Any]:
    """The values of each reading in the order of the sensors, None where it has none."""
    if not sensors:
        return []
    in_order = itemgetter(*sensors)
    try:
        return [in_order(reading.values) for reading in readings]
    except KeyError:
        return [[reading.values.get(name) for name in sensors] for reading in readings]


def _learn_recipe(state: JoinState, rows: Sequence[Reading], feeds: Mapping[str, Feed]) -> None:
    for row in rows:
        feed = feeds.get(row.source)
        if row.recipe or (feed is not None and feed.recipe):
            state.recipe = row.recipe


def _given(rows: Sequence[Reading], feeds: Mapping[str, Feed]) -> dict[str, float | None]:
    """By sensor what is said of it at an instant: a value, or None that it has none."""
    given: dict[str, float | None] = {}
    for row in rows:
        feed = feeds.get(row.source)
        for name in feed.sensors if feed is not None else ():
            given.setdefault(name, None)
        given |= {name: v for name, v in row.values.items() if v is not None or name not in given}
    return given


def _cell(
    state: JoinState, name: str, given: Mapping[str, float | None], at: int, holding: Holding | None
) -> tuple[float, bool]:
    """The value of a sensor at an instant (NaN: missing), and whether it was due."""
    last = state.sensors.get(name)
    value = given.get(name)
    if value is not None:
        state.follow(name, value, at)
        return value, True
    if holding is not None and holding.on_change:
        return (np.nan if last is None else last.value), False
    if name in given or last is None or holding is None or at - last.at > holding.longest(last):
        return np.nan, True
    return last.value, False


def _nanos(length: timedelta) -> int:
    return length // timedelta(microseconds=1) * 1000

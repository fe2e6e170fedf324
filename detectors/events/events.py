"""Events of one metric, online: a row that goes beyond everything seen before it, by any of several charts.

The charts are the value, its exponentially weighted mean, means of 30 and 100 rows, the deviation within 30 rows, the
mean step of 20 rows; with times also means of 5 and 30 rows of what deviates from the usual course of a day. Each
keeps its centre, the highest and lowest seen, slowly forgotten, and how high its blocks usually reach. A row that goes
beyond is an event unless one of the newest `quiet` rows went further. All are compared in one unit: limit 1.

State is a value: `score` returns a new one, and the same bits whatever way rows are split into batches.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.events import season as daily
from detectors.events.charts import CHARTS, Newest, charts, no_rows
from detectors.events.records import Records, beyond, close_block, learnt, room
from detectors.events.season import Season, Times
from detectors.shared.windows import highest_before
from monitor.model import Floats

NAMES = (*CHARTS, *daily.CHARTS)
LIMIT = 1.0
LONGEST_WARMUP = 2000
_REACH = 4.0  # a value counts up to this multiple of the farthest seen before its block
_SPREADS = 3.1  # standard deviations of block maxima; chosen on simulated series


@dataclass(frozen=True, slots=True)
class Settings:
    """`warmup`: present rows that are learnt before any is judged; `quiet`: rows after an event that must go further.

    30 <= warmup <= LONGEST_WARMUP and quiet >= 1. The metric's centre follows its values within about `warmup` rows.
    """

    warmup: int = 375
    quiet: int = 300

    def __post_init__(self) -> None:
        if not 30 <= self.warmup <= LONGEST_WARMUP:
            raise ValueError(f"warmup is {self.warmup}; expected 30 to {LONGEST_WARMUP} rows")
        if self.quiet < 1:
            raise ValueError(f"quiet is {self.quiet}; expected at least 1 row")

    @property
    def pace(self) -> float:
        """The share of its error by which a centre moves a row."""
        return 1 / max(self.warmup, 100)


def settings_for(reference_rows: int) -> Settings:
    """Settings for a metric of which so many rows are known to be normal: half of them are learnt."""
    warmup = min(max(30, reference_rows // 2), LONGEST_WARMUP)
    return Settings(warmup, max(12, int(0.4 * reference_rows)))


@dataclass(frozen=True, slots=True)
class State:
    """Of one metric: present rows of the warm-up (rows,), then its centre and scale, charts, records and scores.

    `held`: the newest scores (quiet,).
    """

    warming: Floats
    times: Times
    held: Floats
    anchor: float = 0.0
    scale: float = 0.0
    newest: Newest | None = None
    records: Records | None = None
    season: Season | None = None


class Scores(NamedTuple):
    """Of each row: `scores` (n,), NaN where the value is missing or the warm-up lasts; `events` (n,), those that count;
    `charts` (n,), the index in NAMES of the chart that went furthest, -1 where none was judged.
    """

    scores: Floats
    events: NDArray[np.bool_]
    charts: NDArray[np.int64]


def start(settings: Settings) -> State:
    """The state before the first row."""
    return State(np.zeros(0), np.zeros(0, np.int64), np.zeros(settings.quiet))


def score(settings: Settings, state: State, values: Floats, times: Times | None = None) -> tuple[State, Scores]:
    """Judge values, shape (n,), in order; NaN and infinities are missing, and leave the state as it is.

    `times` (n,), in ns, tells the time of day, of which the usual course is learnt; give them always or never.
    """
    present = np.isfinite(values)
    found = np.full(len(values), np.nan)
    chart = np.full(len(values), -1, np.int64)
    events = np.zeros(len(values), np.bool_)
    at = np.flatnonzero(present)
    state, taken = _warm_up(settings, state, values[at], None if times is None else times[at])
    at = at[taken:]
    if len(at):
        state, found[at], chart[at] = _judge(settings, state, values[at], None if times is None else times[at])
        events[at] = (found[at] > LIMIT) & (found[at] > highest_before(found[at], state.held))
        state = replace(state, held=np.concatenate([state.held, found[at]])[-settings.quiet :])
    return state, Scores(found, events, chart)


def _warm_up(settings: Settings, state: State, values: Floats, times: Times | None) -> tuple[State, int]:
    """Keep values until there are enough, then learn them; and how many of them were taken."""
    if state.records is not None:
        return state, 0
    taken = min(settings.warmup - len(state.warming), len(values))
    known = times[:taken] if times is not None else np.zeros(0, np.int64)
    state = replace(
        state,
        warming=np.concatenate([state.warming, values[:taken]]),
        times=np.concatenate([state.times, known]),
    )
    return (_learn(settings, state) if len(state.warming) == settings.warmup else state), taken


def _learn(settings: Settings, state: State) -> State:
    """The state after the warm-up, whose rows it need not keep."""
    rows = state.warming
    anchor = float(np.median(rows))
    with np.errstate(over="ignore"):
        deviation = float(np.std(rows / 2) * 2)
        scale = min(max(deviation, 1e-9 * abs(anchor), 1e-12), 1e300)
        standard = np.clip(rows / scale - anchor / scale, -1e6, 1e6)
    newest, table = charts(no_rows(), standard)
    season = None
    if len(state.times):
        season = daily.new_season(int(state.times[0]))
        for part in _by_day(daily.days_of(season, state.times)):
            season = daily.turn_day(season, int(daily.days_of(season, state.times[part])[0]))
            season, _ = daily.deviations(season, state.times[part], standard[part])
    empty = np.zeros(0)
    return State(empty, empty.astype(np.int64), state.held, anchor, scale, newest, learnt(table), season)


def _by_day(days: NDArray[np.int64]) -> list[slice]:
    edges = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(days)]
    return [slice(a, b) for a, b in pairwise(edges)]


def _judge(
    settings: Settings, state: State, values: Floats, times: Times | None
) -> tuple[State, Floats, NDArray[np.int64]]:
    """The score of each present row, and its chart; in pieces that end with a block or a day."""
    days = None if times is None or state.season is None else daily.days_of(state.season, times)
    found: list[Floats] = []
    done = 0
    while done < len(values):
        assert state.records is not None  # noqa: S101 - narrows the type
        end = min(len(values), done + room(state.records))
        if days is not None:
            end = done + int(np.searchsorted(days[done:end], days[done], side="right"))
        piece = slice(done, end)
        day = 0 if days is None else int(days[done])
        state, table = _piece(settings, state, values[piece], None if times is None else times[piece], day)
        found.append(table)
        done = end
    width = max(table.shape[1] for table in found)
    whole = np.concatenate([np.pad(t, ((0, 0), (0, width - t.shape[1])), constant_values=-np.inf) for t in found])
    return state, whole.max(axis=1), whole.argmax(axis=1)


def _piece(settings: Settings, state: State, values: Floats, times: Times | None, day: int) -> tuple[State, Floats]:
    """The scores (n, charts) of rows of one block and one day."""
    records, season, newest = state.records, state.season, state.newest
    assert records is not None and newest is not None  # noqa: S101, PT018 - narrows the types
    with np.errstate(over="ignore"):
        standard = values / state.scale - state.anchor / state.scale
    low, high = records.centre[0] - _REACH * records.bound[1, 0], records.centre[0] + _REACH * records.bound[0, 0]
    standard = np.clip(standard, low, high)
    first = records.position == 0
    newest, table = charts(newest, standard)
    records, scores = beyond(records, table, _SPREADS)
    full = room(records) == 0
    if season is not None and times is not None:
        season, more = _daily(season, times, standard, day, first)
        scores = scores if more is None else np.concatenate([scores, more], axis=1)
        season = daily.end_block(season, settings.pace) if full else season
    records = close_block(records, settings.pace) if full else records
    return replace(state, newest=newest, records=records, season=season), scores


def _daily(season: Season, times: Times, standard: Floats, day: int, first: bool) -> tuple[Season, Floats | None]:
    """The scores of the charts of a day's course, or None before they are learnt."""
    season = daily.turn_day(season, day)
    season = daily.begin_block(season) if first else season
    season, table = daily.deviations(season, times, standard)
    if season.records is None:
        return season, None
    records, scores = beyond(season.records, table, _SPREADS)
    season = replace(season, records=records)
    return season, None if season.learning else scores

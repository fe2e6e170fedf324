"""The usual course of a day, and charts of what a metric deviates from it.

The first day makes the course, the second the records of the deviations; judged is from the third day on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detectors.events.charts import LONGEST, moving_mean
from detectors.events.records import Records, blank, close_block
from monitor.model import Floats

CHARTS = ("mean of 5 rows for the time of day", "mean of 30 rows for the time of day")
SLOTS = 48
DAY = 86_400 * 10**9  # ns
_WIDTHS = (5, 30)
_LEAST = 0.3  # standard deviations of the metric: a smaller deviation is none, however regular the days
_LEAST_ROWS = 12  # a day of fewer rows has no course
_LEAST_BLOCKS = 4  # of deviations, before any is judged
_RATE = 0.25  # weight of a new day
_OUTLIER = 3.0  # a day moves the course by this at most, before its weight

Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Season:
    """The course (SLOTS,), NaN where nothing is known, the sums and counts of the day in progress, and their charts.

    `first`: time of the first row (ns); `day`: of the newest row, counted from it; `days`: those that made the course;
    `ring` (LONGEST,) and `count`: newest deviations; `records` of the charts, None before there is a course.
    """

    first: int
    course: Floats
    sums: Floats
    counts: Floats
    ring: Floats
    day: int = 0
    days: int = 0
    count: int = 0
    records: Records | None = None
    learning: bool = True


def new_season(first: int) -> Season:
    """Before the first row, whose time it is."""
    return Season(first, np.full(SLOTS, np.nan), np.zeros(SLOTS), np.zeros(SLOTS), np.zeros(LONGEST))


def days_of(season: Season, times: Times) -> NDArray[np.int64]:
    """The day of each row, shape (n,); a clock that steps back does not lead back to a day before."""
    return np.maximum.accumulate(np.maximum((times - season.first) // DAY, season.day))


def turn_day(season: Season, day: int) -> Season:
    """The season at a row of `day`: a day that is over goes into the course."""
    if day == season.day:
        return season
    known = season.counts > 0
    course, days = season.course, season.days
    if season.counts.sum() >= _LEAST_ROWS:
        means = season.sums[known] / season.counts[known]
        error = np.clip(np.nan_to_num(means - course[known]), -_OUTLIER, _OUTLIER)
        course, days = course.copy(), days + 1
        course[known] = np.where(np.isnan(course[known]), means, course[known] + _RATE * error)
    return replace(season, day=day, days=days, course=course, sums=np.zeros(SLOTS), counts=np.zeros(SLOTS))


def deviations(season: Season, times: Times, values: Floats) -> tuple[Season, Floats]:
    """The charts of the deviations, shape (n, 2), of rows of one day; 0 where the course is not known."""
    slots = (times - season.first) % DAY * SLOTS // DAY
    sums, counts = season.sums.copy(), season.counts.copy()
    np.add.at(sums, slots, values)
    np.add.at(counts, slots, 1.0)
    rows = np.concatenate([season.ring, np.nan_to_num(values - season.course[slots])])
    table = np.stack([moving_mean(rows, width, season.count) for width in _WIDTHS], axis=1)
    count = season.count + len(values) if season.days else 0
    return replace(season, sums=sums, counts=counts, ring=rows[-LONGEST:], count=count), table


def begin_block(season: Season) -> Season:
    """At the start of a block: the records begin when there is a course, and are learnt after one more day."""
    if season.records is None:
        return replace(season, records=blank(len(CHARTS), _LEAST)) if season.days else season
    learnt = season.days >= 2 and season.records.blocks >= _LEAST_BLOCKS
    return replace(season, learning=season.learning and not learnt)


def end_block(season: Season, pace: float) -> Season:
    """At the end of a block."""
    if season.records is None:
        return season
    return replace(season, records=close_block(season.records, pace, season.learning))

"""The samples of a machine's sensors in a short period, for charts finer than the machine windows."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median_low

import sqlalchemy as sa

from exporters.report.values import Bucket, Period
from monitor.instants import floor_to
from monitor.store.database import tables as t

Samples = dict[str, list[tuple[datetime, float | None]]]
"""By sensor its samples in order of time, None where the value is missing."""


def running_samples(
    connection: sa.Connection, machine: str, start: datetime, end: datetime, resting: Sequence[Period]
) -> Samples:
    """The last word of the sources on each sensor and instant from `start` (inclusive) to `end`, while it ran."""
    c = t.reading.c
    query = sa.select(c.at, c["values"]).where(c.machine == machine, c.at >= start, c.at < end)
    newest: dict[str, dict[datetime, float | None]] = defaultdict(dict)
    pauses, place = list(resting), 0
    for at, values in connection.execute(query.order_by(c.at, c.source, c.revision)):
        while place < len(pauses) and (pauses[place].end or end) <= at:
            place += 1
        if place == len(pauses) or at < pauses[place].start:
            for sensor, value in values.items():
                newest[sensor][at] = value
    return {sensor: sorted(of_sensor.items()) for sensor, of_sensor in newest.items()}


def bucket_length(samples: Samples, finest: timedelta) -> timedelta:
    """The length of a bucket: `finest`, but so long that one usually has a sample."""
    between = [later - earlier for of_sensor in samples.values() for (earlier, _), (later, _) in pairwise(of_sensor)]
    return max(finest, median_low(between)) if between else finest


def bucketed(samples: Iterable[tuple[datetime, float | None]], step: timedelta) -> tuple[Bucket, ...]:
    """Samples taken together by `step`, without those that are missing."""
    by_bucket: dict[datetime, list[float]] = defaultdict(list)
    for at, value in samples:
        if value is not None and math.isfinite(value):
            by_bucket[floor_to(at, step)].append(value)
    return tuple(
        Bucket(start, min(values), sum(values) / len(values), max(values))
        for start, values in sorted(by_bucket.items())
    )

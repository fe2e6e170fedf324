"""A backtest over the store: what would have fired with these rules, and what did."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import sqlalchemy as sa

from alerting.alerts.backtest import Episode, backtest
from alerting.specs.spec import AlertSpec
from monitor.instants import from_micros, to_micros
from monitor.store.database import tables as t
from monitor.store.watching.readings import evaluations, first_row, newest_evaluation, recorded_rows

_HOUR, _MICROSECOND = timedelta(hours=1), timedelta(microseconds=1)


class Backtest(NamedTuple):
    """What would have fired from `after` to the evaluation at `until`, and by rule how often it did.

    `complete` is whether the record reaches back as far as was asked; else `after` is when it begins. `unwatched` is
    the time in which no evaluation ran.
    """

    after: datetime
    until: datetime
    complete: bool
    evaluations: int
    unwatched: timedelta
    episodes: Sequence[Episode]
    fired: Mapping[str, int]


def replayed(
    connection: sa.Connection, specs: Iterable[AlertSpec], since: timedelta, every: timedelta
) -> Backtest | None:
    """The backtest of the newest so much of the record; None where nothing is on record.

    No evaluation ran where one did not follow another within an hour, or three times `every` if that is longer.
    """
    until = newest_evaluation(connection)
    begin = None if until is None else first_row(connection, until - since)
    if until is None or begin is None:
        return None
    after, times = max(until - since, begin.at), evaluations(connection, begin.id)
    # A clock that was set back has later rows of an earlier time.
    until = max(until, from_micros(times[-1]))
    found = backtest(specs, recorded_rows(connection, begin.id), times, after)
    times = times[bisect_left(times, to_micros(after)) :]
    gaps = gaps_of([to_micros(after), *times], max(_HOUR, 3 * every))
    fired = fired_between(connection, after, until)
    return Backtest(after, until, begin.at <= until - since, len(times), gaps, found, fired)


def gaps_of(times: Sequence[int], longest: timedelta) -> timedelta:
    """The sum of the times between two evaluations, in microseconds, that are longer.

    >>> gaps_of([0, 60_000_000, 7_260_000_000], timedelta(hours=1))
    datetime.timedelta(seconds=7200)
    """
    most = longest // _MICROSECOND
    return sum(gap for before, at in pairwise(times) if (gap := at - before) > most) * _MICROSECOND


def fired_between(connection: sa.Connection, after: datetime, until: datetime) -> dict[str, int]:
    """By rule, how often it really fired in that time by an evaluation of Gatewatch itself, as far as that is kept."""
    a = t.alert.c
    query = sa.select(a.name, sa.func.count()).where(a.fired_at.between(after, until), a.origin == "embedded")
    return {row[0]: row[1] for row in connection.execute(query.group_by(a.name))}

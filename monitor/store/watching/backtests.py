"""A backtest over the store: what would have fired with these rules, and what did."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from alerting.alerts.backtest import Episode, backtest
from alerting.specs.spec import AlertSpec
from monitor.instants import from_micros, to_micros
from monitor.store.database import tables as t
from monitor.store.watching.readings import evaluations, first_row, newest_evaluation, recorded_rows


class Backtest(NamedTuple):
    """What would have fired from `after` to the evaluation at `until`, and by rule how often it did.

    `complete` is whether the record reaches back as far as was asked; else `after` is when it begins.
    """

    after: datetime
    until: datetime
    complete: bool
    evaluations: int
    episodes: Sequence[Episode]
    fired: Mapping[str, int]


def replayed(connection: sa.Connection, specs: Iterable[AlertSpec], since: timedelta) -> Backtest | None:
    """The backtest of the newest so much of the record; None where nothing is on record."""
    until = newest_evaluation(connection)
    begin = None if until is None else first_row(connection, until - since)
    if until is None or begin is None:
        return None
    after, times = max(until - since, begin.at), evaluations(connection, begin.id)
    # A clock that was set back has later rows of an earlier time.
    until = max(until, from_micros(times[-1]))
    found = backtest(specs, recorded_rows(connection, begin.id), times, after)
    judged = len(times) - bisect_left(times, to_micros(after))
    return Backtest(after, until, begin.at <= until - since, judged, found, fired_between(connection, after, until))


def fired_between(connection: sa.Connection, after: datetime, until: datetime) -> dict[str, int]:
    """By rule, how often it really fired in that time by an evaluation of Gatewatch itself, as far as that is kept."""
    a = t.alert.c
    query = sa.select(a.name, sa.func.count()).where(a.fired_at.between(after, until), a.origin == "embedded")
    return {row[0]: row[1] for row in connection.execute(query.group_by(a.name))}

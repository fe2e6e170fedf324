"""A backtest of the demo against the ground truth: which episodes belong to a fault, and how soon each was found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median_low

from alerting.alerts.backtest import Episode
from alerting.alerts.budgets import Judgement
from alerting.specs.roster import UNJUDGED
from monitor.demo.truth import time_of
from monitor.demo.watching import ALERTS_FOR, is_meant, is_of_dirt, reaches_until
from monitor.model import JsonObject
from monitor.plant.plant import Plant
from monitor.store.database.database import Connection


def judged_by_truth(
    connection: Connection, plant: Plant, truth: JsonObject, episodes: Sequence[Episode], after: datetime,
    until: datetime,
) -> dict[str, Judgement]:  # fmt: skip
    """By rule with an episode, or meant for a fault that began in that time."""
    episodes = [episode for episode in episodes if episode.name not in UNJUDGED]
    reaches = list(reaches_until(connection, plant, truth, until))
    right = [is_of_dirt(episode, truth) or any(reach.contains(episode) for _, reach in reaches) for episode in episodes]
    # One that is beyond its limits later is to be found from then on.
    starts = [(fault, time_of(fault["beyond_limits_from"] or fault["start"]), reach) for fault, reach in reaches]
    delays: dict[str, list[timedelta | None]] = defaultdict(list)
    for fault, start, reach in starts:
        for name in ALERTS_FOR[fault["kind"]] if after <= start <= until else ():
            of_rule = (e for e in episodes if e.name == name and is_meant(fault, e) and reach.contains(e))
            first = min((e.fired_at for e in of_rule), default=None)
            delays[name].append(None if first is None else first - start)
    names = {*delays, *(episode.name for episode in episodes)}
    return {name: _judgement([r for r, e in zip(right, episodes, strict=True) if e.name == name], delays[name])
            for name in sorted(names)}  # fmt: skip


def _judgement(right: Sequence[bool], delays: Sequence[timedelta | None]) -> Judgement:
    found = [delay for delay in delays if delay is not None]
    return Judgement(sum(right), len(right), len(found), len(delays), median_low(found) if found else None)

"""How often alerts would fire, beside the budget of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from alerting.alerts.backtest import Episode
from alerting.specs.roster import UNJUDGED
from alerting.specs.spec import AlertSpec
from monitor.plant.plant import Plant

_WEEK = timedelta(weeks=1)
_NONE = timedelta(0)


class RuleCount(NamedTuple):
    """How often a rule would have fired, `fired` how often it did, and for how long in all and at most.

    `weekly` are the episodes a week; less than a week counts as one. `budget` is None where it has none.
    """

    rule: str
    severity: str
    episodes: int
    fired: int
    firing: timedelta
    longest: timedelta
    weekly: float
    budget: float | None

    @property
    def is_over(self) -> bool:
        """Whether it is above its budget."""
        return self.budget is not None and self.weekly > self.budget


def budget_of(plant: Plant, spec: AlertSpec) -> float | None:
    """The episodes that a rule may have in a week; None for one that is not judged."""
    change = plant.alerts.change.get(spec.name)
    if spec.name in UNJUDGED:
        return None
    if change is not None and change.budget is not None:
        return change.budget
    return None if spec.severity == "info" else plant.alerts.budget


def counts(
    specs: Iterable[AlertSpec], plant: Plant, episodes: Iterable[Episode], fired: Mapping[str, int], until: datetime,
    watched: timedelta,
) -> list[RuleCount]:  # fmt: skip
    """By rule, in the order of `specs`; an episode that still fires is as long as it is by `until`.

    `watched` is the time in which evaluations ran.
    """
    lasting: dict[str, list[timedelta]] = defaultdict(list)
    for episode in episodes:
        lasting[episode.name].append((episode.ended_at or until) - episode.fired_at)
    weeks = max(_WEEK, watched) / _WEEK
    return [
        RuleCount(
            spec.name,
            spec.severity,
            len(times := lasting[spec.name]),
            fired.get(spec.name, 0),
            sum(times, _NONE),
            max(times, default=_NONE),
            len(times) / weeks,
            budget_of(plant, spec),
        )
        for spec in specs
    ]


class Judgement(NamedTuple):
    """Of the episodes of a rule whose truth is known, how many were right.

    `found` of the `meant` faults that the rule should find were found, `delay` after their beginning at the median.
    """

    right: int
    known: int
    found: int
    meant: int
    delay: timedelta | None

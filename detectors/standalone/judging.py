"""Every row of a table judged in order: by the condition that its sensors show together, or by events of each.

Nothing of a row's judgement comes from a row after it, but that the first rows, the reference, are not judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from detectors.condition.changes import learn_changes, score_changes, start_changes
from detectors.condition.reference import DEFAULTS, learn
from detectors.condition.scoring import score as score_condition
from detectors.condition.scoring import start
from detectors.condition.settings import Settings
from detectors.condition.standard import spread_of, without_absurd
from detectors.events.events import score as score_events
from detectors.events.events import settings_for
from detectors.events.events import start as start_events
from detectors.shared.rows import sampling_interval
from monitor.errors import UsageError
from monitor.model import Floats

LIMIT = 1.0
LEAST_REFERENCE = 60
_EVENT_REFERENCE = 750
_STATE_REFERENCE = 400
_SHARE = 0.15
_MONTH_SECONDS = 30 * 86_400.0


class Kind(StrEnum):
    """What is looked for: a condition that lasts, of all sensors together, or events, of each sensor by itself."""

    STATE = "state"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Judged:
    """Of each row (n,): `score` (above LIMIT is anomalous), NaN where it cannot be judged; whether it is an `anomaly`;
    whether a `change` point; `top`, the index of the sensor that went furthest, -1 where none was judged.

    `reference`: the first rows, which are no anomalies by definition.
    """

    score: Floats
    anomaly: NDArray[np.bool_]
    change: NDArray[np.bool_]
    top: NDArray[np.int64]
    reference: int


def reference_rows(kind: Kind, rows: int, asked: int | None) -> int:
    """How many of the rows are the reference; UsageError where there are not enough."""
    if asked is not None:
        if asked < LEAST_REFERENCE:
            raise UsageError(f"--train-rows {asked}: expected at least {LEAST_REFERENCE}")
        if rows <= asked:
            raise UsageError(f"--train-rows {asked}: the file has {rows} rows, and none is left to judge; name fewer")
        return asked
    if rows <= LEAST_REFERENCE:
        raise UsageError(
            f"the file has {rows} {'row' if rows == 1 else 'rows'}; expected more than {LEAST_REFERENCE}: the first "
            "ones are the reference that others are compared with"
        )
    share = int(_SHARE * rows)
    if kind is Kind.EVENT:
        return min(max(share, LEAST_REFERENCE), _EVENT_REFERENCE)
    return min(max(share, _STATE_REFERENCE), max(LEAST_REFERENCE, rows // 2), 5 * _STATE_REFERENCE)


def judge(kind: Kind, values: Floats, instants: NDArray[np.int64] | None, reference: int) -> Judged:
    """Judge the rows, shape (n > reference, sensors), NaN where missing; each sensor has a value in the reference.

    `instants`, (n,) in ns, tell the time of day, of which events learn the usual course, and how many rows a month has:
    a condition scores 2 where chance would call a person once in that time, as in a plant.
    """
    judging = _state if kind is Kind.STATE else _events
    score, anomaly, top = judging(values, instants, reference)
    unknown = np.isnan(values).all(axis=1)
    score = np.where(unknown, np.nan, score)
    learning = np.arange(len(values)) < reference
    change = _changes(values, reference) & ~learning & ~unknown
    return Judged(score, anomaly & ~learning & ~unknown, change, np.where(np.isnan(score), -1, top), reference)


def _state(
    values: Floats, instants: NDArray[np.int64] | None, reference: int
) -> tuple[Floats, NDArray[np.bool_], NDArray[np.int64]]:
    settings = DEFAULTS
    if instants is not None:
        settings = Settings(false_alarm_rows=_MONTH_SECONDS / sampling_interval(instants[:reference]))
    learnt = learn(values[:reference], settings=settings)
    _, scores = score_condition(learnt, start(learnt), values)
    score = scores.scores.copy()
    score[:reference] = np.nan
    return score, score > LIMIT, scores.contributions(slice(None)).argmax(axis=1)


def _events(
    values: Floats, instants: NDArray[np.int64] | None, reference: int
) -> tuple[Floats, NDArray[np.bool_], NDArray[np.int64]]:
    settings = settings_for(reference)
    best, top = np.full(len(values), -np.inf), np.full(len(values), -1)
    anomaly = np.zeros(len(values), np.bool_)
    for sensor in range(values.shape[1]):
        _, found = score_events(settings, start_events(settings), values[:, sensor], instants)
        # An event of one sensor counts whatever another one does.
        rank = np.where(np.isnan(found.scores), -np.inf, found.scores)
        better = (found.events & ~anomaly) | ((found.events == anomaly) & (rank > best))
        best, top = np.where(better, rank, best), np.where(better, sensor, top)
        anomaly |= found.events
    return np.where(np.isinf(best), np.nan, best), anomaly, top


def _changes(values: Floats, reference: int) -> NDArray[np.bool_]:
    centre, scale, _ = spread_of(without_absurd(values[:reference]))
    standard = (values - centre) / scale
    learnt = learn_changes(standard[:reference])
    return score_changes(learnt, start_changes(values.shape[1]), standard)[1].points

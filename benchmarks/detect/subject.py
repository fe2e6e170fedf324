"""What is measured: the product's detectors with their defaults."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from benchmarks.detect.data import Series
from detectors.condition.changes import learn_changes, score_changes, start_changes
from detectors.condition.levels import PAGE
from detectors.condition.reference import Reference, learn
from detectors.condition.saved import save_reference, save_running
from detectors.condition.scoring import Running, score, start
from detectors.condition.settings import Settings
from detectors.events.events import score as score_events
from detectors.events.events import settings_for
from detectors.events.events import start as start_events
from monitor.model import Floats

_MONTH = 30 * 86_400.0
"""Seconds; the default of `detectors.false_alarms` is one a machine and month."""


class Judging:
    """A reference, and what moves with the rows."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self.running: Running = start(reference)

    def score(self, rows: Floats) -> Floats:
        """The scores of the next rows (rows,)."""
        self.running, scores = score(self.reference, self.running, rows)
        return scores.scores

    def saved_bytes(self) -> int:
        """Of the state as JSON."""
        return len(json.dumps([save_reference(self.reference), save_running(self.running)]))


class Product:
    """A machine's condition by `detectors.condition`, sampled every `interval` seconds, as the product would know."""

    page_limit = PAGE

    def __init__(self, interval: float = 30.0) -> None:
        self._settings = Settings(false_alarm_rows=_MONTH / interval)

    def fit(self, reference: Floats) -> Judging:
        """Learn a reference."""
        return Judging(learn(reference, settings=self._settings))


def changes(reference: Floats, rows: Floats) -> Sequence[int]:
    """The rows of change points, counted from the first of `rows`, which follow the reference."""
    learnt = learn(reference)
    standard = (np.concatenate([reference, rows]) - learnt.centre) / learnt.scale
    state = start_changes(standard.shape[1])
    points = score_changes(learn_changes(standard[: len(reference)]), state, standard)[1].points
    return np.flatnonzero(points[len(reference) :]).tolist()


def events(series: Series, train: int) -> Floats:
    """Event scores (rows,), 0 where none counts."""
    settings = settings_for(train)
    _, found = score_events(settings, start_events(settings), series.values, series.at)
    return np.where(found.events, found.scores, 0.0)

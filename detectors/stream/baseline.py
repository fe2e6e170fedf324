"""What is normal for a machine, or for one of its recipes: a reference, learnt again a few times and then frozen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.condition.changes import (
    ChangeReference,
    Changes,
    ChangeState,
    learn_changes,
    load_changes,
    save_changes,
    score_changes,
    start_changes,
)
from detectors.condition.reference import Reference, learn
from detectors.condition.saved import load_reference, load_running, save_reference, save_running
from detectors.condition.scoring import Running, Scores, score, start
from detectors.condition.settings import Settings as ConditionSettings
from detectors.condition.standard import no_last
from detectors.shared.state import pack, require, unpack, whole_number
from detectors.stream.reservoir import Reservoir, WarmUp, load_reservoir, reservoir_of
from monitor.model import Floats

LEAST_WARM_UP = 100
"""The least rows of a warm-up."""
_CAUSES = 3


@dataclass(frozen=True, slots=True)
class Settings:
    """Parameters of a machine's score.

    `warmup_rows`: running rows before the first judgement; `warmup_seconds`: time after which `LEAST_WARM_UP` rows are
    enough. `false_alarm_seconds`: time in which one false call of a person is allowed for a machine that runs.
    `reference`: first and last nanosecond of the only period to learn from. `horizon_seconds`: running time within
    which an operating limit that will be reached is told.
    """

    warmup_rows: int = 1000
    warmup_seconds: float = 14 * 86_400.0
    false_alarm_seconds: float = 30 * 86_400.0
    reference: tuple[int, int] | None = None
    horizon_seconds: float = 86_400.0

    def __post_init__(self) -> None:
        if self.warmup_rows < LEAST_WARM_UP:
            raise ValueError(f"warmup_rows is {self.warmup_rows}; expected {LEAST_WARM_UP} or more")

    def learnable(self, at: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which rows at these times may be learnt."""
        if self.reference is None:
            return np.ones(len(at), dtype=bool)
        return np.asarray((at >= self.reference[0]) & (at <= self.reference[1]))

    @property
    def window(self) -> int:
        """The most rows that one recipe gives to the machine's own baseline: a quarter of a warm-up."""
        return self.warmup_rows // 4


@dataclass(slots=True)
class Baseline:
    """A baseline past its warm-up.

    It is learnt again from twice, four and eight times the rows of its warm-up, anomalous rows left out, and then stays
    as it is: what changes slowly or for good is found, not learnt. `judged`, shape (sensors,): the sensors with values
    in at least half of the warm-up; the others are not judged. `anchor`, shape (judged,): where they were in the
    warm-up, whatever is learnt later. `reservoir`: None once it is frozen, with the row at
    `frozen_at` (ns). `usual_changes`, `changing`: of its change
    points.
    """

    judged: NDArray[np.bool_]
    least_scale: Floats
    anchor: Floats
    reference: Reference
    running: Running
    reservoir: Reservoir | None
    usual_changes: ChangeReference
    changing: ChangeState
    frozen_at: int | None = None

    @property
    def room(self) -> int:
        """The rows that can be scored before the baseline may have to be learnt again."""
        return 1_000_000_000 if self.reservoir is None else self.reservoir.room

    def usable(self, values: Floats) -> NDArray[np.bool_]:
        """The rows that can be judged, shape (rows,): at least half of the judged sensors have a value."""
        present = (~np.isnan(values[:, self.judged])).sum(axis=1)
        return np.asarray(2 * present >= int(self.judged.sum()))

    def reset(self) -> None:
        """Begin anew from how the machine is on average."""
        self.running = start(self.reference)
        self.changing = start_changes(len(self.reference.centre))

    def score(self, values: Floats) -> tuple[Scores, Changes]:
        """Scores and change points of usable rows, shape (n, sensors), of the judged sensors."""
        self.running, scores = score(self.reference, self.running, values[:, self.judged])
        self.changing, changes = score_changes(self.usual_changes, self.changing, scores.rows)
        return scores, changes

    def causes(self, scores: Scores, row: int) -> NDArray[np.int64]:
        """The sensors that contribute most to a row's score, at most three, none below a third of the largest.

        None where all sensors scatter more."""
        contributions = scores.contributions(row)
        if scores.scatter[row] > contributions.max():
            return np.empty(0, dtype=np.int64)
        order = np.argsort(-contributions, kind="stable")[:_CAUSES]
        largest = order[contributions[order] >= contributions[order[0]] / 3]
        return np.asarray(np.flatnonzero(self.judged)[largest])

    def contributions(self, scores: Scores, row: int) -> Floats:
        """What each sensor contributes to a row's score, shape (sensors,); NaN where it is not judged."""
        out = np.full(len(self.judged), np.nan)
        out[self.judged] = scores.contributions(row)
        return out

    def learn(self, values: Floats, at: int) -> None:
        """Remember normal rows, shape (n <= room, sensors), and learn again from them when it is time.

        `at`: of the last row that was judged (ns).
        """
        if self.reservoir is None:
            return
        self.reservoir = self.reservoir.with_rows(values[:, self.judged])
        if self.reservoir.room > 0:
            return
        rows = self.reservoir.values
        self.reference = learn(rows, self.least_scale[self.judged], self.reference.settings)
        self.usual_changes = _usual_changes(self.reference, rows)
        self.reset()
        if self.reservoir.refits > 1:
            self.reservoir = self.reservoir.thinned()
        else:
            self.reservoir, self.frozen_at = None, at

    def save(self) -> dict[str, Any]:
        """The baseline as JSON values."""
        return {
            "judged": pack(self.judged, "u1"),
            "anchor": pack(self.anchor),
            "reference": save_reference(self.reference),
            "running": save_running(self.running),
            "reservoir": None if self.reservoir is None else self.reservoir.save(),
            "changes": save_changes(self.usual_changes, self.changing),
            "frozen_at": self.frozen_at,
        }


_FIELDS = ("judged", "anchor", "reference", "running", "reservoir", "changes", "frozen_at")


def load_baseline(saved: object, least_scale: Floats) -> Baseline:
    """The baseline that was saved; ValueError when it is incomplete or damaged."""
    fields = require(saved, "a baseline", _FIELDS)
    judged = unpack(fields["judged"], (len(least_scale),), "u1").astype(bool)
    width, settings = int(judged.sum()), ConditionSettings()
    reference = load_reference(fields["reference"], width, settings)
    kept = fields["reservoir"]
    reservoir = None if kept is None else load_reservoir(kept, width)
    running, changes = load_running(fields["running"], width, settings), load_changes(fields["changes"])
    if len(changes[0].scale) != width:
        raise ValueError("the saved change points are of other sensors; rebuild them from history")
    anchor = unpack(fields["anchor"], (width,))
    frozen_at = None if fields["frozen_at"] is None else whole_number(fields["frozen_at"], "frozen_at")
    return Baseline(judged, least_scale, anchor, reference, running, reservoir, *changes, frozen_at)


def fit(warm_up: WarmUp, least_scale: Floats, settings: Settings) -> Baseline:
    """The baseline from the rows of a warm-up.

    `least_scale`, shape (sensors,), is a lower bound of the standard deviations, for sensors that hardly move.
    """
    judged = np.asarray(2 * (~np.isnan(warm_up.rows)).sum(axis=0) >= len(warm_up))
    rows = warm_up.rows[:, judged]
    condition = ConditionSettings(false_alarm_rows=settings.false_alarm_seconds / warm_up.interval)
    reference = learn(rows, least_scale[judged], condition)
    usual, changing = _usual_changes(reference, rows), start_changes(rows.shape[1])
    anchor, reservoir = reference.centre, reservoir_of(rows)
    return Baseline(judged, least_scale, anchor, reference, start(reference), reservoir, usual, changing)


def _usual_changes(reference: Reference, rows: Floats) -> ChangeReference:
    return learn_changes(reference.standard(rows, no_last(rows.shape[1])).rows)

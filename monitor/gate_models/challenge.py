"""A challenger and its champion: the next step of a request, the holdout, and the comparison."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from enum import Enum, auto

import numpy as np

from inference.comparison import MIN_LOTS, RARE_ROWS, SLICE_ROWS, Comparison, Holdout, compare, rare_parts
from inference.intervals import intervals_hold
from inference.models.fitting import forecast_errors
from inference.models.kind import Times, TrainingData
from inference.policy.gate import predicted_classes
from inference.predicting import enough_inputs, predict
from monitor.gate_models.training_set import TrainingSet, hold_out
from monitor.model import ClassSpec, Floats, RetrainingReason
from monitor.ports import GateModel
from monitor.store.models.retraining import RetrainingRequest
from monitor.store.models.versions import ModelInForce, Version

_SEED = 1  # of the comparison's bootstrap


class Step(Enum):
    """The next step of a started request."""

    TRAIN = auto()
    COMPARE = auto()
    PROMOTE = auto()
    WAIT = auto()
    GIVE_UP = auto()


def next_step(request: RetrainingRequest, current: ModelInForce | None, now: datetime) -> Step:
    """The next step, from the stored state; if the champion is no longer in force, the request is given up."""
    if request.finished_at is not None:
        return Step.WAIT
    if current is None or current.changes != request.changes:
        return Step.GIVE_UP
    if not request.challenger:
        return Step.TRAIN
    if request.comparison is None:
        return Step.COMPARE
    return Step.PROMOTE if request.ready_at is not None and request.ready_at <= now else Step.WAIT


def trained_at(versions: Iterable[Version], current: ModelInForce) -> datetime:
    """When the version in force was trained; if that is not recorded, when it came into force."""
    key = (current.model, current.version)
    return next((v.trained_at for v in versions if (v.model, v.version) == key), current.since)


def split_holdout(data: TrainingSet, champion_trained_at: datetime, rows: int) -> tuple[TrainingSet, TrainingSet]:
    """The challenger's training set, and at least `rows` parts that neither model has seen."""
    return hold_out(data, champion_trained_at, rows, MIN_LOTS, SLICE_ROWS, RARE_ROWS)


def is_enough(holdout: TrainingSet, rows: int) -> bool:
    """Whether a comparison can be made on these parts: at least `rows`, and of classes, some of a rare one."""
    return len(holdout) >= rows and (holdout.classes is None or rare_parts(holdout.target).sum() >= RARE_ROWS)


def compare_models(
    champion: GateModel,
    challenger: GateModel,
    holdout: TrainingSet,
    rows: int,
    known: TrainingSet | None = None,
    champion_decides: bool = True,
) -> tuple[Comparison, TrainingSet]:
    """The comparison on the parts that both models can predict, at least half of `rows`, and these parts.

    Of the newest parts some always lack an input; a comparison that needed all of them would never be made.

    `known` has further parts whose outcomes the forecast may rest on; None: there is no forecast. A challenger that had
    no skill when it was trained is worse than the forecast, whatever the holdout says: it would decide nothing.
    """
    parts = _predictable_by(holdout, champion, challenger)
    outcomes = Holdout(parts.target, parts.machines, parts.recipes, parts.lots)
    by_champion, by_challenger = (
        predict(champion, parts.rows_of(champion)),
        predict(challenger, parts.rows_of(challenger)),
    )
    forecast = None
    if known is not None and holdout.classes is None:
        forecast = _forecast_errors(known, parts, challenger.coverage)
    found = compare(
        outcomes, by_champion, by_challenger, (rows + 1) // 2, challenger.coverage, _SEED, forecast, champion_decides
    )  # fmt: skip
    if found.outcome is RetrainingReason.BETTER and not challenger.skill > 0:
        found = replace(found, outcome=RetrainingReason.WORSE_THAN_FORECAST)
    return found, parts


def _forecast_errors(known: TrainingSet, parts: TrainingSet, coverage: float) -> Floats:
    """The absolute error (parts,) of the forecast from the outcomes that were available when each part passed."""
    target = np.concatenate([known.target, parts.target])
    passed = np.concatenate([known.times.passed, parts.times.passed])
    available = np.concatenate([known.times.available, parts.times.available])
    nothing = np.empty((len(target), 0))
    data = TrainingData(nothing, target, [*known.serials, *parts.serials], times=Times(passed, available))
    return forecast_errors(data, coverage)[len(known) :]


def intervals_still_hold(model: GateModel, newest: TrainingSet) -> bool:
    """Whether the model's intervals hold on the newest parts that it can predict, if it predicts their outcomes."""
    if not suits(model, newest.classes):
        return False
    parts = _predictable_by(newest, model)
    return intervals_hold(parts.target, predict(model, parts.rows_of(model)), model.coverage)


def suits(model: GateModel, classes: ClassSpec | None) -> bool:
    """Whether a model predicts the gate's classes, or where it has none, a number."""
    return predicted_classes(model) == (() if classes is None else classes.names)


def _predictable_by(parts: TrainingSet, *models: GateModel) -> TrainingSet:
    for model in models:
        parts = parts.at(np.flatnonzero(enough_inputs(model, parts.rows_of(model))).tolist())
    return parts

"""A challenger beside its champion: what is to be done next, on which parts, and which of the two is better."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import Enum, auto

import numpy as np

from inference.comparison import MIN_LOTS, SLICE_ROWS, Comparison, Holdout, compare
from inference.intervals import intervals_hold
from inference.predicting import enough_inputs
from monitor.gate_models.training_set import TrainingSet, hold_out
from monitor.ports import GateModel
from monitor.store.models.retraining import RetrainingRequest
from monitor.store.models.versions import ModelInForce, Version

_SEED = 1  # of the comparison's resamples


class Step(Enum):
    """What a request that was started needs next."""

    TRAIN = auto()
    COMPARE = auto()
    PROMOTE = auto()
    WAIT = auto()
    GIVE_UP = auto()


def next_step(request: RetrainingRequest, current: ModelInForce | None, now: datetime) -> Step:
    """From what stands on record; a request whose champion is no longer in force is given up."""
    if request.finished_at is not None:
        return Step.WAIT
    if current is None or current.changes != request.changes:
        return Step.GIVE_UP
    if not request.challenger:
        return Step.TRAIN
    if request.comparison is None:
        return Step.COMPARE
    return Step.PROMOTE if request.ready_at is not None and request.ready_at <= now else Step.WAIT


def trained_at(known: Iterable[Version], current: ModelInForce) -> datetime:
    """When the version in force was trained; since when it is in force where that is not on record."""
    mine = (current.model, current.version)
    return next((v.trained_at for v in known if (v.model, v.version) == mine), current.since)


def split_for(data: TrainingSet, champion_trained_at: datetime, rows: int) -> tuple[TrainingSet, TrainingSet]:
    """What the challenger is trained on, and the parts, `rows` or more, that neither model has seen."""
    return hold_out(data, champion_trained_at, rows, MIN_LOTS, SLICE_ROWS)


def compared(
    champion: GateModel, challenger: GateModel, held: TrainingSet, rows: int
) -> tuple[Comparison, TrainingSet]:
    """The comparison on those of the parts that both may be asked about, at least `rows`, and these parts."""
    both = _predictable_by(held, champion, challenger)
    parts = Holdout(both.target, both.machines, both.recipes, both.lots)
    answers = [model.predict(both.rows) for model in (champion, challenger)]
    return compare(parts, answers[0], answers[1], rows, challenger.coverage, _SEED), both


def still_holds(model: GateModel, newest: TrainingSet) -> bool:
    """Whether the model's intervals hold on those of the newest parts that it may be asked about."""
    asked = _predictable_by(newest, model)
    return intervals_hold(asked.target, model.predict(asked.rows), model.coverage)


def _predictable_by(parts: TrainingSet, *models: GateModel) -> TrainingSet:
    for model in models:
        parts = parts.at(np.flatnonzero(enough_inputs(model, parts.rows)).tolist())
    return parts

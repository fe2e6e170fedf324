"""Training of a model on a table or on a folder of images."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inference.models.kind import TrainingData, TrainingSettings
from inference.standalone.order import in_time
from inference.standalone.tables import Inputs, check_columns, find_inputs, numbers, read_table, rows_of
from inference.standalone.task import Outcome, Target, Task, classes_of, notes_on
from inference.training import TrainedModel, train
from monitor.errors import UsageError
from monitor.model import Floats

if TYPE_CHECKING:
    import pandas as pd

OF_CLASSES = ("classifier", "image")
"""The kinds whose target is a class; that of the others is a number."""
_FEWEST_NUMBERS = 3
_MAX_MISSING = 0.5
_EPOCHS = 400
_POINTS = re.compile(r"^(.*?)(\d+)(\D*)$")
_FEWEST_POINTS = 5


def train_on(path: Path, task: Task) -> Outcome:
    """Train on a table, or on images."""
    if task.kind == "image":
        from inference.standalone.images import train_images

        return train_images(path, task)
    if path.is_dir():
        raise UsageError(f"--data {path} is a folder; the kind {task.kind} takes a CSV file")
    if not task.roles.target:
        raise UsageError(f"--target is needed: the column that the kind {task.kind} predicts")
    return train_table(path, task)


def train_table(path: Path, task: Task) -> Outcome:
    """Train on a table; UsageError where it does not fit the task, ModelError where it is too small."""
    frame = read_table(path)
    check_columns(frame, task.roles.named(), path)
    notes: list[str] = []
    known = frame[task.roles.target].notna().to_numpy()
    if not known.all():
        notes.append(f"{int((~known).sum())} rows without a {task.roles.target!r} are left out")
        frame = frame[known].reset_index(drop=True)
    frame = frame.iloc[in_time(frame, task.roles.time)].reset_index(drop=True)
    target = _target(frame[task.roles.target], task)
    inputs = _inputs(frame, task)
    notes += [f"column {name!r} is left out: {why}" for name, why in inputs.left_out.items()]
    notes += notes_on(target, task)
    groups = frame[task.roles.groups].fillna("").tolist() if task.roles.groups else ()
    data = TrainingData(
        rows_of(frame, inputs.names, inputs.categories), target.values, [str(i) for i in range(len(frame))], groups
    )
    notes += _leaks(data.table, inputs, target)
    model = train(data, _settings(inputs, target, data, task), task.kind)
    return Outcome(replace(model, target=task.roles.target), notes)


def _settings(inputs: Inputs, target: Target, data: TrainingData, task: Task) -> TrainingSettings:
    gaps = task.kind != "shape" or bool(np.isnan(data.table).any())
    numeric = [name for name in inputs.names if name not in inputs.categories]
    return TrainingSettings(
        inputs.names, profile_points(numeric), task.coverage, _EPOCHS, task.seed,
        max_missing=_MAX_MISSING if gaps else 0.0, line=_is_profile(numeric), categories=inputs.categories,
        classes=target.classes, good=target.good, refit=True,
    )  # fmt: skip


def _inputs(frame: pd.DataFrame, task: Task) -> Inputs:
    if task.kind == "forecast":
        return Inputs(())
    found = find_inputs(frame, task.roles)
    if not found.names:
        raise UsageError("the table has no column left that could be an input; expected at least one beside the target")
    if task.kind != "shape":
        return found
    numeric = [name for name in found.names if name not in found.categories]
    if len(numeric) < _FEWEST_NUMBERS:
        raise UsageError(
            f"the table has {len(numeric)} columns of numbers beside the target; the kind shape needs at least "
            f"{_FEWEST_NUMBERS}; for categories take --kind ensemble"
        )
    return replace(found, names=(*profile_first(numeric), *found.categories))


def _target(column: pd.Series[str], task: Task) -> Target:
    name = task.roles.target
    if task.kind not in OF_CLASSES:
        values = numbers(column)
        bad = np.flatnonzero(np.isnan(values))
        if len(bad):
            raise UsageError(
                f"--target {name!r}: row {int(bad[0])} holds {column.iloc[int(bad[0])]!r}; the kind {task.kind} "
                "predicts a number; for classes take --kind classifier"
            )
        return Target(values)
    return classes_of(column.tolist(), name, task.good)


def profile_first(names: Sequence[str]) -> tuple[str, ...]:
    """The names with the points of the profile first, by their number."""
    points = _points(names)
    return (*points, *(name for name in names if name not in points))


def profile_points(names: Sequence[str]) -> int:
    """How many of the names are points of the profile: numbered columns of one name, else all."""
    return len(_points(names)) or len(names)


def _is_profile(names: Sequence[str]) -> bool:
    return bool(_points(names))


def _points(names: Sequence[str]) -> tuple[str, ...]:
    by_name: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for name in names:
        matched = _POINTS.match(name)
        if matched:
            by_name.setdefault((matched[1], matched[3]), []).append((int(matched[2]), name))
    largest = max(by_name.values(), key=len, default=[])
    return tuple(name for _, name in sorted(largest)) if len(largest) >= _FEWEST_POINTS else ()


def _leaks(rows: Floats, inputs: Inputs, target: Target) -> list[str]:
    """Columns of two values one of which is never met in a good part: perhaps they are known only afterwards."""
    if len(target.classes) != 2 or not target.good:
        return []
    bad = target.values != target.classes.index(target.good)
    notes = []
    for name, column in zip(inputs.names, rows.T, strict=True):
        values = np.unique(column[np.isfinite(column)])
        telling = [
            v for v in values.tolist() if len(values) == 2 and (column == v).sum() >= 10 and bad[column == v].all()
        ]
        notes += [
            f"column {name!r}: no part with {value:g} is good; if that is known only afterwards, leave the column out "
            f"with --without {name!r}"
            for value in telling
        ]
    return notes


def quality_table(trained: TrainedModel) -> Mapping[str, float]:
    """What is told of a model at the end: numbers on parts that its weights were not fitted to."""
    numbers_ = trained.metrics.numbers()
    order = ["rows", "training_rows", "validation_rows", "skill", "coverage"]
    return {name: numbers_[name] for name in [*order, *sorted(trained.metrics.quality)]}

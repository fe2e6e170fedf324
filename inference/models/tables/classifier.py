"""The kind `classifier`: pass or fail, and kinds of defect, from a table; calibrated probabilities.

The mean of boosted trees and of a logistic regression with a ridge, calibrated. The number of trees, the ridge, the
weights in the mean and the calibration are chosen by log loss on parts out of fold; then both are fitted to all parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from inference.models.fitting import MIN_PARTS, folds
from inference.models.gaps import Gaps, GapsEntry, learn_gaps
from inference.models.kind import Contents, Entry, HeldOut, TrainingData, TrainingMetrics, TrainingSettings
from inference.models.tables import class_quality as quality
from inference.models.tables import logistic
from inference.models.tables.boosted_trees import BoostedTrees, Columns
from inference.models.tables.class_fitting import Table, candidates, finished
from inference.models.tables.class_losses import log_losses
from inference.models.tables.encoding import known_levels
from inference.models.tables.reach import Reach, learn_reach
from monitor.errors import ModelError, ModelReason
from monitor.model import Floats, Prediction

MIN_SECOND = 5
"""Parts that are not of the most frequent class: one a fold."""


class ColumnsEntry(Entry):
    """What the trees see, as `inference.models.tables.boosted_trees.Columns`."""

    inputs: tuple[int, ...]
    categories: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...] = Field(max_length=64)


class Entries(Entry):
    """The manifest entries of a classifier; `levels` and `seen` are those of each input, none for a number."""

    classes: tuple[str, ...] = Field(min_length=2, max_length=256)
    good: str
    gaps: GapsEntry
    columns: ColumnsEntry
    levels: tuple[int, ...]
    seen: tuple[tuple[int, ...], ...]
    weight: float = Field(ge=0, le=1)
    distance_limit: float = Field(gt=0)
    coverage: float = Field(gt=0, lt=1)
    skill: float = Field(le=1)


@dataclass(frozen=True, slots=True)
class Parts:
    """What probabilities come from: the trees and their weight, the regression, the calibration."""

    trees: BoostedTrees
    weight: float
    design: logistic.Design
    linear: Floats
    calibration: Floats

    def probabilities(self, rows: Floats) -> Floats:
        """Calibrated probabilities (rows, classes)."""
        by_trees = quality.softmax(self.trees.scores(rows))
        by_line = quality.softmax(logistic.scores(self.design.of(rows), self.linear))
        return quality.calibrated(self.weight * by_trees + (1 - self.weight) * by_line, self.calibration)


class ClassifierModel:
    """A classifier of a table: the `GateModel` of a characteristic that is a class."""

    def __init__(self, inputs: tuple[str, ...], entries: Entries, parts: Parts, reach: Reach, digest: str) -> None:
        self.inputs, self.digest = inputs, digest
        self.skill, self.coverage, self.max_missing = entries.skill, entries.coverage, entries.gaps.most
        self.classes = entries.classes
        self.needed = parts.design.gaps.needed(inputs)
        self._settings = _settings(inputs, entries)
        self._levels, self._parts, self._reach = _by_place(entries.levels), parts, reach

    def predict(self, rows: Floats) -> Sequence[Prediction]:
        """A prediction per row of (rows, inputs); ValueError for another shape. How rows are split changes no bit."""
        if rows.ndim != 2 or rows.shape[1] != len(self.inputs):
            raise ValueError(f"expected rows of {len(self.inputs)} inputs, not an array of shape {rows.shape}")
        probabilities = self._parts.probabilities(known_levels(rows, self._levels))
        return predictions_of(probabilities, self._reach.distances(rows), self._reach.limit, self._settings)


def predictions_of(
    probabilities: Floats, distances: Floats, limit: float, settings: TrainingSettings
) -> list[Prediction]:
    """Predictions of parts with these probabilities (parts, classes) and distances (parts,)."""
    values = quality.suspicion(probabilities, settings).clip(0.0, 1.0).tolist()
    return [
        Prediction(value, value, value, distance, limit, tuple(shares))
        for value, distance, shares in zip(values, distances.tolist(), probabilities.tolist(), strict=True)
    ]


class ClassifierKind:
    """The classifier as a kind of gate model."""

    def warm_up(self) -> None:
        """LightGBM and SciPy are imported with this module."""

    def train(self, data: TrainingData, settings: TrainingSettings) -> tuple[Contents, TrainingMetrics]:
        """Choose and calibrate on parts out of fold, fit to all of them; the metrics are those out of fold."""
        gaps = learn_gaps(data.table, settings.max_missing)
        kept = data.at(gaps.acceptable(data.table))
        _check(kept, settings)
        levels = {settings.inputs.index(name): len(known) for name, known in settings.categories.items()}
        rows, classes = known_levels(kept.table, levels), len(settings.classes)
        table = Table(rows, kept.target, classes, gaps, levels, kept.weights)
        fold_of = folds(kept)
        found = candidates(table, fold_of, settings.seed)
        honest = found.honest(kept.target, fold_of)
        metrics = _measured(honest, kept, fold_of, settings)
        choice = found.choose(kept.target, np.ones(len(kept), dtype=np.bool_))
        trees, design, linear = finished(table, choice, settings.seed)
        parts = Parts(trees, choice.weight, design, linear, choice.calibration)
        reach = learn_reach(kept.table, fold_of, gaps, levels)
        held_out = HeldOut(kept.serials, predictions_of(honest, reach.distances(kept.table), reach.limit, settings))
        return replace(_contents(parts, reach, metrics.skill, settings), held_out=held_out), metrics

    def load(self, inputs: tuple[str, ...], contents: Contents, digest: str) -> ClassifierModel:
        """The model of a package, after checking that its entries and tensors fit together."""
        entries = Entries.model_validate(contents.entries)
        _check_entries(inputs, entries)
        gaps, levels = Gaps(**entries.gaps.model_dump()), _by_place(entries.levels)
        wide, classes = logistic.width(gaps, levels), len(entries.classes)
        columns = Columns(entries.columns.inputs, entries.columns.categories, entries.columns.pairs)
        trees = contents.tensors.get("trees")
        expected = {
            "trees": ((trees.size if trees is not None else 0,), np.uint8), "linear": ((wide + 1, classes), np.float64),
            "design": ((2, wide), np.float64), "reach": ((2, len(inputs)), np.float64),
            "calibration": ((1 + classes,), np.float64),
        }  # fmt: skip
        if {name: (tensor.shape, tensor.dtype.type) for name, tensor in contents.tensors.items()} != expected:
            raise ValueError(f"has weights that do not fit its {len(inputs)} inputs and {classes} classes")
        tensors = contents.tensors
        if (tensors["design"][1] <= 0).any() or (tensors["reach"][1] < 0).any():
            raise ValueError("has a scale that is not positive")
        design = logistic.Design(gaps, levels, *tensors["design"])
        boosted = BoostedTrees(columns, classes, tensors["trees"].tobytes())
        parts = Parts(boosted, entries.weight, design, tensors["linear"], tensors["calibration"])
        seen = {i: known for i, known in enumerate(entries.seen) if known}
        return ClassifierModel(inputs, entries, parts, Reach(tensors["reach"], seen, entries.distance_limit), digest)


KIND = ClassifierKind()


def _by_place(levels: Sequence[int]) -> dict[int, int]:
    return {i: count for i, count in enumerate(levels) if count}


def _settings(inputs: tuple[str, ...], entries: Entries) -> TrainingSettings:
    return TrainingSettings(inputs, 0, entries.coverage, 0, 0, classes=entries.classes, good=entries.good)


def _check(data: TrainingData, settings: TrainingSettings) -> None:
    """ModelError where the classes are not those of the settings, or too few parts are of more than one."""
    classes = settings.classes
    if len(classes) < 2 or not np.isin(data.target, np.arange(len(classes))).all():
        raise ModelError(
            f"a classifier needs a characteristic of at least two classes, known by name; it has {list(classes)}",
            ModelReason.MISMATCH,
        )
    counts = np.bincount(data.target.astype(np.intp), minlength=len(classes))
    if len(data) < MIN_PARTS or len(data) - counts.max() < MIN_SECOND:
        raise ModelError(
            f"too few rows to train: {len(data)} parts, {counts.max()} of them of class {classes[counts.argmax()]!r}; "
            f"at least {MIN_PARTS} are needed, and {MIN_SECOND} of other classes; wait for more outcomes",
            ModelReason.TOO_FEW_ROWS,
        )


def _check_entries(inputs: tuple[str, ...], entries: Entries) -> None:
    """ValueError where lists by input are not of the inputs, or columns are none of theirs."""
    sizes = {len(entries.gaps.fill), len(entries.gaps.ignored), len(entries.levels), len(entries.seen)}
    if sizes != {len(inputs)}:
        raise ValueError(f"names {len(inputs)} inputs, but describes others")
    if not (entries.good == "" or entries.good in entries.classes):
        raise ValueError(f"has no class {entries.good!r} that is good")
    if len(set(entries.classes)) != len(entries.classes) or any(not 0 <= count <= 10**5 for count in entries.levels):
        raise ValueError("names a class twice, or has levels without number")
    used = entries.columns.inputs
    pairs = {i for pair in entries.columns.pairs for i in pair}
    known = {i for i, ignored in enumerate(entries.gaps.ignored) if not ignored}
    if (
        not used
        or set(used) != known
        or len(set(used)) != len(used)
        or not (pairs | {*entries.columns.categories}) <= known
    ):
        raise ValueError("has columns that are none of its inputs")


def _measured(
    probabilities: Floats,
    data: TrainingData,
    fold_of: NDArray[np.intp],
    settings: TrainingSettings,
) -> TrainingMetrics:
    """Metrics of honest probabilities. A skill that chance or a drift of the rates could give counts as none."""
    target, blocks, weights = data.target, quality.time_blocks(data), data.weights
    rates = quality.known_rates(target, len(settings.classes), fold_of, weights)
    counted = 1.0 if weights is None else weights * (len(data) / weights.sum())
    naive = [log_losses(rate, target) * counted for rate in rates]
    losses = log_losses(probabilities, target) * counted
    plain, low = quality.skill(losses, naive, blocks, settings.seed)
    shown = low > 0 and quality.tells_apart_within(probabilities, target, blocks)
    found = quality.quality(probabilities, target, settings, weights)
    brier = min(quality.quality(rate, target, settings, weights)["brier"] for rate in rates)
    return TrainingMetrics(
        rows=len(data), training_rows=len(data), calibration_rows=len(data), validation_rows=len(data), epochs=0,
        coverage=quality.coverage_of_sets(probabilities, target, settings.coverage, weights),
        skill=plain if shown else min(plain, 0.0),
        quality={
            **found,
            "naive_log_loss": min(float(loss.mean()) for loss in naive),
            "naive_brier": brier,
            "brier_skill": 1 - found["brier"] / brier if brier > 0 else 0.0,
            "skill_low": low if shown else min(low, 0.0),
            "unproven_skill": plain,
        },
    )  # fmt: skip


def _contents(parts: Parts, reach: Reach, skill: float, settings: TrainingSettings) -> Contents:
    inputs = range(len(settings.inputs))
    entries = {
        "classes": settings.classes,
        "good": settings.good,
        "gaps": asdict(parts.design.gaps),
        "columns": asdict(parts.trees.columns),
        "levels": tuple(parts.design.levels.get(i, 0) for i in inputs),
        "seen": tuple(reach.seen.get(i, ()) for i in inputs),
        "weight": parts.weight,
        "distance_limit": reach.limit,
        "coverage": settings.coverage,
        "skill": skill,
    }
    tensors: dict[str, NDArray[Any]] = {
        "trees": np.frombuffer(parts.trees.text, dtype=np.uint8),
        "linear": parts.linear,
        "design": np.stack([parts.design.centre, parts.design.scale]),
        "reach": reach.scales,
        "calibration": parts.calibration,
    }
    return Contents(entries, tensors)

"""The kind `forecast`: what the newest outcomes say of the next part (`inference.models.forecasting`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from inference.models.fitting import naive_forecast
from inference.models.forecasting import MEMORY, NEEDED, Counts, follow
from inference.models.kind import Contents, Entry, Items, TrainingData, TrainingMetrics, TrainingSettings
from monitor.errors import ModelError, ModelReason
from monitor.model import Floats, Prediction

_VALUES = "values"


class Entries(Entry):
    """The manifest entries of a forecast."""

    coverage: float = Field(gt=0, lt=1)
    skill: float


class ForecastModel:
    """A forecast as it stands after the outcomes that it was made from. It has no inputs."""

    def __init__(self, inputs: tuple[str, ...], entries: Entries, values: Floats, digest: str) -> None:
        self.inputs = self.needed = inputs
        self.max_missing = 0.0
        self.skill, self.coverage, self.digest = entries.skill, entries.coverage, digest
        self._values = values

    def predict(self, rows: Items) -> Sequence[Prediction]:
        """The same prediction for each row: that of the next part."""
        return self.follow(np.empty(0)) * len(rows)

    def follow(self, outcomes: Floats) -> list[Prediction]:
        """The predictions after 0, 1, ... n further outcomes, each known before the next part is judged."""
        values = np.concatenate([self._values, outcomes])
        course, first = follow(values, before(values), self.coverage), len(self._values)
        pairs = zip(course.value[first:].tolist(), course.half_width[first:].tolist(), strict=True)
        return [Prediction(value, value - half, value + half, 0.0, 1.0) for value, half in pairs]


def before(values: Floats) -> Counts:
    """How many outcomes are known of each part where each is known before the next part."""
    return np.arange(len(values))


class ForecastKind:
    """The forecast as a kind of gate model."""

    def warm_up(self) -> None:
        """Nothing to import."""

    def train(self, data: TrainingData, settings: TrainingSettings) -> tuple[Contents, TrainingMetrics]:
        """Keep the newest outcomes; measure every forecast against its outcome, which was never known before."""
        target, needed = data.target, 2 * NEEDED
        if len(target) < needed:
            raise ModelError(
                f"too few rows to train: {len(target)} outcomes, at least {needed} are needed; wait for more outcomes",
                ModelReason.TOO_FEW_ROWS,
            )
        course = follow(target, before(target), settings.coverage)
        judged = np.isfinite(course.inside)
        error = np.abs(target - course.value[:-1])[judged]
        naive = np.abs(target - naive_forecast(target))[judged]
        skill = float(1 - error.mean() / naive.mean()) if naive.mean() > 0 else 0.0
        metrics = TrainingMetrics(
            rows=len(target), training_rows=len(target), calibration_rows=len(error), validation_rows=len(error),
            epochs=0, coverage=float(course.inside[judged].mean()), skill=skill,
            quality={"mae": float(error.mean()), "naive_mae": float(naive.mean())},
        )  # fmt: skip
        entries = {"coverage": settings.coverage, "skill": skill}
        return Contents(entries, {_VALUES: np.ascontiguousarray(target[-MEMORY:], dtype=np.float64)}), metrics

    def load(self, inputs: tuple[str, ...], contents: Contents, digest: str) -> ForecastModel:
        """The model of a package, after checking that its entries and tensors fit together."""
        entries = Entries.model_validate(contents.entries)
        values = contents.tensors.get(_VALUES)
        if set(contents.tensors) != {_VALUES} or values is None or values.ndim != 1 or values.dtype != np.float64:
            raise ValueError("has other tensors than the outcomes of a forecast")
        if not 2 * NEEDED <= len(values) <= MEMORY:
            raise ValueError(f"has {len(values)} outcomes; a forecast keeps {2 * NEEDED} to {MEMORY}")
        return ForecastModel(inputs, entries, values, digest)


KIND = ForecastKind()

"""A second kind of gate model for the contract: ridge regression, everything particular to it in this one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from inference.models.fitting import capped_quantile, check_sizes, conformal_quantile, measure, split
from inference.models.gaps import Gaps, learn_gaps
from inference.models.kind import Contents, TrainingData, TrainingMetrics, TrainingSettings
from monitor.model import Floats, Prediction

_RIDGE = 1.0


class Entries(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    coverage: float = Field(gt=0, lt=1)
    half_width: float = Field(ge=0)
    distance_limit: float = Field(gt=0)
    skill: float
    most: float = Field(ge=0, lt=1)
    fill: tuple[float, ...]
    ignored: tuple[bool, ...]


class LinearModel:
    def __init__(self, inputs: tuple[str, ...], entries: Entries, weights: Floats, digest: str) -> None:
        self.inputs = inputs
        self.digest = digest
        self.skill, self.coverage, self.max_missing = entries.skill, entries.coverage, entries.most
        self._gaps = Gaps(entries.most, entries.fill, entries.ignored)
        self.needed = self._gaps.needed(inputs)
        self._entries = entries
        self._weights = weights

    def predict(self, rows: Floats) -> Sequence[Prediction]:
        if rows.ndim != 2 or rows.shape[1] != len(self.inputs):
            raise ValueError(f"expected rows of {len(self.inputs)} inputs, not an array of shape {rows.shape}")
        value, distance = answers(self._weights, np.ascontiguousarray(self._gaps.filled(rows)))
        half, limit = self._entries.half_width, self._entries.distance_limit
        return [
            Prediction(at, at - half, at + half, far, limit)
            for at, far in zip(value.tolist(), distance.tolist(), strict=True)
        ]


def answers(weights: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Value and distance (rows,) by weights (3, inputs + 1): coefficients, centres, scales."""
    slope, centre, scale = weights[:, 1:]
    standard = ((rows - centre) / scale).clip(-1e6, 1e6)
    # a sum a row: a matrix product's last bits depend on the other rows
    return weights[0, 0] + (standard * slope).sum(axis=1), np.abs(standard).max(axis=1)


def fit(rows: Floats, target: Floats) -> Floats:
    centre, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    standard = (rows - centre) / scale
    gram = standard.T @ standard + _RIDGE * np.eye(rows.shape[1])
    slope = np.linalg.solve(gram, standard.T @ (target - target.mean()))
    return np.column_stack([[target.mean(), 0.0, 1.0], np.stack([slope, centre, scale])])


class LinearKind:
    def warm_up(self) -> None:
        pass

    def train(self, data: TrainingData, settings: TrainingSettings) -> tuple[Contents, TrainingMetrics]:
        gaps = learn_gaps(data.table[split(data.serials)["train"]], settings.max_missing)
        kept = data.at(gaps.acceptable(data.table))
        rows, target, parts = gaps.filled(kept.table), kept.target, split(kept.serials)
        check_sizes(parts, settings.coverage)
        weights = fit(rows[parts["train"]], target[parts["train"]])
        value, distance = answers(weights, rows)
        held = parts["calibration"]
        half_width = conformal_quantile(np.abs(target - value)[held], settings.coverage)
        metrics = measure(target, value, half_width, parts, epochs=0)
        entries = {
            "coverage": settings.coverage, "half_width": half_width, "skill": metrics.skill,
            "distance_limit": 1.5 * capped_quantile(distance[held], 0.99), **asdict(gaps),
        }  # fmt: skip
        return Contents(entries, {"weights": weights}), metrics

    def load(self, inputs: tuple[str, ...], contents: Contents, digest: str) -> LinearModel:
        entries = Entries.model_validate(contents.entries)
        found = {name: (tensor.shape, tensor.dtype.name) for name, tensor in contents.tensors.items()}
        if found != {"weights": ((3, len(inputs) + 1), "float64")} or len(entries.fill) != len(inputs):
            raise ValueError(f"has weights that do not fit its {len(inputs)} inputs")
        return LinearModel(inputs, entries, contents.tensors["weights"], digest)


KIND = LinearKind()

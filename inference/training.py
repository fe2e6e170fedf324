"""Training of a gate model of any kind: checks the data, computes its digest, and calls the kind.

The same rows and settings give the same model on the same machine, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.digest import data_digest
from inference.kinds import load_kind
from inference.models.kind import Contents, TrainingData, TrainingMetrics, TrainingSettings
from monitor.errors import ModelError, ModelReason
from monitor.model import Floats
from monitor.ports import GateModel


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A trained model with its inputs and metrics; not yet packaged."""

    kind: str
    inputs: tuple[str, ...]
    contents: Contents
    metrics: TrainingMetrics
    data_digest: str

    def model(self, digest: str = "") -> GateModel:
        """The model, as it will be loaded from its package."""
        return load_kind(self.kind).load(self.inputs, self.contents, digest)


def train(
    data: TrainingData, settings: TrainingSettings, kind: str = "shape", adjustment: Floats | None = None
) -> TrainedModel:
    """Train and calibrate a model of a kind.

    Where `settings.max_missing` is above 0, inputs may be missing (NaN). `adjustment` is added to the target first: it
    corrects level shifts (`inference.levels`). ModelError where a number is not finite or there are too few rows.
    """
    _check(data, settings)
    digest = data_digest(data.rows, data.target, data.serials)
    adjusted = data if adjustment is None else TrainingData(data.rows, data.target + adjustment, data.serials)
    contents, metrics = load_kind(kind).train(adjusted, settings)
    return TrainedModel(kind, settings.inputs, contents, metrics, digest)


def _check(data: TrainingData, settings: TrainingSettings) -> None:
    rows, target, inputs = data.rows, data.target, settings.inputs
    if rows.shape != (len(data), len(inputs)) or target.shape != (len(data),):
        raise ModelError(
            f"training data of shape {rows.shape} with {target.shape} outcomes does not fit "
            f"{len(data)} serials and {len(inputs)} inputs",
            ModelReason.MISMATCH,
        )
    nan_allowed = settings.max_missing > 0
    bad = ~((np.isfinite(rows) | (np.isnan(rows) & nan_allowed)).all(axis=1) & np.isfinite(target))
    if bad.any():
        raise ModelError(
            f"training data has {int(bad.sum())} rows with a number that is missing or infinite; leave them out",
            ModelReason.MISMATCH,
        )

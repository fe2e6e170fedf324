"""Training of a gate model of any kind: the data checked, named by its digest, and handed to the kind.

The same rows and settings give the same model on the same machine, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.digest import data_digest
from inference.kinds import kind_named
from inference.models.kind import Contents, TrainingData, TrainingMetrics, TrainingSettings
from monitor.errors import ModelError, ModelReason
from monitor.model import Floats
from monitor.ports import GateModel


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A trained model, what it takes and how good it is; not yet packaged."""

    kind: str
    inputs: tuple[str, ...]
    contents: Contents
    metrics: TrainingMetrics
    data_digest: str

    def model(self, digest: str = "") -> GateModel:
        """The model itself, as its package will give it back."""
        return kind_named(self.kind).load(self.inputs, self.contents, digest)


def train(
    data: TrainingData, settings: TrainingSettings, kind: str = "shape", lift: Floats | None = None
) -> TrainedModel:
    """Train and calibrate a model of a kind.

    Where `settings.max_missing` is above 0, inputs may be missing (NaN). `lift` is added to the target first: it brings
    outcomes from before a change to the level after it (`inference.levels`). ModelError where a number is not finite or
    there are too few rows.
    """
    _check(data, settings)
    digest = data_digest(data.rows, data.target, data.serials)
    lifted = data if lift is None else TrainingData(data.rows, data.target + lift, data.serials)
    contents, metrics = kind_named(kind).train(lifted, settings)
    return TrainedModel(kind, settings.inputs, contents, metrics, digest)


def _check(data: TrainingData, settings: TrainingSettings) -> None:
    rows, target, inputs = data.rows, data.target, settings.inputs
    if rows.shape != (len(data), len(inputs)) or target.shape != (len(data),):
        raise ModelError(
            f"training data of shape {rows.shape} with {target.shape} outcomes does not fit "
            f"{len(data)} serials and {len(inputs)} inputs",
            ModelReason.MISMATCH,
        )
    may_lack = settings.max_missing > 0
    bad = ~((np.isfinite(rows) | (np.isnan(rows) & may_lack)).all(axis=1) & np.isfinite(target))
    if bad.any():
        raise ModelError(
            f"training data has {int(bad.sum())} rows with a number that is missing or infinite; leave them out",
            ModelReason.MISMATCH,
        )

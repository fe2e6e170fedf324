"""Training of a gate model of any kind: checks the data, computes its digest, and calls the kind.

The same rows and settings give the same model on the same machine, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from inference.digest import data_digest
from inference.kinds import load_kind
from inference.models.kind import Contents, TrainingData, TrainingMetrics, TrainingSettings
from monitor.errors import ModelError, ModelReason
from monitor.model import Floats
from monitor.ports import GateModel


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A trained model with its inputs and metrics; not yet packaged.

    `categories` has the levels of the inputs that are categories, `target` the name of what it predicts, if known.
    """

    kind: str
    inputs: tuple[str, ...]
    contents: Contents
    metrics: TrainingMetrics
    data_digest: str
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    target: str = ""

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
    digest = data_digest(data.rows, data.target, data.serials, data.planned, data.weights)
    adjusted = data if adjustment is None else replace(data, target=data.target + adjustment)
    contents, metrics = load_kind(kind).train(adjusted, settings)
    return TrainedModel(kind, settings.inputs, contents, metrics, digest, settings.categories)


def _check(data: TrainingData, settings: TrainingSettings) -> None:
    if not _fits(data, settings):
        shape = data.rows.shape if isinstance(data.rows, np.ndarray) else (len(data.rows),)
        raise ModelError(
            f"training data of shape {shape} with {data.target.shape} outcomes does not fit "
            f"{len(data)} serials and {len(settings.inputs)} inputs",
            ModelReason.MISMATCH,
        )
    finite = np.isfinite(data.target)
    for rows in (data.rows, data.planned):
        if isinstance(rows, np.ndarray):
            finite &= (np.isfinite(rows) | (np.isnan(rows) & (settings.max_missing > 0))).all(axis=1)
    if not finite.all():
        raise ModelError(
            f"training data has {int((~finite).sum())} rows with a number that is missing or infinite; leave them out",
            ModelReason.MISMATCH,
        )


def _fits(data: TrainingData, settings: TrainingSettings) -> bool:
    sizes = len(data.rows) == len(data) and data.target.shape == (len(data),) and len(data.groups) in (0, len(data))
    tables = [rows for rows in (data.rows, data.planned) if isinstance(rows, np.ndarray)]
    return sizes and all(rows.shape == (len(data), len(settings.inputs)) for rows in tables)

"""The port of gate model kinds: training data and settings, package contents, and the protocol.

A kind is a module with a constant `KIND`, listed in `inference.kinds`. The module holds everything specific to it: the
architecture, fitting and calibration, and what its packages hold in addition to every package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats
from monitor.ports import GateModel

Tensors = Mapping[str, NDArray[Any]]
"""Arrays of numbers by name, all finite."""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Parts in order of time: rows (parts, inputs), the characteristic (parts,) and the serial of each part.

    Numbers are finite; where the settings allow missing inputs, these are NaN in `rows`.
    """

    rows: Floats
    target: Floats
    serials: Sequence[str]

    def __len__(self) -> int:
        return len(self.serials)

    def at(self, rows: NDArray[np.bool_]) -> TrainingData:
        """The chosen parts."""
        serials = [serial for serial, chosen in zip(self.serials, rows.tolist(), strict=True) if chosen]
        return TrainingData(self.rows[rows], self.target[rows], serials)


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """A gate's model settings from the plant file; a kind uses those that apply to it.

    `inputs` names the columns, the `profile_count` points of the profile first; `line` says whether these are points of
    one line. `coverage` is the nominal coverage of the intervals, `max_missing` the share of inputs that may be
    missing.
    """

    inputs: tuple[str, ...]
    profile_count: int
    coverage: float
    epochs: int
    seed: int
    max_missing: float = 0.0
    line: bool = True


@dataclass(frozen=True, slots=True)
class TrainingMetrics:
    """Metrics on the validation part, and the rows of each part; MAE in the target's unit.

    `epochs` is the epoch whose weights are used; 0 for a kind without epochs.
    """

    rows: int
    training_rows: int
    calibration_rows: int
    validation_rows: int
    epochs: int
    r2: float
    mae: float
    naive_mae: float
    coverage: float
    skill: float


@dataclass(frozen=True, slots=True)
class Contents:
    """A kind's part of a package: manifest entries as JSON values, and tensors."""

    entries: Mapping[str, object]
    tensors: Tensors


class ModelKind(Protocol):
    """A kind of gate model. The same data and settings give the same contents, bit for bit on the same machine."""

    def warm_up(self) -> None:
        """Import now what the first training would import."""

    def train(self, data: TrainingData, settings: TrainingSettings) -> tuple[Contents, TrainingMetrics]:
        """Train and calibrate a model, and validate it on parts that it has not seen.

        `inference.models.fitting.split` assigns the parts: no weight is fitted to a calibration or validation part,
        because callers of `held_out` rely on that. ModelError TOO_FEW_ROWS where a part has too few rows.
        """

    def load(self, inputs: tuple[str, ...], contents: Contents, digest: str) -> GateModel:
        """The model of a package.

        The contents are untrusted: pydantic's ValidationError for an invalid entry; ValueError where they do not fit
        together, with a text that completes a sentence beginning "model package X".
        """

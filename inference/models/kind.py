"""The port of gate model kinds: what a kind is given to train on, what it makes of it, and how that comes back.

A kind is a module with a constant `KIND`, named in `inference.kinds`. Everything particular to it stands there: what it
computes, how it is fitted and calibrated, and what its packages hold besides what every package holds.
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

    A number is finite, or NaN in `rows` where an input is missing, which only is where the settings allow it.
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
    """What the plant file says of a gate's model; a kind uses what concerns it.

    `inputs` names the columns, the `profile_count` points of the profile first; `line` says whether these are points of
    one line. `coverage` is what the intervals are to hold, `max_missing` the share of inputs that a part may lack.
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
    """What was measured on the validation part, and how many rows each part had; R², MAE in the target's unit.

    `epochs` is the number of passes whose result is used; 0 for a kind that makes none.
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
    """What a kind keeps in a package: entries of the manifest as JSON values, and tensors."""

    entries: Mapping[str, object]
    tensors: Tensors


class ModelKind(Protocol):
    """A kind of gate model. The same data and settings give the same contents, bit for bit on the same machine."""

    def warm_up(self) -> None:
        """Import now what the first training would."""

    def train(self, data: TrainingData, settings: TrainingSettings) -> tuple[Contents, TrainingMetrics]:
        """Train and calibrate a model, and measure it on parts that it has not seen.

        Which part is for what, `inference.models.fitting.split` says: nothing is fitted to a calibration or validation
        part, for `held_out` promises that to everyone else. ModelError TOO_FEW_ROWS where a part has too few rows.
        """

    def load(self, inputs: tuple[str, ...], contents: Contents, digest: str) -> GateModel:
        """The model of a package.

        The contents may come from anybody: pydantic's ValidationError where an entry is not what it must be, else
        ValueError, its text the end of a sentence that begins with "model package X", where they do not fit together.
        """

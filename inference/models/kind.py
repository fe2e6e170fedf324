"""The port of gate model kinds: training data and settings, package contents, and the protocol.

A kind is a module with a constant `KIND`, listed in `inference.kinds`. The module holds everything specific to it: the
architecture, fitting and calibration, and what its packages hold in addition to every package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from monitor.model import Floats, Prediction
from monitor.pictures import Picture
from monitor.ports import GateModel

Tensors = Mapping[str, NDArray[Any]]
"""Arrays of numbers by name, all finite."""


Items = Floats | Sequence[Picture]
"""What a kind judges, one a part: rows of numbers (parts, inputs), or for the kind `image` pictures."""


@dataclass(frozen=True, slots=True)
class Times:
    """When each part passed the gate and when its outcome became available: seconds since an epoch, (parts,)."""

    passed: Floats
    available: Floats

    def at(self, rows: NDArray[np.bool_]) -> Times:
        """Those of the chosen parts."""
        return Times(self.passed[rows], self.available[rows])


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Parts in order of time: rows (parts, inputs), the characteristic (parts,) and the serial of each part.

    Numbers are finite; where the settings allow missing inputs, these are NaN in `rows`. A category is the index of its
    level in `TrainingSettings.categories`, a class the index of its name in `TrainingSettings.classes`. `groups` names
    what the parts share (lot, tile, run); empty where that is not known. Parts of a group are never on both sides of a
    split. `times` None: each outcome was known before the next part, and the order may mean nothing.

    `planned` (parts, inputs) are the rows as they were known when the parts were judged: with the planned values of
    later steps, where `rows` have those that came to be. A model is fitted to `rows`; whatever calibrates or measures
    it is predicted from `planned`. None where they are the same; only with `times`.

    `weights` (parts,) say how many parts each stands for, such as those of which only an audited share has an outcome;
    None: one each.
    """

    rows: Items
    target: Floats
    serials: Sequence[str]
    groups: Sequence[str] = ()
    times: Times | None = None
    planned: Floats | None = None
    weights: Floats | None = None

    def __len__(self) -> int:
        return len(self.serials)

    def at(self, rows: NDArray[np.bool_]) -> TrainingData:
        """The chosen parts."""
        chosen = np.flatnonzero(rows).tolist()
        serials, groups = ([names[i] for i in chosen] if names else () for names in (self.serials, self.groups))
        items = self.rows[rows] if isinstance(self.rows, np.ndarray) else [self.rows[i] for i in chosen]
        times, planned, weights = (
            self.times.at(rows) if self.times else None,
            None if self.planned is None else self.planned[rows],
            weights_at(self.weights, rows),
        )
        return TrainingData(items, self.target[rows], serials, groups, times, planned, weights)

    @property
    def table(self) -> Floats:
        """The rows of a kind that judges numbers."""
        assert isinstance(self.rows, np.ndarray)  # noqa: S101 - narrows the type
        return self.rows

    @property
    def as_judged(self) -> Floats:
        """The rows of a kind that judges numbers, as they were known when the parts were judged."""
        return self.table if self.planned is None else self.planned


def weights_at(weights: Floats | None, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Floats | None:
    """The weights of the chosen parts."""
    return None if weights is None else np.asarray(weights[rows])


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """A gate's model settings from the plant file; a kind uses those that apply to it.

    `inputs` names the columns, the `profile_count` points of the profile first; `line` says whether these are points of
    one line. `coverage` is the nominal coverage of the intervals, `max_missing` the share of inputs that may be
    missing. `categories` has the levels of each input that is a category. Where the characteristic is a class,
    `classes` names them, and `good` is the one of a part without defect ('': none of them is). With `refit` a kind that
    can do so fits its final model to all parts, after it was measured on parts held out; nobody may then count on
    `inference.models.fitting.held_out`.
    """

    inputs: tuple[str, ...]
    profile_count: int
    coverage: float
    epochs: int
    seed: int
    max_missing: float = 0.0
    line: bool = True
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    good: str = ""
    refit: bool = False


@dataclass(frozen=True, slots=True)
class TrainingMetrics:
    """Metrics on parts that the weights were not fitted to, and the rows of each part of the data.

    `epochs` is the epoch whose weights are used; 0 for a kind without epochs. `skill` is 1 - loss / loss of the naive
    baseline, the loss being absolute error for a number and the log loss for classes. `quality` has the kind's further
    numbers by name, such as `r2`, `mae` (in the target's unit), `auroc`, `accuracy`, `brier`. With times, the metrics
    are those of the newest parts, predicted by what was learnt from the parts before.
    """

    rows: int
    training_rows: int
    calibration_rows: int
    validation_rows: int
    epochs: int
    coverage: float
    skill: float
    quality: Mapping[str, float] = field(default_factory=dict)

    def numbers(self) -> dict[str, float]:
        """All of them by name."""
        own = {name: value for name, value in asdict(self).items() if name != "quality"}
        return {**own, **self.quality}


class Entry(BaseModel):
    """Entries of a manifest, which are untrusted: all that are named and no others, every number finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What was predicted of training parts, by serial, each by a model that was not fitted to it."""

    serials: Sequence[str]
    predictions: Sequence[Prediction]

    @classmethod
    def of_intervals(
        cls, serials: Sequence[str], value: Floats, half_width: Floats, distance: Floats, limit: float
    ) -> HeldOut:
        """From arrays (parts,) of values, half widths of their intervals, and distances."""
        rows = np.stack([value, value - half_width, value + half_width, distance], axis=1).tolist()
        return cls(serials, [Prediction(at, low, high, far, limit) for at, low, high, far in rows])


@dataclass(frozen=True, slots=True)
class Contents:
    """A kind's part of a package: manifest entries as JSON values, tensors, and predictions of parts held out."""

    entries: Mapping[str, object]
    tensors: Tensors
    held_out: HeldOut | None = None


class ModelKind(Protocol):
    """A kind of gate model. The same data and settings give the same contents, bit for bit on the same machine."""

    def warm_up(self) -> None:
        """Import now what the first training would import."""

    def train(self, data: TrainingData, settings: TrainingSettings) -> tuple[Contents, TrainingMetrics]:
        """Train and calibrate a model, and validate it on parts that it has not seen.

        Contents without parts held out: `inference.models.fitting.split` assigned the parts and no weight was fitted to
        a calibration or validation part, because callers of `held_out` rely on that. ModelError TOO_FEW_ROWS where a
        part has too few rows.
        """

    def load(self, inputs: tuple[str, ...], contents: Contents, digest: str) -> GateModel:
        """The model of a package.

        The contents are untrusted: pydantic's ValidationError for an invalid entry; ValueError where they do not fit
        together, with a text that completes a sentence beginning "model package X".
        """

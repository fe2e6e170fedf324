"""The kind `shape`: training, calibration and package contents.

An autoencoder of the profile tells how far a part lies from the training parts (`inference.models.shape_network`); a
Gaussian process predicts the characteristic (`inference.models.shape_regression`). Packages of before, which hold no
such process, predict it by their network, with one width for all intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from pydantic import Field

from inference.models.categories import counts, spread, with_usual_levels
from inference.models.fitting import check_sizes, distance_limit, measure, split
from inference.models.gaps import Gaps, GapsEntry, learn_gaps
from inference.models.kind import Contents, Entry, Tensors, TrainingData, TrainingMetrics, TrainingSettings
from inference.models.shape_autoencoder import fit_autoencoder
from inference.models.shape_network import ShapeNetwork, ShapeSizes, run_padded
from inference.models.shape_regression import (
    TENSORS,
    Learnt,
    Regression,
    fit_regression,
    refit_regression,
    regression_of,
)
from inference.vision.threads import one_thread
from monitor.model import Floats, Prediction


class SizesEntry(Entry):
    """The sizes of the network; bounded, so that a manifest cannot ask for a network that fills the memory."""

    profile: int = Field(ge=3, le=1024)
    covariates: int = Field(ge=0, le=1024)
    code: int = Field(ge=1, le=1024)
    hidden: int = Field(ge=1, le=1024)


class CalibrationEntry(Entry):
    """The calibration, as `Calibration`."""

    coverage: float = Field(gt=0, lt=1)
    half_width: float | None = Field(default=None, ge=0)
    distance_limit: float = Field(gt=0)
    skill: float


class RegressionEntry(Entry):
    """What a Gaussian process needs beside its tensors, as `Regression`; `levels` as `ShapeModel.levels`."""

    power: float = Field(ge=0, le=1)
    quantile: float = Field(ge=0)
    levels: tuple[int, ...]


class Entries(Entry):
    """The manifest entries of a shape model; packages of before have no regression, and a half width instead."""

    sizes: SizesEntry
    calibration: CalibrationEntry
    gaps: GapsEntry | None = None
    regression: RegressionEntry | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """What turns outputs into predictions, from rows that nothing was fitted to.

    `distance_limit` is in standard deviations; `skill` is 1 - error / error of the naive baseline. `half_width` is
    half of every interval at `coverage` in a package of before, in the characteristic's unit.
    """

    coverage: float
    distance_limit: float
    skill: float
    half_width: float | None = None


class ShapeModel:
    """An autoencoder with a regression and calibration: the `GateModel` of a measured profile.

    The distance of a prediction is the reconstruction error if offset, tilt and covariates lie within their widened
    training ranges; otherwise it is at least (2 + excess) times the limit, so that a part outside a range is always out
    of distribution. `levels` has for each input the number of levels of a category, 0 for a number; the network and the
    regression take a column a level.
    """

    def __init__(
        self,
        network: ShapeNetwork,
        inputs: Sequence[str],
        calibration: Calibration,
        digest: str,
        gaps: Gaps | None = None,
        regression: Regression | None = None,
        levels: Sequence[int] = (),
    ) -> None:
        self._levels = tuple(levels) or (0,) * network.sizes.inputs
        if len(inputs) != len(self._levels):
            raise ValueError(f"expected {len(self._levels)} inputs, not {len(inputs)}")
        self.network = network.eval()
        self.regression = regression
        self._inputs = tuple(inputs)
        self.calibration = calibration
        self._digest = digest
        self.gaps = gaps
        self._needed = self._inputs if gaps is None else gaps.needed(self._inputs)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Feature names, profile first, in the order of the columns."""
        return self._inputs

    @property
    def needed(self) -> tuple[str, ...]:
        """The inputs that are not ignored."""
        return self._needed

    @property
    def max_missing(self) -> float:
        """Share of the needed inputs that may be missing; 0 where none may."""
        return 0.0 if self.gaps is None else self.gaps.most

    @property
    def digest(self) -> str:
        """SHA-256 of the package's manifest."""
        return self._digest

    @property
    def skill(self) -> float:
        """1 - error / error of the naive baseline."""
        return self.calibration.skill

    @property
    def coverage(self) -> float:
        """Nominal coverage of the interval."""
        return self.calibration.coverage

    def predict(self, rows: Floats) -> Sequence[Prediction]:
        """A prediction per row of (rows, inputs); ValueError for another shape. How rows are split changes no bit."""
        if rows.ndim != 2 or rows.shape[1] != len(self._inputs):
            raise ValueError(f"expected rows of {len(self._inputs)} inputs, not an array of shape {rows.shape}")
        complete = spread(rows if self.gaps is None else self.gaps.filled(rows), self._levels)
        value, half, error, excess = self._outputs(complete)
        limit = self.calibration.distance_limit
        distance = np.where(excess > 0, np.maximum(error, limit * (2 + excess)), error)
        numbers = np.stack([value, value - half, value + half, distance], axis=1).tolist()
        return [Prediction(value, low, high, distance, limit) for value, low, high, distance in numbers]

    def _outputs(self, rows: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Value, half width, reconstruction error, excess (rows,)."""
        if self.regression is not None:
            error, excess = run_padded(self.network, rows).T
            return *self.regression.predict(rows), error, excess
        error, excess, value = run_padded(self.network, rows).T
        assert self.calibration.half_width is not None  # noqa: S101 - narrows the type
        return value, np.full(len(rows), self.calibration.half_width), error, excess


class ShapeKind:
    """The shape model as a kind of gate model."""

    def warm_up(self) -> None:
        """Torch imports its compiler with the first optimiser."""
        torch.optim.AdamW([torch.zeros(1, requires_grad=True)])

    def train(self, data: TrainingData, settings: TrainingSettings) -> tuple[Contents, TrainingMetrics]:
        """Fit autoencoder and regression, calibrate interval and distance limit, and compute the metrics.

        Where inputs may be missing, fill values come from the training part, and rows that lack too many are left out.
        With `settings.refit` the regression is then fitted to all rows; the metrics are those of the one before.
        """
        levels, gaps = counts(settings), None
        if settings.max_missing:
            training = data.table[split(data.serials, data.groups)["train"]]
            gaps = with_usual_levels(learn_gaps(training, settings.max_missing), training, levels)
            usable = data.at(gaps.acceptable(data.table))
            data = replace(usable, rows=gaps.filled(usable.table))
        parts = split(data.serials, data.groups)
        check_sizes(parts, settings.coverage)
        learnt = Learnt(spread(data.table, levels), data.target, data.groups or data.serials)
        points = settings.profile_count
        sizes = ShapeSizes(points, learnt.rows.shape[1] - points)
        known = np.sort(np.concatenate([parts["train"], parts["stopping"]]))
        with one_thread():
            network, epochs = fit_autoencoder(learnt.rows, parts, sizes, settings)
            error, _ = run_padded(network, learnt.rows).T
            regression = fit_regression(learnt.at(known), learnt.at(parts["calibration"]), points, settings)
            metrics = measure(data.target, *regression.predict(learnt.rows), parts, epochs)
            if settings.refit:
                regression = refit_regression(learnt, points, settings)
        limit = distance_limit(error[parts["calibration"]], 1e-6)
        return _contents(
            network, Calibration(settings.coverage, limit, metrics.skill), gaps, regression, levels
        ), metrics

    def load(self, inputs: tuple[str, ...], contents: Contents, digest: str) -> ShapeModel:
        """The model of a package, after checking that its entries and tensors fit together."""
        entries = Entries.model_validate(contents.entries)
        sizes = ShapeSizes(**entries.sizes.model_dump())
        own = entries.regression
        if (own is None) == (entries.calibration.half_width is None):
            raise ValueError("has both a half width of its intervals and a regression, or neither")
        levels = (0,) * sizes.inputs if own is None else own.levels
        _check_levels(levels, sizes)
        if len(inputs) != len(levels):
            raise ValueError(
                f"names {len(inputs)} inputs for a network of {sizes.profile} points and {sizes.covariates} covariates"
            )
        network, regression = ShapeNetwork(sizes, regression=own is None), None
        tensors = dict(contents.tensors)
        if own is not None:
            regression = regression_of(tensors, sizes, own.power, own.quantile)
            tensors = {name: tensor for name, tensor in tensors.items() if name not in TENSORS}
        _fill(network, tensors)
        gaps = None if entries.gaps is None else Gaps(**entries.gaps.model_dump())
        calibration = Calibration(**entries.calibration.model_dump())
        return ShapeModel(network, inputs, calibration, digest, gaps, regression, levels)


KIND = ShapeKind()


def _contents(
    network: ShapeNetwork,
    calibration: Calibration,
    gaps: Gaps | None,
    regression: Regression,
    levels: tuple[int, ...],
) -> Contents:
    calibrated = asdict(calibration)
    del calibrated["half_width"]
    entries = {
        "sizes": asdict(network.sizes),
        "calibration": calibrated,
        "gaps": None if gaps is None else asdict(gaps),
        "regression": {"power": regression.power, "quantile": regression.quantile, "levels": levels},
    }
    own = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    return Contents(entries, {**own, **regression.tensors()})


def _check_levels(levels: Sequence[int], sizes: ShapeSizes) -> None:
    if any(levels[: sizes.profile]) or min(levels, default=0) < 0 or sum(max(1, n) for n in levels) != sizes.inputs:
        raise ValueError(f"has categories that do not fit its network of {sizes.inputs} columns")


def _fill(network: ShapeNetwork, tensors: Tensors) -> None:
    expected = {name: (tuple(tensor.shape), np.dtype(np.float64)) for name, tensor in network.state_dict().items()}
    actual = {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}
    if expected != actual:
        wrong = sorted(name for name in expected.keys() | actual.keys() if expected.get(name) != actual.get(name))
        raise ValueError(f"has weights that do not fit its architecture ({', '.join(wrong[:3])})")
    network.load_state_dict({name: torch.tensor(tensor) for name, tensor in tensors.items()})

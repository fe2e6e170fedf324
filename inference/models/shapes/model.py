"""The model of the kind `shape`: what its package holds, and its predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from inference.models.categories import spread
from inference.models.gaps import Gaps, GapsEntry
from inference.models.kind import Entry
from inference.models.shapes.network import ShapeNetwork, run_padded
from inference.models.shapes.regression import Regression
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

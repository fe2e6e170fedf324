"""The characteristic from a profile and covariates: a Gaussian process on principal components of the profile.

Offset and tilt of the whole profile are split off first, as in `inference.models.shapes.network`; the principal
components of what is left, as many as stand out of the gauge's noise, the offset, the tilt and the covariates are the
inputs of the process. The interval is
normalised conformal (Papadopoulos et al., "Normalized nonconformity measures for regression conformal prediction",
2008): a quantile of |error| / scale, times the part's own scale, which is a power of the process's standard deviation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from inference.models.fitting import BEFORE_FORWARD, Rows, capped_quantile, conformal_quantile, lot_quantile
from inference.models.gaussian_process import Fitted, GaussianProcess, fit, from_tensors
from inference.models.kind import Tensors, TrainingSettings, weights_at
from inference.models.shapes.network import BATCH, ShapeSizes, alignment, multiply_by_row
from inference.models.shapes.process_deviations import deviations
from monitor.model import Floats

POWERS = (1.0, 0.5, 0.0)
"""Powers of the standard deviation that may scale the interval; 0: all intervals are of one width."""
_ENERGY = 0.9995  # of the shapes' variance in the principal components
_MOST = 14  # principal components
_FEWEST = 2  # of a line
_FEW = 1000  # rows; above, the parameters are those of at most half of them
_FOLDS = 8
_BOUND = 1e100  # keeps sums of products finite


@dataclass(frozen=True, slots=True)
class Projection:
    """Regressors of a row: (profile - `centre` (points,)) times `basis` (points, scores), then the covariates."""

    centre: Floats
    basis: Floats

    def regressors(self, rows: Floats) -> Floats:
        """Of rows (rows, points + covariates) those (rows, scores + covariates); each depends on its row alone."""
        points = len(self.centre)
        bounded = np.ascontiguousarray(np.clip(rows, -_BOUND, _BOUND))
        profile, weight = torch.from_numpy(bounded[:, :points] - self.centre), torch.from_numpy(self.basis.T.copy())
        scores = torch.cat([multiply_by_row(part, weight) for part in torch.split(profile, BATCH)])
        return np.concatenate([scores.numpy(), bounded[:, points:]], axis=1)


@dataclass(frozen=True, slots=True)
class Regression:
    """A process over projected rows; half a part's interval is `quantile` times its deviation to the `power`."""

    projection: Projection
    process: GaussianProcess
    power: float
    quantile: float

    def predict(self, rows: Floats) -> tuple[Floats, Floats]:
        """Values and half widths (rows,) of rows (rows, points + covariates); each depends on its row alone."""
        value, deviation = self.process.predict(self.projection.regressors(rows))
        return value, self.quantile * deviation**self.power

    def tensors(self) -> dict[str, Floats]:
        """The arrays by name, for a package."""
        own = {"pca_centre": self.projection.centre, "pca_basis": self.projection.basis}
        return {**own, **self.process.tensors()}


TENSORS = frozenset({"pca_centre", "pca_basis"}) | GaussianProcess.names()
"""The names of a regression's tensors."""


def regression_of(tensors: Tensors, sizes: ShapeSizes, power: float, quantile: float) -> Regression:
    """The regression of a package; ValueError where its arrays do not fit the sizes and each other."""
    centre, basis = (tensors.get(name, np.empty(0)) for name in ("pca_centre", "pca_basis"))
    fits = centre.shape == (sizes.profile,) and basis.ndim == 2 and len(basis) == sizes.profile
    if not fits or centre.dtype != np.float64 or basis.dtype != np.float64:
        raise ValueError(f"has principal components that do not fit its {sizes.profile} points")
    process = from_tensors(tensors, basis.shape[1] + sizes.covariates)
    return Regression(Projection(centre, basis), process, power, quantile)


@dataclass(frozen=True, slots=True)
class Learnt:
    """What a regression is made from: rows (rows, points + covariates), outcomes, and labels: rows of one go together.

    A label is a lot where lots are known, else a serial. `planned` as in `inference.models.kind.TrainingData`.
    `weights` (rows,) count in the calibration of intervals in time; the process is fitted without them.
    """

    rows: Floats
    target: Floats
    labels: Sequence[str]
    planned: Floats | None = None
    weights: Floats | None = None

    def at(self, rows: Rows) -> Learnt:
        """The chosen rows."""
        labels, planned = [self.labels[i] for i in rows.tolist()], None if self.planned is None else self.planned[rows]
        return Learnt(self.rows[rows], self.target[rows], labels, planned, weights_at(self.weights, rows))

    @property
    def as_judged(self) -> Floats:
        """The rows as they were known when the parts were judged."""
        return self.rows if self.planned is None else self.planned


def fit_regression(known: Learnt, calibrating: Learnt, points: int, settings: TrainingSettings) -> Regression:
    """Fitted to the known rows, its interval calibrated on others."""
    projection, fitted = _fitted(known, points, settings)
    mean, deviation = fitted.leave_out(known.labels)
    power = best_power(np.abs(known.target - mean), deviation, settings.coverage)
    value, deviation = fitted.process.predict(projection.regressors(calibrating.rows))
    scores = np.abs(calibrating.target - value) / deviation**power
    return Regression(projection, fitted.process, power, conformal_quantile(scores, settings.coverage))


def refit_regression(known: Learnt, points: int, settings: TrainingSettings) -> Regression:
    """Fitted to all rows; each label, predicted without it, calibrates the interval.

    Of many rows the closed form leaves each label out, with the parameters of all. Few rows choose parameters that suit
    just them: such intervals of 100 parts covered 76 % for 90 %. So these are predicted by processes that were fitted
    without their label from the start.
    """
    projection, fitted = _fitted(known, points, settings)
    if len(known.rows) <= _FEW:
        place = {label: i for i, label in enumerate(dict.fromkeys(known.labels))}
        fold_of = np.array([place[label] % _FOLDS for label in known.labels], dtype=np.intp)
        mean, deviation = out_of_fold(known, fold_of, points, settings)
    else:
        mean, deviation = fitted.leave_out(known.labels)[0], deviations(fitted, known.labels)
    error = np.abs(known.target - mean)
    power = best_power(error, deviation, settings.coverage)
    quantile = conformal_quantile(error / deviation**power, settings.coverage)
    return Regression(projection, fitted.process, power, quantile)


@dataclass(frozen=True, slots=True)
class InTime:
    """A regression of all rows, and what the regressions of the other folds said of each: value and half width (rows,).

    The half widths are those of quantiles from the other folds. `forward` is the value by the folds before only; NaN
    for the first `BEFORE_FORWARD` folds.
    """

    regression: Regression
    value: Floats
    half_width: Floats
    forward: Floats


@dataclass(frozen=True, slots=True)
class InWhole:
    """What is fitted to all rows, and the value (rows,) by the folds before only, as `InTime.forward`."""

    projection: Projection
    process: GaussianProcess
    forward: Floats


def fit_in_time(known: Learnt, fold_of: Rows, points: int, settings: TrainingSettings) -> InWhole:
    """Fitted to all rows; of the newest fold, which all folds before it predict out of fold, `forward` is NaN."""
    projection, fitted = _fitted(known, points, settings)
    return InWhole(projection, fitted.process, _forward(known, fold_of, points, settings))


def regression_in_time(
    known: Learnt, fold_of: Rows, settings: TrainingSettings, whole: InWhole, said: Sequence[Floats]
) -> InTime:
    """The regression of all rows; each fold, predicted by the others, calibrates the interval with the lot as its unit.

    `said` is what `out_of_fold` returned. The folds are contiguous in time, so that a process that moves on widens the
    intervals.
    """
    mean, deviation = said
    error = np.abs(known.target - mean)
    power = best_power(error, deviation, settings.coverage)
    scale = deviation**power
    scores, lots = error / scale, np.array(known.labels, dtype=object)
    half = np.empty(len(scale))
    for fold in np.unique(fold_of).tolist():
        here, weights = fold_of == fold, weights_at(known.weights, fold_of != fold)
        half[here] = lot_quantile(scores[~here], settings.coverage, lots[~here].tolist(), weights) * scale[here]
    quantile = lot_quantile(scores, settings.coverage, known.labels, known.weights)
    newest = fold_of == fold_of.max()
    forward = np.where(newest, mean, whole.forward)  # by all folds before it already
    return InTime(Regression(whole.projection, whole.process, power, quantile), mean, half, forward)


def out_of_fold(known: Learnt, fold_of: Rows, points: int, settings: TrainingSettings) -> tuple[Floats, Floats]:
    """Mean and deviation (rows,) of each row, from a process fitted to the folds that it is not in."""
    mean, deviation = np.empty(len(fold_of)), np.empty(len(fold_of))
    fitted = None
    for fold in np.unique(fold_of).tolist():
        inside, others = np.flatnonzero(fold_of == fold), np.flatnonzero(fold_of != fold)
        projection, fitted = _fitted(known.at(others), points, settings, fitted)
        mean[inside], deviation[inside] = fitted.process.predict(projection.regressors(known.as_judged[inside]))
    return mean, deviation


def _forward(known: Learnt, fold_of: Rows, points: int, settings: TrainingSettings) -> Floats:
    """Mean (rows,) of the rows of the middle folds, each from a process fitted to the folds before; NaN elsewhere."""
    mean, fitted = np.full(len(fold_of), np.nan), None
    for fold in range(BEFORE_FORWARD, int(fold_of.max())):
        inside, before = np.flatnonzero(fold_of == fold), np.flatnonzero(fold_of < fold)
        projection, fitted = _fitted(known.at(before), points, settings, fitted)
        mean[inside], _ = fitted.process.predict(projection.regressors(known.as_judged[inside]))
    return mean


def best_power(error: Floats, deviation: Floats, coverage: float) -> float:
    """The power of the deviation (rows,) whose scaled intervals have the least interval score; the first of equals.

    The score is half the width plus what an error exceeds it by, over the share that may lie outside (Gneiting and
    Raftery, "Strictly proper scoring rules, prediction, and estimation", 2007). The width alone would pay for narrow
    intervals where parts are hard to predict.
    """

    def score(power: float) -> float:
        half = capped_quantile(error / deviation**power, coverage) * deviation**power
        return float((half + np.maximum(error - half, 0.0) / (1 - coverage)).mean())

    return min(POWERS, key=score)


def _fitted(
    known: Learnt, points: int, settings: TrainingSettings, like: Fitted | None = None
) -> tuple[Projection, Fitted]:
    projection = learn_projection(known.rows[:, :points], settings.line)
    process = None if like is None else like.process
    return projection, fit(projection.regressors(known.rows), known.target, settings.seed, like=process)


def learn_projection(profile: Floats, line: bool) -> Projection:
    """Principal components of profiles (rows, points), and for a line its offset and tilt.

    Of values that are no line, few are taken as they are.
    """
    points = profile.shape[1]
    split = alignment(ShapeSizes(points, 0), line)
    centre = profile.mean(axis=0)
    shapes = (profile - centre) @ split[:, :points]
    if line:
        modes = _modes(shapes, points - 2)
        return Projection(centre, np.ascontiguousarray(np.hstack([split[:, :points] @ modes, split[:, points:]])))
    scale = shapes.std(axis=0)
    scale = np.where(scale > 1e-9 * np.abs(profile).max(axis=0) + 1e-12, scale, 1.0)
    modes = np.eye(points) if points <= _MOST else _modes(shapes / scale, 0)
    return Projection(centre, np.ascontiguousarray(modes / scale[:, None]))


def _modes(shapes: Floats, rank: int) -> Floats:
    """Principal components (points, count) with the shapes' variance, and of `rank` (0: any) those above their noise.

    The border of the noise is that of Gavish and Donoho ("The optimal hard threshold for singular values is 4/sqrt(3)",
    2014), from the median singular value.
    """
    _, strengths, modes = np.linalg.svd(shapes, full_matrices=False)
    energy = np.cumsum(np.square(strengths))
    count = min(_MOST, int(np.searchsorted(energy, _ENERGY * energy[-1])) + 1)
    full = min(rank, len(shapes) - 1)
    if full > 0:
        ratio = full / max(rank, len(shapes) - 1)
        border = (0.56 * ratio**3 - 0.95 * ratio**2 + 1.82 * ratio + 1.43) * np.median(strengths[:full])
        count = max(min(count, int((strengths > border).sum())), min(_FEWEST, len(strengths)))
    return np.asarray(modes[:count].T)

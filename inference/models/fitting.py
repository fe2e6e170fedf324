"""Training code that the kinds of gate models share: data splits, conformal quantiles and metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

from inference.models.forecasting import follow
from inference.models.fractions import fraction_of
from inference.models.kind import TrainingData, TrainingMetrics, weights_at
from monitor.errors import ModelError, ModelReason
from monitor.model import Floats

MIN_TRAINING_ROWS = 20
"""Minimum rows of the training part; with fewer, standard deviations and ranges are meaningless."""
BEFORE_FORWARD = 2
"""Folds before the first one that is predicted forward: two fifths of the parts have to teach something."""
MIN_PARTS = 40
"""Parts that training in folds needs; with fewer, a fold says nothing."""
NAIVE_WINDOW = 25
"""Previous outcomes in the naive baseline's median: long enough to average noise, short enough to follow a drift."""
DISTANCE_COVERAGE = 0.99
"""Share of healthy parts whose distance should lie below its limit."""
_SPLITS = (("train", 0.51), ("stopping", 0.60), ("calibration", 0.80), ("validation", 1.0))

Rows = NDArray[np.intp]


def split(serials: Sequence[str], groups: Sequence[str] = ()) -> dict[str, Rows]:
    """The rows of each part (train, stopping, calibration, validation), in order.

    A hash decides, so that all rows of a group fall into one part, whatever the other rows; where groups are not known,
    all rows of a serial.
    """
    names = np.array([_part_of(name) for name in (groups or serials)], dtype=object)
    return {name: np.flatnonzero(names == name) for name, _ in _SPLITS}


def folds(data: TrainingData, count: int = 5) -> NDArray[np.intp]:
    """For each part the fold (0 to count - 1) that predicts it: whole groups, each fold contiguous in order of time.

    Out-of-fold predictions of all parts calibrate and validate a model that is then fitted to all of them (Barber et
    al., "Predictive inference with the jackknife+", Annals of Statistics 2021, as CV+). Without groups, each part is a
    group. A group keeps the place of its first part. ModelError with fewer groups than folds.
    """
    names = list(dict.fromkeys(data.groups or range(len(data))))
    if len(names) < count:
        raise _too_few("groups", len(names), count)
    place = {name: i for i, name in enumerate(names)}
    rank = np.array([place[name] for name in (data.groups or range(len(data)))], dtype=np.intp)
    sizes = np.cumsum(np.bincount(rank))
    middle = sizes - np.bincount(rank) / 2  # folds of about as many parts each
    fold_of = np.minimum((middle * count / len(data)).astype(np.intp), count - 1)
    return np.asarray(fold_of[rank])


def held_out(serials: Sequence[str]) -> Rows:
    """The rows that no weight was fitted to, in order."""
    parts = split(serials)
    return np.sort(np.concatenate([parts["calibration"], parts["validation"]]))


def check_sizes(parts: Mapping[str, Rows], coverage: float) -> None:
    """ModelError where a part has too few rows to train, stop early, calibrate `coverage` or validate."""
    for name, needed in (
        ("train", MIN_TRAINING_ROWS),
        ("stopping", 1),
        ("calibration", _rows_needed(coverage)),
        ("validation", 2),
    ):
        if len(parts[name]) < needed:
            raise _too_few(name, len(parts[name]), needed)


def lot_quantile(scores: Floats, coverage: float, lots: Sequence[str], weights: Floats | None = None) -> float:
    """A score below which at least `coverage` of the parts of a new lot lie, from n scores with the lot of each.

    Each lot counts once, however many parts it has, and the new one counts as unknown (Lee, Barber and Willett,
    "Distribution-free inference with hierarchical data", 2023). With lots of one part this is `conformal_quantile`.
    The largest score where there are too few lots. With `weights` (n,) a part counts as so many parts of its lot
    (Tibshirani et al., "Conformal Prediction Under Covariate Shift", NeurIPS 2019); the new one counts as one lot.
    """
    _, lot_of, sizes = np.unique(np.array(lots, dtype=object), return_inverse=True, return_counts=True)
    order = np.argsort(scores, kind="stable")
    shares = np.cumsum((1.0 if weights is None else weights[order]) / sizes[lot_of[order]])
    total = len(sizes) if weights is None else shares[-1]
    place = int(np.searchsorted(shares, (total + 1) * coverage - 1e-9))
    return float(scores[order[min(place, len(order) - 1)]])


def conformal_quantile(scores: Floats, coverage: float) -> float:
    """The ceil((n + 1) * coverage)-th smallest of n scores: at least `coverage` of exchangeable new ones lie below.

    Split-conformal prediction: Papadopoulos et al., 2002; Vovk et al., 2005; Lei et al., 2018. ModelError where n is
    too small for a finite quantile.
    """
    rank = _rank(len(scores), coverage)
    if rank > len(scores):
        raise _too_few("calibration", len(scores), _rows_needed(coverage))
    return float(np.sort(scores)[rank - 1])


def capped_quantile(scores: Floats, coverage: float) -> float:
    """The conformal quantile, or the largest score if there are too few."""
    return float(np.sort(scores)[min(_rank(len(scores), coverage), len(scores)) - 1])


def distance_limit(distances: Floats, least: float) -> float:
    """The distance below which `DISTANCE_COVERAGE` of healthy parts should lie, from some that were not learnt from."""
    return max(capped_quantile(distances, DISTANCE_COVERAGE), least)


def auroc(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """The probability that a positive scores above a negative; 0.5 where one of them is missing."""
    from scipy.stats import rankdata

    yes, no = int(positive.sum()), int((~positive).sum())
    if not yes or not no:
        return 0.5
    return float((rankdata(scores)[positive].sum() - yes * (yes + 1) / 2) / (yes * no))


def naive_forecast(target: Floats, window: int = NAIVE_WINDOW) -> Floats:
    """For each value, the median of up to `window` values before it; NaN for the first."""
    return np.array([np.median(target[max(0, i - window) : i]) if i else np.nan for i in range(len(target))])


def forecast_errors(data: TrainingData, coverage: float) -> Floats:
    """By how much the forecast from the outcomes known when each part passed was wrong (parts,); NaN without one."""
    count = np.arange(len(data))
    if data.times is None:
        order, known = count, count
    else:
        order = np.argsort(data.times.available, kind="stable")
        known = np.searchsorted(data.times.available[order], data.times.passed[order], side="right")
    values = data.target[order]
    course = follow(values, np.minimum(known, count), coverage)
    errors = np.empty(len(data))
    errors[order] = np.abs(values - course.value[np.minimum(known, count)])
    return errors


def measure_in_time(data: TrainingData, value: Floats, half_width: Floats, coverage: float) -> TrainingMetrics:
    """Metrics of values (parts,) that were predicted by what was learnt from the parts before; NaN where none was.

    The naive baseline is the forecast from the outcomes that were known.
    """
    naive = forecast_errors(data, coverage)
    held = np.flatnonzero(np.isfinite(value) & np.isfinite(naive))
    every = np.arange(len(data))
    parts = {"train": every, "stopping": every[:0], "calibration": every}
    return _measured(data.target, value, half_width, naive, held, parts, 0, data.weights)


def measure(
    target: Floats,
    value: Floats,
    half_width: float | Floats,
    parts: Mapping[str, Rows],
    epochs: int,
    weights: Floats | None = None,
) -> TrainingMetrics:
    """Metrics of predicted values (parts,) on the validation part; `half_width` is half of each interval's width."""
    held = parts["validation"]
    held = held[held > 0]  # the first row has no outcome before it
    return _measured(target, value, half_width, np.abs(target - naive_forecast(target)), held, parts, epochs, weights)


def _measured(
    target: Floats,
    value: Floats,
    half_width: float | Floats,
    naive: Floats,
    held: Rows,
    parts: Mapping[str, Rows],
    epochs: int,
    weights: Floats | None,
) -> TrainingMetrics:
    """Metrics of the rows that were held out, against the errors (parts,) of the naive baseline."""
    error, counted = np.abs(target - value)[held], weights_at(weights, held)
    spread = mean_of(np.square(target[held] - mean_of(target[held], counted)), counted) if len(held) else 0.0
    mae, base = (mean_of(found, counted) if len(held) else 0.0 for found in (error, naive[held]))
    inside = error <= np.broadcast_to(half_width, target.shape)[held]
    return TrainingMetrics(
        rows=len(target),
        training_rows=len(parts["train"]) + len(parts["stopping"]),
        calibration_rows=len(parts["calibration"]),
        validation_rows=len(held),
        epochs=epochs,
        coverage=mean_of(inside, counted) if len(held) else 0.0,
        skill=1 - mae / base if base > 0 else 0.0,
        quality={
            "r2": 1 - mean_of(np.square(error), counted) / spread if spread > 0 else 0.0,
            "mae": mae,
            "naive_mae": base,
        },
    )


def mean_of(values: Floats | NDArray[np.bool_], weights: Floats | None) -> float:
    """The mean of values (rows,), each counted by its weight."""
    return float(values.mean() if weights is None else np.average(values, weights=weights))


def _part_of(serial: str) -> str:
    fraction = fraction_of(serial)
    return next(name for name, end in _SPLITS if fraction < end or end == 1.0)


def _rank(count: int, coverage: float) -> int:
    # round first: (9 + 1) * 0.9 must not become 10 by the last bit of 0.9
    return ceil(round((count + 1) * coverage, 9))


def _rows_needed(coverage: float) -> int:
    return next(n for n in range(1, 10**6) if _rank(n, coverage) <= n)


def check_count(count: int, what: str, needed: int) -> None:
    """ModelError TOO_FEW_ROWS with fewer than are needed."""
    if count < needed:
        raise ModelError(
            f"too few rows to train: there are {count} {what}, at least {needed} are needed; wait for more outcomes",
            ModelReason.TOO_FEW_ROWS,
        )


def _too_few(part: str, rows: int, needed: int) -> ModelError:
    return ModelError(
        f"too few rows to train: the {part} part has {rows}, at least {needed} are needed; wait for more outcomes",
        ModelReason.TOO_FEW_ROWS,
    )

"""The kind `shape`: training, calibration and package contents.

An autoencoder of the profile tells how far a part lies from the training parts (`inference.models.shapes.network`); a
Gaussian process predicts the characteristic (`inference.models.shapes.regression`). Packages of before, which hold no
such process, predict it by their network, with one width for all intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np
import torch

from inference.models.categories import counts, spread, with_usual_levels
from inference.models.fitting import (
    MIN_PARTS,
    check_count,
    check_sizes,
    distance_limit,
    folds,
    measure,
    measure_in_time,
    split,
)
from inference.models.gaps import Gaps, learn_gaps
from inference.models.kind import Contents, HeldOut, Tensors, TrainingData, TrainingMetrics, TrainingSettings
from inference.models.shapes.autoencoder import fit_autoencoder
from inference.models.shapes.model import Calibration, Entries, ShapeModel
from inference.models.shapes.network import ShapeNetwork, ShapeSizes, run_padded
from inference.models.shapes.regression import (
    TENSORS,
    Learnt,
    Regression,
    fit_in_time,
    fit_regression,
    out_of_fold,
    refit_regression,
    regression_in_time,
    regression_of,
)
from inference.vision.threads import one_thread
from monitor.processes import both

_OF_FOLDS = {"known": (0, 1, 2, 3, 4), "train": (0, 2, 4), "stopping": (1,), "calibration": (3,)}
"""What each of five folds in time is to the autoencoder."""


class ShapeKind:
    """The shape model as a kind of gate model."""

    def warm_up(self) -> None:
        """Torch imports its compiler with the first optimiser."""
        torch.optim.AdamW([torch.zeros(1, requires_grad=True)])

    def train(self, data: TrainingData, settings: TrainingSettings) -> tuple[Contents, TrainingMetrics]:
        """Fit autoencoder and regression, calibrate interval and distance limit, and compute the metrics.

        Where inputs may be missing, fill values come from the training part, and rows that lack too many are left out.
        With `settings.refit` the regression is then fitted to all rows; the metrics are those of the one before. With
        times, every part of the model rests on all rows, and folds that are contiguous in time calibrate it.
        """
        data, gaps = _complete(data, settings)
        if data.times is not None:
            return _train_in_time(data, gaps, settings)
        parts = split(data.serials, data.groups)
        check_sizes(parts, settings.coverage)
        learnt, sizes = _learnt(data, settings)
        known = np.sort(np.concatenate([parts["train"], parts["stopping"]]))
        with one_thread():
            network, epochs = fit_autoencoder(learnt.rows, parts, sizes, settings)
            error, _ = run_padded(network, learnt.rows).T
            regression = fit_regression(learnt.at(known), learnt.at(parts["calibration"]), sizes.profile, settings)
            metrics = measure(data.target, *regression.predict(learnt.rows), parts, epochs)
            if settings.refit:
                regression = refit_regression(learnt, sizes.profile, settings)
        limit = distance_limit(error[parts["calibration"]], 1e-6)
        calibration = Calibration(settings.coverage, limit, metrics.skill)
        return _contents(network, calibration, gaps, regression, settings), metrics

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


def _complete(data: TrainingData, settings: TrainingSettings) -> tuple[TrainingData, Gaps | None]:
    """The rows that do not lack too much, filled, and how others are filled."""
    if not settings.max_missing:
        return data, None
    training = data.table
    if data.times is None:
        training = training[split(data.serials, data.groups)["train"]]
    gaps = with_usual_levels(learn_gaps(training, settings.max_missing), training, counts(settings))
    usable = data.at(gaps.acceptable(data.table))
    planned = None if usable.planned is None else gaps.filled(usable.planned)
    return replace(usable, rows=gaps.filled(usable.table), planned=planned), gaps


def _learnt(data: TrainingData, settings: TrainingSettings) -> tuple[Learnt, ShapeSizes]:
    planned = None if data.planned is None else spread(data.planned, counts(settings))
    labels = data.groups or data.serials
    learnt = Learnt(spread(data.table, counts(settings)), data.target, labels, planned, data.weights)
    return learnt, ShapeSizes(settings.profile_count, learnt.rows.shape[1] - settings.profile_count)


def _train_in_time(
    data: TrainingData, gaps: Gaps | None, settings: TrainingSettings
) -> tuple[Contents, TrainingMetrics]:
    """Everything from all parts; what calibrates and measures is predicted by folds that are contiguous in time."""
    check_count(len(data), "parts", MIN_PARTS)
    fold_of = folds(data)
    learnt, sizes = _learnt(data, settings)
    places = {name: np.flatnonzero(np.isin(fold_of, some)) for name, some in _OF_FOLDS.items()}
    with one_thread():
        ((network, epochs), whole), said = both(
            lambda: (
                fit_autoencoder(learnt.rows, places, sizes, settings),
                fit_in_time(learnt, fold_of, sizes.profile, settings),
            ),
            lambda: out_of_fold(learnt, fold_of, sizes.profile, settings),
        )
        error, _ = run_padded(network, learnt.rows).T
        found = regression_in_time(learnt, fold_of, settings, whole, said)
    metrics = measure_in_time(data, found.forward, found.half_width, settings.coverage)
    limit = distance_limit(error[places["calibration"]], 1e-6)
    calibration = Calibration(settings.coverage, limit, metrics.skill)
    held_out = HeldOut.of_intervals(data.serials, found.value, found.half_width, error, limit)
    contents = _contents(network, calibration, gaps, found.regression, settings)
    return replace(contents, held_out=held_out), replace(metrics, epochs=epochs)


def _contents(
    network: ShapeNetwork,
    calibration: Calibration,
    gaps: Gaps | None,
    regression: Regression,
    settings: TrainingSettings,
) -> Contents:
    calibrated = asdict(calibration)
    del calibrated["half_width"]
    entries = {
        "sizes": asdict(network.sizes),
        "calibration": calibrated,
        "gaps": None if gaps is None else asdict(gaps),
        "regression": {"power": regression.power, "quantile": regression.quantile, "levels": counts(settings)},
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

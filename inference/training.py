"""Training of the shape model: split by serial, early stopping, split-conformal calibration, validation.

The same rows and seed give the same model on the same machine, bit for bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from itertools import compress
from math import ceil

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inference.digest import data_digest
from inference.models.gaps import Gaps, learn_gaps
from inference.models.shape import Calibration, ShapeNetwork, ShapeSizes, run_padded
from monitor.errors import ModelError, ModelReason
from monitor.model import Floats

MIN_TRAINING_ROWS = 20
"""Rows of the training part below which standard deviations and ranges mean nothing."""
NAIVE_WINDOW = 25
"""Previous outcomes in the naive baseline's median: long enough to average noise, short enough to follow a drift."""
DISTANCE_COVERAGE = 0.99
"""Share of healthy parts whose reconstruction error shall lie below the limit."""
_SPLITS = (("train", 0.51), ("stopping", 0.60), ("calibration", 0.80), ("validation", 1.0))
_STEPS_AN_EPOCH = 6  # batches grow with the rows, so that an epoch takes about the same time
_LEARNING_RATE = 4e-3
_WEIGHT_DECAY = 1.0  # strong, because a few hundred parts are few
_NOISE = 0.3  # standard deviations of noise added to the inputs, which a denoising autoencoder learns to undo
_PATIENCE = 40

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class TrainingMetrics:
    """What was measured on the validation part, and how many rows each part had; R², MAE in the target's unit."""

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
class TrainedModel:
    """A trained network, what it takes, how it was calibrated and how good it is; not yet packaged."""

    network: ShapeNetwork
    inputs: tuple[str, ...]
    calibration: Calibration
    metrics: TrainingMetrics
    data_digest: str
    gaps: Gaps | None = None


def train(
    rows: Floats,
    target: Floats,
    serials: Sequence[str],
    inputs: tuple[str, ...],
    profile_count: int,
    coverage: float,
    epochs: int,
    seed: int,
    max_missing: float = 0.0,
    line: bool = True,
    lift: Floats | None = None,
) -> TrainedModel:
    """Train and calibrate the shape model on rows (n, inputs) and target (n,), given in order of time.

    `inputs` names the columns, the profile's `profile_count` points first; `line` says whether they are one line of
    points. All rows of one serial fall into one of four parts by a hash of the serial: training, stopping,
    calibration, validation. Where `max_missing` is above 0, the model learns from the training part how to fill that
    share of missing inputs, and rows that lack more are left out. `lift` is added to the target first: it brings
    outcomes from before a change to the level after it (`inference.levels`). ModelError where a number is not finite
    (else) or a part has too few rows.
    """
    _check(rows, target, serials, inputs, bool(max_missing))
    digest, gaps = data_digest(rows, target, serials), None
    if lift is not None:
        target = target + lift
    if max_missing:
        gaps = learn_gaps(rows[split(serials)["train"]], max_missing)
        kept = gaps.acceptable(rows)
        rows, target, serials = gaps.filled(rows[kept]), target[kept], list(compress(serials, kept))
    parts = split(serials)
    _check_sizes(parts, coverage)
    sizes = ShapeSizes(profile_count, len(inputs) - profile_count)
    with single_thread():
        network, used = _fit(rows, target, parts, sizes, epochs, seed, line)
        value, error, _ = run_padded(network, rows).T
    held = parts["calibration"]
    half_width = conformal_quantile(np.abs(target - value)[held], coverage)
    limit = max(_capped_quantile(error[held], DISTANCE_COVERAGE), 1e-6)
    metrics = _measure(target, value, half_width, parts, used)
    calibration = Calibration(coverage, half_width, limit, metrics.skill)
    return TrainedModel(network, inputs, calibration, metrics, digest, gaps)


def split(serials: Sequence[str]) -> dict[str, Rows]:
    """The rows of each part, in order; a serial's part depends on nothing but the serial."""
    names = np.array([_part_of(serial) for serial in serials], dtype=object)
    return {name: np.flatnonzero(names == name) for name, _ in _SPLITS}


def held_out(serials: Sequence[str]) -> Rows:
    """The rows that no weight was fitted to, in order, whatever else stood in the training set."""
    parts = split(serials)
    return np.sort(np.concatenate([parts["calibration"], parts["validation"]]))


def conformal_quantile(scores: Floats, coverage: float) -> float:
    """The ceil((n + 1) * coverage)-th smallest of n scores: at least `coverage` of exchangeable new ones lie below.

    Split-conformal prediction: Papadopoulos et al., 2002; Vovk et al., 2005; Lei et al., 2018. ModelError where n is
    too small for any finite answer.
    """
    rank = _rank(len(scores), coverage)
    if rank > len(scores):
        raise _too_few("calibration", len(scores), _rows_needed(coverage))
    return float(np.sort(scores)[rank - 1])


def naive_forecast(target: Floats, window: int = NAIVE_WINDOW) -> Floats:
    """For each value the median of up to `window` values before it; NaN for the first."""
    return np.array([np.median(target[max(0, i - window) : i]) if i else np.nan for i in range(len(target))])


def warm_up() -> None:
    """Pay now for what the first training would: torch imports its compiler with the first optimiser."""
    torch.optim.AdamW([torch.zeros(1, requires_grad=True)])


@contextmanager
def single_thread() -> Iterator[None]:
    """Run torch on one thread: sums in one order, whatever the machine's cores; small networks are no slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _part_of(serial: str) -> str:
    fraction = int.from_bytes(hashlib.sha256(serial.encode()).digest()[:8], "big") / 2**64
    return next(name for name, end in _SPLITS if fraction < end or end == 1.0)


def _rank(count: int, coverage: float) -> int:
    # round first: (9 + 1) * 0.9 must not become 10 by the last bit of 0.9
    return ceil(round((count + 1) * coverage, 9))


def _rows_needed(coverage: float) -> int:
    return next(n for n in range(1, 10**6) if _rank(n, coverage) <= n)


def _capped_quantile(scores: Floats, coverage: float) -> float:
    """The conformal quantile, or the largest score where there are too few for it."""
    return float(np.sort(scores)[min(_rank(len(scores), coverage), len(scores)) - 1])


def _too_few(part: str, found: int, needed: int) -> ModelError:
    return ModelError(
        f"too few rows to train: the {part} part has {found}, at least {needed} are needed; wait for more outcomes",
        ModelReason.TOO_FEW_ROWS,
    )


def _check(rows: Floats, target: Floats, serials: Sequence[str], inputs: Sequence[str], gaps: bool) -> None:
    if rows.shape != (len(serials), len(inputs)) or target.shape != (len(serials),):
        raise ModelError(
            f"training data of shape {rows.shape} with {target.shape} outcomes does not fit "
            f"{len(serials)} serials and {len(inputs)} inputs",
            ModelReason.MISMATCH,
        )
    bad = ~((np.isfinite(rows) | (np.isnan(rows) & gaps)).all(axis=1) & np.isfinite(target))
    if bad.any():
        raise ModelError(
            f"training data has {int(bad.sum())} rows with a number that is missing or infinite; leave them out",
            ModelReason.MISMATCH,
        )


def _check_sizes(parts: dict[str, Rows], coverage: float) -> None:
    for name, needed in (
        ("train", MIN_TRAINING_ROWS),
        ("stopping", 1),
        ("calibration", _rows_needed(coverage)),
        ("validation", 2),
    ):
        if len(parts[name]) < needed:
            raise _too_few(name, len(parts[name]), needed)


def _fit(
    rows: Floats, target: Floats, parts: dict[str, Rows], sizes: ShapeSizes, epochs: int, seed: int, line: bool
) -> tuple[ShapeNetwork, int]:
    """The network at its best epoch on the stopping part, and that epoch."""
    everything, truth = torch.from_numpy(rows).double(), torch.from_numpy(target).double()
    training, stopping = parts["train"], parts["stopping"]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ShapeNetwork(sizes)
        network.fit_scales(everything[training], truth[training], line)
        features = network.standardise(everything)
        wanted = (truth - network.target[0]) / network.target[1]
        return _descend(network, (features[training], wanted[training]), (features[stopping], wanted[stopping]), epochs)


def _descend(
    network: ShapeNetwork, training: tuple[Tensor, Tensor], stopping: tuple[Tensor, Tensor], epochs: int
) -> tuple[ShapeNetwork, int]:
    optimiser = torch.optim.AdamW(network.parameters(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    size = max(32, ceil(len(training[0]) / _STEPS_AN_EPOCH))
    best, best_loss, best_epoch = deepcopy(network), float("inf"), 0
    for epoch in range(1, epochs + 1):
        for chosen in torch.split(torch.randperm(len(training[0])), size):
            optimiser.zero_grad()
            _loss(network, training[0][chosen], training[1][chosen], _NOISE).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        with torch.inference_mode():
            loss = float(_loss(network, *stopping, noise=0.0))
        if loss < best_loss:
            best, best_loss, best_epoch = deepcopy(network), loss, epoch
        elif epoch - best_epoch >= _PATIENCE:
            break
    return best, best_epoch


def _loss(network: ShapeNetwork, features: Tensor, wanted: Tensor, noise: float) -> Tensor:
    """Error of the value plus error of the shape given back, both in standard deviations."""
    given_back, value = network.heads(features + noise * torch.randn_like(features))
    shape = features[:, : network.sizes.profile]
    return nn.functional.mse_loss(value, wanted) + nn.functional.mse_loss(given_back, shape)


def _measure(target: Floats, value: Floats, half_width: float, parts: dict[str, Rows], epochs: int) -> TrainingMetrics:
    held = parts["validation"]
    held = held[held > 0]  # the first row has no outcome before it
    error = np.abs(target - value)[held]
    naive = np.abs(target - naive_forecast(target))[held].mean()
    spread = np.square(target[held] - target[held].mean()).mean()
    mae = error.mean()
    return TrainingMetrics(
        rows=len(target),
        training_rows=len(parts["train"]) + len(parts["stopping"]),
        calibration_rows=len(parts["calibration"]),
        validation_rows=len(held),
        epochs=epochs,
        r2=float(1 - np.square(error).mean() / spread) if spread > 0 else 0.0,
        mae=float(mae),
        naive_mae=float(naive),
        coverage=float((error <= half_width).mean()),
        skill=float(1 - mae / naive) if naive > 0 else 0.0,
    )

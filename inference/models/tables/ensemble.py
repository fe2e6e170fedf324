"""The kind `ensemble`: a number from predictions and codes of earlier gates, later values, lot, recipe and machine.

Any of the inputs may be missing. Two models of the same columns: a Gaussian process where all is there, a joint normal
distribution for whatever is; the mean of both where that errs least out of fold. Intervals are normalised conformal,
from parts out of fold; both models are then fitted to all parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from pydantic import Field

from inference.models.fitting import MIN_PARTS, folds
from inference.models.gaps import Gaps, GapsEntry, learn_gaps
from inference.models.gaussian_process import GaussianProcess, from_tensors
from inference.models.kind import Contents, Entry, HeldOut, Tensors, TrainingData, TrainingMetrics, TrainingSettings
from inference.models.tables.conditional_gaussian import Gaussian
from inference.models.tables.encoding import Encoding, closed_levels, known_levels, learn_encoding
from inference.models.tables.ensemble_fitting import (
    Answers,
    Pair,
    by_place,
    choose_shares,
    learn,
    limit_of,
    measured,
    out_of_fold,
    quantiles,
)  # fmt: skip
from monitor.errors import ModelError, ModelReason
from monitor.model import Floats, Prediction
from monitor.processes import both

_NEW_LEVEL = 10.0  # limits that a level never seen counts as


class EncodingEntry(Entry):
    """What the columns are, as `inference.models.tables.encoding.Encoding`; by position."""

    numbers: tuple[int, ...]
    levels: dict[int, tuple[int, ...]]
    known: dict[int, tuple[int, ...]]


class Entries(Entry):
    """The manifest entries of an ensemble; pairs are of complete parts and of others."""

    gaps: GapsEntry
    levels: tuple[int, ...]
    encoding: EncodingEntry
    shares: tuple[float, float]
    quantiles: tuple[float, float]
    distance_limit: float = Field(gt=0)
    coverage: float = Field(gt=0, lt=1)
    skill: float = Field(le=1)


class EnsembleModel:
    """Both models with their calibration: the `GateModel` of a number."""

    def __init__(self, inputs: tuple[str, ...], entries: Entries, pair: Pair, digest: str) -> None:
        self.inputs, self.digest = inputs, digest
        self.skill, self.coverage, self.max_missing = entries.skill, entries.coverage, entries.gaps.most
        self.needed = Gaps(**entries.gaps.model_dump()).needed(inputs)
        self._entries, self._pair, self._levels = entries, pair, by_place(entries.levels)

    def predict(self, rows: Floats) -> Sequence[Prediction]:
        """A prediction per row of (rows, inputs); ValueError for another shape. How rows are split changes no bit."""
        if rows.ndim != 2 or rows.shape[1] != len(self.inputs):
            raise ValueError(f"expected rows of {len(self.inputs)} inputs, not an array of shape {rows.shape}")
        answers = self._pair.answers(known_levels(rows, self._levels))
        value, deviation = answers.mean(self._entries.shares)
        half = np.where(answers.complete, *self._entries.quantiles) * deviation
        limit = self._entries.distance_limit
        far = np.maximum(answers.distance, 0.0)
        far = np.where(self._pair.encoding.new(rows), np.maximum(far, _NEW_LEVEL * limit), far)
        numbers = np.stack([value, value - half, value + half, far], axis=1).tolist()
        return [Prediction(at, low, high, distance, limit) for at, low, high, distance in numbers]


class EnsembleKind:
    """The ensemble as a kind of gate model."""

    def warm_up(self) -> None:
        """SciPy is imported with this module."""

    def train(self, data: TrainingData, settings: TrainingSettings) -> tuple[Contents, TrainingMetrics]:
        """Choose and calibrate on parts out of fold, fit to all of them; the metrics are those out of fold."""
        gaps = learn_gaps(data.table, settings.max_missing)
        kept = data.at(gaps.acceptable(data.table))
        if len(kept) < MIN_PARTS or all(gaps.ignored):
            raise ModelError(
                f"too few rows to train: {len(kept)} with inputs that vary, at least {MIN_PARTS} are needed; "
                "wait for more outcomes",
                ModelReason.TOO_FEW_ROWS,
            )
        levels = {settings.inputs.index(name): len(known) for name, known in settings.categories.items()}
        used = tuple(i for i, ignored in enumerate(gaps.ignored) if not ignored)
        fold_of = folds(kept)
        known = closed_levels(kept.table, fold_of, levels)
        encoding = learn_encoding(kept.table, used, levels, known)
        whole, said = both(
            lambda: learn(encoding, kept.table, kept.target, settings.seed),
            lambda: out_of_fold(encoding, kept, fold_of, settings.seed),
        )
        found = Answers.of_parts(*said)
        judged, lots = measured(found, kept, fold_of, settings.coverage, encoding), kept.groups or kept.serials
        metrics, scale = judged.metrics, limit_of(found)
        shares = choose_shares(found, kept.target, np.ones(len(kept), dtype=np.bool_))
        mean, deviation = found.mean(shares)
        entries = {
            "gaps": asdict(gaps),
            "levels": tuple(levels.get(i, 0) for i in range(len(settings.inputs))),
            "encoding": _described(encoding),
            "shares": shares,
            "quantiles": quantiles(
                np.abs(kept.target - mean) / deviation, found.complete, settings.coverage, lots, kept.weights
            ),
            "distance_limit": scale,
            "coverage": settings.coverage,
            "skill": metrics.skill,
        }
        distance = np.maximum(found.distance, 0.0)
        held_out = HeldOut.of_intervals(kept.serials, judged.value, judged.half_width, distance, scale)
        return Contents(entries, _tensors(whole), held_out), metrics

    def load(self, inputs: tuple[str, ...], contents: Contents, digest: str) -> EnsembleModel:
        """The model of a package, after checking that its entries and tensors fit together."""
        entries = Entries.model_validate(contents.entries)
        encoding = _encoding(inputs, entries)
        gaussian = _gaussian(contents.tensors, encoding.width)
        process = from_tensors(contents.tensors, encoding.width)
        wanted = entries.shares[0] > 0, entries.shares[1] > 0
        return EnsembleModel(inputs, entries, Pair(encoding, gaussian, process, wanted), digest)


KIND = EnsembleKind()


def _tensors(pair: Pair) -> Tensors:
    gaussian = pair.gaussian
    own = {"scales": gaussian.scales, "mean": gaussian.mean, "covariance": gaussian.covariance}
    return {**own, **pair.process.tensors()}


def _described(encoding: Encoding) -> dict[str, object]:
    """The encoding as JSON values: keys are text there."""
    of_levels = ({str(i): levels for i, levels in kept.items()} for kept in (encoding.levels, encoding.known))
    return {"numbers": encoding.numbers, **dict(zip(("levels", "known"), of_levels, strict=True))}


def _encoding(inputs: tuple[str, ...], entries: Entries) -> Encoding:
    """ValueError where lists by input are not of the inputs, or columns are none of theirs."""
    if {len(entries.gaps.fill), len(entries.gaps.ignored), len(entries.levels)} != {len(inputs)}:
        raise ValueError(f"names {len(inputs)} inputs, but describes others")
    found = entries.encoding
    used = {i for i, ignored in enumerate(entries.gaps.ignored) if not ignored}
    categories = {i for i, count in enumerate(entries.levels) if count}
    numbers_fit = set(found.numbers) == used - categories and len(set(found.numbers)) == len(found.numbers)
    if not numbers_fit or set(found.levels) != used & categories or not set(found.known) <= used & categories:
        raise ValueError("has columns that are none of its inputs")
    if not all(0 <= share <= 1 for share in entries.shares) or min(entries.quantiles) < 0:
        raise ValueError("has a share beyond 0 to 1, or an interval of negative width")
    encoding = Encoding(found.numbers, found.levels, found.known)
    if not encoding.width:
        raise ValueError("has no column")
    return encoding


def _gaussian(tensors: Tensors, width: int) -> Gaussian:
    """ValueError where the arrays are no distribution of `width` columns and the outcome."""
    own = {"scales": (2, width + 1), "mean": (width + 1,), "covariance": (width + 1, width + 1)}
    expected = own.keys() | GaussianProcess.names()
    if tensors.keys() != expected:
        wrong = sorted(tensors.keys() ^ expected)
        raise ValueError(f"has weights that do not fit its architecture ({', '.join(wrong[:3])})")
    for name, shape in own.items():
        if tensors[name].shape != shape or tensors[name].dtype != np.float64:
            raise ValueError(f"has weights that do not fit its architecture ({name})")
    covariance = tensors["covariance"]
    if (tensors["scales"][1] <= 0).any() or not np.array_equal(covariance, covariance.T):
        raise ValueError("has scales or a covariance that are none")
    try:
        np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError as exc:
        raise ValueError("has a covariance that is none") from exc
    return Gaussian(tensors["scales"], tensors["mean"], covariance)

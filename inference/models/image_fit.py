"""Fitting a judge of pictures: out of fold for calibration and measure, then on all parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from inference.models.fitting import auroc, distance_limit
from inference.models.kind import HeldOut, TrainingData, TrainingMetrics, TrainingSettings
from inference.vision.bank import Bank, fit_bank
from inference.vision.calibrating import FLOOR, Scaling, fit_scaling, log_loss
from inference.vision.describing import LEVELS, Description
from inference.vision.discriminant import fit_directions, score_all
from inference.vision.embedding import fit_embedding, out_of_fold
from inference.vision.judge import Discriminant, Distances, Judge, logit, not_good, raw_distances
from monitor.errors import ModelError, ModelReason
from monitor.model import Floats, Prediction
from monitor.processes import both

SHRINKAGES = (0.1, 0.3, 0.6)
"""One of these is chosen by the log loss out of fold."""
_FOLDS = 5
_MOST_PICTURES = 1000  # of good parts, evenly over time, whose patches fill a bank
_FEWEST = 10
_LEAST_SPREAD = 0.05

Indices = NDArray[np.intp]
Chosen = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Parts:
    """Parts with the index of each one's class among the known ones, its fold, and whether it counts as good."""

    descriptions: Sequence[Description]
    features: Floats
    classes: Indices
    known: tuple[int, ...]
    fold: Indices
    good: Chosen


def fit(
    descriptions: Iterable[Description], data: TrainingData, settings: TrainingSettings
) -> tuple[Judge, TrainingMetrics, HeldOut]:
    """A judge of described parts, its quality, and what was said of each part, both out of fold.

    Before the first is described, ModelError where a class, or all of them together, have too few parts or groups.
    """
    parts = _parts(descriptions, data, settings)
    good = settings.classes.index(settings.good) if settings.good else -1
    every = np.ones(len(data), dtype=np.bool_)
    some, others = range(3), range(3, _FOLDS)
    (raw, (discriminant, probabilities, scores)), (rest, *banks) = both(
        lambda: (_distances_out_of_fold(parts, some, settings.seed), _discriminant(parts, len(settings.classes))),
        lambda: (
            _distances_out_of_fold(parts, others, settings.seed),
            *chain.from_iterable((b.centre, b.scale, b.patches) for b in _banks(parts, every, settings.seed)),
        ),
    )
    raw = np.where(np.isin(parts.fold, some)[:, None], raw, rest)
    typical = tuple(max(float(m), 1e-9) for m in np.median(raw[parts.good], axis=0))
    distance = Distances(typical, 1.0).of(raw)
    limit = distance_limit(distance[parts.good], 1e-9)
    limits, floors = _of_defects(parts, distance, scores, limit, good)
    value = not_good(probabilities, good)
    embedding = fit_embedding(parts.features)
    judge = Judge(
        classes=len(settings.classes),
        known=parts.known,
        good=good,
        discriminant=discriminant,
        banks=tuple(Bank(*banks[i : i + 3]) for i in range(0, len(banks), 3)),
        distances=Distances(typical, limit),
        usual=float(np.median(logit(value[parts.good]))),
        spreads=(_spread(logit(value[parts.good])), _spread(np.log(distance[parts.good]))),
        limits=limits,
        floors=floors,
        embedding=embedding,
    )
    quality = _quality(parts, probabilities[:, list(parts.known)])
    quality["beyond_limit"] = float((distance[parts.good] > limit).mean())
    if good >= 0 and discriminant is not None:
        bad = ~parts.good
        quality |= {"auroc": auroc(value, bad), "anomaly_auroc": auroc(judge.scores(value, distance), bad)}
    said = _said(judge, value, distance, scores, probabilities, out_of_fold(embedding, parts.features, parts.fold))
    return judge, _metrics(len(data), settings.coverage, quality), HeldOut(data.serials, said)


def _said(
    judge: Judge, value: Floats, distance: Floats, scores: Floats, probabilities: Floats, coordinates: Floats
) -> list[Prediction]:
    """What is said of each part, from arrays with a row a part."""
    columns = value.tolist(), distance.tolist(), map(judge.limit, scores), probabilities.tolist(), coordinates.tolist()
    return [
        Prediction(v, v, v, far, most, tuple(shares), tuple(where))
        for v, far, most, shares, where in zip(*columns, strict=True)
    ]


def class_folds(classes: Indices, groups: Sequence[str], count: int = _FOLDS) -> Indices:
    """For each part the fold that judges it: whole groups, in each class contiguous in the order of the parts.

    A group counts for the class of its first part. So parts may come class by class, as from folders.
    """
    names = list(groups) or [str(i) for i in range(len(classes))]
    first = {name: i for i, name in reversed(list(enumerate(names)))}
    of_group = np.array([classes[first[name]] for name in names])
    place = np.array([first[name] for name in names])
    fold = np.empty(len(classes), dtype=np.intp)
    for k in np.unique(of_group):
        mine = np.flatnonzero(of_group == k)
        rank, sizes = np.unique(place[mine], return_inverse=True, return_counts=True)[1:]
        middle = np.cumsum(sizes) - sizes / 2
        fold[mine] = np.minimum(middle * count / len(mine), count - 1).astype(np.intp)[rank]
    return fold


def _parts(descriptions: Iterable[Description], data: TrainingData, settings: TrainingSettings) -> _Parts:
    target = data.target.astype(np.intp)
    _check_names(data, target, settings)
    known, classes = np.unique(target, return_inverse=True)
    fold = class_folds(target, data.groups)
    good = target == settings.classes.index(settings.good) if settings.good else np.ones(len(data), dtype=np.bool_)
    unit = "group" if data.groups else "picture"
    for k, index in enumerate(known.tolist()):
        if len(known) > 1 and len(np.unique(fold[classes == k])) < 2:
            name = settings.classes[index]
            raise _too_few(f"class {name!r} has only one {unit}, at least two are needed to learn and to test it")
    if len(np.unique(fold[good])) < _FOLDS:
        what = f"of the good class {settings.good!r}" if settings.good else "in all"
        raise _too_few(f"there are {int(good.sum())} pictures {what}, at least {_FOLDS} {unit}s of them are needed")
    described = list(descriptions)
    features = np.array([one.whole for one in described], dtype=np.float64)
    return _Parts(described, features, classes.astype(np.intp), tuple(known.tolist()), fold, good)


def _check_names(data: TrainingData, target: Indices, settings: TrainingSettings) -> None:
    names = settings.classes
    if len(data) < _FEWEST:
        raise _too_few(f"there are {len(data)} pictures, at least {_FEWEST} are needed")
    if not names or not ((target == data.target) & (target >= 0) & (target < len(names))).all():
        raise ModelError(
            "a model of pictures needs the class of every picture, one of those named", ModelReason.MISMATCH
        )
    if settings.good and settings.good not in names:
        raise ModelError(f"good class {settings.good!r} is none of {', '.join(map(repr, names))}", ModelReason.MISMATCH)


def _banks(parts: _Parts, chosen: Chosen, seed: int) -> tuple[Bank, ...]:
    good = np.flatnonzero(parts.good & chosen)
    good = good[np.unique(np.linspace(0, len(good) - 1, min(len(good), _MOST_PICTURES)).round().astype(np.intp))]
    chosen_ones = [parts.descriptions[int(i)].patches for i in good]
    return tuple(fit_bank([patches[level] for patches in chosen_ones], seed) for level in range(len(LEVELS)))


def _distances_out_of_fold(parts: _Parts, folds: Iterable[int], seed: int) -> Floats:
    """Raw distances (parts, levels) of each part of these folds to banks of good parts of the other folds; NaN else."""
    raw = np.full((len(parts.fold), len(LEVELS)), np.nan)
    for fold in folds:
        held = parts.fold == fold
        banks = _banks(parts, ~held, seed)
        for i in np.flatnonzero(held).tolist():
            raw[i] = raw_distances(banks, parts.descriptions[i].patches)
    return raw


def _of_defects(
    parts: _Parts, distance: Floats, scores: Floats, least: float, good: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """For each known class the limit of the distance of its parts and the floor of their score, from parts out of fold.

    None without a good class, whose bank then holds parts of all of them.
    """
    if good < 0 or len(parts.known) == 1:
        return (), ()
    mine = [parts.classes == k for k in range(len(parts.known))]
    limits = [distance_limit(distance[some], least) for some in mine]
    floors = [-distance_limit(-scores[some, k], -np.inf) for k, some in enumerate(mine)]
    return tuple(limits), tuple(floors)


def _discriminant(parts: _Parts, classes: int) -> tuple[Discriminant | None, Floats, Floats]:
    """The discriminant, and of parts that it was not fitted to calibrated probabilities (parts, classes) and scores."""
    probabilities = np.zeros((len(parts.fold), classes))
    known = list(parts.known)
    if len(known) == 1:
        probabilities[:, known] = 1.0
        return None, probabilities, np.zeros((len(parts.fold), 1))
    scores = np.empty((len(SHRINKAGES), len(parts.fold), len(known)))
    for fold in range(_FOLDS):
        held = parts.fold == fold
        directions = fit_directions(parts.features[~held], parts.classes[~held], len(known))
        scores[:, held] = score_all(directions, parts.features[held], SHRINKAGES)
    fits = [fit_scaling(s, parts.classes) for s in scores]
    losses = [log_loss(scaling.probabilities(s), parts.classes) for scaling, s in zip(fits, scores, strict=True)]
    best = int(np.argmin(losses))
    probabilities[:, known] = _calibrated(scores[best], parts)
    directions = fit_directions(parts.features, parts.classes, len(known))
    return Discriminant(directions, SHRINKAGES[best], fits[best]), probabilities, scores[best]


def _calibrated(scores: Floats, parts: _Parts) -> Floats:
    """Probabilities of each fold by a scaling that is fitted to the others."""
    found = np.empty_like(scores)
    for fold in range(_FOLDS):
        held = parts.fold == fold
        scaling: Scaling = fit_scaling(scores[~held], parts.classes[~held])
        found[held] = scaling.probabilities(scores[held])
    return found


def _quality(parts: _Parts, probabilities: Floats) -> dict[str, float]:
    """Of classes; the log loss of their rates is what anybody knows without looking."""
    if len(parts.known) == 1:
        return {}
    rates = np.bincount(parts.classes) / len(parts.classes)
    truth = np.eye(len(rates))[parts.classes]
    return {
        "accuracy": float((probabilities.argmax(1) == parts.classes).mean()),
        "log_loss": log_loss(probabilities, parts.classes),
        "naive_log_loss": log_loss(np.broadcast_to(rates, truth.shape), parts.classes),
        "brier": float(np.square(probabilities - truth).sum(1).mean()),
    }


def _metrics(count: int, coverage: float, quality: Mapping[str, float]) -> TrainingMetrics:
    """A model of classes has no interval to cover a value: its coverage is the nominal one."""
    naive = quality.get("naive_log_loss", 0.0)
    skill = 1 - quality["log_loss"] / naive if naive > FLOOR else 0.0
    return TrainingMetrics(count, count, count, count, 0, coverage, skill, quality)


def _spread(values: Floats) -> float:
    """The standard deviation that fits the quartiles."""
    low, high = np.quantile(values, [0.25, 0.75])
    return max(float(high - low) / 1.349, _LEAST_SPREAD)


def _too_few(why: str) -> ModelError:
    return ModelError(f"too few pictures to train: {why}; add pictures", ModelReason.TOO_FEW_ROWS)

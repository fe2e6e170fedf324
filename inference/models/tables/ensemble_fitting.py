"""Fitting of the kind `ensemble`: the two models of a table, their mean, and what they are worth out of fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inference.models import gaussian_process
from inference.models.fitting import distance_limit, lot_quantile, measure, measure_in_time
from inference.models.gaussian_process import GaussianProcess
from inference.models.kind import TrainingData, TrainingMetrics, weights_at
from inference.models.tables import conditional_gaussian
from inference.models.tables.class_quality import skill, time_blocks
from inference.models.tables.conditional_gaussian import Gaussian
from inference.models.tables.encoding import Encoding
from monitor.model import Floats

SHARES = (0.0, 0.5, 1.0)
"""Weights of the process in the mean."""
_ENOUGH = 100  # complete parts that teach the process alone; with fewer, parts with filled inputs too
_ENOUGH_A_COLUMN = 5
_OF_THEIR_OWN = 50  # parts of a kind (complete, incomplete) for a share and a quantile of its own
_RIDGE = 1.0

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Answers:
    """What both models say of parts: means and standard deviations, the distance, and whether nothing is missing.

    `explained` is 1 where nothing of importance is missing, 0 where nothing is known. `usual` is the distance of the
    same parts as they came to be: with the real values of later steps in place of the planned ones.
    """

    gaussian: tuple[Floats, Floats]
    process: tuple[Floats, Floats]
    distance: Floats
    complete: Mask
    explained: Floats
    usual: Floats

    @classmethod
    def of_parts(cls, numbers: Floats, complete: Mask) -> Answers:
        """From what `out_of_fold` returned: (7, parts), and which of the parts are complete (parts,)."""
        value, deviation, by_process, deviation_of_process, distance, explained, usual = numbers
        return cls(
            (value, deviation), (by_process, deviation_of_process), distance, np.asarray(complete), explained, usual
        )

    def mean(self, shares: tuple[float, float]) -> tuple[Floats, Floats]:
        """Mean and standard deviation by the share of the process for complete parts and for others.

        What is missing is uncertain in a way that only the distribution of the inputs knows: the more of it is missing,
        the smaller the share of the process, which takes what is filled in for measured.
        """
        share = np.where(self.complete, shares[0], shares[1] * self.explained)
        value = share * self.process[0] + (1 - share) * self.gaussian[0]
        variance = share * np.square(self.process[1]) + (1 - share) * np.square(self.gaussian[1])
        return value, np.where(self.complete, np.sqrt(variance), self.gaussian[1])


@dataclass(frozen=True, slots=True)
class Pair:
    """Both models of a table; `wanted` says for complete parts and for others whether the process is."""

    encoding: Encoding
    gaussian: Gaussian
    process: GaussianProcess
    wanted: tuple[bool, bool] = (True, True)

    def answers(self, rows: Floats) -> Answers:
        """What they say of rows (rows, inputs)."""
        columns = self.encoding.of(rows)
        complete = np.asarray(~np.isnan(columns).any(axis=1))
        mean, deviation, distance = self.gaussian.predict(columns)
        asked = np.where(complete, *self.wanted)
        process = mean.copy(), deviation.copy()
        process[0][asked], process[1][asked] = self.process.predict(self.gaussian.filled(columns[asked]))
        return Answers((mean, deviation), process, distance, complete, self.gaussian.explained(deviation), distance)


def learn(encoding: Encoding, rows: Floats, target: Floats, seed: int, like: Pair | None = None) -> Pair:
    """Both models of rows (rows, inputs), NaN where missing; `like` is of other rows of the table."""
    columns = encoding.of(rows)
    gaussian = conditional_gaussian.fit(columns, target)
    complete = np.asarray(~np.isnan(columns).any(axis=1))
    if complete.sum() < max(_ENOUGH, _ENOUGH_A_COLUMN * encoding.width):
        complete[:] = True
    filled, start = gaussian.filled(columns[complete]), None if like is None else like.process
    return Pair(encoding, gaussian, gaussian_process.fit(filled, target[complete], seed, like=start).process)


def out_of_fold(
    encoding: Encoding, data: TrainingData, fold_of: NDArray[np.intp], seed: int
) -> tuple[Floats, NDArray[np.bool_]]:
    """What models of the other folds say of each part, as `Answers.of_parts` takes it."""
    parts = np.empty((7, len(data)))
    complete = np.empty(len(data), dtype=np.bool_)
    pair = None
    for fold in range(int(fold_of.max()) + 1):
        here = fold_of == fold
        pair = learn(encoding, data.table[~here], data.target[~here], seed, pair)
        found = pair.answers(data.as_judged[here])
        usual = found.distance
        if data.planned is not None:
            usual = pair.gaussian.predict(encoding.of(data.table[here]))[2]
        parts[:, here] = [*found.gaussian, *found.process, found.distance, found.explained, usual]
        complete[here] = found.complete
    return parts, complete


def choose_shares(answers: Answers, target: Floats, rows: Mask) -> tuple[float, float]:
    """The shares of the process that leave the least squared error on some of the parts."""

    def best(some: Mask) -> float:
        errors = [np.square(target - answers.mean((share, share))[0])[some].sum() for share in SHARES]
        return SHARES[int(np.argmin(errors))]

    complete, others = (rows & kind for kind in (answers.complete, ~answers.complete))
    whole = best(complete if complete.sum() >= _OF_THEIR_OWN else rows)
    return whole, best(others) if others.sum() >= _OF_THEIR_OWN else whole


def quantiles(
    scores: Floats, complete: Mask, coverage: float, lots: Sequence[str], weights: Floats | None = None
) -> tuple[float, float]:
    """The conformal quantiles of complete parts and of others; of all of them where there are few of a kind.

    Normalised conformal prediction (Papadopoulos and Haralambous, 2011), by kind (Vovk et al., 2005, 4.5), with the lot
    as its unit.
    """

    def of(kind: Mask) -> float:
        some = kind if kind.sum() >= _OF_THEIR_OWN else np.ones(len(scores), dtype=np.bool_)
        of_some = [lots[i] for i in np.flatnonzero(some).tolist()]
        return lot_quantile(scores[some], coverage, of_some, weights_at(weights, some))

    return of(complete), of(~complete)


@dataclass(frozen=True, slots=True)
class Judged:
    """What is worth how much: the metrics, and value and half width (parts,) of each part out of fold."""

    metrics: TrainingMetrics
    value: Floats
    half_width: Floats


def measured(
    answers: Answers, data: TrainingData, fold_of: NDArray[np.intp], coverage: float, encoding: Encoding
) -> Judged:
    """Metrics of each fold by shares and quantiles of the others, against the best input alone and a flat model."""
    value, half, lots = np.empty(len(data)), np.empty(len(data)), list(data.groups or data.serials)
    for fold in range(int(fold_of.max()) + 1):
        here = fold_of == fold
        mean, deviation = answers.mean(choose_shares(answers, data.target, ~here))
        scores = np.abs(data.target - mean) / deviation
        others = [lots[i] for i in np.flatnonzero(~here).tolist()]
        weights = weights_at(data.weights, ~here)
        found = quantiles(scores[~here], answers.complete[~here], coverage, others, weights)
        value[here], half[here] = mean[here], (np.where(answers.complete, *found) * deviation)[here]
    newest = fold_of == fold_of.max()  # by the folds before
    metrics = _metrics(data, np.where(newest, value, np.nan) if data.times else value, half, coverage)
    columns = encoding.of(data.as_judged)
    alone = _alone(columns[:, : len(encoding.numbers)], data.target, fold_of)
    flat = _flat(columns, data.target, fold_of)
    naive = np.full(len(data), metrics.quality["naive_mae"])
    low = skill(np.abs(data.target - value), [naive], time_blocks(data), seed=0)[1]
    mae = metrics.quality["mae"]
    gains = {"best_input_mae": alone, "flat_mae": flat, "skill_low": low}
    gains |= {"gain_over_best_input": 1 - mae / alone, "gain_over_flat": 1 - mae / flat} if alone * flat > 0 else {}
    return Judged(replace(metrics, quality={**metrics.quality, **gains}), value, half)


def _metrics(data: TrainingData, value: Floats, half: Floats, coverage: float) -> TrainingMetrics:
    """Against the forecast that was known where times are known."""
    if data.times is not None:
        return measure_in_time(data, value, half, coverage)
    every, none = np.arange(len(data)), np.empty(0, dtype=np.intp)
    parts = {"train": every, "stopping": none, "calibration": every, "validation": every}
    return measure(data.target, value, half, parts, epochs=0, weights=data.weights)


def _alone(columns: Floats, target: Floats, fold_of: NDArray[np.intp]) -> float:
    """Mean absolute error of the best straight line in one column, out of fold."""
    errors = [float(np.abs(target - _fold_means(target, fold_of)).mean())]
    for column in columns.T:
        guess = _fold_means(target, fold_of)
        for fold in range(int(fold_of.max()) + 1):
            learnt, judged = ((fold_of == fold) == here for here in (False, True))
            learnt &= ~np.isnan(column)
            judged &= ~np.isnan(column)
            x, y = column[learnt], target[learnt]
            if len(x) > 1 and np.ptp(x) > 0:
                slope = np.cov(x, y, bias=True)[0, 1] / x.var()
                guess[judged] = y.mean() + slope * (column[judged] - x.mean())
        errors.append(float(np.abs(target - guess).mean()))
    return min(errors)


def _fold_means(target: Floats, fold_of: NDArray[np.intp]) -> Floats:
    """The mean outcome of the other folds, for each part."""
    return np.array([target[fold_of != fold].mean() for fold in range(int(fold_of.max()) + 1)])[fold_of]


def _flat(columns: Floats, target: Floats, fold_of: NDArray[np.intp]) -> float:
    """Mean absolute error out of fold of a ridge regression on all columns, missing ones filled by their means."""
    guess = np.empty(len(target))
    for fold in range(int(fold_of.max()) + 1):
        here = fold_of == fold
        learnt = columns[~here]
        present = ~np.isnan(learnt)
        count = np.maximum(present.sum(axis=0), 1)
        centre = np.where(present, learnt, 0.0).sum(axis=0) / count
        scale = np.sqrt(np.where(present, np.square(learnt - centre), 0.0).sum(axis=0) / count)
        standard = np.nan_to_num((columns - centre) / np.where(scale > 0, scale, 1.0), nan=0.0)
        gram = standard[~here].T @ standard[~here] + _RIDGE * np.eye(columns.shape[1])
        middle = target[~here].mean()
        guess[here] = middle + standard[here] @ np.linalg.solve(gram, standard[~here].T @ (target[~here] - middle))
    return float(np.abs(target - guess).mean())


def limit_of(answers: Answers) -> float:
    """The distance below which nearly all parts out of fold lie, as they came to be."""
    return distance_limit(answers.usual, 1.0)


def by_place(levels: tuple[int, ...]) -> Mapping[int, int]:
    """The numbers of levels of the inputs that are categories."""
    return {i: count for i, count in enumerate(levels) if count}

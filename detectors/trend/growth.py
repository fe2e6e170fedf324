"""How a level has moved: steps and growth of unknown beginning, curvature and amplitude, weighed by how well each
explains the past. The chance that the level reaches a limit within so many rows is the weighted mean over them.

Conjugate Bayesian regression, averaged over models: Bishop, Pattern Recognition and Machine Learning (2006), 3.3 to
3.5. The errors are the sum of two Ornstein-Uhlenbeck processes, one as short as the smoothing and one of unknown
memory, seen through block means (Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, appendix B.2):
a level that wanders has no trend.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.special import stdtr

from monitor.model import Floats

_JITTER = 1e-6


@dataclass(frozen=True, slots=True)
class Beliefs:
    """What is believed of a level before it is seen, in units of its noise; chosen on simulated wear.

    `short`: memory of the smoothing, in rows; `longer`: ratio of the memories that are tried. `offset`, `step`, `rise`:
    standard deviations of the constant, of a step and of what has been grown so far. `noise_rows`: how many independent
    rows the noise's unit is worth. `least_span`: rows of the shortest growth. `curvatures`: growth is
    (exp(c x) - 1) / (exp(c) - 1) with x from 0 where it began to 1 now; 0 is a straight line, negative ones settle.
    `still`, `stepped`, `grown`, `both`: chances of each kind of history. `excess`: by how many deviations of its
    short noise a level runs ahead of its mean when it first passes a limit.
    """

    short: float = 10.0
    longer: float = 5.0
    offset: float = 1.5
    step: float = 8.0
    rise: float = 8.0
    noise_rows: float = 8.0
    least_span: float = 16.0
    curvatures: tuple[float, ...] = (-1.5, 0.0, 1.0, 2.0, 4.0)
    still: float = 0.7
    stepped: float = 0.1
    grown: float = 0.15
    both: float = 0.05
    excess: float = 0.7
    least_weight: float = 1e-3
    most_models: int = 80


DEFAULTS = Beliefs()


@dataclass(frozen=True, slots=True)
class Blocks:
    """Means of consecutive rows, `means` of shape (blocks, series); block i holds the rows from `starts[i]` to before
    `ends[i]`, counted from now (0), in order of time."""

    starts: Floats
    ends: Floats
    means: Floats


@dataclass(frozen=True, slots=True)
class Kind:
    """Models that differ in when something began and how growth is bent. `columns`, (models, k): the regressors of each
    by their place in the design; `deviations`, (k,): of their coefficients before; `chance`: of all these models."""

    columns: NDArray[np.int64]
    deviations: Floats
    chance: float
    grows: bool


@dataclass(frozen=True, slots=True)
class Design:
    """The regressors: a constant, a step at each of `onsets` (rows from now, negative), and growth from each of them
    with each curvature. `kinds`: which regressors belong together."""

    onsets: Floats
    curvatures: Floats
    kinds: tuple[Kind, ...]

    def at(self, times: Floats) -> Floats:
        """Values of the regressors, shape (times, 1 + onsets + onsets * curvatures)."""
        since = np.maximum(times[:, None] - self.onsets, 0.0) / -self.onsets
        bend = self.curvatures
        with np.errstate(invalid="ignore", divide="ignore"):
            curved = np.expm1(np.minimum(since[:, :, None] * bend, 300.0)) / np.expm1(bend)
        grown = np.where(bend == 0.0, since[:, :, None], curved).reshape(len(times), -1)
        return np.hstack([np.ones((len(times), 1)), times[:, None] >= self.onsets, grown])


def design(blocks: Blocks, beliefs: Beliefs) -> Design:
    """The models for a history: something may have begun where a block begins."""
    onsets = blocks.starts[blocks.starts <= -beliefs.least_span]
    count = len(onsets)
    bends = np.array(beliefs.curvatures)
    steps = 1 + np.arange(count)
    grown = 1 + count + np.arange(count * len(bends))
    constant = np.zeros(1, dtype=np.int64)
    kinds = [Kind(constant[:, None], np.array([beliefs.offset]), beliefs.still, grows=False)]
    if count:
        of_step = np.repeat(steps, len(bends))
        kinds += [
            Kind(_table(steps), np.array([beliefs.offset, beliefs.step]), beliefs.stepped, grows=False),
            Kind(_table(grown), np.array([beliefs.offset, beliefs.rise]), beliefs.grown, grows=True),
            Kind(
                _table(of_step, grown), np.array([beliefs.offset, beliefs.step, beliefs.rise]), beliefs.both, grows=True
            ),
        ]
    return Design(onsets, bends, tuple(kinds))


def _table(*columns: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.stack([np.zeros_like(columns[0]), *columns], axis=1)


@dataclass(frozen=True, slots=True)
class Noise:
    """Errors of block means and of rows to come: half of their variance remembers `short` rows, half `memory`."""

    short: float
    memory: float

    def between(self, blocks: Blocks) -> Floats:
        """Correlations of block means, shape (blocks, blocks), relative to a row's variance."""
        return np.asarray(0.5 * (_between(blocks, self.short) + _between(blocks, self.memory)))

    def ahead(self, blocks: Blocks, rows: Floats) -> Floats:
        """Correlations of block means with the rows at times `rows` >= 0, shape (blocks, rows)."""
        return np.asarray(0.5 * (_ahead(blocks, rows, self.short) + _ahead(blocks, rows, self.memory)))


def _share(lengths: Floats, memory: float) -> Floats:
    return np.asarray(-np.expm1(-lengths / memory) * memory / lengths)


def _between(blocks: Blocks, memory: float) -> Floats:
    lengths = blocks.ends - blocks.starts
    share = _share(lengths, memory)
    gaps = np.maximum(blocks.starts[None, :] - blocks.ends[:, None], 0.0)
    upper = np.triu(np.exp(-gaps / memory) * share[:, None] * share, 1)
    return np.asarray(upper + upper.T + np.diag(2.0 * memory / lengths * (1.0 - share)))


def _ahead(blocks: Blocks, rows: Floats, memory: float) -> Floats:
    share = _share(blocks.ends - blocks.starts, memory)
    return np.asarray(np.exp((blocks.ends[:, None] - rows) / memory) * share[:, None])


@dataclass(frozen=True, slots=True)
class Fit:
    """All models of one kind with one memory. `weights`, (models, series): logarithms of chance times likelihood;
    `inverse`, (models, k, k); `coefficients`, (models, k, series); `variance`, (models, series), of a row."""

    kind: Kind
    memory: int
    weights: Floats
    inverse: Floats
    coefficients: Floats
    variance: Floats


class Explained:
    """The past of several series, explained by all models; what they say of rows to come.

    `growth`, shape (series,): the chance that each has grown.
    """

    def __init__(self, blocks: Blocks, beliefs: Beliefs) -> None:
        self._blocks, self._beliefs = blocks, beliefs
        history = float(-blocks.starts[0])
        self._design = design(blocks, beliefs)
        count = max(1, int(np.ceil(np.log(max(history, 2.0) / beliefs.short) / np.log(beliefs.longer))) + 1)
        self._noises = [Noise(beliefs.short, beliefs.short * beliefs.longer**i) for i in range(count)]
        self._roots = [_root(noise.between(blocks)) for noise in self._noises]
        regressors = self._design.at((blocks.starts + blocks.ends - 1.0) / 2.0)
        self._whitened = [_solve(root, np.hstack([regressors, blocks.means])) for root in self._roots]
        self._width = regressors.shape[1]
        self.fits = [fit for memory in range(count) for fit in self._fitted(memory)]
        top = np.max([fit.weights.max(axis=0) for fit in self.fits], axis=0)
        total = np.sum([np.exp(fit.weights - top).sum(axis=0) for fit in self.fits], axis=0)
        self._evidence = top + np.log(total)
        grown = [np.exp(fit.weights - self._evidence).sum(axis=0) for fit in self.fits if fit.kind.grows]
        self.growth = np.sum([np.zeros(blocks.means.shape[1]), *grown], axis=0)

    def _fitted(self, memory: int) -> Iterator[Fit]:
        whitened, beliefs = self._whitened[memory], self._beliefs
        x, y = whitened[:, : self._width], whitened[:, self._width :]
        gram, products, squares = x.T @ x, x.T @ y, (y**2).sum(axis=0)
        common = -np.log(np.diag(self._roots[memory])).sum() - np.log(len(self._noises))
        freedom = beliefs.noise_rows + len(x)
        for kind in self._design.kinds:
            precision = gram[kind.columns[:, :, None], kind.columns[:, None, :]] + np.diag(kind.deviations**-2.0)
            inverse = np.linalg.inv(precision)
            coefficients = inverse @ products[kind.columns]
            left = np.maximum(squares - (coefficients * products[kind.columns]).sum(axis=1), 0.0) + beliefs.noise_rows
            volume = np.linalg.slogdet(inverse)[1] / 2.0 - np.log(kind.deviations).sum()
            chance = np.log(kind.chance / len(kind.columns)) + common
            weights = (chance + volume)[:, None] - freedom / 2.0 * np.log(left)
            yield Fit(kind, memory, weights, np.asarray(inverse, dtype=np.float64), coefficients, left / freedom)

    def reach(self, series: int, limit: float, rows: Floats) -> Floats:
        """The chance that a series has reached a limit at some row up to each of `rows` (rising, >= 1), shape (rows,).

        A limit below 0 is reached from above. The largest chance of being beyond it so far, with the limit moved
        towards the level by the excess.
        """
        side = -1.0 if limit < 0 else 1.0
        future = self._design.at(rows)
        ahead = [
            _solve(root, noise.ahead(self._blocks, rows)) for root, noise in zip(self._roots, self._noises, strict=True)
        ]
        freedom = self._beliefs.noise_rows + len(self._blocks.starts)
        chance, total = np.zeros(len(rows)), 0.0
        for fit, model, weight in self._likeliest(series):
            columns = fit.kind.columns[model]
            known, whitened = ahead[fit.memory], self._whitened[fit.memory]
            x, y = whitened[:, columns], whitened[:, self._width + series]
            beta = fit.coefficients[model, :, series]
            mean = future[:, columns] @ beta + known.T @ (y - x @ beta)
            apart = future[:, columns] - known.T @ x
            own = np.maximum(1.0 - (known**2).sum(axis=0), 1e-6)
            spread = own + ((apart @ fit.inverse[model]) * apart).sum(axis=1)
            excess = self._beliefs.excess * np.sqrt(np.minimum(own, 0.5))
            deviation = np.sqrt(fit.variance[model, series])
            beyond = ((side * mean - abs(limit)) / deviation + excess) / np.sqrt(spread)
            chance += weight * np.maximum.accumulate(stdtr(freedom, beyond))
            total += weight
        return chance / total

    def _likeliest(self, series: int) -> list[tuple[Fit, int, float]]:
        """The models that count for a series, likeliest first, with their chances."""
        chances = [np.exp(fit.weights[:, series] - self._evidence[series]) for fit in self.fits]
        place = [(i, j) for i, chance in enumerate(chances) for j in range(len(chance))]
        flat = np.concatenate(chances)
        order = np.argsort(-flat, kind="stable")[: self._beliefs.most_models]
        keep = order[flat[order] >= self._beliefs.least_weight * flat[order[0]]]
        return [(self.fits[place[k][0]], place[k][1], float(flat[k])) for k in keep.tolist()]


def _root(covariance: Floats) -> Floats:
    return np.asarray(np.linalg.cholesky(covariance + _JITTER * np.eye(len(covariance))), dtype=np.float64)


def _solve(root: Floats, right: Floats) -> Floats:
    return np.asarray(solve_triangular(root, right, lower=True))

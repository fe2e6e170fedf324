"""Whether a challenger is better than the champion on parts that neither has seen: a paired bootstrap.

Both models predict the same parts, and the difference of their absolute errors, part by part, is resampled (Efron and
Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 13 and 16; paired for two predictors on one test set as
in Koehn, "Statistical Significance Tests for Machine Translation Evaluation", 2004). Pairing takes the parts' own
difficulty out of the comparison, so that few parts suffice. The percentiles are widened for small samples (Hesterberg,
"What Teachers Should Know about the Bootstrap", 2015, section 5.3). The resamples come from a seed: the same numbers
give the same verdict.

An error counts at most `CAP` half widths of the champion's interval: how far a part at fault went says nothing of the
models (`inference.intervals`).

Better on the whole is not enough. The challenger's own intervals must hold on these parts, for the gate decides by
them: a model that is a little less wrong about a changed process is no cure. No slice (machine, recipe, lot) with
enough parts may be significantly worse, and the evidence must come from several lots: the parts of one lot share their
material, so a lot at fault looks like a change of the process and must not teach a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from inference.intervals import CAP, CONFIDENCE, counted, enough_inside, errors, half_widths, inside
from monitor.model import Floats, Prediction
from monitor.model import RetrainingReason as Outcome

SLICE_ROWS = 10
"""Parts of a slice below which nothing is said of it; a bootstrap of fewer knows little of its own spread."""
MIN_LOTS = 2
"""Lots with `SLICE_ROWS` parts that the evidence must come from."""
_RESAMPLES = 2000
_BLOCK = 20
"""Where the plant knows no lots, that many parts made one after the other stand for one."""


@dataclass(frozen=True, slots=True)
class Gain:
    """How much smaller the challenger's mean absolute error is than the champion's, in the characteristic's unit.

    Positive is better. `low` and `high` are one-sided bounds at `CONFIDENCE` each.
    """

    rows: int
    champion: float
    challenger: float
    gain: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The verdict with its numbers: BETTER, or why not.

    `slices` goes by (kind, name); coverages are shares of the parts that `CAP` leaves.
    """

    outcome: Outcome
    rows: int
    lots: int
    overall: Gain | None
    slices: Mapping[tuple[str, str], Gain]
    champion_coverage: float | None
    challenger_coverage: float | None
    worst_slice: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Holdout:
    """The parts of the comparison in order of time: their outcomes, and of each its machine, recipe and lot ('')."""

    target: Floats
    machines: Sequence[str]
    recipes: Sequence[str]
    lots: Sequence[str]

    def __len__(self) -> int:
        return len(self.target)


def compare(
    holdout: Holdout,
    champion: Sequence[Prediction],
    challenger: Sequence[Prediction],
    min_rows: int,
    coverage: float,
    seed: int,
) -> Comparison:
    """The verdict over the parts of the holdout, of which at least `min_rows` are needed.

    `coverage` is what the challenger's intervals promise.
    """
    lots = blocks(holdout.lots)
    large = sum(lots.count(lot) >= SLICE_ROWS for lot in dict.fromkeys(lots))
    if len(holdout) < min_rows or not len(holdout):
        return _undecided(Outcome.TOO_FEW_ROWS, len(holdout), large)
    if large < MIN_LOTS:
        return _undecided(Outcome.TOO_FEW_LOTS, len(holdout), large)
    cap = CAP * float(half_widths(champion).mean())
    capped = np.minimum(np.stack([errors(holdout.target, champion), errors(holdout.target, challenger)]), cap)
    rng = np.random.default_rng(seed)
    overall = _gain(capped, rng)
    slices = _slices(holdout, lots, capped, rng)
    worse = min((key for key, gain in slices.items() if gain.high < 0), key=lambda k: slices[k].high, default=None)
    # The challenger's word counts where the gate would have taken it.
    counts = counted(holdout.target, challenger, cap)
    held = np.stack([inside(holdout.target, champion), inside(holdout.target, challenger)])[:, counts]
    outcome = _outcome(overall, worse, not enough_inside(held[1], len(holdout), coverage))
    covered = held.mean(axis=1).tolist() if held.shape[1] else [0.0, 0.0]
    return Comparison(outcome, len(holdout), large, overall, slices, covered[0], covered[1], worse)


def blocks(lots: Sequence[str]) -> list[str]:
    """The lot of each part; parts without one are taken in blocks of their order."""
    return [lot or f"block {i // _BLOCK + 1}" for i, lot in enumerate(lots)]


def _slices(holdout: Holdout, lots: list[str], capped: Floats, rng: np.random.Generator) -> dict[tuple[str, str], Gain]:
    """The gain in each machine, recipe and lot with parts enough."""
    kinds = (("machine", list(holdout.machines)), ("recipe", list(holdout.recipes)), ("lot", lots))
    return {
        (kind, name): _gain(capped[:, [i for i, own in enumerate(names) if own == name]], rng)
        for kind, names in kinds
        for name in sorted(set(names))
        if names.count(name) >= SLICE_ROWS
    }


def _outcome(overall: Gain, worse: tuple[str, str] | None, intervals_fail: bool) -> Outcome:
    if not overall.low > 0:
        return Outcome.NOT_BETTER
    if intervals_fail:
        return Outcome.INTERVALS_FAIL
    return Outcome.BETTER if worse is None else Outcome.WORSE_IN_A_SLICE


def _undecided(outcome: Outcome, rows: int, lots: int) -> Comparison:
    return Comparison(outcome, rows, lots, None, {}, None, None)


def _gain(errors: Floats, rng: np.random.Generator) -> Gain:
    """Of errors (2, parts), the champion's first."""
    difference = errors[0] - errors[1]
    picked: NDArray[np.int64] = rng.integers(0, len(difference), (_RESAMPLES, len(difference)))
    tail = _tail(len(difference))
    low, high = np.quantile(difference[picked].mean(axis=1), [tail, 1 - tail]).tolist()
    champion, challenger = errors.mean(axis=1).tolist()
    return Gain(len(difference), champion, challenger, float(difference.mean()), low, high)


def _tail(rows: int) -> float:
    """The share of resamples beyond a bound: 1 - CONFIDENCE, less for few rows (Hesterberg 2015, section 5.3)."""
    return float(ndtr(stdtrit(rows - 1, 1 - CONFIDENCE) * (rows / (rows - 1)) ** 0.5))

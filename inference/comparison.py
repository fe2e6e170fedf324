"""Whether a challenger is better than the champion on parts that neither has seen: a paired bootstrap.

Both models predict the same parts, and the difference of their absolute errors, part by part, is resampled (Efron and
Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 13 and 16; paired for two predictors on one test set as
in Koehn, "Statistical Significance Tests for Machine Translation Evaluation", 2004). Pairing removes the variation
between parts from the comparison, so that few parts suffice. The percentiles are widened for small samples (Hesterberg,
"What Teachers Should Know about the Bootstrap", 2015, section 5.3). The resamples come from a seed: the same numbers
give the same verdict.

Errors are capped at `CAP` half widths of the wider model's intervals: the size of a faulty part's error says nothing
about the models (`inference.intervals`), but one whose intervals are far too narrow must not hide its errors by them.
Of a characteristic with classes the errors are log losses, which are not capped, because they are what says that a
defect was taken for nearly impossible; the sets of the likeliest classes stand for the intervals. Loss without a defect
says only which model foretells fewer, and so does a slice without one: with fewer than `RARE_ROWS` parts of other
classes than the most frequent one, nothing is compared.

A lower overall error is not enough. The challenger's intervals must hold on these parts, because the gate decides by
them, or fall short of their coverage by at most half as much as the champion's: a model that is only a little less
wrong about a changed process does not help, and one with intervals that nearly hold is not refused for one whose do not
at all. No slice (machine, recipe, lot)
with enough parts may be significantly worse, and the evidence must come from several lots: the parts of a lot share
their material, so one faulty lot looks like a change of the process, and no model may be trained on it. Nor may it be
worse than the forecast that anybody can make. Where the champion has lost its say, the gate decides by that forecast,
and so the challenger is compared with it instead: no slice can become worse by a champion that decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from inference.intervals import (
    CAP,
    CONFIDENCE,
    counted,
    coverage_holds,
    errors,
    half_widths,
    inside,
    probabilities_of,
)
from monitor.model import Floats, Prediction
from monitor.model import RetrainingReason as Outcome

SLICE_ROWS = 10
"""Slices with fewer parts are not compared: a bootstrap of so few underestimates its variance."""
RARE_ROWS = 5
"""Of classes, parts of other ones than the most frequent that a comparison needs, overall and in a slice."""
MIN_LOTS = 2
"""How many lots must have at least `SLICE_ROWS` parts each."""
_SHORTFALL = 0.5
_RESAMPLES = 2000
_BLOCK = 20
"""Consecutive parts treated as one lot where the plant records no lots."""


@dataclass(frozen=True, slots=True)
class Gain:
    """How much smaller the challenger's mean error is than the champion's, in the characteristic's unit, or log loss.

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

    `slices` is keyed by (kind, name); coverages are shares of the counted parts (`inference.intervals.counted`).
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
    """The compared parts in order of time: outcome, machine, recipe and lot of each; '' where unknown."""

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
    forecast: Floats | None = None,
    champion_decides: bool = True,
) -> Comparison:
    """Compare the two on the holdout, which needs at least `min_rows` parts.

    `coverage` is the nominal coverage of the challenger's intervals. `forecast` has the absolute error (parts,) of the
    forecast that was known when each part passed the gate, NaN where there was none; None for classes.
    """
    lots = lots_or_blocks(holdout.lots)
    large = sum(lots.count(lot) >= SLICE_ROWS for lot in dict.fromkeys(lots))
    told = _telling(holdout.target, champion)
    if len(holdout) < min_rows or not len(holdout) or (told is not None and told.sum() < RARE_ROWS):
        return _undecided(Outcome.TOO_FEW_ROWS, len(holdout), large)
    if large < MIN_LOTS:
        return _undecided(Outcome.TOO_FEW_LOTS, len(holdout), large)
    cap = CAP * max(float(half_widths(said).mean()) for said in (champion, challenger))
    cap = cap if probabilities_of(champion) is None else np.inf
    capped = np.minimum(np.stack([errors(holdout.target, champion), errors(holdout.target, challenger)]), cap)
    behind, rival = _against_forecast(capped, forecast, cap)
    rng = np.random.default_rng(seed)
    overall = _gain(capped if champion_decides else np.stack([rival, capped[1]]), rng)
    slices = _slices(holdout, lots, capped, told, rng) if champion_decides else {}
    worse = min((key for key, gain in slices.items() if gain.high < 0), key=lambda k: slices[k].high, default=None)
    # Only parts on which the gate would have used the challenger's prediction.
    counts = counted(holdout.target, challenger, cap)
    covered = np.stack([inside(holdout.target, said, coverage) for said in (champion, challenger)])[:, counts]
    coverages = covered.mean(axis=1).tolist() if covered.shape[1] else [0.0, 0.0]
    knows = 2 * covered.shape[1] >= len(holdout)
    closer = knows and coverage - coverages[1] <= _SHORTFALL * (coverage - coverages[0])
    fail = not coverage_holds(covered[1], len(holdout), coverage) and not closer
    outcome = _outcome(overall, worse, fail, behind)
    return Comparison(outcome, len(holdout), large, overall, slices, coverages[0], coverages[1], worse)


def lots_or_blocks(lots: Sequence[str]) -> list[str]:
    """The lot of each part; parts without one are grouped into blocks of consecutive parts."""
    return [lot or f"block {i // _BLOCK + 1}" for i, lot in enumerate(lots)]


def _telling(target: Floats, predictions: Sequence[Prediction]) -> NDArray[np.bool_] | None:
    """Of classes, which parts are not of the most frequent one; None where a number is predicted."""
    return None if probabilities_of(predictions) is None else rare_parts(target)


def rare_parts(target: Floats) -> NDArray[np.bool_]:
    """Which parts are not of the most frequent class; `target` (parts,) are the places of their classes."""
    return np.asarray(target != np.bincount(target.astype(np.intp), minlength=1).argmax())


def _slices(
    holdout: Holdout, lots: list[str], capped: Floats, told: NDArray[np.bool_] | None, rng: np.random.Generator
) -> dict[tuple[str, str], Gain]:
    """The gain for each machine, recipe and lot with enough parts; `told` says which of these tell, if not all do."""
    gains: dict[tuple[str, str], Gain] = {}
    for kind, names in (("machine", list(holdout.machines)), ("recipe", list(holdout.recipes)), ("lot", lots)):
        for name in sorted(set(names)):
            rows = [i for i, own in enumerate(names) if own == name]
            if len(rows) >= SLICE_ROWS and (told is None or told[rows].sum() >= RARE_ROWS):
                gains[kind, name] = _gain(capped[:, rows], rng)
    return gains


def _against_forecast(capped: Floats, forecast: Floats | None, cap: float) -> tuple[bool, Floats]:
    """Whether the challenger is no better than the forecast, and the errors (parts,) of the latter.

    `capped` (2, parts) are those of champion and challenger; the champion's stand where there was no forecast.
    """
    if forecast is None:
        return False, capped[0]
    known = np.isfinite(forecast)
    rival = np.where(known, np.minimum(forecast, cap), capped[0])
    return bool(known.any()) and not float(capped[1][known].mean()) < float(rival[known].mean()), rival


def _outcome(overall: Gain, worse: tuple[str, str] | None, intervals_fail: bool, behind_forecast: bool) -> Outcome:
    if not overall.low > 0:
        return Outcome.NOT_BETTER
    if behind_forecast:
        return Outcome.WORSE_THAN_FORECAST
    if intervals_fail:
        return Outcome.INTERVALS_FAIL
    return Outcome.BETTER if worse is None else Outcome.WORSE_IN_A_SLICE


def _undecided(outcome: Outcome, rows: int, lots: int) -> Comparison:
    return Comparison(outcome, rows, lots, None, {}, None, None)


def _gain(errors: Floats, rng: np.random.Generator) -> Gain:
    """From absolute errors (2, parts), the champion's first."""
    difference = errors[0] - errors[1]
    picked: NDArray[np.int64] = rng.integers(0, len(difference), (_RESAMPLES, len(difference)))
    tail = _tail(len(difference))
    low, high = np.quantile(difference[picked].mean(axis=1), [tail, 1 - tail]).tolist()
    champion, challenger = errors.mean(axis=1).tolist()
    return Gain(len(difference), champion, challenger, float(difference.mean()), low, high)


def _tail(rows: int) -> float:
    """The share of resamples beyond a bound: 1 - CONFIDENCE, less for few rows (Hesterberg 2015, section 5.3)."""
    return float(ndtr(stdtrit(rows - 1, 1 - CONFIDENCE) * (rows / (rows - 1)) ** 0.5))

"""The held-out gain of each step's values over what was known before it, in line order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from inference.steps import classes, numbers
from inference.steps.design import design_of, narrowed, standardised
from inference.steps.drift import known_before, without_drift
from inference.steps.evidence import interval, p_value, q_values
from inference.steps.parts import Counts, LineParts, Reached, StepBlock, Units, ignored, units_of
from monitor.model import Floats

FALSE_DISCOVERIES = 0.10
"""Among the steps that are said to matter, the share of those that do not, at most, as expected."""


@dataclass(frozen=True, slots=True)
class StepGain:
    """What a step's values add: the share of the loss left by what was known before it, with its 90 % interval.

    `explained` is the same as a share of all the loss, of what was known without looking at a part. `p` is one-sided,
    `q` the false discovery rate over the steps; `loss` is the mean loss that is left after the step.
    """

    step: str
    features: int
    gain: float
    low: float
    high: float
    p: float
    q: float
    loss: float
    explained: float = 0.0

    @property
    def matters(self) -> bool:
        """Whether the step tells something about the outcome that was not known before it."""
        return self.gain > 0 and self.q <= FALSE_DISCOVERIES

    @property
    def deserves_gate(self) -> bool:
        """Whether it matters and how much it gains is sure enough: the whole interval of the gain is above 0.

        The test behind `q` sees a weak step before its interval leaves 0.
        """
        return self.matters and self.low > 0


@dataclass(frozen=True, slots=True)
class Ranking:
    """The gains in line order; `loss` is the mean loss of what was known without looking at a part."""

    gains: tuple[StepGain, ...]
    parts: int
    units: int
    are_lots: bool
    loss: float


def rank(parts: LineParts, seed: int = 1, reached: Reached = ignored) -> Ranking:
    """The gain of each step over the steps before it that helped, with its evidence.

    The loss is the squared error of a number or the log loss of a class, held out over whole units (`units_of`, at
    least `MIN_UNITS`). A step whose block does not help does not enter what is known. `reached` is told the share that
    is done.
    """
    fits = len(parts.blocks) + 1
    units = units_of(parts.lots)
    learner = _learner(parts, units.folds())
    known = np.empty((len(parts), 0))
    first = before = learner.predict(known, lambda share: reached(share / fits))
    found = []
    for i, block in enumerate(parts.blocks):
        wider = np.hstack([known, _columns(block, units)])
        done = _after(reached, i + 1, fits)
        after = learner.predict(wider, done) if wider.shape[1] > known.shape[1] else before
        done(1.0)
        found.append(_gain(block, before, after, learner, units, seed + i))
        if found[-1].gain > 0:
            known, before = wider, after
    adjusted = q_values([gain.p for gain in found])
    whole = left = float(learner.losses(first).mean())
    gains = []
    for gain, q in zip(found, adjusted, strict=True):
        gains.append(replace(gain, q=q, explained=(left - gain.loss) / whole))
        left = gain.loss
    return Ranking(tuple(gains), len(parts), units.count, units.are_lots, whole)


def _after(reached: Reached, done: int, of: int) -> Reached:
    """Tells the share of all fits, of which so many are done, by that of the next one."""
    return lambda share: reached((done + share) / of)


@dataclass(frozen=True, slots=True)
class _Learner:
    """Held-out predictions by columns that are known of the parts, and what is lost by predictions."""

    predict: Callable[[Floats, Reached], Floats]
    losses: Callable[[Floats], Floats]
    slopes: Callable[[Floats, Floats], Floats]


def _learner(parts: LineParts, fold_of: Counts) -> _Learner:
    before, target = known_before(parts), parts.target
    nothing = np.empty((len(parts), 0))
    if parts.classes:
        return _Learner(
            lambda known, reached: classes.held_out(
                design_of(nothing, known, classes.COMPONENTS), before, target, fold_of, reached
            ),
            lambda predicted: classes.losses(predicted, target),
            lambda old, new: classes.slopes(old, new, target),
        )
    return _Learner(
        lambda known, reached: numbers.held_out(design_of(before, known), target, fold_of, reached),
        lambda predicted: numbers.losses(predicted, target),
        lambda old, new: numbers.slopes(old, new, target),
    )


def _columns(block: StepBlock, units: Units) -> Floats:
    return narrowed(standardised(without_drift(block.values, units)))


def _gain(block: StepBlock, old: Floats, new: Floats, learner: _Learner, units: Units, seed: int) -> StepGain:
    before, after = learner.losses(old), learner.losses(new)
    gains, losses = units.sums(before - after), units.sums(before)
    low, high = interval(gains, losses, seed)
    p = p_value(units.sums(learner.slopes(old, new)), seed)
    gain = float(gains.sum() / losses.sum())
    return StepGain(block.step, block.values.shape[1], gain, low, high, p, 1.0, float(min(after.mean(), before.mean())))

"""Which recommendation costs least: expected costs of continue, each correction, scrap and hold.

Expected cost under a predictive distribution, as in Berger, "Statistical Decision Theory and Bayesian Analysis", 1985.
The distribution of a number is a Student distribution whose central interval is the calibrated one of the prediction;
that of classes are its calibrated probabilities.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import inf

from scipy.special import stdtr, stdtrit

from monitor.model import Action, Prediction, ReworkBand, Spec, Verdict

FREEDOM = 4.0
"""Degrees of freedom of the predictive distribution of which nothing is known: errors of real models have tails heavier
than the normal one."""
LEAST = 0.0001
"""No share is taken for smaller: calibration with some hundred parts says nothing of far rarer ones."""
_CAUTION = (Verdict.HOLD, Verdict.CORRECT, Verdict.CONTINUE, Verdict.SCRAP)
"""Which of equally dear actions is taken."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What one try costs, and the share of reworkable parts that are within specification afterwards."""

    cost: float
    success: float


@dataclass(frozen=True, slots=True)
class Adjustable:
    """A variable of a later step, as step.feature, that people can set for a part, and what setting it costs.

    It is planned to be `plan`, and may be anything from `low` to `high` that is a whole number of `step` away from it.
    """

    name: str
    plan: float
    low: float
    high: float
    step: float
    cost: float

    def settings(self) -> tuple[float, ...]:
        """Everything that it can be set to but the plan, ascending; exact in decimals.

        >>> Adjustable("coating.thickness", 0.3, 0.15, 0.5, 0.1, 0.0).settings()
        (0.2, 0.4, 0.5)
        """
        plan, low, high, step = (Decimal(str(number)) for number in (self.plan, self.low, self.high, self.step))
        below, above = int((plan - low) // step), int((high - plan) // step)
        return tuple(float(plan + k * step) for k in range(-below, above + 1) if k)


@dataclass(frozen=True, slots=True)
class Costs:
    """What follows costs, in one currency: a part that fails later, one that is scrapped, one that people look at.

    `adjustables` are what may be set otherwise at later steps, at the cost of each.
    """

    escape: float
    scrap: float
    inspection: float
    corrections: Mapping[str, Correction] = field(default_factory=dict)
    adjustables: Sequence[Adjustable] = ()


@dataclass(frozen=True, slots=True)
class Shares:
    """The probabilities that a part is within specification, can be reworked, or can only be scrapped; of sum 1."""

    good: float
    reworkable: float
    scrap: float


def shares_of(
    prediction: Prediction, coverage: float, spec: Spec, band: ReworkBand, freedom: float = FREEDOM
) -> Shares:
    """The shares by a prediction whose interval holds with probability `coverage`, with tails of so much `freedom`."""
    floor = -inf if spec.lower is None else spec.lower
    ceiling = inf if spec.upper is None else spec.upper
    low, high = (probability_below(limit, prediction, coverage, freedom) for limit in (floor, ceiling))
    lowest, highest = (
        probability_below(limit, prediction, coverage, freedom) for limit in (floor - band.below, ceiling + band.above)
    )  # fmt: skip
    good, within = high - low, highest - lowest
    return bounded(good, within - good, 1 - within)


def bounded(good: float, reworkable: float, scrap: float) -> Shares:
    """Shares none of which is below `LEAST`: the others give in proportion to what they have above it."""
    shares = [max(share, 0.0) for share in (good, reworkable, scrap)]
    room = (1 - 3 * LEAST) / sum(shares)
    return Shares(*(LEAST + room * share for share in shares))


def actions(shares: Shares, costs: Costs) -> tuple[Action, ...]:
    """Every action with its expected cost, the least first; of equals the more cautious.

    A part that goes on and is not within specification costs `escape`. A correction costs its try; the part is then
    measured again, and scrapped where it is not within specification. So a correction is only for parts that are
    reworkable more probably than anything else: it is no cheap way to measure. A scrapped part costs `scrap`, whatever
    it was. People who look at a part see what it is: it then goes on, is corrected at the least cost, or is scrapped.
    """
    found = [
        Action(Verdict.CONTINUE, "", (1 - shares.good) * costs.escape, shares.good),
        Action(Verdict.SCRAP, "", costs.scrap),
        Action(Verdict.HOLD, "", costs.inspection + _seen(shares, costs)),
    ]
    if shares.reworkable > max(shares.good, shares.scrap):
        for name, one in costs.corrections.items():
            failing = shares.reworkable * (1 - one.success) + shares.scrap
            found.append(Action(Verdict.CORRECT, name, one.cost + failing * costs.scrap, 1 - failing))
    return in_order(found)


def in_order(found: Iterable[Action]) -> tuple[Action, ...]:
    """Actions with the least expected cost first; of equals the more cautious."""
    return tuple(sorted(found, key=lambda action: (action.cost, _CAUTION.index(action.verdict), action.correction)))


def _seen(shares: Shares, costs: Costs) -> float:
    """What a part costs once people know what it is."""
    tries = [one.cost + (1 - one.success) * costs.scrap for one in costs.corrections.values()]
    return shares.reworkable * min([*tries, costs.scrap]) + shares.scrap * costs.scrap


def probability_below(limit: float, prediction: Prediction, coverage: float, freedom: float = FREEDOM) -> float:
    """The probability of a value at or below a limit; each side of the value has its own width."""
    if limit in (inf, -inf):
        return float(limit > 0)
    away = limit - prediction.value
    half = prediction.upper - prediction.value if away > 0 else prediction.value - prediction.lower
    if half <= 0:
        return float(away >= 0)
    return float(stdtr(freedom, away / half * float(stdtrit(freedom, (1 + coverage) / 2))))

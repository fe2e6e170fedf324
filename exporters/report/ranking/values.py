"""What a ranking of a plant's steps found, as the page, the terminal and the metrics tell it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class LossKind(StrEnum):
    """What is lost by a prediction: of a number its squared error, of a class its log loss."""

    SQUARED_ERROR = "squared_error"
    LOG_LOSS = "log_loss"


@dataclass(frozen=True, slots=True)
class StepFigures:
    """What a step's values add: the share of the loss left by what was known before it, with its 90 % interval.

    `explained` is the same as a share of all the loss. `p` is one-sided, `q` the false discovery rate over the steps;
    `loss` is the mean loss that is left after the step. `matters`: it tells something that was not known before it.
    """

    features: int
    gain: float
    low: float
    high: float
    p: float
    q: float
    loss: float
    explained: float
    matters: bool


@dataclass(frozen=True, slots=True)
class RankedStep:
    """A step of the plant: its figures, or None and why (`unranked`), and its gate for the characteristic ('': none).

    `parts` is how many of the ranked parts passed it. It deserves a gate if it tells something that was not
    known, and the whole interval of its gain is above 0.
    """

    step: str
    parts: int
    gate: str
    figures: StepFigures | None = None
    deserves_gate: bool = False
    unranked: str = ""


@dataclass(frozen=True, slots=True)
class StepRanking:
    """The steps of a plant in line order by what they tell of a characteristic, ranked at an instant.

    `units` lots, or blocks of consecutive parts, are the unit of evidence. `loss` is the mean loss without looking at a
    part, in the square of `unit` or in nats.
    """

    characteristic: str
    unit: str
    at: datetime
    parts: int
    units: int
    are_lots: bool
    loss_kind: LossKind
    loss: float
    steps: Sequence[RankedStep]

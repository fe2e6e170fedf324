"""What an attribution is made from: findings in breach, each with the rows of parts or the machine that it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.attribution.likeness import Scored, weighed
from detectors.attribution.splits import Factor, Labels
from monitor.model import Floats


class FindingKey(NamedTuple):
    """Which finding of the board."""

    detector: str
    method: str
    subject: str
    feature: str


class Measured(StrEnum):
    """What a finding on parts is about."""

    FEATURE = "feature"
    IMAGE = "image"
    PREDICTION = "prediction"
    ERROR = "error"
    OUTCOME = "outcome"


@dataclass(frozen=True, slots=True)
class PartsEvidence:
    """A finding on parts: the scores of the newest rows, shape (rows,) in order of time, and the labels of each.

    `level` and `spread` are those of `scores.normal_scores`, `alike` how much those of one lot are alike, of each.
    `subject` is the step, or of an error or an outcome the characteristic. Of an error `outcome` and `predicted` are
    the level scores of what it is the difference of, and `others` those of the errors that other gates of the
    characteristic made on the same parts, NaN where they said nothing. `at` holds UTC nanoseconds since the epoch.
    """

    finding: FindingKey
    measured: Measured
    step: str
    subject: str
    serials: Sequence[str]
    at: NDArray[np.int64]
    level: Floats
    spread: Floats
    labels: Sequence[Labels]
    alike: tuple[float, float] = (0.0, 0.0)
    gate: str = ""
    outcome: Floats | None = None
    predicted: Floats | None = None
    others: Sequence[Floats] = ()

    def scored(self) -> tuple[Scored, Scored]:
        """Level and spread with the weights of their rows."""
        lots = next((label.names for label in self.labels if label.factor is Factor.LOT), [""] * len(self.serials))
        return weighed(self.level, lots, self.alike[0]), weighed(self.spread, lots, self.alike[1])


@dataclass(frozen=True, slots=True)
class MachineEvidence:
    """A finding on a machine; `sensors` are those that it names. `broken`: a sensor is dead or stuck.

    `at`: UTC nanoseconds since the epoch.
    """

    finding: FindingKey
    machine: str
    step: str
    sensors: tuple[str, ...]
    broken: bool
    at: int

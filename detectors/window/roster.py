"""The list of detectors that compare a step's newest window with its reference.

The drift job, the board and the report use it. The performance of a gate is not drift of a step:
`monitor.jobs.performance` creates that detector for each gate, because slices differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from detectors.charts.charts import ControlCharts
from detectors.spc.rules import DEFAULT, Rule
from detectors.window.drift import FeatureDrift
from monitor.detection import CHART, DRIFT, IMAGE_DRIFT
from monitor.ports import WindowDetector


class Columns(StrEnum):
    """Which columns of a step's windows a detector gets."""

    IMAGES = "images"
    """Features extracted from images, and the coordinates that the gate's model gives a picture."""
    OTHERS = "others"
    """All other features, and the prediction of the gate's model."""
    ALL = "all"


@dataclass(frozen=True, slots=True)
class StepSettings:
    """What a plant chooses: the rules of its control charts."""

    rules: Sequence[Rule] = DEFAULT


@dataclass(frozen=True, slots=True)
class StepDetector:
    """A listed detector: its name in findings, the columns it judges, and its constructor."""

    name: str
    columns: Columns
    make: Callable[[StepSettings], WindowDetector]


STEP_DETECTORS: tuple[StepDetector, ...] = (
    StepDetector(IMAGE_DRIFT, Columns.IMAGES, lambda given: FeatureDrift(IMAGE_DRIFT)),
    StepDetector(DRIFT, Columns.OTHERS, lambda given: FeatureDrift()),
    StepDetector(CHART, Columns.OTHERS, lambda given: ControlCharts(rules=given.rules)),
)


def step_detector_names() -> tuple[str, ...]:
    """The detectors of drift findings of steps."""
    return tuple(detector.name for detector in STEP_DETECTORS)

"""The detectors that compare a step's newest window with its reference: the one explicit list.

The job that runs them, the drift findings of the board and the report go by it. A gate's performance is not drift of a
step; `monitor.jobs.performance` makes that detector for each gate, because its slices differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from detectors.window.drift import FeatureDrift
from monitor.detection import DRIFT, IMAGE_DRIFT
from monitor.ports import WindowDetector


class Columns(StrEnum):
    """Which columns of a step's windows a detector is given."""

    IMAGES = "images"
    """Features that were made of an image."""
    OTHERS = "others"
    """Every other feature, and the prediction of the gate's model."""
    ALL = "all"


@dataclass(frozen=True, slots=True)
class StepDetector:
    """A detector of the list: the name of its findings, what it judges, and how one is made."""

    name: str
    columns: Columns
    make: Callable[[], WindowDetector]


STEP_DETECTORS: tuple[StepDetector, ...] = (
    StepDetector(IMAGE_DRIFT, Columns.IMAGES, lambda: FeatureDrift(IMAGE_DRIFT)),
    StepDetector(DRIFT, Columns.OTHERS, FeatureDrift),
)


def step_detector_names() -> tuple[str, ...]:
    """The names under which drift findings of steps stand on the board."""
    return tuple(listed.name for listed in STEP_DETECTORS)

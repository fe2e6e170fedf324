"""The status of a machine by its change points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from detectors.condition.changes import QUIET, Changes
from detectors.shared.state import number_or_none, require, whole_number
from monitor.model import Status

_BLIND = (Status.NO_DATA, Status.CANNOT_JUDGE)


class ChangeAt(NamedTuple):
    """What change points say of one row: the difference over its limit, NaN where it cannot be judged; whether it is a
    change point; the sensor that changed most."""

    ratio: float
    point: bool
    sensor: str


@dataclass(slots=True)
class ChangeStatus:
    """A status: BREACH from a change point on, OK after QUIET more judged rows without another one.

    `value`: the difference of the newest rows from those before, as a share of its limit; `left`: rows of a breach
    still to come; `sensor`: the one that changed most at the change point, '' outside a breach.
    """

    status: Status = Status.NO_DATA
    value: float | None = None
    left: int = 0
    sensor: str = ""

    def steady(self, changes: Changes) -> bool:
        """Whether these rows of a machine that is judged change nothing but the value, which they then do."""
        judged = np.isfinite(changes.ratio)
        still = self.status is Status.OK or (self.status is Status.CANNOT_JUDGE and not judged.any())
        if changes.points.any() or not still:
            return False
        if judged.any():
            self.value = float(changes.ratio[judged][-1])
        return True

    def count(self, machine: Status, row: ChangeAt | None) -> bool:
        """Count one row (None: not judged) of a machine whose status is `machine`; whether the status changed.

        Where nothing is known of the machine, nothing is known of its changes.
        """
        before = self.status
        if machine in _BLIND:
            self.set(machine)
        elif row is not None and math.isfinite(row.ratio):
            self._judge(row)
        elif self.status is Status.NO_DATA:
            self.set(Status.CANNOT_JUDGE)
        return self.status is not before

    def set(self, status: Status) -> None:
        """A status without a value."""
        self.status, self.value, self.left, self.sensor = status, None, 0, ""

    def _judge(self, row: ChangeAt) -> None:
        self.value = row.ratio
        if row.point:
            self.status, self.left, self.sensor = Status.BREACH, QUIET, row.sensor
        elif self.status is Status.BREACH and self.left > 1:
            self.left -= 1
        else:
            self.status, self.left, self.sensor = Status.OK, 0, ""


def load_change(saved: object) -> ChangeStatus:
    """The status that was saved; ValueError when it is incomplete or damaged."""
    given = require(saved, "the status of changes", ("status", "value", "left", "sensor"))
    value = number_or_none(given["value"], "the status of changes")
    return ChangeStatus(Status(given["status"]), value, whole_number(given["left"], "left"), str(given["sensor"]))

"""Change points of a machine's streams: the mean of the newest rows against that of the rows before them.

The mean of the newest 10 rows less that of the 80 before, of each sensor in units of what that difference is in the
reference, as a root mean square over the sensors. Its limit is a Student bound of the highest values of blocks of the
reference. While a difference lasts, a change point is told again every 30 rows.

State is a value: `score` returns a new one, and the same bits whatever way rows are split into batches. Rows count in
steps of 1/512 standard deviation, so that what is saved, in two bytes a value, is what is counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.condition.standard import carried
from detectors.shared.calibration import student_bound
from detectors.shared.state import pack, require, unpack, whole_number
from detectors.shared.windows import window_sums
from monitor.model import Floats

NEWEST, BEFORE = 10, 80
WIDTH = NEWEST + BEFORE
SETTLING = 90
"""First rows of a reference that do not count beside the windows: a machine may be settling."""
LEAST_ROWS = 300
"""Rows of a reference below which no change is judged."""
QUIET = 30
"""Rows after a change point in which there is no other one."""
_CHANCE = 5e-4
_BLOCKS = 12
_LEAST_MAXIMUM = 0.1  # of a block of the reference, where a root mean square over all of it is 1
_LEAST_SPREAD = 0.1  # of the logarithm of block maxima
_LEAST_SCALE = 0.05  # of a standardised sensor's difference
_FARTHEST = 50.0  # a standardised value counts up to this
_STEPS = 512  # a standard deviation; with _FARTHEST within two bytes
_ROWS = "<i2"
_VERSION = 2
_WHAT = "the change points"


@dataclass(frozen=True, slots=True)
class ChangeReference:
    """`scale` (sensors,): root mean square of each sensor's difference; `limit` of the root mean square over sensors.

    `limit` is infinite where the reference is too short: then nothing is judged.
    """

    scale: Floats
    limit: float


@dataclass(frozen=True, slots=True)
class ChangeState:
    """`rows`: the newest standardised rows (WIDTH, sensors), filled from the end; `count`: of all rows;
    `since`: rows since the last change point, up to QUIET.
    """

    rows: Floats
    count: int = 0
    since: int = QUIET


class Changes(NamedTuple):
    """Of each row: `ratio` (n,), the difference over its limit, NaN where it cannot be judged; `points` (n,), change
    points; `sensors` (n,), the index of the sensor with the largest difference, -1 where there is none.
    """

    ratio: Floats
    points: NDArray[np.bool_]
    sensors: NDArray[np.int64]


def learn_changes(rows: Floats) -> ChangeReference:
    """What differences are in a reference of standardised rows, shape (n, sensors), in order; NaN where missing."""
    if len(rows) < LEAST_ROWS or rows.shape[1] == 0:
        return ChangeReference(np.ones(rows.shape[1]), math.inf)
    differences = _differences(_filled(rows, np.zeros(rows.shape[1])))[SETTLING:]
    scale = np.maximum(np.sqrt((differences**2).mean(axis=0)), _LEAST_SCALE)
    size = _size(differences / scale)
    maxima = np.log([max(float(block.max()), _LEAST_MAXIMUM) for block in np.array_split(size, _BLOCKS)])
    spread = max(float(maxima.std(ddof=1)), _LEAST_SPREAD) * math.sqrt(1 + 1 / _BLOCKS)
    return ChangeReference(scale, float(np.exp(maxima.mean() + student_bound(_CHANCE, _BLOCKS - 1) * spread)))


def start_changes(sensors: int) -> ChangeState:
    """Before the first row: every sensor at its mean."""
    return ChangeState(np.zeros((WIDTH, sensors)))


def score_changes(reference: ChangeReference, state: ChangeState, rows: Floats) -> tuple[ChangeState, Changes]:
    """Judge standardised rows, shape (n, sensors), in order; a missing value keeps the sensor's last one.

    The first WIDTH rows are not judged.
    """
    if len(rows) == 0:
        return state, Changes(np.zeros(0), np.zeros(0, np.bool_), np.zeros(0, np.int64))
    known = np.concatenate([state.rows, _filled(rows, state.rows[-1])])
    differences = np.abs(_differences(known[1:])) / reference.scale
    ratio = _size(differences) / reference.limit
    judged = (state.count + np.arange(len(rows)) >= WIDTH) & (reference.limit < math.inf)
    points, since = np.zeros(len(rows), np.bool_), state.since
    beyond = np.flatnonzero(judged & (ratio > 1))
    last = -since
    for row in beyond.tolist():
        if row - last >= QUIET:
            points[row], last = True, row
    sensors = np.where(judged, differences.argmax(axis=1) if differences.shape[1] else -1, -1)
    moved = ChangeState(known[-WIDTH:], state.count + len(rows), min(len(rows) - last, QUIET))
    return moved, Changes(np.where(judged, ratio, np.nan), points, sensors)


def save_changes(reference: ChangeReference, state: ChangeState) -> dict[str, Any]:
    """Reference and state as JSON values."""
    return {
        "version": _VERSION,
        "sensors": len(reference.scale),
        "scale": pack(reference.scale),
        "limit": None if math.isinf(reference.limit) else reference.limit,
        "rows": pack(np.rint(state.rows * _STEPS), _ROWS),
        "count": state.count,
        "since": state.since,
    }


def load_changes(saved: object) -> tuple[ChangeReference, ChangeState]:
    """What was given to `save_changes`; ValueError where it is damaged or of another version."""
    fields = require(saved, _WHAT, ("version", "sensors", "scale", "limit", "rows", "count", "since"))
    if fields["version"] != _VERSION:
        raise ValueError(f"the saved state of {_WHAT} does not have version {_VERSION}; rebuild it from history")
    width = whole_number(fields["sensors"], "sensors")
    limit = math.inf if fields["limit"] is None else float(fields["limit"])
    state = ChangeState(
        unpack(fields["rows"], (WIDTH, width), _ROWS) / _STEPS, whole_number(fields["count"], "count"),
        whole_number(fields["since"], "since"),
    )  # fmt: skip
    return ChangeReference(unpack(fields["scale"], (width,)), limit), state


def _filled(rows: Floats, last: Floats) -> Floats:
    """The rows in steps within +-_FARTHEST, each missing value replaced by the sensor's last one before it."""
    return carried(np.rint(np.clip(rows, -_FARTHEST, _FARTHEST) * _STEPS) / _STEPS, last)[0]


def _differences(rows: Floats) -> Floats:
    """The mean of the newest rows less that of those before, (n + WIDTH - 1, sensors) to (n, sensors)."""
    return window_sums(rows[BEFORE:], NEWEST) / NEWEST - window_sums(rows[:-NEWEST], BEFORE) / BEFORE


def _size(differences: Floats) -> Floats:
    """The root mean square over the sensors, (n, sensors) to (n,), summed in the order of the sensors."""
    total = np.zeros(len(differences))
    for sensor in range(differences.shape[1]):
        total += differences[:, sensor] ** 2
    return np.asarray(np.sqrt(total / max(differences.shape[1], 1)))

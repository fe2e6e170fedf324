"""What trends are followed of a machine: the level of each sensor, and how far all of them together have drifted.

The score of residuals is a mean square that shows wear only where it exceeds the noise of single rows. The length of
the smoothed residuals shows it earlier (Lowry et al., A Multivariate Exponentially Weighted Moving Average Control
Chart, 1992). Its square and the noise of single rows add up to that mean square, so a limit of the score is a limit of
the length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from detectors.condition.levels import PAGE
from detectors.condition.reference import Reference
from detectors.condition.scoring import Scores
from detectors.condition.smoothing import smooth
from detectors.shared.state import pack, require, unpack, whole_number
from detectors.trend.growth import DEFAULTS
from detectors.trend.time_left import Forecast, Limit, Trend, blocks, follow, forecasts, load_trend, save_trend, start
from monitor.model import Floats

MACHINE = -1
"""The place of the machine itself where sensors have theirs."""
_RECENT = 64.0
"""Rows from which the noise of single rows is estimated, and how many rows a mean square of 1 is worth beside them."""
_BELIEVED = 16.0
_ERROR = 0.15
"""The standard error of the machine's limit as a share of it, since the noise is another one when it is reached."""
_LEAST = 0.05
"""The least square of the limit, as a share of the mean square that is scored so."""
_SETTLING = 10
"""Rows after the reference that are left out too: the residuals grow there, since the regression has not seen them."""
_NOISE = 1.25
"""By how much the drift of healthy rows varies more than that of independent ones."""
_BELIEFS = replace(DEFAULTS, offset=3.0)
"""Of the machine's drift: the rows after the reference fit less well from the first one on."""


@dataclass(frozen=True, slots=True)
class Wear:
    """The trends of a machine. `drift`, (sensors,): smoothed residuals; `skipped`: rows of the reference still to come,
    which `machine` leaves out; `sensors`: levels; `machine`: length of the drift, and the mean square without it."""

    drift: Floats
    skipped: int
    sensors: Trend
    machine: Trend


def begin(reference: Reference, learnt: int) -> Wear:
    """Before the first row of the reference, of which there are `learnt`; 0 after a service, with a new row next."""
    width = len(reference.centre)
    return Wear(np.zeros(width), learnt + _SETTLING, start(width), start(2))


def watch(reference: Reference, wear: Wear, scores: Scores) -> Wear:
    """Take up rows that were scored."""
    sensors = follow(wear.sensors, scores.smoothed / reference.level.forward)
    skip = min(wear.skipped, len(scores.smoothed))
    if not len(scores.whitened):
        return wear
    drift = smooth(scores.whitened, reference.settings.residual_weight, wear.drift)
    square = (drift**2).sum(axis=1) / drift.shape[1]
    unit, offset = _unit(reference)
    rows = np.stack([(np.sqrt(square) - offset) / unit, _squares(reference, scores.residual) - square], axis=1)
    return Wear(drift[-1], wear.skipped - skip, sensors, follow(wear.machine, rows[skip:]))


def time_left(reference: Reference, wear: Wear, lower: Floats, upper: Floats) -> dict[int, Forecast]:
    """Forecasts by sensor, and for the machine under `MACHINE`.

    `lower`, `upper`, shape (sensors,), in the sensors' own units: operating limits, NaN where there is none. A sensor
    without any is forecast to the level at which it calls a person, on the side where it is; the machine, to the score
    that calls a person. A limit on the wrong side of the reference is no limit.
    """
    limits = [limit for sensor in range(len(lower)) for limit in _limits(reference, wear, sensor, lower, upper)]
    found: dict[int, Forecast] = {}
    for forecast in forecasts(wear.sensors, limits):
        sensor = forecast.limit.series
        if sensor not in found or _sooner(forecast, found[sensor]):
            found[sensor] = forecast
    for forecast in forecasts(wear.machine, [machine_limit(reference, wear, PAGE)], _BELIEFS):
        found[MACHINE] = forecast
    return found


def _sooner(one: Forecast, other: Forecast) -> bool:
    return (one.reached, one.within(float(one.rows[-1]))) > (other.reached, other.within(float(other.rows[-1])))


def _limits(reference: Reference, wear: Wear, sensor: int, lower: Floats, upper: Floats) -> Sequence[Limit]:
    unit = reference.scale[sensor] * reference.level.forward[sensor]
    below, above = (float((value[sensor] - reference.centre[sensor]) / unit) for value in (lower, upper))
    given = [Limit(sensor, value) for value, right in ((below, below < 0.0), (above, above > 0.0)) if right]
    if given or not np.isnan([below, above]).all():
        return given
    side = -1.0 if wear.sensors.last[sensor] < 0 else 1.0
    return [Limit(sensor, side * float(reference.level.page[sensor]))]


def machine_limit(reference: Reference, wear: Wear, score: float) -> Limit:
    """The length of the drift, in units of its noise, at which the residuals' score is `score`."""
    goal = _squares(reference, np.array([score]))[0]
    noise = total = _BELIEVED
    if wear.machine.rows:
        past = blocks(wear.machine)
        recent = past.starts >= -_RECENT
        weights = (past.ends - past.starts)[recent]
        noise, total = noise + float(weights @ past.means[recent, 1]), total + float(weights.sum())
    length = float(np.sqrt(max(goal - noise / total, _LEAST * goal)))
    unit, offset = _unit(reference)
    return Limit(0, (length - offset) / unit, _ERROR * length / unit)


def _squares(reference: Reference, scores: Floats) -> Floats:
    """The smoothed mean squares that were scored so."""
    flag, page = reference.residual.flag, reference.residual.page
    return np.asarray(flag * np.minimum(scores, 1.0) + (page - flag) / (PAGE - 1.0) * np.maximum(scores - 1.0, 0.0))


def _unit(reference: Reference) -> tuple[float, float]:
    """Of the drift's length in healthy rows: standard deviation, and a little more than the mean."""
    weight, moving = reference.settings.residual_weight, float(reference.moves.mean())
    one = float(np.sqrt(weight / (2.0 - weight)))
    return _NOISE * one * np.sqrt(moving / max(1, reference.moves.sum())), 1.1 * one * np.sqrt(moving)


def save_wear(wear: Wear) -> dict[str, Any]:
    """The trends as JSON values."""
    trends = {"sensors": save_trend(wear.sensors), "machine": save_trend(wear.machine)}
    return {"drift": pack(wear.drift), "skipped": wear.skipped, **trends}


def load_wear(saved: object, width: int) -> Wear:
    """What was given to `save_wear`, for so many sensors; ValueError when it is incomplete or damaged."""
    given = require(saved, "trends", ("drift", "skipped", "sensors", "machine"))
    return Wear(
        unpack(given["drift"], (width,)), whole_number(given["skipped"], "skipped"),
        load_trend(given["sensors"], width), load_trend(given["machine"], 2),
    )  # fmt: skip

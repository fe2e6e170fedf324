"""The baseline of one machine and recipe: learnt from its first rows, then kept up to date."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.shared.calibration import Calibration, calibrate
from detectors.shared.state import pack, require, unpack, whole_number
from detectors.stream.distance import Reference, distances, reference_of
from detectors.stream.river_scorers import RarityTrees, TreeShape
from monitor.model import Floats

CHARTS = 4
"""Shift of the smoothed means; spread of single rows; the least predictable sensor; rarity by half-space trees."""
SHIFT, SPREAD, ODD, RARITY = range(CHARTS)


@dataclass(frozen=True, slots=True)
class Settings:
    """Parameters of the anomaly score.

    Weights, tree counts and `false_alarm_rows` were chosen on simulated AR(1) machines, seeds 1000 to 1009 of
    `tests/detectors/detector_streams.py`, and checked on SKAB's anomaly-free file and TEP's fault-free runs; the
    figures in the docs were measured on seeds from 2000 on.

    `warmup_rows`: running rows before the first judgement. A quarter of them is a window (learnt rows take effect
    at its end), a twentieth a block (its highest chart values calibrate the limit).
    `shift_weight`, `spread_weight`, `share_weight`: weights of the newest row in the exponential smoothing.
    `false_alarm_rows`: the mean number of rows between false alarms for which the limit is set, assuming independent
    and normal blocks; for strongly autocorrelated sensors (AR(1), 0.8 and more) some 350,000 were measured.
    `memory_rows`: rows over which the reference is averaged. `shrinkage`: see `Reference.inverse`.
    `clip`: standardised values are clipped at this many standard deviations, so that one spike is not a shift.
    """

    warmup_rows: int = 1000
    shift_weight: float = 0.05
    spread_weight: float = 0.05
    share_weight: float = 0.03
    false_alarm_rows: int = 10_000_000
    memory_rows: int = 5000
    most_blocks: int = 200
    shrinkage: float = 0.05
    clip: float = 5.0
    trees: int = 20
    height: int = 6
    seed: int = 7

    def __post_init__(self) -> None:
        if self.warmup_rows < 100:
            raise ValueError(f"warmup_rows is {self.warmup_rows}; expected 100 or more")

    @property
    def window(self) -> int:
        """Learnt rows after which reference and limit are updated."""
        return self.warmup_rows // 4

    @property
    def fitting_rows(self) -> int:
        """Rows of a warm-up: a whole number of windows."""
        return 4 * self.window

    @property
    def block(self) -> int:
        """Rows of a block, whose highest chart values enter the calibration."""
        return self.window // 5

    @property
    def chance(self) -> float:
        """The probability that one chart of one healthy block exceeds the limit."""
        return self.block / (CHARTS * self.false_alarm_rows)


# The minimum spread of block maxima: 10 % (charts are logarithms), in case a few blocks happen to agree.
_MIN_SPREAD = 0.1
# Keeps the logarithm of a distance finite.
_TINY = 1e-3


@dataclass(frozen=True, slots=True)
class Scored:
    """Scored rows: standardised values (rows, sensors), scores (rows,), charts (rows, CHARTS), and each sensor's share
    in the shift and in the spread (rows, sensors)."""

    rows: Floats
    scores: Floats
    charts: Floats
    shift_shares: Floats
    spread_shares: Floats


@dataclass(slots=True)
class Baseline:
    """A baseline past its warm-up. Learnt rows take effect at the end of a window; within a window it is frozen.

    `centre` and `scale`: mean and standard deviation of each sensor, shape (sensors,). `smoothed`: exponentially
    smoothed values, shares, spread and rarity, shape (2 * sensors + 2,). `rarity`: the mean rarity of the warm-up.
    `maxima`: block maxima, shape (blocks, CHARTS). `pending`, `pending_charts`: rows learnt in the current window.
    """

    settings: Settings
    centre: Floats
    scale: Floats
    reference: Reference
    forest: RarityTrees
    maxima: Floats
    smoothed: Floats
    rarity: float
    learnt: int
    pending: Floats
    pending_charts: Floats
    _inverse: Floats
    _calibration: Calibration

    @property
    def limit(self) -> float:
        """The score above which a row is anomalous."""
        return self._calibration.limit

    @property
    def room(self) -> int:
        """The number of rows that can still be learnt in the current window."""
        return self.settings.window - len(self.pending)

    def usable(self, values: Floats) -> NDArray[np.bool_]:
        """The rows that can be judged, shape (rows,): at least half of the baseline's sensors have a value."""
        learnt = ~np.isnan(self.centre)
        return np.asarray(2 * (~np.isnan(values[:, learnt])).sum(axis=1) >= max(int(learnt.sum()), 1))

    def reset(self) -> None:
        """Reset the smoothed values to those of normal rows."""
        self.smoothed = _normal_smoothed(len(self.centre), self.reference, self.rarity)

    def score(self, values: Floats) -> Scored:
        """Score usable rows, shape (n, sensors) with n at most `room`, and update the smoothed values."""
        z = self._standard(values)
        return self._charts(z, self.reference, self._inverse, self.forest.score(self._unit(z)))

    def causes(self, scored: Scored, row: int) -> NDArray[np.int64]:
        """The sensors with the largest shares in a row's score, at most three, none below a third of the largest."""
        highest = self._calibration.highest_chart(scored.charts[row])
        shares = (scored.shift_shares if highest == SHIFT else scored.spread_shares)[row]
        order = np.argsort(-np.nan_to_num(shares), kind="stable")[:3]
        return np.asarray(order[shares[order] >= shares[order[0]] / 3])

    def learn(self, scored: Scored, normal: NDArray[np.bool_]) -> None:
        """Learn the scored rows that are normal, shape (n,), at most `room` of them."""
        rows = scored.rows[normal]
        self.forest.learn(self._unit(rows))
        self.pending = np.concatenate([self.pending, rows])
        self.pending_charts = np.concatenate([self.pending_charts, scored.charts[normal]])
        if self.room == 0:
            self._end_window()

    def _end_window(self) -> None:
        """Update reference and limit from the rows learnt in the window."""
        settings = self.settings
        self.learnt += settings.window
        weight = settings.window / min(self.learnt, settings.memory_rows)
        self.reference = self.reference.blend(reference_of(self.pending), weight)
        self._inverse = self.reference.inverse(settings.shrinkage)
        fresh = _block_maxima(self.pending_charts, settings.block)
        self.maxima = np.concatenate([self.maxima, fresh])[-settings.most_blocks :]
        self._calibration = calibrate(self.maxima, settings.chance, _MIN_SPREAD)
        self.pending, self.pending_charts = self.pending[:0], self.pending_charts[:0]

    def _standard(self, values: Floats) -> Floats:
        clip = self.settings.clip
        return np.clip((values - self.centre) / self.scale, -clip, clip)

    def _unit(self, z: Floats) -> Floats:
        """Map -4 to 4 standard deviations to [0, 1] for the trees; a missing value becomes the warm-up's mean."""
        return np.nan_to_num(np.clip(0.5 + z / 8.0, 0.0, 1.0), nan=0.5)

    def _charts(self, z: Floats, reference: Reference, inverse: Floats, rarity: Floats) -> Scored:
        width = z.shape[1]
        spread, shares = distances(z - reference.mean, inverse)
        # Capped, so that one spike, however high, does not count as more variance. In healthy rows a distance exceeds
        # 6, or a sensor's share 20, less than once in a thousand rows.
        spread, shares = np.minimum(spread, 6.0), np.minimum(shares, 20.0)
        rows = np.concatenate([z, shares, spread[:, None], rarity[:, None]], axis=1)
        smooth = self._smooth(rows)
        means = np.where(np.isnan(z), np.nan, smooth[:, :width])
        shift, shift_shares = distances(means - reference.mean, inverse)
        levels = (
            shift,
            smooth[:, 2 * width],
            np.nan_to_num(smooth[:, width : 2 * width]).max(axis=1),
            smooth[:, 2 * width + 1],
        )
        charts = np.empty((len(z), CHARTS))
        for chart, level in enumerate(levels):
            # Not numpy's logarithm: its last bit may depend on a value's position in the array.
            charts[:, chart] = [math.log(value + _TINY) for value in level.tolist()]
        return Scored(z, self._calibration.score(charts), charts, shift_shares, smooth[:, width : 2 * width])

    def _smooth(self, rows: Floats) -> Floats:
        """Exponential smoothing, row by row; a missing value leaves the smoothed value unchanged."""
        width = (rows.shape[1] - 2) // 2
        weights = np.full(rows.shape[1], self.settings.spread_weight)
        weights[:width] = self.settings.shift_weight
        weights[width : 2 * width] = self.settings.share_weight
        gaps = bool(np.isnan(rows).any())
        smoothed, out = self.smoothed, np.empty_like(rows)
        for i, row in enumerate(rows):
            step = (row - smoothed) * weights
            smoothed = smoothed + (np.nan_to_num(step, copy=False) if gaps else step)
            out[i] = smoothed
        self.smoothed = smoothed
        return out

    def save(self) -> dict[str, Any]:
        """The baseline as JSON values."""
        return {
            **{name: pack(getattr(self, name)) for name in _ARRAYS},
            "mean": pack(self.reference.mean),
            "covariance": pack(self.reference.covariance),
            "forest": self.forest.save(),
            "rarity": self.rarity,
            "learnt": self.learnt,
            "rows": [len(self.pending), len(self.maxima)],
        }


_ARRAYS = ("centre", "scale", "maxima", "smoothed", "pending", "pending_charts")
_SAVED = (*_ARRAYS, "mean", "covariance", "forest", "rarity", "learnt", "rows")


def load_baseline(saved: object, settings: Settings, width: int) -> Baseline:
    """The baseline that was saved; ValueError when it is incomplete or damaged."""
    fields = require(saved, "a baseline", _SAVED)
    if not isinstance(fields["rows"], list) or len(fields["rows"]) != 2:
        raise ValueError("the saved state of a baseline is damaged; rebuild it from history")
    pending, blocks = (whole_number(count, "a number of rows") for count in fields["rows"])
    reference = Reference(unpack(fields["mean"], (width,)), unpack(fields["covariance"], (width, width)))
    maxima = unpack(fields["maxima"], (blocks, CHARTS))
    return Baseline(
        settings=settings,
        centre=unpack(fields["centre"], (width,)),
        scale=unpack(fields["scale"], (width,)),
        reference=reference,
        forest=RarityTrees.restore(_shape(settings), width, fields["forest"]),
        maxima=maxima,
        smoothed=unpack(fields["smoothed"], (2 * width + 2,)),
        rarity=_number(fields["rarity"]),
        learnt=whole_number(fields["learnt"], "learnt"),
        pending=unpack(fields["pending"], (pending, width)),
        pending_charts=unpack(fields["pending_charts"], (pending, CHARTS)),
        _inverse=reference.inverse(settings.shrinkage),
        _calibration=calibrate(maxima, settings.chance, _MIN_SPREAD),
    )


def fit(values: Floats, least_scale: Floats, settings: Settings) -> Baseline:
    """The baseline from the warm-up rows, shape (fitting_rows, sensors), NaN where missing.

    A sensor with values in less than half of the rows is not judged by this baseline. `least_scale`, shape
    (sensors,), is a lower bound of the standard deviations, for sensors that hardly move.
    """
    width = values.shape[1]
    centre, scale = _centre_and_scale(values, least_scale)
    baseline = Baseline(
        settings=settings,
        centre=centre,
        scale=scale,
        reference=Reference(np.zeros(width), np.eye(width)),
        forest=RarityTrees(_shape(settings), width),
        maxima=np.empty((0, CHARTS)),
        smoothed=np.empty(0),
        rarity=0.0,
        learnt=len(values),
        pending=np.empty((0, width)),
        pending_charts=np.empty((0, CHARTS)),
        _inverse=np.eye(width),
        _calibration=Calibration(np.zeros(CHARTS), np.ones(CHARTS), 0.0),
    )
    z = baseline._standard(values)
    rarity = _learn_in_windows(baseline, z)
    baseline.maxima = np.concatenate([_held_out_maxima(baseline, z, rarity, fold) for fold in (1, 2, 3)])
    baseline.reference = reference_of(z)
    baseline._inverse = baseline.reference.inverse(settings.shrinkage)
    baseline._calibration = calibrate(baseline.maxima, settings.chance, _MIN_SPREAD)
    baseline.rarity = float(rarity.mean())
    baseline.reset()
    return baseline


def _centre_and_scale(values: Floats, least_scale: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each sensor, shape (sensors,); NaN and 1 where most values are missing."""
    present = 2 * (~np.isnan(values)).sum(axis=0) >= len(values)
    centre, scale = np.full(values.shape[1], np.nan), np.ones(values.shape[1])
    centre[present] = np.nanmean(values[:, present], axis=0)
    floor = np.maximum(least_scale[present], 1e-9 * np.maximum(np.abs(centre[present]), 1.0))
    scale[present] = np.maximum(np.nanstd(values[:, present], axis=0), floor)
    return centre, scale


def _learn_in_windows(baseline: Baseline, z: Floats) -> Floats:
    """The rarity of each row by trees that learnt the windows before its own; the mean of the rest for the first."""
    unit, window, parts = baseline._unit(z), baseline.settings.window, []
    for start in range(0, len(z), window):
        parts.append(baseline.forest.score(unit[start : start + window]))
        baseline.forest.learn(unit[start : start + window])
    parts[0][:] = float(np.concatenate(parts[1:]).mean())
    return np.concatenate(parts)


def _held_out_maxima(baseline: Baseline, z: Floats, rarity: Floats, fold: int) -> Floats:
    """The block maxima of one window of the warm-up, scored with a reference from the other windows."""
    settings = baseline.settings
    held_out = slice(fold * settings.window, (fold + 1) * settings.window)
    reference = reference_of(np.delete(z, held_out, axis=0))
    trial = replace(baseline, smoothed=_normal_smoothed(z.shape[1], reference, float(rarity.mean())))
    charts = trial._charts(z, reference, reference.inverse(settings.shrinkage), rarity).charts
    return _block_maxima(charts[held_out], settings.block)


def _normal_smoothed(width: int, reference: Reference, rarity: float) -> Floats:
    """The smoothed values of normal rows, used before the first row."""
    return np.concatenate([reference.mean, np.ones(width + 1), [rarity]])


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("the saved state of a baseline is damaged; rebuild it from history")
    return float(value)


def _block_maxima(charts: Floats, block: int) -> Floats:
    """The highest value of each chart in each block, shape (blocks, CHARTS); an incomplete last block is dropped."""
    blocks = len(charts) // block
    return np.asarray(charts[: blocks * block].reshape(blocks, block, CHARTS).max(axis=1))


def _shape(settings: Settings) -> TreeShape:
    return TreeShape(settings.trees, settings.height, settings.window, settings.seed)

"""Performance of a gate before outcomes: what error and coverage will be, and whether the estimate can be believed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from detectors.shared.calibration import student_bound
from detectors.window import assumptions
from detectors.window.direct_loss import DirectLoss, fit
from detectors.window.performance_limits import MIN_PARTS, LimitSettings, error_limit, mean_variance
from monitor.detection import ESTIMATE, ESTIMATE_LIGHT, ESTIMATED_COVERAGE, ESTIMATED_ERROR
from monitor.instants import EPOCH, from_nanos
from monitor.model import Finding, Floats, Mask, Status, Window

COLUMNS = ("predicted", "claimed", "distance", "loss", "missed")
"""The first columns of a window, which the inputs follow: the prediction (NaN for none), the loss that it claims (half
the width of its interval; of classes the expected log loss), its distance from the training data as a share of the
limit, and once the outcome is known the loss and whether the interval missed it."""
_LOSSES = ("loss", "missed")
TOLERANCE = 0.15
"""How far, as a share of the estimate, the realised error may be from it by chance for the light to be green."""
_OUTSIDE = 0.05
"""The probability, on either side, that chance brings the realised error farther."""


class Light(IntEnum):
    """Whether an estimate can be believed, as the value of `estimate_light`."""

    GREEN = 0
    AMBER = 1
    """Too few parts, or too alike, to say within `TOLERANCE`."""
    RED = 2
    """An assumption is broken."""


@dataclass(frozen=True, slots=True)
class EstimateSettings:
    """Parameters of the light.

    `chance`: the nominal probability that healthy parts break an assumption that is tested by chance, in one judgement,
    divided among the tests. Lots make it more: 2 % of healthy judgements on the lines of `bench_before_outcomes`.
    """

    chance: float = 1e-3


@dataclass(frozen=True, slots=True)
class BeforeOutcomes:
    """Estimates the mean loss and the coverage of the parts of a gate that wait for their outcome.

    The reference holds known parts, in order, the current window the parts that wait, the newest last; both have
    `COLUMNS` and then the inputs. `estimated_error`: mean expected loss (`detectors.window.direct_loss`) of the waiting
    parts that the model can say something of, in the unit of the realised one; in breach above `limit`.
    `estimated_coverage`: 1 - mean expected miss. `estimate_light`: a `Light`; limit 1. It is red, with its reasons,
    where a tested assumption is broken (`detectors.window.assumptions`): `covariate_shift`, `missing_input`,
    `unpredicted` (parts without a prediction, or out of distribution), `not_calibrated`, `outcomes_overdue`. Amber
    where known or waiting parts are too few, or too alike, for the realised error to be within `TOLERANCE` of the
    estimate in nine of ten cases. Unless the light is green, both estimates are CANNOT_JUDGE.
    """

    block_rows: int = 60
    limit: float | None = None
    overdue: bool = False
    settings: EstimateSettings = field(default_factory=EstimateSettings)

    @property
    def name(self) -> str:
        """The name, used as a label value."""
        return ESTIMATE

    def judge(self, reference: Window, current: Window) -> Sequence[Finding]:
        """Error, coverage, light."""
        if not len(current) or any(name not in w.names for name in COLUMNS for w in (reference, current)):
            return [_finding(current, method, Status.NO_DATA) for method in _METHODS]
        names = [name for name in current.names if name not in _LOSSES and name in reference.names]
        known, new = _columns(reference, names), _columns(current, names)
        judged = np.isfinite(new[:, 0]) & (new[:, 2] <= 1.0)
        fits = self._fits(reference, known)
        broken = tuple(self._broken(known, new, judged, names, fits))
        if not fits or judged.sum() < MIN_PARTS:
            return self._findings(current, None, None, Light.RED if broken else Light.AMBER, broken, reference)
        error = float(fits[0].expected(new[judged]).mean())
        coverage = 1.0 - float(fits[1].expected(new[judged]).mean())
        sure = half_width(fits[0], new[judged], self.block_rows) <= TOLERANCE * error
        light = Light.RED if broken else Light.GREEN if sure else Light.AMBER
        return self._findings(current, error, coverage, light, broken, reference)

    def _fits(self, reference: Window, known: Floats) -> tuple[DirectLoss, ...]:
        """The fits of both losses; none with too few known parts."""
        losses = _columns(reference, _LOSSES)
        if np.isfinite(losses).all(axis=1).sum() < assumptions.FEWEST_BLOCKS * self.block_rows:
            return ()
        return fit(known, losses)

    def _broken(
        self,
        known: Floats,
        new: Floats,
        judged: Mask,
        names: Sequence[str],
        fits: tuple[DirectLoss, ...],
    ) -> Iterator[str]:
        """The reasons why the light is red, a shift and a gap with the columns that show it."""
        size, chance = min(self.block_rows, len(new)), self.settings.chance / 3
        if len(known) >= assumptions.FEWEST_BLOCKS * size and size >= MIN_PARTS:
            said = new[judged]
            moved = assumptions.shifted(known, said, min(size, len(said)), chance) if len(said) >= MIN_PARTS else []
            yield from _named("covariate_shift", moved, names)
            inputs = slice(len(COLUMNS) - len(_LOSSES), None)
            gaps = assumptions.missing(known[:, inputs], new[:, inputs], size, chance)
            yield from _named("missing_input", gaps, names[inputs])
        if size >= MIN_PARTS and assumptions.mostly_unjudged(judged, size):
            yield "unpredicted"
        if fits and not assumptions.newest_hold([one.residuals for one in fits], self.block_rows, chance):
            yield "not_calibrated"
        if self.overdue:
            yield "outcomes_overdue"

    def _findings(
        self,
        current: Window,
        error: float | None,
        coverage: float | None,
        light: Light,
        broken: tuple[str, ...],
        reference: Window,
    ) -> list[Finding]:
        limit = self.limit if self.limit is not None else _limit_of(reference, self.block_rows)
        status = Status.OK if light is Light.GREEN else Status.CANNOT_JUDGE
        high = status is Status.OK and error is not None and limit is not None and error > limit
        statuses = {Light.GREEN: Status.OK, Light.AMBER: Status.CANNOT_JUDGE, Light.RED: Status.BREACH}
        return [
            _finding(
                current, ESTIMATED_ERROR, Status.BREACH if high else status, error, limit, ("estimate",) * high
            ),
            _finding(current, ESTIMATED_COVERAGE, status, coverage),
            _finding(current, ESTIMATE_LIGHT, statuses[light], float(light), 1.0, broken),
        ]  # fmt: skip


_METHODS = (ESTIMATED_ERROR, ESTIMATED_COVERAGE, ESTIMATE_LIGHT)


def half_width(loss: DirectLoss, new: Floats, block_rows: int) -> float:
    """How far the realised mean loss of these parts (rows, columns) is from its estimate, by chance, in 9 of 10 cases.

    Their own scatter, and that of the fit; both grow with the expected loss. Parts that err alike count as fewer, as
    far as blocks of known parts say so; Student's t has one degree of freedom for each of these but one.
    """
    residuals, rows = loss.residuals - np.nanmean(loss.residuals), len(new)
    block = min(block_rows, rows)
    single = mean_variance(residuals, block) * block  # of one part, so that means of many vary as they do
    variance = single * (1.0 / rows + loss.leverage(new))
    scale = float(loss.expected(new).mean()) / loss.level if loss.level > 0 else 1.0
    freedom = max(len(residuals) // block - 1, 3)
    return student_bound(_OUTSIDE, freedom) * math.sqrt(variance) * scale


def _limit_of(reference: Window, rows: int) -> float | None:
    """The limit of the realised error, from known losses alone."""
    loss = _columns(reference, ["loss"])[:, 0]
    return error_limit(loss, rows, LimitSettings().chance, two_sided=False)


def _columns(window: Window, names: Sequence[str]) -> Floats:
    return window.values[:, [window.names.index(name) for name in names]]


def _named(reason: str, columns: Sequence[int], names: Sequence[str]) -> Iterator[str]:
    if columns:
        yield from (reason, *(names[column] for column in columns[:3]))


def _finding(
    window: Window,
    method: str,
    status: Status,
    value: float | None = None,
    limit: float | None = None,
    causes: tuple[str, ...] = (),
) -> Finding:
    at = from_nanos(int(window.at[-1])) if len(window) else EPOCH
    return Finding(ESTIMATE, method, window.subject, "", at, status, value, limit, causes=causes, step=window.step)

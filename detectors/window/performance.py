"""How good a gate's predictions were, once outcomes are known: error, bias, interval coverage, skill; a window each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detectors.shared.calibration import student_bound
from monitor.detection import BIAS, MAE, MISCOVERAGE, PERFORMANCE, SKILL, WORST_RATIO
from monitor.instants import EPOCH, from_nanos
from monitor.model import Finding, Floats, Status, Window

COLUMNS = ("predicted", "lower", "upper", "outcome", "naive")
"""What a window holds of each part; `naive` is what the naive baseline said when the prediction was made."""
WORST = WORST_RATIO
METHODS = (MAE, BIAS, MISCOVERAGE)
"""The methods that are judged against the reference; more is worse."""
SLICED = (MAE, BIAS)
FEWEST = 20
"""Parts with an outcome below which nothing is judged; half of it in a slice."""
RETURN = 0.1
"""Realised skill above which a gate that had lost it is believed again; between 0 and this it stays as it was."""
_ROOM = 1e-9
"""Limits are never 0, so that a value can be divided by its limit."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Parameters of the limits.

    `chance`: the probability with which one mean of a healthy window passes its limit, were means normal. It was
    chosen on simulated plants, seeds 1000 to 1009, so that ten healthy days of two gates stay silent: three methods
    looked at every hour are some 200 independent windows a gate in that time, and means are not normal.
    """

    chance: float = 1e-5

    def __post_init__(self) -> None:
        if not 0 < self.chance < 0.5:
            raise ValueError(f"chance is {self.chance}; expected more than 0 and less than 0.5")


class Performance:
    """Judges the newest predictions of one gate against what its model did on parts that it was not fitted to.

    `mae`: mean absolute error. `bias`: mean error, its amount. `miscoverage`: share of outcomes outside their
    interval. Each limit is the amount of the reference's own mean plus an upper prediction bound for the mean of so
    many parts in a row: Student's t, one degree of freedom for each whole window that the reference holds, times the
    standard deviation of such a mean. That follows from the reference's autocovariances, because parts of one lot
    err alike; a row of the reference without an outcome (the model was fitted to it) keeps its place in the row.
    `skill`: 1 - error / error of the naive baseline, over a full window; in breach where it is not above 0 in the
    window nor in either half of it, so that a few odd parts cannot do it. Less is worse; the limit is 0.
    `worst_ratio`: the highest value / limit of the first three; limit 1; causes: the methods, worst first.
    For each slice `mae` and `bias` over its rows of the window, with the chance divided among the slices.
    Rows need prediction and outcome. Fewer than `FEWEST` of them are CANNOT_JUDGE; a missing column is NO_DATA.
    """

    name = PERFORMANCE

    def __init__(
        self, window_rows: int = 60, slices: Sequence[tuple[str, ...]] = (), trust: Trust | None = None
    ) -> None:
        if window_rows < FEWEST:
            raise ValueError(f"window_rows is {window_rows}; expected {FEWEST} or more")
        self.window_rows = window_rows
        self.slices = tuple(slices)
        self.trust = trust or Trust()

    def judge(self, reference: Window, current: Window) -> Sequence[Finding]:
        """The gate as a whole, then its slices."""
        now, then = _errors(current), _errors(reference)
        if now is None or then is None:
            return tuple(self._silent(current))
        newest = newest_known(now, self.window_rows)
        found = [*self._whole(current, then, newest)]
        skill = _finding(current, SKILL, self._skill(newest), newest.loudest(MAE))
        return (*found, skill, _worst(current, found), *self._sliced(current, then, newest))

    def _whole(self, current: Window, then: Errors, now: Errors) -> Iterator[Finding]:
        for method in METHODS:
            judged = _against(then, now, method, self.trust.chance, FEWEST)
            yield _finding(current, method, judged, now.loudest(method))

    def _sliced(self, current: Window, then: Errors, now: Errors) -> Iterator[Finding]:
        for group in self.slices:
            mine, before, feature = now.of(group), then.of(group), "/".join(group)
            for method in SLICED:
                judged = _against(before, mine, method, self.trust.chance / len(self.slices), FEWEST // 2)
                yield _finding(current, method, judged, (feature,), feature)

    def _skill(self, now: Errors) -> Judged:
        error, naive = np.abs(now.error), np.abs(now.naive)
        known = np.isfinite(error) & np.isfinite(naive)
        if known.sum() < self.window_rows:
            return None, 0.0, Status.CANNOT_JUDGE
        error, naive = error[known], naive[known]
        whole = skill(error, naive)
        if whole is None:
            return None, 0.0, Status.CANNOT_JUDGE
        middle = len(error) // 2
        halves = [skill(error[:middle], naive[:middle]), skill(error[middle:], naive[middle:])]
        absent = all(part is not None and part <= 0 for part in (whole, *halves))
        return whole, 0.0, Status.BREACH if absent else Status.OK

    def _silent(self, current: Window) -> Iterator[Finding]:
        for method in (*METHODS, SKILL, WORST):
            yield _finding(current, method, _NOTHING)
        for group in self.slices:
            for method in SLICED:
                yield _finding(current, method, _NOTHING, feature="/".join(group))


Judged = tuple[float | None, float | None, Status]
"""Value, limit, status."""
_NOTHING: Judged = (None, None, Status.NO_DATA)


@dataclass(frozen=True, slots=True)
class Errors:
    """Of each row prediction less outcome, whether the interval missed it (1 or 0), the naive error, the slice.

    NaN where the outcome is not known.
    """

    error: Floats
    missed: Floats
    naive: Floats
    groups: tuple[tuple[str, ...], ...]

    def values(self, method: str) -> Floats:
        """What the method takes the mean of."""
        return {MAE: np.abs(self.error), BIAS: self.error, MISCOVERAGE: self.missed}[method]

    def loudest(self, method: str) -> tuple[str, ...]:
        """The slices in which the method's mean is highest, at most three; the outcome where rows have no slice."""
        values = np.abs(self.values(method))
        mean = {group: float(values[self._mine(group)].mean()) for group in dict.fromkeys(self.groups)}
        worst = sorted(mean, key=lambda group: (-mean[group], group))[:_CAUSES]
        return tuple("/".join(group) for group in worst) or ("outcome",)

    def of(self, group: tuple[str, ...]) -> Errors:
        """The rows of one slice."""
        return self.where(self._mine(group))

    def _mine(self, group: tuple[str, ...]) -> NDArray[np.bool_]:
        mine = np.zeros(len(self.error), dtype=np.bool_)
        mine[: len(self.groups)] = [g == group for g in self.groups]
        return mine

    def where(self, rows: NDArray[np.bool_]) -> Errors:
        """The chosen rows."""
        groups = tuple(g for g, kept in zip(self.groups, rows.tolist(), strict=False) if kept)
        return Errors(self.error[rows], self.missed[rows], self.naive[rows], groups)


def newest_known(errors: Errors, rows: int) -> Errors:
    """The newest `rows` rows that have an outcome."""
    kept = np.zeros(len(errors.error), dtype=np.bool_)
    kept[np.flatnonzero(np.isfinite(errors.error))[-rows:]] = True
    return errors.where(kept)


def skill(error: Floats, naive: Floats) -> float | None:
    """1 - mean error / mean error of the naive baseline; None where the baseline makes none."""
    base = float(naive.mean()) if len(naive) else 0.0
    return 1.0 - float(error.mean()) / base if base > 0 else None


def still_absent(found: Finding, before: Status | None) -> Finding:
    """The skill with hysteresis: once absent it is absent until it is above `RETURN`."""
    if before is not Status.BREACH or found.value is None or found.value > RETURN:
        return found
    return replace(found, status=Status.BREACH, causes=found.causes or ("outcome",))


def mean_variance(values: Floats, rows: int) -> float:
    """The variance of the mean of `rows` values in a row, from a reference in its order (NaN: unknown).

    Autocovariances of pairs of known values (Parzen, Sankhya 1963), up to the length of the window; at least what
    independent values would have. Values are centred by the caller.
    """
    known = np.isfinite(values)
    filled, present = np.where(known, values, 0.0), known.astype(np.float64)
    single = float((filled * filled).sum() / present.sum())
    total = rows * single
    for lag in range(1, min(rows, len(values) - 1)):
        pairs = float((present[lag:] * present[:-lag]).sum())
        if pairs >= _FEW_PAIRS:
            total += 2 * (rows - lag) * float((filled[lag:] * filled[:-lag]).sum()) / pairs
    return max(total / rows**2, single / rows)


_CAUSES = 3
_FEW_PAIRS = 10
"""Pairs below which an autocovariance says nothing."""


def _errors(window: Window) -> Errors | None:
    """None when a column is missing."""
    place = {name: i for i, name in enumerate(window.names)}
    if any(name not in place for name in COLUMNS):
        return None
    predicted, lower, upper, outcome, naive = (window.values[:, place[name]] for name in COLUMNS)
    error = predicted - outcome
    known = np.isfinite(error)
    missed = np.where(known, ((outcome < lower) | (outcome > upper)).astype(np.float64), np.nan)
    return Errors(error, missed, np.where(known, naive - outcome, np.nan), window.groups)


def _against(then: Errors, now: Errors, method: str, chance: float, fewest: int) -> Judged:
    """One mean of the window with its limit."""
    values = now.values(method)
    if len(values) < fewest:
        return None, None, Status.CANNOT_JUDGE
    value = float(values.mean())
    value = abs(value) if method == BIAS else value
    limit = _limit(then.values(method), len(values), chance, about_zero=method == BIAS)
    if limit is None:
        return value, None, Status.CANNOT_JUDGE
    return value, limit, Status.BREACH if value > limit else Status.OK


def _limit(reference: Floats, rows: int, chance: float, about_zero: bool) -> float | None:
    """The upper prediction bound for the mean of so many rows; None where the reference has too few."""
    known = np.isfinite(reference)
    if known.sum() < FEWEST:
        return None
    mean = float(reference[known].mean())
    freedom = max(len(reference) // rows - 1, 3)
    spread = math.sqrt(mean_variance(reference - mean, rows) * (1 + rows / len(reference)))
    quantile = student_bound(chance / 2 if about_zero else chance, freedom)
    bound = abs(mean) + quantile * spread
    return max(bound, _ROOM)


def _worst(current: Window, found: Sequence[Finding]) -> Finding:
    ratios: Mapping[str, float] = {f.method: f.value / f.limit for f in found if f.value is not None and f.limit}
    if not ratios:
        return _finding(current, WORST, (None, 1.0, Status.CANNOT_JUDGE))
    value = max(ratios.values())
    order = tuple(sorted(ratios, key=lambda method: -ratios[method]))
    return _finding(current, WORST, (value, 1.0, Status.BREACH if value > 1 else Status.OK), order)


def _finding(window: Window, method: str, judged: Judged, causes: tuple[str, ...] = (), feature: str = "") -> Finding:
    """A finding; what makes it is named in a breach only."""
    value, limit, status = judged
    at = from_nanos(int(window.at[-1])) if len(window.at) else EPOCH
    return Finding(
        Performance.name, method, window.subject, feature, at, status, value, limit,
        causes=causes if status is Status.BREACH else (), step=window.step,
    )  # fmt: skip

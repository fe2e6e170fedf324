"""Performance of a gate's predictions once outcomes are known: error, bias, interval coverage and skill by window."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detectors.shared.calibration import student_bound
from detectors.window.performance_limits import (
    MIN_PARTS,
    LimitSettings,
    coverage_limit,
    error_limit,
    mean_variance,
    naive_limit,
)
from monitor.detection import BIAS, LOG_LOSS, MAE, MISCOVERAGE, PERFORMANCE, SKILL, SKILL_REGAINED, WORST_RATIO
from monitor.instants import EPOCH, from_nanos
from monitor.model import Finding, Floats, Status, Window

COLUMNS = ("predicted", "lower", "upper", "outcome", "naive")
"""Columns of a window; `naive` is the naive baseline's prediction at the time of the model's prediction."""
CLASS_COLUMNS = ("loss", "bias", "missed", "naive_loss")
"""Columns of a window of predicted classes, as those of `Errors`."""
WORST = WORST_RATIO
FEWEST_OF_EACH = 5
"""Of classes, good parts and other parts that a window needs for its skill to count as lost."""
COVERAGE_REGAINED = 0.8
"""Part of its limit below which a breach of `miscoverage` ends."""


class Performance:
    """Judges the newest predictions of one gate by its model's errors on parts that it was not fitted to.

    `mae`: mean absolute error. `bias`: absolute value of the mean error. Both in the unit of the outcome. Of classes
    `log_loss` takes the place of `mae`, the bias is that of the probability that a part is not good, and the interval
    is the set of the likeliest classes that reach the coverage.
    `miscoverage`: share of outcomes outside their interval, judged by the exact binomial bound on what the intervals
    promise (see `share_limit`), which is always below 1. The limits of the first two are at most `MOST_NAIVE` times the
    error of the naive baseline (of classes only that of the log loss): beyond that no model is of use. The limit of a
    bias of classes is at least one part of the window: a model that errs less has nothing to answer for. Each is the
    absolute value of the reference's mean plus a prediction bound for the mean of as many consecutive parts: a quantile
    of Student's t, with one degree of freedom for each whole window in the reference, times the standard deviation of
    such a mean. The latter comes from the reference's autocovariances, because errors of parts of one lot are
    correlated; a row of the reference without an outcome (the model was fitted to it) keeps its position.
    `skill`: 1 - error / error of the naive baseline, over a full window. In breach if it is 0 or less over the
    window and over both of its halves, so that a few outliers do not suffice. Of classes the loss must also be larger
    than the baseline's by more than chance (one-sided, 1 %), with at least `FEWEST_OF_EACH` good parts and as many
    others: a few rare defects cost much however good the model, and without any the one that foretells fewer wins.
    Lower is worse; the limit is 0.
    `worst_ratio`: the highest value / limit of the first three; limit 1; causes: the methods, worst first.
    For each slice, the first two over its rows of the window, with `chance` divided by the number of slices.
    Only rows with a prediction and an outcome count. Fewer than `MIN_PARTS`: CANNOT_JUDGE; a missing column: NO_DATA.
    """

    name = PERFORMANCE

    def __init__(
        self,
        window_rows: int = 60,
        slices: Sequence[tuple[str, ...]] = (),
        settings: LimitSettings | None = None,
        coverage: float = 0.9,
        of_classes: bool = False,
    ) -> None:
        """`coverage` is the share of outcomes that the intervals promise to contain.

        `of_classes`: the windows have `CLASS_COLUMNS`, otherwise `COLUMNS`.
        """
        if window_rows < MIN_PARTS:
            raise ValueError(f"window_rows is {window_rows}; expected {MIN_PARTS} or more")
        self.window_rows = window_rows
        self.slices = tuple(slices)
        self.settings = settings or LimitSettings()
        self._miss = 1.0 - coverage
        self._columns = CLASS_COLUMNS if of_classes else COLUMNS
        loss = LOG_LOSS if of_classes else MAE
        self._methods, self._sliced_methods = (loss, BIAS, MISCOVERAGE), (loss, BIAS)

    def judge(self, reference: Window, current: Window) -> Sequence[Finding]:
        """The findings of the gate as a whole, then those of its slices."""
        now, before = (_errors(window, self._columns) for window in (current, reference))
        if now is None or before is None:
            return tuple(self._no_data(current))
        newest = newest_with_outcome(now, self.window_rows)
        findings = [*self._whole(current, before, newest)]
        skill = _finding(current, SKILL, self._skill(newest), newest.worst_slices(self._methods[0]))
        return (*findings, skill, _worst(current, findings), *self._sliced(current, before, newest))

    def _whole(self, current: Window, before: Errors, now: Errors) -> Iterator[Finding]:
        for method in self._methods:
            judged = _judge_method(before, now, method, self.settings.chance, MIN_PARTS, self._miss)
            yield _finding(current, method, judged, now.worst_slices(method))

    def _sliced(self, current: Window, before: Errors, now: Errors) -> Iterator[Finding]:
        for group in self.slices:
            current_errors, reference_errors, feature = now.of(group), before.of(group), "/".join(group)
            chance = self.settings.chance / len(self.slices)
            for method in self._sliced_methods:
                judged = _judge_method(reference_errors, current_errors, method, chance, MIN_PARTS // 2)
                yield _finding(current, method, judged, (feature,), feature)

    def _skill(self, now: Errors) -> Judged:
        error, naive = now.loss, now.naive
        complete = np.isfinite(error) & np.isfinite(naive)
        if complete.sum() < self.window_rows:
            return None, 0.0, Status.CANNOT_JUDGE
        error, naive = error[complete], naive[complete]
        whole = skill(error, naive)
        if whole is None:
            return None, 0.0, Status.CANNOT_JUDGE
        middle = len(error) // 2
        halves = [skill(error[:middle], naive[:middle]), skill(error[middle:], naive[middle:])]
        no_skill = all(part is not None and part <= 0 for part in (whole, *halves))
        if not now.one_unit:
            others = int((now.bias[complete] < 0).sum())
            told = min(others, len(error) - others) >= FEWEST_OF_EACH
            no_skill = no_skill and told and _surely_larger(error, naive)
        return whole, 0.0, Status.BREACH if no_skill else Status.OK

    def _no_data(self, current: Window) -> Iterator[Finding]:
        for method in (*self._methods, SKILL, WORST):
            yield _finding(current, method, _NOTHING)
        for group in self.slices:
            for method in self._sliced_methods:
                yield _finding(current, method, _NOTHING, feature="/".join(group))


Judged = tuple[float | None, float | None, Status]
"""Value, limit, status."""
_NOTHING: Judged = (None, None, Status.NO_DATA)


@dataclass(frozen=True, slots=True)
class Errors:
    """For each row, shape (rows,): the loss, the signed error, 1 if the interval missed the outcome or else 0, the loss
    of the naive baseline, and the slice. NaN where the outcome is unknown.

    Of a number the loss is the absolute error, and all are in its unit (`one_unit`). Of a class the loss is the log
    loss, and the signed error is the probability that the part is not good less 1 if it is not.
    """

    loss: Floats
    bias: Floats
    missed: Floats
    naive: Floats
    groups: tuple[tuple[str, ...], ...]
    one_unit: bool = True

    def values(self, method: str) -> Floats:
        """The values, shape (rows,), whose mean the method judges."""
        return {MAE: self.loss, LOG_LOSS: self.loss, BIAS: self.bias, MISCOVERAGE: self.missed}[method]

    def worst_slices(self, method: str) -> tuple[str, ...]:
        """The slices with the highest mean of the method, at most three; `outcome` if rows have no slice."""
        values = np.abs(self.values(method))
        mean = {group: float(values[self._in_group(group)].mean()) for group in dict.fromkeys(self.groups)}
        worst = sorted(mean, key=lambda group: (-mean[group], group))[:_MOST_CAUSES]
        return tuple("/".join(group) for group in worst if any(group)) or ("outcome",)

    def of(self, group: tuple[str, ...]) -> Errors:
        """The rows of one slice."""
        return self.where(self._in_group(group))

    def _in_group(self, group: tuple[str, ...]) -> NDArray[np.bool_]:
        selected = np.zeros(len(self.loss), dtype=np.bool_)
        selected[: len(self.groups)] = [g == group for g in self.groups]
        return selected

    def where(self, rows: NDArray[np.bool_]) -> Errors:
        """The selected rows; `rows` has shape (rows,)."""
        groups = tuple(g for g, selected in zip(self.groups, rows.tolist(), strict=False) if selected)
        numbers = (self.loss[rows], self.bias[rows], self.missed[rows], self.naive[rows])
        return Errors(*numbers, groups, self.one_unit)


def _surely_larger(loss: Floats, naive: Floats) -> bool:
    """Whether losses (rows,) are larger than those of the baseline by more than chance, which allows for lots."""
    more = loss - naive
    spread = math.sqrt(mean_variance(more - more.mean(), len(more)))
    return bool(more.mean() > student_bound(_CHANCE_OF_LOSS, len(more) - 1) * spread)


def newest_with_outcome(errors: Errors, rows: int) -> Errors:
    """The newest `rows` rows that have an outcome."""
    selected = np.zeros(len(errors.loss), dtype=np.bool_)
    selected[np.flatnonzero(np.isfinite(errors.loss))[-rows:]] = True
    return errors.where(selected)


def skill(error: Floats, naive: Floats) -> float | None:
    """1 - mean loss / that of the naive baseline, both shape (rows,); None where the latter is 0."""
    base = float(naive.mean()) if len(naive) else 0.0
    return 1.0 - float(error.mean()) / base if base > 0 else None


def with_hysteresis(finding: Finding, before: Status | None) -> Finding:
    """The finding with hysteresis, by its status before.

    A breach of `skill` lasts until the skill is above `SKILL_REGAINED`, one of `miscoverage` until the share is below
    `COVERAGE_REGAINED` times its limit.
    """
    if before is not Status.BREACH or finding.value is None or _regained(finding, finding.value):
        return finding
    return replace(finding, status=Status.BREACH, causes=finding.causes or ("outcome",))


def _regained(finding: Finding, value: float) -> bool:
    if finding.method == SKILL:
        return value > SKILL_REGAINED
    return finding.limit is None or value < COVERAGE_REGAINED * finding.limit


_MOST_CAUSES = 3
_CHANCE_OF_LOSS = 0.01
"""Of classes, the probability that a model as good as the baseline counts as worse in one window."""


def _errors(window: Window, names: tuple[str, ...]) -> Errors | None:
    """From a window with these columns; None when one is missing."""
    position = {name: i for i, name in enumerate(window.names)}
    if any(name not in position for name in names):
        return None
    columns = [window.values[:, position[name]] for name in names]
    if names == CLASS_COLUMNS:
        loss, bias, missed, naive_loss = columns
        return Errors(loss, bias, missed, naive_loss, window.groups, one_unit=False)
    predicted, lower, upper, outcome, naive = columns
    error = predicted - outcome
    finite = np.isfinite(error)
    missed = np.where(finite, ((outcome < lower) | (outcome > upper)).astype(np.float64), np.nan)
    said = np.abs(np.where(finite, naive - outcome, np.nan))
    return Errors(np.abs(error), error, missed, said, window.groups)


def _judge_method(before: Errors, now: Errors, method: str, chance: float, minimum: int, miss: float = 0.0) -> Judged:
    """The window's mean for a method, judged by the limit from the reference."""
    values = now.values(method)
    if len(values) < minimum:
        return None, None, Status.CANNOT_JUDGE
    value = float(values.mean())
    value = abs(value) if method == BIAS else value
    if method == MISCOVERAGE:
        limit = coverage_limit(before.values(method), len(values), chance, miss)
    else:
        limit = error_limit(before.values(method), len(values), chance, two_sided=method == BIAS)
    if limit is None:
        return value, None, Status.CANNOT_JUDGE
    if method == BIAS and not now.one_unit:
        limit = max(limit, 1 / len(values))
    elif method != MISCOVERAGE:
        limit = min(limit, naive_limit(now.naive))
    return value, limit, Status.BREACH if value > limit else Status.OK


def _worst(current: Window, findings: Sequence[Finding]) -> Finding:
    ratios: Mapping[str, float] = {f.method: f.value / f.limit for f in findings if f.value is not None and f.limit}
    if not ratios:
        return _finding(current, WORST, (None, 1.0, Status.CANNOT_JUDGE))
    value = max(ratios.values())
    order = tuple(sorted(ratios, key=lambda method: -ratios[method]))
    return _finding(current, WORST, (value, 1.0, Status.BREACH if value > 1 else Status.OK), order)


def _finding(window: Window, method: str, judged: Judged, causes: tuple[str, ...] = (), feature: str = "") -> Finding:
    """A finding; causes are given for a breach only."""
    value, limit, status = judged
    at = from_nanos(int(window.at[-1])) if len(window.at) else EPOCH
    return Finding(
        Performance.name, method, window.subject, feature, at, status, value, limit,
        causes=causes if status is Status.BREACH else (), step=window.step,
    )  # fmt: skip

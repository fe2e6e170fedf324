"""Drift of a step's features and predictions: compares the newest window with the frozen reference."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from detectors.window.drift_limits import Settings, distance_limit, share_limit
from detectors.window.wasserstein import Distance, wasserstein
from monitor.detection import CHANGED_RATE, DRIFT, MISSING_RATE, WASSERSTEIN, WORST_RATIO
from monitor.instants import EPOCH, from_nanos
from monitor.model import Finding, Floats, Status, Window

DISTANCE, MISSING, CHANGED, WORST = WASSERSTEIN, MISSING_RATE, CHANGED_RATE, WORST_RATIO
_SAME = 1e-9
"""Values that differ by less than this, relative to their size, count as one constant with rounding noise."""
_MOST_CAUSES = 8
_MOST_REFERENCES = 256


@dataclass(slots=True)
class _Column:
    """A column of a reference: its finite values, shape (values,), the machine of each, limits by window length."""

    finite: Floats
    machines: NDArray[np.int64]
    rows: int
    constant: bool
    limits: dict[int, float | None] = field(default_factory=dict)


class FeatureDrift:
    """Compares every feature of a window with the reference; a value above its limit is a breach.

    Methods: `wasserstein`, Evidently's normed distance in standard deviations of the reference; `changed_rate`, used
    instead where the reference is constant: the share of values that differ from the constant; `missing_rate`: the
    share of rows without a value; `worst_ratio`, with feature '': the highest value / limit of all features, its
    causes the features above their limits, worst first. Limits are derived from the reference alone.

    NO_DATA: the column is missing in either window, or has no row or no value. CANNOT_JUDGE: too few values in the
    window, or a reference too short for a limit. A column without any value has no distance, but breaches
    `missing_rate`. Infinite values count as missing. The first element of a row's group is its machine.
    """

    def __init__(self, name: str = DRIFT, settings: Settings | None = None, distance: Distance = wasserstein) -> None:
        self.name = name
        self._settings = settings or Settings()
        self._distance = distance
        # Limits depend on the frozen reference only, so they are computed once and not for every window.
        self._prepared: OrderedDict[bytes, dict[str, _Column]] = OrderedDict()

    def judge(self, reference: Window, current: Window) -> Sequence[Finding]:
        """Two findings for each feature of either window, then `worst_ratio` for all of them."""
        before = self._columns(reference)
        names = (*reference.names, *(name for name in current.names if name not in before))
        blank = self._blank(current)
        findings: list[Finding] = []
        for name in names:
            column, values = before.get(name), _values(current, name)
            if column is None or values is None:
                method = CHANGED if column is not None and column.constant else DISTANCE
                findings += [replace(blank, method=m, feature=name) for m in (method, MISSING)]
            else:
                finding = replace(blank, feature=name)
                findings += [self._change(finding, column, values), self._missing(finding, column, values)]
        return (*findings, _worst(replace(blank, method=WORST), findings))

    def _change(self, blank: Finding, column: _Column, values: Floats) -> Finding:
        new = values[np.isfinite(values)]
        finding = replace(blank, method=CHANGED if column.constant else DISTANCE)
        if not len(column.finite) or not len(new):
            return finding
        if len(new) < self._settings.least_rows:
            return replace(finding, status=Status.CANNOT_JUDGE)
        limit = self._limit(column, len(new))
        if limit is None:
            return replace(finding, status=Status.CANNOT_JUDGE)
        if column.constant:
            changed = np.abs(new - column.finite[0]) > _SAME * abs(column.finite[0])
            return _judged(finding, float(changed.mean()), limit)
        return _judged(finding, self._distance(column.finite, new), limit)

    def _missing(self, blank: Finding, column: _Column, values: Floats) -> Finding:
        finding = replace(blank, method=MISSING)
        if not column.rows or not len(values):
            return finding
        if len(values) < self._settings.least_rows:
            return replace(finding, status=Status.CANNOT_JUDGE)
        missing_before = column.rows - len(column.finite)
        limit = share_limit(missing_before, column.rows, len(values), self._settings)
        return _judged(finding, float((~np.isfinite(values)).mean()), limit)

    def _limit(self, column: _Column, rows: int) -> float | None:
        if rows not in column.limits:
            column.limits[rows] = (
                share_limit(0, len(column.finite), rows, self._settings)
                if column.constant
                else distance_limit(column.finite, column.machines, rows, self._distance, self._settings)
            )
        return column.limits[rows]

    def _columns(self, reference: Window) -> dict[str, _Column]:
        machines = _machine_numbers(reference)
        key = hashlib.blake2b("\n".join(reference.names).encode(), digest_size=16)
        for array in (reference.values, machines):
            key.update(np.ascontiguousarray(array).tobytes())
        columns = self._prepared.get(key.digest())
        if columns is None:
            if len(self._prepared) >= _MOST_REFERENCES:
                self._prepared.popitem(last=False)
            columns = self._prepared[key.digest()] = {
                name: _column(reference.values[:, j], machines) for j, name in enumerate(reference.names)
            }
        return columns

    def _blank(self, window: Window) -> Finding:
        at = from_nanos(int(window.at.max())) if len(window) else EPOCH
        return Finding(self.name, "", window.subject, "", at, Status.NO_DATA, None, None, step=window.step)


def _judged(blank: Finding, value: float, limit: float) -> Finding:
    status = Status.BREACH if value > limit else Status.OK
    causes = (blank.feature,) if status is Status.BREACH else ()
    return replace(blank, value=value, limit=limit, status=status, causes=causes)


def _worst(blank: Finding, findings: Sequence[Finding]) -> Finding:
    ratios: dict[str, float] = {}
    for f in findings:
        if f.value is not None and f.limit:
            ratios[f.feature] = max(ratios.get(f.feature, 0.0), f.value / f.limit)
    if not ratios:
        empty = all(f.status is Status.NO_DATA for f in findings)
        return replace(blank, status=Status.NO_DATA if empty else Status.CANNOT_JUDGE)
    worst_first = sorted(ratios, key=lambda name: (-ratios[name], name))
    exceeded = tuple(name for name in worst_first if ratios[name] > 1)[:_MOST_CAUSES]
    status = Status.BREACH if exceeded else Status.OK
    return replace(blank, value=ratios[worst_first[0]], limit=1.0, status=status, causes=exceeded)


def _column(values: Floats, machines: NDArray[np.int64]) -> _Column:
    present = np.isfinite(values)
    finite = np.ascontiguousarray(values[present])
    return _Column(finite, machines[present], len(values), len(finite) > 0 and _is_constant(finite))


def _values(window: Window, name: str) -> Floats | None:
    return window.values[:, window.names.index(name)] if name in window.names else None


def _machine_numbers(window: Window) -> NDArray[np.int64]:
    """The machine of each row as a number, shape (rows,); the same for all where rows have no group."""
    numbers: dict[str, int] = {}
    machines = [group[0] if group else "" for group in window.groups] or [""] * len(window)
    return np.array([numbers.setdefault(machine, len(numbers)) for machine in machines], dtype=np.int64)


def _is_constant(values: Floats) -> bool:
    low, high = float(values.min()), float(values.max())
    return high - low <= _SAME * max(abs(low), abs(high))

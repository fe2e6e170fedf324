"""Drift of features and predictions of a step: is the newest window still like the frozen reference?"""

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
"""Values closer than this, relative to their size, are one constant with rounding noise."""
_MOST_CAUSES = 8
_MOST_REFERENCES = 256


@dataclass(slots=True)
class _Column:
    """A column of a reference: its values that are there, by which machine, and the limits worked out so far."""

    known: Floats
    machines: NDArray[np.int64]
    rows: int
    constant: bool
    limits: dict[int, float | None] = field(default_factory=dict)


class FeatureDrift:
    """Compares every feature of a window with the reference; values beyond their limit are breaches.

    `wasserstein`: Evidently's normed distance, in standard deviations of the reference. `changed_rate`, in its place
    where the reference holds one constant: the share of values that are not that constant. `missing_rate`: the share
    of rows without a value. `worst_ratio`, under the feature '': the highest value as a multiple of its limit, its
    causes the features beyond their limits, worst first. The limits come from the reference alone.

    NO_DATA: a column that a window lacks, no row, no value at all. CANNOT_JUDGE: too few values in the window, or a
    reference too short for a limit. A column that is all missing now has no distance, but breaches `missing_rate`.
    An infinite value counts as missing. The first place in a row's group is its machine.
    """

    def __init__(self, name: str = DRIFT, settings: Settings | None = None, distance: Distance = wasserstein) -> None:
        self.name = name
        self._settings = settings or Settings()
        self._distance = distance
        # Limits are a function of the frozen reference: worked out once, not at every window.
        self._prepared: OrderedDict[bytes, dict[str, _Column]] = OrderedDict()

    def judge(self, reference: Window, current: Window) -> Sequence[Finding]:
        """Two findings for each feature of either window, then one for the whole."""
        before = self._columns(reference)
        names = (*reference.names, *(name for name in current.names if name not in before))
        blank = self._blank(current)
        found: list[Finding] = []
        for name in names:
            column, values = before.get(name), _values(current, name)
            if column is None or values is None:
                method = CHANGED if column is not None and column.constant else DISTANCE
                found += [replace(blank, method=m, feature=name) for m in (method, MISSING)]
            else:
                mine = replace(blank, feature=name)
                found += [self._change(mine, column, values), self._missing(mine, column, values)]
        return (*found, _worst(replace(blank, method=WORST), found))

    def _change(self, blank: Finding, column: _Column, values: Floats) -> Finding:
        new = values[np.isfinite(values)]
        mine = replace(blank, method=CHANGED if column.constant else DISTANCE)
        if not len(column.known) or not len(new):
            return mine
        if len(new) < self._settings.least_rows:
            return replace(mine, status=Status.CANNOT_JUDGE)
        limit = self._limit(column, len(new))
        if limit is None:
            return replace(mine, status=Status.CANNOT_JUDGE)
        if column.constant:
            changed = np.abs(new - column.known[0]) > _SAME * abs(column.known[0])
            return _judged(mine, float(changed.mean()), limit)
        return _judged(mine, self._distance(column.known, new), limit)

    def _missing(self, blank: Finding, column: _Column, values: Floats) -> Finding:
        mine = replace(blank, method=MISSING)
        if not column.rows or not len(values):
            return mine
        if len(values) < self._settings.least_rows:
            return replace(mine, status=Status.CANNOT_JUDGE)
        before = column.rows - len(column.known)
        limit = share_limit(before, column.rows, len(values), self._settings)
        return _judged(mine, float((~np.isfinite(values)).mean()), limit)

    def _limit(self, column: _Column, rows: int) -> float | None:
        if rows not in column.limits:
            column.limits[rows] = (
                share_limit(0, len(column.known), rows, self._settings)
                if column.constant
                else distance_limit(column.known, column.machines, rows, self._distance, self._settings)
            )
        return column.limits[rows]

    def _columns(self, reference: Window) -> dict[str, _Column]:
        machines = _numbered(reference)
        key = hashlib.blake2b("\n".join(reference.names).encode(), digest_size=16)
        for array in (reference.values, machines):
            key.update(np.ascontiguousarray(array).tobytes())
        known = self._prepared.get(key.digest())
        if known is None:
            if len(self._prepared) >= _MOST_REFERENCES:
                self._prepared.popitem(last=False)
            known = self._prepared[key.digest()] = {
                name: _column(reference.values[:, j], machines) for j, name in enumerate(reference.names)
            }
        return known

    def _blank(self, window: Window) -> Finding:
        at = from_nanos(int(window.at.max())) if len(window) else EPOCH
        return Finding(self.name, "", window.subject, "", at, Status.NO_DATA, None, None, step=window.step)


def _judged(blank: Finding, value: float, limit: float) -> Finding:
    status = Status.BREACH if value > limit else Status.OK
    causes = (blank.feature,) if status is Status.BREACH else ()
    return replace(blank, value=value, limit=limit, status=status, causes=causes)


def _worst(blank: Finding, found: Sequence[Finding]) -> Finding:
    ratios: dict[str, float] = {}
    for f in found:
        if f.value is not None and f.limit:
            ratios[f.feature] = max(ratios.get(f.feature, 0.0), f.value / f.limit)
    if not ratios:
        empty = all(f.status is Status.NO_DATA for f in found)
        return replace(blank, status=Status.NO_DATA if empty else Status.CANNOT_JUDGE)
    worst_first = sorted(ratios, key=lambda name: (-ratios[name], name))
    beyond = tuple(name for name in worst_first if ratios[name] > 1)[:_MOST_CAUSES]
    status = Status.BREACH if beyond else Status.OK
    return replace(blank, value=ratios[worst_first[0]], limit=1.0, status=status, causes=beyond)


def _column(values: Floats, machines: NDArray[np.int64]) -> _Column:
    there = np.isfinite(values)
    known = np.ascontiguousarray(values[there])
    return _Column(known, machines[there], len(values), len(known) > 0 and _is_constant(known))


def _values(window: Window, name: str) -> Floats | None:
    return window.values[:, window.names.index(name)] if name in window.names else None


def _numbered(window: Window) -> NDArray[np.int64]:
    """The machine of each row by number; one for all where rows have no group."""
    numbers: dict[str, int] = {}
    machines = [group[0] if group else "" for group in window.groups] or [""] * len(window)
    return np.array([numbers.setdefault(machine, len(numbers)) for machine in machines], dtype=np.int64)


def _is_constant(values: Floats) -> bool:
    low, high = float(values.min()), float(values.max())
    return high - low <= _SAME * max(abs(low), abs(high))

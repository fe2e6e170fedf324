"""Drift of features and predictions of a step: is the newest window still like the frozen reference?"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime

import numpy as np

from detectors.drift_limits import Settings, distance_limit, rate_limit
from detectors.evidently_stats import Distance, wasserstein
from detectors.rows import EPOCH, instant
from monitor.model import Finding, Floats, Status, Window

DISTANCE, MISSING, CHANGED, WORST = "wasserstein", "missing_rate", "changed_rate", "worst_ratio"
_SAME = 1e-9
"""Values closer than this, relative to their size, are one constant with rounding noise."""
_MOST_CAUSES = 8
_MOST_KNOWN = 10_000


class FeatureDrift:
    """Compares every feature of a window with the reference; values beyond their limit are breaches.

    `wasserstein`: Evidently's normed distance, in standard deviations of the reference. `changed_rate`, in its place
    where the reference holds one constant: the share of values that are not that constant. `missing_rate`: the share
    of rows without a value. `worst_ratio`, under the feature '': the highest value as a multiple of its limit, its
    causes the features beyond their limits, worst first. The limits come from the reference alone.

    NO_DATA: a column that a window lacks, no row, no value at all. CANNOT_JUDGE: too few values in the window, or a
    reference too short for a limit. A column that is all missing now has no distance, but breaches `missing_rate`.
    """

    def __init__(self, name: str = "drift", settings: Settings | None = None, distance: Distance = wasserstein) -> None:
        self.name = name
        self._settings = settings or Settings()
        self._distance = distance
        # Limits are a function of the frozen reference: worked out once, not at every window.
        self._limits: OrderedDict[tuple[bytes, int], float | None] = OrderedDict()

    def judge(self, reference: Window, current: Window) -> Sequence[Finding]:
        """Two findings for each feature of either window, then one for the whole."""
        at = instant(int(current.at.max())) if len(current) else EPOCH
        names = (*reference.names, *(name for name in current.names if name not in reference.names))
        found: list[Finding] = []
        for name in names:
            before, now = _column(reference, name), _column(current, name)
            if before is None or now is None:
                found += [self._finding(current, at, method, name, Status.NO_DATA) for method in (DISTANCE, MISSING)]
            else:
                found.append(self._change(current, at, name, before, now))
                found.append(self._missing(current, at, name, before, now))
        return (*found, self._worst(current, at, found))

    def _change(self, window: Window, at: datetime, name: str, before: Floats, now: Floats) -> Finding:
        known, new = before[np.isfinite(before)], now[np.isfinite(now)]
        constant = len(known) > 0 and _is_constant(known)
        method = CHANGED if constant else DISTANCE
        if not len(known) or not len(new):
            return self._finding(window, at, method, name, Status.NO_DATA)
        if len(new) < self._settings.least_rows:
            return self._finding(window, at, method, name, Status.CANNOT_JUDGE)
        if constant:
            changed = np.abs(new - known[0]) > _SAME * abs(known[0])
            limit: float | None = rate_limit(0, len(known), len(new), self._settings.chance)
            return self._finding(window, at, method, name, value=float(changed.mean()), limit=limit)
        limit = self._limit(known, len(new))
        if limit is None:
            return self._finding(window, at, method, name, Status.CANNOT_JUDGE)
        return self._finding(window, at, method, name, value=self._distance(known, new), limit=limit)

    def _missing(self, window: Window, at: datetime, name: str, before: Floats, now: Floats) -> Finding:
        if not len(before) or not len(now):
            return self._finding(window, at, MISSING, name, Status.NO_DATA)
        if len(now) < self._settings.least_rows:
            return self._finding(window, at, MISSING, name, Status.CANNOT_JUDGE)
        gone, rows = int((~np.isfinite(now)).sum()), len(now)
        limit = rate_limit(int((~np.isfinite(before)).sum()), len(before), rows, self._settings.chance)
        return self._finding(window, at, MISSING, name, value=gone / rows, limit=limit)

    def _worst(self, window: Window, at: datetime, found: Sequence[Finding]) -> Finding:
        ratios: dict[str, float] = {}
        for f in found:
            if f.value is not None and f.limit:
                ratios[f.feature] = max(ratios.get(f.feature, 0.0), f.value / f.limit)
        if not ratios:
            empty = all(f.status is Status.NO_DATA for f in found)
            return self._finding(window, at, WORST, "", Status.NO_DATA if empty else Status.CANNOT_JUDGE)
        worst_first = sorted(ratios, key=lambda name: (-ratios[name], name))
        beyond = [name for name in worst_first if ratios[name] > 1][:_MOST_CAUSES]
        return self._finding(window, at, WORST, "", value=ratios[worst_first[0]], limit=1.0, causes=tuple(beyond))

    def _finding(
        self,
        window: Window,
        at: datetime,
        method: str,
        feature: str,
        status: Status | None = None,
        value: float | None = None,
        limit: float | None = None,
        causes: tuple[str, ...] = (),
    ) -> Finding:
        if status is None:
            status = Status.BREACH if value is not None and limit is not None and value > limit else Status.OK
        if feature and status is Status.BREACH:
            causes = (feature,)
        return Finding(
            self.name, method, window.subject, feature, at, status, value, limit, causes=causes, step=window.step
        )

    def _limit(self, known: Floats, rows: int) -> float | None:
        key = (hashlib.blake2b(known.tobytes(), digest_size=16).digest(), rows)
        if key not in self._limits:
            if len(self._limits) >= _MOST_KNOWN:
                self._limits.popitem(last=False)
            self._limits[key] = distance_limit(known, rows, self._distance, self._settings)
        return self._limits[key]


def _column(window: Window, name: str) -> Floats | None:
    if name not in window.names:
        return None
    return np.ascontiguousarray(window.values[:, window.names.index(name)])


def _is_constant(values: Floats) -> bool:
    low, high = float(values.min()), float(values.max())
    return high - low <= _SAME * max(abs(low), abs(high))

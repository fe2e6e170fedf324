"""Drift of a step's features and predictions: compares the newest window with the frozen reference."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from detectors.shared.shares import share_limit
from detectors.shared.wasserstein import distances
from detectors.window.drift_groups import Mix, in_slice, mixes, only_in, shifts, slices_of
from detectors.window.drift_limits import Settings
from detectors.window.drift_reference import SAME, Reference, finite_or_nan, prepared, present_in
from monitor.detection import (
    CHANGED_RATE,
    DRIFT,
    EXPLAINED_BY_MIX,
    MISSING_RATE,
    WASSERSTEIN,
    WORST_RATIO,
    WORST_SLICE,
)  # fmt: skip
from monitor.instants import EPOCH, from_nanos
from monitor.model import Finding, Floats, Status, Window

_MOST_CAUSES = 8
_MOST_REFERENCES = 4096
_FARTHEST = 1e300

Ratios = dict[str, float]
"""The highest value / limit of each feature."""


class FeatureDrift:
    """Compares every feature of a window with the reference; a value above its limit is a breach.

    Methods of a feature: `wasserstein`, Evidently's normed distance in standard deviations of the reference;
    `changed_rate`, used instead where the reference is constant: the share of values that differ from the constant;
    `missing_rate`: the share of rows without a value. Methods of the step, with feature '': `worst_slice`, the highest
    shift / limit of a feature in a machine, recipe or lot alone; `explained_by_mix`, the largest share of a distance
    above its limit that changed shares of recipes or machines explain, which is no breach then; `worst_ratio`: the
    highest value / limit of all, its causes the features above their limits, worst first.

    Limits are derived from the reference alone, and so that a window of a healthy step exceeds any of them with a
    probability of `Settings.chance`: half of it for the features (a Bonferroni bound), half for their slices.

    NO_DATA: the column is missing in either window, or has no row or no value. CANNOT_JUDGE: too few values in the
    window, or a reference too short for a limit. A column without any value has no distance, but breaches
    `missing_rate`. Infinite values count as missing. The first elements of a row's group are its machine and recipe.
    """

    def __init__(self, name: str = DRIFT, settings: Settings | None = None) -> None:
        self.name = name
        self._settings = settings or Settings()
        # A reference is frozen, so it is prepared once and not for every window.
        self._prepared: OrderedDict[str, Reference] = OrderedDict()

    def judge(self, reference: Window, current: Window) -> Sequence[Finding]:
        """Two findings for each feature of either window, one of a partial column, then those of the step."""
        newest = _Newest(self._known(reference, len(current)), current, self._settings, self.name)
        findings: list[Finding] = []
        for j, name in enumerate(reference.names):
            findings += newest.of_column(j, name)
        for name in current.names:
            if name not in reference.names:
                findings += newest.no_data(name, WASSERSTEIN)
        return (*findings, *newest.of_step(findings))

    def _known(self, reference: Window, rows: int) -> Reference:
        known = self._prepared.get(reference.subject)
        if known is None or not known.holds(reference, rows):
            known = prepared(reference, rows, self._settings.least_rows)
            if len(self._prepared) >= _MOST_REFERENCES:
                self._prepared.popitem(last=False)
            self._prepared[reference.subject] = known
        return known


class _Newest:
    """A window beside its reference: what is found of it, column by column."""

    def __init__(self, before: Reference, window: Window, settings: Settings, detector: str) -> None:
        self._before, self._window, self._settings = before, window, settings
        at = from_nanos(int(window.at.max())) if len(window) else EPOCH
        self._blank = Finding(detector, "", window.subject, "", at, Status.NO_DATA, None, None, step=window.step)
        names = before.window.names
        self._values = np.ascontiguousarray(_aligned(window, names).T)
        self._rising = np.sort(self._values, axis=1)
        self._present = present_in(self._rising)
        self._chance = settings.chance / 2 / max(1, 2 * len(names))
        reference_rows = np.array([[column.present] for column in before.columns]).reshape(-1, 1)
        rows = self._present[:, None].astype(np.float64)
        self._limits = self._distance_limits(rows, reference_rows, self._chance)[:, 0]
        self._distances = self._all_distances()
        self._ratios: Ratios = {}
        self._explained = 0.0

    def no_data(self, name: str, method: str) -> tuple[Finding, Finding]:
        """Of a column that one window lacks."""
        blank = replace(self._blank, feature=name)
        return replace(blank, method=method), replace(blank, method=MISSING_RATE)

    def of_column(self, j: int, name: str) -> tuple[Finding, ...]:
        """How far its values lie from the reference, and how many are missing, unless only some rows have it."""
        constant = self._before.columns[j].constant
        method = WASSERSTEIN if constant is None else CHANGED_RATE
        if name not in self._window.names:
            return self.no_data(name, method)
        change = self._change(j, name, method, constant)
        return (change,) if name in self._window.partial else (change, self._missing(j, name))

    def of_step(self, findings: Sequence[Finding]) -> tuple[Finding, Finding, Finding]:
        """The slices, what a changed mix explains, and the worst of all."""
        empty = all(f.status is Status.NO_DATA for f in findings)
        blank = replace(self._blank, status=Status.NO_DATA if empty else Status.CANNOT_JUDGE)
        slices = replace(blank, method=WORST_SLICE)
        only: dict[str, str] = {}
        explained = replace(blank, method=EXPLAINED_BY_MIX)
        if any(f.value is not None for f in findings) and (self._present > 0).any():
            slices, only = self._slices(slices)
            explained = replace(explained, value=self._explained, status=Status.OK)
        return slices, explained, _worst(replace(blank, method=WORST_RATIO), self._ratios, only)

    def _change(self, j: int, name: str, method: str, constant: float | None) -> Finding:
        column, new = self._before.columns[j], self._rising[j, : self._present[j]]
        if not column.present or not len(new):
            return self._finding(method, name)
        if len(new) < self._settings.least_rows:
            return self._finding(method, name, Status.CANNOT_JUDGE)
        if constant is not None:
            changed = float((np.abs(new - constant) > SAME * abs(constant)).mean())
            return self._judged(method, name, changed, self._share_limit(0, column.present, len(new)))
        limit = float(self._limits[j])
        if column.sample is None or np.isnan(limit):
            return self._finding(method, name, Status.CANNOT_JUDGE)
        value = float(self._distances[j])
        remains = self._unexplained(j, name, value, limit) if value > limit else None
        return self._judged(method, name, value, limit, remains)

    def _all_distances(self) -> Floats:
        """The distance of every column that can be judged, shape (columns,), NaN of the others."""
        found = np.full(len(self._before.columns), np.nan)
        alike: dict[tuple[int, int], list[int]] = {}
        for j, (column, present) in enumerate(zip(self._before.columns, self._present.tolist(), strict=True)):
            if column.sample is not None and present >= self._settings.least_rows:
                alike.setdefault((column.present, present), []).append(j)
        for (_, present), chosen in alike.items():
            samples = [sample for j in chosen if (sample := self._before.columns[j].sample) is not None]
            whole = len(chosen) == len(self._rising)
            rising = self._rising[:, :present] if whole else self._rising[chosen, :present]
            found[chosen] = distances(samples, rising)
        return found

    def _missing(self, j: int, name: str) -> Finding:
        rows, total = len(self._window), len(self._before.window)
        if not total or not rows:
            return self._finding(MISSING_RATE, name)
        if rows < self._settings.least_rows:
            return self._finding(MISSING_RATE, name, Status.CANNOT_JUDGE)
        limit = self._share_limit(total - self._before.columns[j].present, total, rows)
        return self._judged(MISSING_RATE, name, 1.0 - float(self._present[j]) / rows, limit)

    def _unexplained(self, j: int, name: str, value: float, limit: float) -> float | None:
        """What remains of a distance, as value / limit, where a changed mix explains it; None where none does."""
        before = self._before.window
        found: list[tuple[float, Mix]] = []
        for mix in mixes(name, before, self._window, (before.values[:, j], self._values[j]), self._settings.least_rows):
            rows = np.array([[self._present[j]]]), np.array([[mix.reference_rows]])
            ratio = mix.remains / self._distance_limits(*rows, self._chance)[j, 0]
            if ratio <= 1 and mix.explained >= self._settings.explains:
                found.append((float(ratio), mix))
        if not found:
            return None
        ratio, best = max(found, key=lambda each: each[1].explained)
        self._explained = max(self._explained, best.explained)
        return ratio

    def _slices(self, blank: Finding) -> tuple[Finding, dict[str, str]]:
        """`worst_slice`, and where every feature drifts that does so in a slice only."""
        slices = slices_of(self._window, self._settings.least_rows)
        if not slices.names or self._before.variation is None:
            return replace(blank, value=0.0, limit=1.0, status=Status.OK), {}
        with np.errstate(all="ignore"):
            apart, rows, reference_rows = shifts(slices, self._values, self._before.usual)
            limits = self._distance_limits(rows, reference_rows, self._settings.chance / 2 / apart.size)
            ratios = np.abs(apart) / self._before.scales[:, None] / limits
        ratios = np.minimum(np.where((rows >= self._settings.least_rows) & (ratios > 0), ratios, 0.0), _FARTHEST)
        highest, names = ratios.max(axis=1), self._before.window.names
        worst_first = [int(j) for j in np.argsort(-highest, kind="stable") if highest[j] > 1]
        alone = {names[j]: slices.names[int(ratios[j].argmax())] for j in worst_first}
        only = {name: where for name, where in alone.items() if self._ratios.get(name, 0.0) <= 1}
        for name, ratio in zip(names, highest.tolist(), strict=True):
            self._ratios[name] = max(self._ratios.get(name, 0.0), ratio)
        told = tuple(in_slice(name, where) for name, where in alone.items())[: self._settings.most_slices]
        status = Status.BREACH if told else Status.OK
        return replace(blank, value=float(highest.max()), limit=1.0, status=status, causes=told), only

    def _distance_limits(self, rows: Floats, reference_rows: Floats, chance: float) -> Floats:
        """Limits of distances, shape (columns, n), NaN where there is none."""
        variation = self._before.variation
        if variation is None:
            return np.full((len(self._before.columns), rows.shape[1]), np.nan)
        return np.maximum(variation.limits(rows, reference_rows, chance), self._settings.least_distance)

    def _share_limit(self, hits: int, total: int, rows: int) -> float:
        return share_limit(hits, total, rows, self._chance, self._settings.least_share)

    def _finding(self, method: str, name: str, status: Status = Status.NO_DATA) -> Finding:
        return replace(self._blank, method=method, feature=name, status=status)

    def _judged(self, method: str, name: str, value: float, limit: float, remains: float | None = None) -> Finding:
        """A value with its limit; `remains`: what is left of it, as a ratio, once a changed mix has explained it."""
        ratio = value / limit if remains is None else remains
        self._ratios[name] = max(self._ratios.get(name, 0.0), ratio)
        status, causes = (Status.BREACH, (name,)) if ratio > 1 else (Status.OK, ())
        blank = self._blank
        return Finding(
            blank.detector, method, blank.subject, name, blank.at, status, value, limit, causes=causes, step=blank.step
        )


def _aligned(window: Window, names: tuple[str, ...]) -> Floats:
    """The window's values by these columns, shape (rows, names), NaN where missing."""
    if window.names == names:
        return finite_or_nan(window.values)
    values = np.full((len(window), len(names)), np.nan)
    for j, name in enumerate(names):
        if name in window.names:
            values[:, j] = window.values[:, window.names.index(name)]
    return finite_or_nan(values)


def _worst(blank: Finding, ratios: Ratios, only: dict[str, str]) -> Finding:
    """The highest ratio; its causes are the features above their limits, and where, if in a slice only."""
    if not ratios:
        return blank
    worst_first = sorted(ratios, key=lambda name: (-ratios[name], name))
    exceeded = tuple(only_in(name, only[name]) if name in only else name for name in worst_first if ratios[name] > 1)[
        :_MOST_CAUSES
    ]
    status = Status.BREACH if exceeded else Status.OK
    return replace(blank, value=ratios[worst_first[0]], limit=1.0, status=status, causes=exceeded)

"""Control charts of a subject's characteristics: the newest window by the rules, limits from the frozen reference."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from detectors.shared.rows import BEYOND
from detectors.spc.limits import Limits, limits
from detectors.spc.points import Indices
from detectors.spc.rules import DEFAULT, Rule
from detectors.spc.signals import signals
from detectors.spc.watching import Judged, Settings
from detectors.window.chart_limits import BLOCKS, ChartSettings, chart_limits, extent, judged, peak, points_of
from monitor.detection import CHART, WORST_RATIO
from monitor.errors import UsageError
from monitor.instants import EPOCH, from_nanos
from monitor.model import Finding, Floats, Mask, Status, Window

_MOST_CAUSES = 8
_MOST_REFERENCES = 4096

Names = NDArray[np.str_]


def method_of(rule: Rule) -> str:
    """The rule as the method of a finding: `rule_1`, `rule_w4`, `cusum`."""
    return rule.value if rule.value.isalpha() else f"rule_{rule.value}"


@dataclass(slots=True)
class _Chart:
    """A machine's values of a column of the reference (n,): their limits, None where there are none, and by number of
    values judged those of the rules.
    """

    values: Floats
    limits: Limits | None
    by_rows: dict[int, Mapping[Rule, float]] = field(default_factory=dict)


class ControlCharts:
    """Judges every column of a window by control charts of single values, whose phase 1 is the reference.

    Each machine has a chart of its own, of its parts alone; all parts together have one where no machine made enough of
    them. The first element of a row's group is its machine. What is judged are the newest values, at most an eighth as
    many as the reference has. A finding tells the chart that goes furthest.

    A method a rule: `rule_1`, the largest deviation from the centre in short-term sigmas; `cusum`, the highest
    one-sided sum from the window's start on; of the other rules the share of values that complete a pattern.
    `worst_ratio`, with feature '': the highest value / limit of all; its causes say which columns, at which machine,
    which way and since when, worst first. The limits are those of `chart_limits`.

    Missing and infinite values are gaps. NO_DATA: the column is missing in either window, or has no value.
    CANNOT_JUDGE: too few values in either, or a reference that is constant.
    """

    def __init__(
        self, name: str = CHART, rules: Sequence[Rule] = DEFAULT, parameters: ChartSettings | None = None
    ) -> None:
        self.name = name
        self._settings = Settings(tuple(rules))
        self._parameters = parameters or ChartSettings()
        # They depend on the frozen reference only, so they are made once and not for every window.
        self._charts: OrderedDict[bytes, _Chart] = OrderedDict()

    def judge(self, reference: Window, current: Window) -> Sequence[Finding]:
        """A finding for each rule and column of either window, then `worst_ratio` for all of them."""
        names = (*reference.names, *(name for name in current.names if name not in reference.names))
        at = from_nanos(int(current.at.max())) if len(current) else EPOCH
        blank = Finding(self.name, "", current.subject, "", at, Status.NO_DATA, None, None, step=current.step)
        machines = _machines(reference), _machines(current)
        findings: list[Finding] = []
        for name in names:
            before, now = _finite(reference, name), _finite(current, name)
            each = [replace(blank, feature=name, method=method_of(rule)) for rule in self._settings.rules]
            if np.isfinite(before).any() and np.isfinite(now).any():
                charts = [
                    found
                    for machine, was, rows in self._shared_out(before, now, *machines)
                    for found in self._judged(each, before[was], now[rows], current.at[rows], machine)
                ]
                each = [_furthest(finding, charts) for finding in each]
            findings += each
        return (*findings, _worst(replace(blank, method=WORST_RATIO), findings))

    def _shared_out(self, before: Floats, now: Floats, was: Names, made: Names) -> Iterator[tuple[str, Mask, Mask]]:
        """The machines with values enough in both windows, and their rows in each; else all rows, of no machine."""
        least, enough = self._parameters.least_rows, False
        for machine in np.unique(made[np.isfinite(now)]).tolist():
            rows, earlier = made == machine, was == machine
            if np.isfinite(now[rows]).sum() >= least and np.isfinite(before[earlier]).sum() >= BLOCKS * least:
                enough = True
                yield machine, earlier, rows
        if not enough:
            yield "", np.ones(len(before), np.bool_), np.ones(len(now), np.bool_)

    def _judged(
        self, each: Sequence[Finding], before: Floats, now: Floats, at: Indices, machine: str
    ) -> Iterator[Finding]:
        """What one chart says by each rule; nothing where it cannot be made."""
        places = np.flatnonzero(np.isfinite(now))
        rows = min(len(places), int(np.isfinite(before).sum()) // BLOCKS)
        if rows < self._parameters.least_rows:
            return
        chart = self._chart(before)
        if chart.limits is None:
            return
        if rows not in chart.by_rows:
            chart.by_rows[rows] = chart_limits(chart.values, rows, self._settings, self._parameters)
        start, bounds = int(places[-rows]), chart.by_rows[rows]
        said = judged(chart.limits, now[start:], self._settings)
        for finding, rule in zip(each, self._settings.rules, strict=True):
            if rule not in bounds:
                return
            value, limit = extent(rule, said), bounds[rule]
            found = replace(finding, value=value, limit=limit, status=Status.OK)
            if value > limit:
                words = _words(finding.feature, machine, rule, said, at[start:])
                found = replace(found, status=Status.BREACH, causes=(words,))
            yield found

    def _chart(self, values: Floats) -> _Chart:
        key = hashlib.blake2b(values.tobytes(), digest_size=16).digest()
        chart = self._charts.get(key)
        if chart is None:
            if len(self._charts) >= _MOST_REFERENCES:
                self._charts.popitem(last=False)
            try:
                found = limits(points_of(values))
            except UsageError:  # too few values, or constant
                found = None
            chart = self._charts[key] = _Chart(values, found)
        return chart


def _furthest(blank: Finding, charts: Sequence[Finding]) -> Finding:
    """Of the charts' findings by the same rule the one nearest to its limit or furthest beyond, with all causes."""
    same = sorted((f for f in charts if f.method == blank.method), key=_ratio, reverse=True)
    if not same:
        return replace(blank, status=Status.CANNOT_JUDGE)
    return replace(same[0], causes=tuple(cause for finding in same for cause in finding.causes))


def _ratio(finding: Finding) -> float:
    return finding.value / finding.limit if finding.value is not None and finding.limit else 0.0


def _machines(window: Window) -> Names:
    """The machine of each row (rows,), '' where rows have no group."""
    return np.array([group[0] if group else "" for group in window.groups] or [""] * len(window), dtype=np.str_)


def _finite(window: Window, name: str) -> Floats:
    """The column (rows,), NaN where it is missing or beyond all measure; no value of a column that is not there."""
    if name not in window.names:
        return np.empty(0)
    values = window.values[:, window.names.index(name)]
    return np.where(np.abs(values) <= BEYOND, values, np.nan)


def _words(name: str, machine: str, rule: Rule, said: Judged, at: Indices) -> str:
    """What signals, where, which way, and since when; not since when if that may have been before what is judged."""
    place = peak(rule, said)
    signal = next(s for s in signals(said) if s.rule is rule and s.first <= place <= s.last)
    where = f" at {machine}" if machine else ""
    way = "unsteady" if signal.above is None else "high" if signal.above else "low"
    since = f" since {from_nanos(int(at[signal.since])):%Y-%m-%d %H:%M} UTC" if signal.since else ""
    return f"{name}{where} {way}{since}"


def _worst(blank: Finding, findings: Sequence[Finding]) -> Finding:
    """The highest ratio; its causes are those of each column's highest one, worst first."""
    known = sorted((f for f in findings if f.value is not None), key=lambda f: (-_ratio(f), f.feature, f.method))
    if not known:
        empty = all(f.status is Status.NO_DATA for f in findings)
        return replace(blank, status=Status.NO_DATA if empty else Status.CANNOT_JUDGE)
    by_column: dict[str, Finding] = {}
    for finding in known:
        by_column.setdefault(finding.feature, finding)
    causes = tuple(cause for finding in by_column.values() for cause in finding.causes)[:_MOST_CAUSES]
    status = Status.BREACH if causes else Status.OK
    return replace(blank, value=_ratio(known[0]), limit=1.0, status=status, causes=causes)

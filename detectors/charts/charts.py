"""Control charts of a subject's characteristics: the newest window by the rules, limits from the frozen reference."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from detectors.charts.chart_extents import extents, judged, peak, points_of
from detectors.charts.chart_limits import BLOCKS, ChartSettings, chart_limits, judged_rows
from detectors.shared.rows import BEYOND
from detectors.spc.limits import Limits, limits
from detectors.spc.points import Indices
from detectors.spc.rules import DEFAULT, Rule
from detectors.spc.signals import signals
from detectors.spc.watching import Settings
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


@dataclass(frozen=True, slots=True)
class _Newest:
    """What one chart judges: a machine's newest values of a column (n,), NaN where missing, and their instants."""

    name: str
    machine: str
    limits: Limits
    bounds: Mapping[Rule, float]
    values: Floats
    at: Indices


class ControlCharts:
    """Judges every column of a window by control charts of single values, whose phase 1 is the reference.

    Each machine has a chart of its own, of its parts alone; all parts together have one where no machine made enough of
    them. The first element of a row's group is its machine. What is judged are the newest values, as many as
    `judged_rows` says. A finding tells the chart that goes furthest.

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
        before, now = _finite(reference, names), _finite(current, names)
        charts = self._findings(blank, list(self._newest(names, before, now, reference, current)))
        findings: list[Finding] = []
        some = np.asarray(np.isfinite(before).any(axis=0) & np.isfinite(now).any(axis=0))
        for name, there in zip(names, some.tolist(), strict=True):
            each = [replace(blank, feature=name, method=method_of(rule)) for rule in self._settings.rules]
            findings += [_furthest(finding, charts.get(name, ())) for finding in each] if there else each
        return (*findings, _worst(replace(blank, method=WORST_RATIO), findings))

    def _newest(
        self, names: Sequence[str], before: Floats, now: Floats, reference: Window, current: Window
    ) -> Iterator[_Newest]:
        """What is judged of each column by each of its charts; nothing where a chart cannot be made."""
        for column, machine, earlier, rows in self._shared_out(before, now, _machines(reference), _machines(current)):
            was, values = before[earlier, column], now[rows, column]
            places = np.flatnonzero(np.isfinite(values))
            count = judged_rows(len(places), int(np.isfinite(was).sum()), self._parameters)
            if not count:
                continue
            chart = self._chart(was)
            if chart.limits is None:
                continue
            if count not in chart.by_rows:
                chart.by_rows[count] = chart_limits(chart.values, count, self._settings, self._parameters)
            if chart.by_rows[count]:
                start = int(places[-count])
                yield _Newest(
                    names[column], machine, chart.limits, chart.by_rows[count], values[start:], current.at[rows][start:]
                )

    def _shared_out(
        self, before: Floats, now: Floats, was: Names, made: Names
    ) -> Iterator[tuple[int, str, Mask, Mask]]:
        """By column the machines with values enough in both windows, and their rows in each; else all, of none."""
        least, every = self._parameters.least_rows, (np.ones(len(was), np.bool_), np.ones(len(made), np.bool_))
        rows = {machine: (was == machine, made == machine) for machine in np.unique(made).tolist()}
        enough = {
            machine: (np.isfinite(before[earlier]).sum(axis=0) >= BLOCKS * least)
            & (np.isfinite(now[newer]).sum(axis=0) >= least)
            for machine, (earlier, newer) in rows.items()
        }
        for column in range(now.shape[1]):
            own = [machine for machine in rows if enough[machine][column]]
            yield from ((column, machine, *rows[machine]) for machine in own)
            if not own:
                yield column, "", *every

    def _findings(self, blank: Finding, newest: Sequence[_Newest]) -> Mapping[str, Sequence[Finding]]:
        """By column what each of its charts says by each rule."""
        found: dict[str, list[Finding]] = {}
        far = extents([(each.limits, each.values) for each in newest], self._settings)
        for each, by_rule in zip(newest, far.T.tolist(), strict=True):
            for rule, value in zip(self._settings.rules, by_rule, strict=True):
                breach = value > each.bounds[rule]
                finding = replace(
                    blank, method=method_of(rule), feature=each.name, value=value, limit=each.bounds[rule],
                    status=Status.BREACH if breach else Status.OK,
                    causes=(_words(each, rule, self._settings),) if breach else (),
                )  # fmt: skip
                found.setdefault(each.name, []).append(finding)
        return found

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


def _finite(window: Window, names: Sequence[str]) -> Floats:
    """The columns (rows, names), NaN where a value is missing or beyond all measure, or the column is not there."""
    values = np.full((len(window), len(names)), np.nan)
    own = [names.index(name) for name in window.names]
    values[:, own] = np.where(np.abs(window.values) <= BEYOND, window.values, np.nan)
    return values


def _words(newest: _Newest, rule: Rule, settings: Settings) -> str:
    """What signals, where, which way, and since when; not since when if that may have been before what is judged."""
    said = judged(newest.limits, newest.values, settings)
    place = peak(rule, said)
    signal = next(s for s in signals(said) if s.rule is rule and s.first <= place <= s.last)
    where = f" at {newest.machine}" if newest.machine else ""
    way = "unsteady" if signal.above is None else "high" if signal.above else "low"
    since = f" since {from_nanos(int(newest.at[signal.since])):%Y-%m-%d %H:%M} UTC" if signal.since else ""
    return f"{newest.name}{where} {way}{since}"


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

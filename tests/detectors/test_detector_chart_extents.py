"""How far rules go in many charts at once: the numbers of one chart after the other, to the bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from detectors.charts.chart_extents import extents, points_of
from detectors.charts.chart_limits import ChartSettings, judged_rows
from detectors.charts.charts import ControlCharts
from detectors.spc.limits import Limits, limits
from detectors.spc.rules import DEFAULT, Rule
from detectors.spc.watching import Settings, begin, judge
from monitor.model import Finding, Floats, Status, Window

Random = np.random.Generator
VALUES: dict[str, Callable[[Random, int], Floats]] = {
    "normal": lambda rng, rows: rng.standard_normal(rows),
    "skewed": lambda rng, rows: rng.gamma(2.0, size=rows),
    "quantiles": lambda rng, rows: rng.standard_t(2, size=rows),
    "coarse": lambda rng, rows: np.round(rng.standard_normal(rows)),
    "gaps": lambda rng, rows: np.where(rng.random(rows) < 0.4, np.nan, rng.standard_normal(rows)),
    "infinite": lambda rng, rows: np.where(rng.random(rows) < 0.1, np.inf, rng.standard_normal(rows)),
    "beyond measure": lambda rng, rows: np.where(rng.random(rows) < 0.1, -1e90, rng.standard_normal(rows)),
    "constant": lambda rng, rows: np.full(rows, 7.0),
    "no value": lambda rng, rows: np.full(rows, np.nan),
}
VARYING = [name for name in VALUES if name not in ("infinite", "constant", "no value")]


def by_spc(found: Limits, values: Floats, settings: Settings) -> list[float]:
    """One chart by `detectors.spc` alone."""
    said = judge(found, begin(settings), points_of(values), settings)[1]
    known = np.isfinite(said.scores)
    each = {Rule.BEYOND: np.abs(said.scores), Rule.CUSUM: np.maximum(said.above, said.below)}
    return [
        float(np.nanmax(each[rule])) if rule in each else float(said.flags[rule][known].mean())
        for rule in settings.rules
    ]


@pytest.mark.parametrize("rules", [DEFAULT, (Rule.CUSUM,), tuple(Rule)], ids=["default", "cusum", "all"])
def test_many_charts_at_once_are_one_after_the_other(rules: Sequence[Rule]) -> None:
    settings = Settings(rules)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        found = [limits(points_of(VALUES[name](rng, 200))) for name in VARYING]
        now = [VALUES[name](rng, int(rng.integers(10, 61))) + rng.integers(0, 3) for name in VARYING]
        # A value so far away that its score is infinite, as sigma is tiny: sums leave it out.
        found.append(limits(points_of(1e-290 * rng.standard_normal(200))))
        now.append(np.where(np.arange(20) == 7, 1e30, 1e-290 * rng.standard_normal(20)))
        with np.errstate(over="ignore"):
            each = [by_spc(chart, values, settings) for chart, values in zip(found, now, strict=True)]
            together = extents(list(zip(found, now, strict=True)), settings)
        assert together.T.tobytes() == np.array(each).tobytes()
    assert extents([], settings).shape == (len(rules), 0)


def columns(rng: Random, rows: int, machines: int) -> Window:
    """Every kind of values, made at so many machines, or at none that is known."""
    at = np.arange(rows, dtype=np.int64) * 60_000_000_000
    groups = tuple((f"m{i}", "r") for i in rng.integers(machines, size=rows)) if machines else ()
    values = np.column_stack([make(rng, rows) for make in VALUES.values()])
    return Window("form", "form", tuple(VALUES), values, at, at, groups)


def alone(window: Window, name: str) -> Window:
    values = window.values[:, [window.names.index(name)]]
    return Window("form", "form", (name,), values, window.at, window.arrivals, window.groups)


@pytest.mark.parametrize("machines", [0, 1, 2, 7])
def test_a_column_is_judged_as_if_it_were_alone(machines: int) -> None:
    rng, charts = np.random.default_rng(machines), ControlCharts()
    before, now = columns(rng, 500, machines), columns(rng, 60, machines)
    together = [f for f in charts.judge(before, now) if f.feature]
    each: list[Finding] = []
    for name in VALUES:
        each += [f for f in charts.judge(alone(before, name), alone(now, name)) if f.feature]
    assert together == each
    assert {f.feature for f in together if f.status is Status.OK} >= set(VARYING) - {"quantiles"}


ROWS = {
    "all of the window": (60, 500, 60),
    "a multiple of 5": (29, 500, 25),
    "at most an eighth of the reference": (60, 250, 30),
    "the fewest": (14, 500, 12),
    "too few": (11, 500, 0),
    "a reference too short": (60, 95, 0),
}


@pytest.mark.parametrize(("rows", "reference", "expected"), ROWS.values(), ids=ROWS)
def test_a_rounded_number_of_values_is_judged(rows: int, reference: int, expected: int) -> None:
    assert judged_rows(rows, reference, ChartSettings(least_rows=12)) == expected

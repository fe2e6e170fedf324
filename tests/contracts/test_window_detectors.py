"""Every window detector keeps the contract of `monitor.ports.WindowDetector`, on every case."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import window_detector as suite
from estimate_windows import parts
from performance_windows import GROUPS, predictions

from detectors.charts.charts import ControlCharts
from detectors.spc.rules import Rule
from detectors.window.before_outcomes import BeforeOutcomes
from detectors.window.performance import Performance
from detectors.window.roster import STEP_DETECTORS, StepDetector, StepSettings
from monitor.model import Window
from monitor.ports import WindowDetector

HOUR = 3_600_000_000_000


def window(rows: int, seed: int, names: tuple[str, ...] = ("a", "b", "fixed")) -> Window:
    """Healthy parts: one feature shared by lots of 40, one of small scale with a gap here and there, one constant."""
    rng = np.random.default_rng(seed)
    lots = np.repeat(rng.standard_normal(rows // 40 + 1), 40)[:rows]
    small = 1e-6 * rng.standard_normal(rows)
    small[rng.random(rows) < 0.05] = np.nan
    values = np.column_stack([10 + lots + 0.3 * rng.standard_normal(rows), small, np.full(rows, 7.0)])
    at = np.arange(rows, dtype=np.int64) * HOUR
    groups = tuple(("m1", "r1") for _ in range(rows))
    return Window("form", "form", names, values, at, np.arange(1, rows + 1, dtype=np.int64), groups)


def made(detector: StepDetector) -> Callable[[], WindowDetector]:
    return lambda: detector.make(StepSettings())


CASES = {
    "performance of a gate": suite.Case(
        lambda: Performance(slices=GROUPS), predictions(900, 1, lot=0.5, fitted=0.6), predictions(60, 2, lot=0.5)
    ),
    **{f"{d.name} of a step": suite.Case(made(d), window(500, 1), window(60, 2)) for d in STEP_DETECTORS},
    **{f"{d.name} of a step, fewer parts": suite.Case(made(d), window(300, 3), window(90, 4)) for d in STEP_DETECTORS},
    "charts by every rule": suite.Case(lambda: ControlCharts(rules=tuple(Rule)), window(500, 1), window(60, 2)),
    "performance before outcomes": suite.Case(BeforeOutcomes, parts(1000, 1), parts(240, 2)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("check", suite.CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_the_contract_holds(case: suite.Case, check: Callable[[suite.Case], None]) -> None:
    check(case)

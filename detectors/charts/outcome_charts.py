"""What a gate's parts turned out to be: control charts of outcomes and residuals, and the process's capability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from detectors.charts.chart_extents import points_of
from detectors.charts.charts import ControlCharts
from detectors.spc.capability import Capability, Specification, capability
from detectors.spc.intervals import Estimate
from detectors.spc.rules import DEFAULT, Rule
from monitor.detection import CAPABILITY, CAPABILITY_METHODS, OUTCOME, OUTCOME_CHART, RESIDUAL
from monitor.errors import UsageError
from monitor.instants import EPOCH, from_nanos
from monitor.model import Finding, Spec, Status, Window


class OutcomeCharts:
    """Charts of the windows that `Performance` judges of a gate that predicts a number: the newest realised parts.

    The columns are `outcome` and `residual`, the outcome less the prediction. Phase 1 is the reference of the model in
    force, of whose parts only those count to which it was not fitted.
    """

    def __init__(self, rules: Sequence[Rule] = DEFAULT) -> None:
        self._charts = ControlCharts(OUTCOME_CHART, rules)

    def judge(self, reference: Window, current: Window, spec: Spec | None) -> Sequence[Finding]:
        """The findings of the charts, and where there is a specification the capability of the outcomes."""
        before, now = charted(reference), charted(current)
        return (*self._charts.judge(before, now), *(() if spec is None else capability_of(now, spec)))


def charted(window: Window) -> Window:
    """The window's outcomes and residuals."""
    predicted, outcome = (window.values[:, window.names.index(name)] for name in ("predicted", OUTCOME))
    return replace(window, names=(OUTCOME, RESIDUAL), values=np.column_stack([outcome, outcome - predicted]))


def capability_of(window: Window, spec: Spec) -> tuple[Finding, ...]:
    """Each index of the outcomes and the ends of its 95 % interval: information without limits.

    Always the same findings; CANNOT_JUDGE where there is no such index: of one-sided specifications no Cp and Pp, of
    values that are not normal no Cp and Cpk, of too few values or too coarse ones none.
    """
    at = from_nanos(int(window.at.max())) if len(window) else EPOCH
    blank = Finding(CAPABILITY, "", window.subject, OUTCOME, at, Status.CANNOT_JUDGE, None, None, step=window.step)
    found = _capability(window, spec)
    told: list[Finding] = []
    for (index, bound), method in CAPABILITY_METHODS.items():
        estimate: Estimate | None = getattr(found, index, None)
        value: float = np.nan if estimate is None else getattr(estimate, bound)
        finding = replace(blank, method=method)
        told.append(replace(finding, value=float(value), status=Status.OK) if np.isfinite(value) else finding)
    return tuple(told)


def _capability(window: Window, spec: Spec) -> Capability | None:
    values = window.values[:, window.names.index(OUTCOME)]
    try:
        return capability(values, points_of(values), Specification(spec.lower, spec.upper))
    except UsageError:  # too few values, or too coarse ones
        return None

"""From a table's column to its chart: which chart, which rules, and everything that was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from detectors.spc.capability import Capability, Specification, capability
from detectors.spc.files.reading import GAP, Column, points_of
from detectors.spc.limits import USUAL
from detectors.spc.memory import CusumSettings
from detectors.spc.points import Spread
from detectors.spc.rules import DEFAULT, Rule, parse
from detectors.spc.scales import Kind
from detectors.spc.study import Study, study
from detectors.spc.watching import Settings
from monitor.errors import UsageError


class Chart(StrEnum):
    """What is plotted."""

    XMR = "xmr"
    XBAR_R = "xbar-r"
    XBAR_S = "xbar-s"
    EWMA = "ewma"
    CUSUM = "cusum"


HEAD_START = CusumSettings().limit / 2
"""Where sums begin with a fast initial response (Lucas and Crosier 1982)."""
_OWN_RULE = {Chart.EWMA: Rule.EWMA, Chart.CUSUM: Rule.CUSUM}


@dataclass(frozen=True, slots=True)
class Asked:
    """The chart, or None for that which fits; rules by name, or '' for those by default; whether sums begin at half
    their limit (fast initial response).
    """

    chart: Chart | None = None
    rules: str = ""
    head_start: bool = False


@dataclass(frozen=True, slots=True)
class Charted:
    """A chart of a column, the capability if a specification was given, and what is to be said of both."""

    file: Path
    column: Column
    chart: Chart
    study: Study
    specification: Specification | None
    capability: Capability | None
    notes: tuple[str, ...]


def chart(file: Path, column: Column, asked: Asked, window: str, specification: Specification | None) -> Charted:
    """The chart, of subgroups where the column has them; UsageError where the options do not fit together."""
    grouped = column.labels is not None
    chosen = asked.chart or (Chart.XBAR_S if grouped else Chart.XMR)
    if not grouped and chosen in (Chart.XBAR_R, Chart.XBAR_S):
        raise UsageError(f"--chart {chosen}: needs --subgroup, the column that says which values belong together")
    if grouped and chosen is Chart.XMR:
        raise UsageError("--chart xmr: is of single values; leave --subgroup out, or choose xbar-r or xbar-s")
    spread = Spread.MOVING_RANGE if not grouped else Spread.RANGE if chosen is Chart.XBAR_R else Spread.DEVIATION
    rules = _rules(chosen, asked.rules, grouped)
    if asked.head_start and Rule.CUSUM not in rules:
        raise UsageError("--head-start: is of the CUSUM; ask for it by --rules or --chart, or leave it out")
    sums = CusumSettings(head=HEAD_START if asked.head_start else 0.0)
    points, phase1, gaps = points_of(column, spread, window)
    found = study(points, phase1, Settings(rules, sums))
    can = None if specification is None else capability(column.values, points, specification)
    return Charted(file, column, chosen, found, specification, can, (*column.notes, *_notes(found, gaps)))


def _rules(chosen: Chart, text: str, grouped: bool) -> tuple[Rule, ...]:
    """The rules that are asked; by default of means also that of their spread, which single values do not need."""
    own = _OWN_RULE.get(chosen)
    if own is not None:
        if text:
            raise UsageError(
                f"--rules {text}: a chart {chosen} has its own rule; choose another chart, or leave it out"
            )
        return (own,)
    return parse(text) if text else (*DEFAULT, *([Rule.SPREAD] if grouped else []))


def _notes(found: Study, gaps: int) -> Sequence[str]:
    notes = []
    chosen, points = found.limits.chosen, found.points
    if found.limits.points < USUAL:
        notes.append(
            f"phase 1 has {found.limits.points} points, so that limits are uncertain; {USUAL} or more are usual"
        )
    if gaps:
        notes.append(
            f"{gaps} gaps in time, of more than {GAP:g} usual steps; no moving range and no pattern crosses one"
        )
    if chosen.dependent:
        notes.append(
            f"points of phase 1 depend on the one before (rank correlation {chosen.dependence:.2f}): the process "
            "steps, drifts or is slow, alarms are more frequent, and whether values are normal cannot be told"
        )
    if chosen.scale.kind is not Kind.NORMAL:
        way = "after a transformation (Yeo and Johnson)" if chosen.scale.kind is Kind.TRANSFORMED else "as they are"
        notes.append(
            f"values are not normal (Anderson-Darling, {chosen.departure:.1f} times what is allowed at 1 %): limits "
            f"are the quantiles of 0.135 and 99.865 % of phase 1, {way}"
        )
        if Rule.SPREAD in found.settings.rules:
            notes.append("moving ranges are not judged: their limits are those of normal values")
    incomplete = int((points.incomplete & (points.sizes > 0)).sum())
    if incomplete:
        notes.append(f"{incomplete} subgroups have fewer values than usual; their limits are wider by that")
    return notes

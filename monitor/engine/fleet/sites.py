"""Plants beside each other: rates of findings, drift, decisions, and how well models do. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from monitor.detection import DRIFT, MAE, MISCOVERAGE, PERFORMANCE, SKILL, WORST_RATIO
from monitor.model import Status, Verdict

Row = Mapping[str, object]
_DAY = 86_400.0


class SiteFigures(NamedTuple):
    """A plant's figures over its span: `days` from its first machine window to its last.

    `breaches_per_machine_day`: changes to breach of machines. `drift`: the worst ratio of a step's drift to its limit,
    and `drifting` how many steps are beyond it. `held`: the share of decisions that are holds, None without decisions.
    """

    site: str
    machines: int
    days: float
    breaches_per_machine_day: float | None
    steps: int
    drifting: int
    drift: float | None
    decisions: int
    held: float | None


class ModelFigures(NamedTuple):
    """How a gate's model does at a plant, of what is known at the end; None where that cannot be judged."""

    site: str
    gate: str
    mean_absolute_error: float | None
    skill: float | None
    miscoverage: float | None


class Spans(NamedTuple):
    """By site its machines, and the first and last machine window."""

    machines: Mapping[str, int]
    bounds: Mapping[str, tuple[datetime, datetime]]


def site_figures(
    spans: Spans, findings: Iterable[Row], board: Iterable[Row], verdicts: Counter[tuple[str, str]]
) -> list[SiteFigures]:
    """The figures of every site, by name. `verdicts`: numbers of decisions by site and verdict."""
    of_machines: Counter[str] = Counter()
    for row in findings:
        if row["status"] == Status.BREACH and row["detector"] not in (DRIFT, PERFORMANCE):
            of_machines[str(row["site"])] += 1
    steps: defaultdict[str, list[tuple[float | None, bool]]] = defaultdict(list)
    for row in board:
        if row["detector"] == DRIFT and row["method"] == WORST_RATIO and not row["feature"]:
            steps[str(row["site"])].append((_number(row["value"]), row["status"] == Status.BREACH))
    sites = {*spans.machines, *steps, *(site for site, _ in verdicts)}
    return [_figures(site, spans, of_machines[site], steps[site], verdicts) for site in sorted(sites)]


def model_figures(board: Iterable[Row]) -> list[ModelFigures]:
    """How models do, by site and gate."""
    found: dict[tuple[str, str], dict[str, float | None]] = {}
    for row in board:
        if row["detector"] == PERFORMANCE and not row["feature"] and row["method"] in (MAE, SKILL, MISCOVERAGE):
            key = str(row["site"]), str(row["subject"])
            found.setdefault(key, {})[str(row["method"])] = _number(row["value"])
    return [ModelFigures(*key, v.get(MAE), v.get(SKILL), v.get(MISCOVERAGE)) for key, v in sorted(found.items())]


def _figures(
    site: str, spans: Spans, breaches: int, steps: list[tuple[float | None, bool]], verdicts: Counter[tuple[str, str]]
) -> SiteFigures:
    machines = spans.machines.get(site, 0)
    first, last = spans.bounds.get(site, (None, None))
    days = (last - first).total_seconds() / _DAY if first is not None and last is not None else 0.0
    rate = breaches / (machines * days) if machines and days else None
    ratios = [ratio for ratio, _ in steps if ratio is not None]
    decisions = sum(n for (of, _), n in verdicts.items() if of == site)
    held = verdicts[site, Verdict.HOLD.value] / decisions if decisions else None
    drifting = sum(is_breach for _, is_breach in steps)
    return SiteFigures(
        site, machines, days, rate, len(steps), drifting, max(ratios, default=None), decisions, held
    )  # fmt: skip


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None

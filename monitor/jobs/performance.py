"""The performance of the gates' models: outcomes joined to decisions, judged window by window."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from detectors.charts.outcome_charts import OutcomeCharts
from detectors.window.before_outcomes import BeforeOutcomes
from detectors.window.performance import Performance, with_hysteresis
from monitor.detection import ESTIMATE, LOG_LOSS, MAE, MISCOVERAGE, PERFORMANCE, SKILL
from monitor.gate_models.in_force import ModelsInForce
from monitor.model import Finding, Window
from monitor.pipeline.forecasts import Forecasts
from monitor.plant.gates import GateConfig
from monitor.plant.plant import Plant
from monitor.ports import GateModel
from monitor.scheduling.job import WHOLE_PLANT, Result, Run
from monitor.store.commit import BatchWrite, commit
from monitor.store.database.database import Store
from monitor.store.database.statements import mark
from monitor.store.models import versions
from monitor.store.models.versions import ModelInForce
from monitor.store.rows.decisions import newest_arrival_decided
from monitor.store.rows.outcomes import DecidedOutcome, newest_outcome
from monitor.store.watching.board import realised_statuses, status_changes, trend_findings
from monitor.store.watching.references import NewReference, freeze, reference_in_force
from monitor.windows import outcomes
from monitor.windows.dispositions import count_answers
from monitor.windows.frozen import content_of
from monitor.windows.outcomes import OutcomeCounts
from monitor.windows.realised import (
    columns_of,
    empty,
    frozen_reference,
    newest_decided,
    parts_before,
    realised,
    reference,
)
from monitor.windows.waiting import JUDGED, InputsOfRows, reference_of_estimates, waiting

REFERENCE_ROWS = 1000
"""Newest parts in a model's reference; without the outcome where it was fitted to the part."""
MAX_SLICES = 8
"""Slices by machine and recipe, the most frequent ones; bounded because they become label values."""

_ANSWERED = "performance:dispositions"
"""The mark of how far dispositions were counted."""

Slices = Sequence[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Judged:
    """The last judgement of a gate: the version in force, the newest outcome, and the findings.

    Of the estimates before outcomes also the newest decision.
    """

    version: tuple[str, str, int]
    outcome: int
    findings: tuple[Finding, ...]
    decided: int = 0
    estimates: tuple[Finding, ...] = ()


class PerformanceJob:
    """Judges every gate; without a new outcome or version since the last slot, the findings are repeated."""

    name = "performance"
    scope = WHOLE_PLANT

    def __init__(self, store: Store, plant: Plant, models: ModelsInForce) -> None:
        self.interval = plant.performance.every
        self._store = store
        self._plant = plant
        self._models = models
        self._charts = OutcomeCharts(plant.spc.asked())
        self._forecasts = Forecasts()
        self._judged: dict[str, Judged] = {}
        self._references: dict[tuple[str, str, str], Window] = {}
        self._inputs: dict[str, InputsOfRows] = {}
        self._counts: dict[str, OutcomeCounts] = {}

    def forget(self) -> None:
        """Judge again at the next slot."""
        self._judged.clear()
        self._counts.clear()

    def run(self, run: Run) -> Result:
        """Judge each gate and put the findings on the board, dated now."""
        write = BatchWrite(self.name, "", "", run.now)
        rows = 0
        for gate, config in self._plant.gates.items():
            rows += self._add_findings(gate, config, run, write)
        with self._store.read() as connection:
            write.findings.extend(status_changes(connection, write.board))
            answers, write.marks[_ANSWERED] = count_answers(connection, mark(connection, _ANSWERED) or 0)
        write.tallies.update(answers)
        commit(self._store, run.lease, write)
        return Result(rows)

    def _add_findings(self, gate: str, config: GateConfig, run: Run, write: BatchWrite) -> int:
        with self._store.read() as connection:
            used, outcome = versions.model_in_force(connection, gate), newest_outcome(connection)
            counts = outcomes.count(connection, config, run.now, outcome, self._counts.get(gate))
            write.gauges |= outcomes.gauges(connection, gate, counts)
            of, counted = self._plant.characteristics[config.characteristic], f"{self.name}:outcomes of {gate}"
            judged = outcomes.count_by_verdict(connection, gate, config, of, mark(connection, counted) or 0)
            decided = newest_arrival_decided(connection, gate)
        self._counts[gate] = counts
        write.tallies.update(judged[0])
        write.marks[counted] = judged[1]
        version = ("", "", 0) if used is None else (used.version, used.digest, used.changes)
        last = self._judged.get(gate)
        same = last is not None and (last.version, last.outcome) == (version, outcome)
        kept = last is not None and same and last.decided == decided
        newest = [] if kept or used is None else self._newest(gate, config, used, run)
        findings, rows = (last.findings, 0) if last and same else self._judge(gate, config, used, run, newest)
        estimates = last.estimates if last and kept else self._estimate(gate, config, used, run, findings, newest)
        # Dated now even without new data, because the findings still hold.
        findings, estimates = (tuple(replace(f, at=run.now) for f in found) for found in (findings, estimates))
        self._judged[gate] = Judged(version, outcome, findings, decided, estimates)
        write.board.extend((*findings, *estimates))
        if rows:
            write.trends.extend(trend_findings(findings))
        if not kept and any(finding.value is not None for finding in estimates):
            write.trends.extend(trend_findings(estimates))
        return rows

    def _newest(self, gate: str, config: GateConfig, used: ModelInForce, run: Run) -> Sequence[DecidedOutcome]:
        """The newest outcomes that are judged, and that an estimate rests on: read once for both."""
        rows = max(self._plant.performance.window_rows, JUDGED)
        with self._store.read() as connection:
            return newest_decided(connection, gate, config, used, run.now, rows)

    def _judge(
        self, gate: str, config: GateConfig, used: ModelInForce | None, run: Run, newest: Sequence[DecidedOutcome]
    ) -> tuple[tuple[Finding, ...], int]:
        rows, classes = self._plant.performance.window_rows, self._plant.classes_of(config)
        if used is None:
            no_rows = empty(gate, config.step)
            return tuple(Performance(rows, (), of_classes=config.of_classes).judge(no_rows, no_rows)), 0
        reference = self._reference(gate, config, used, run)
        with self._store.read() as connection:
            window = realised(connection, gate, config, newest[:rows], run.now, self._forecasts, classes)
            before = {
                method: realised_statuses(connection, method, {gate: used.since}).get(gate)
                for method in (SKILL, MISCOVERAGE)
            }
        slices = slices_of(self._plant, config.step, reference, window)
        detector = Performance(rows, slices, coverage=config.coverage, of_classes=config.of_classes)
        findings = [with_hysteresis(f, before.get(f.method)) for f in detector.judge(reference, window)]
        if classes is None:
            spec = self._plant.characteristics[config.characteristic].spec_at(run.now)
            findings += self._charts.judge(reference, window, spec)
        return tuple(findings), len(window)

    def _estimate(
        self,
        gate: str,
        config: GateConfig,
        used: ModelInForce | None,
        run: Run,
        realised: Sequence[Finding],
        newest: Sequence[DecidedOutcome],
    ) -> tuple[Finding, ...]:
        """What error and coverage of the parts that wait will be, against the limit of the realised error."""
        rows, classes = self._plant.performance.window_rows, self._plant.classes_of(config)
        if used is None:
            no_rows = empty(gate, config.step)
            return tuple(BeforeOutcomes(rows).judge(no_rows, no_rows))
        reference = self._reference(gate, config, used, run, ESTIMATE)
        inputs = self._inputs.setdefault(gate, InputsOfRows())
        with self._store.read() as connection:
            found = waiting(connection, gate, config, used, newest[:JUDGED], run.now, reference, inputs, classes)
        limit = next((f.limit for f in realised if f.method in (MAE, LOG_LOSS) and not f.feature), None)
        return tuple(BeforeOutcomes(rows, limit, found.overdue).judge(found.known, found.waiting))

    def _reference(
        self, gate: str, config: GateConfig, used: ModelInForce, run: Run, detector: str = PERFORMANCE
    ) -> Window:
        """The reference of the version in force: from memory, from the store, or made and frozen now."""
        key = (detector, gate, used.digest)
        if key in self._references:
            return self._references[key]
        with self._store.read() as connection:
            row = reference_in_force(connection, detector, gate)
        if row is not None and row.digest == used.digest:
            return self._references.setdefault(key, frozen_reference(gate, config.step, row.content))
        model = self._models.for_gates([gate])[gate].model
        if model is None or model.digest != used.digest:
            # Not in the cache yet, or replaced meanwhile: the next slot tries again.
            return empty(gate, config.step, columns_of(self._plant.classes_of(config)))
        # Both at once: what the model says of the parts is asked once.
        for name, window in self._make_references(gate, config, model, used, run).items():
            freeze(self._store, run.lease, _new_reference(name, window, used), run.now)
            self._references.setdefault((name, gate, used.digest), window)
        return self._references[key]

    def _make_references(
        self, gate: str, config: GateConfig, model: GateModel, used: ModelInForce, run: Run
    ) -> dict[str, Window]:
        with self._store.read() as connection:
            version = versions.version_of(connection, used.model, used.version)
        rows, ages = _reference_rows(version.metrics, config), self._plant.max_ages()
        known, classes = self._models.held_out(used), self._plant.classes_of(config)
        parts = parts_before(self._store, config, ages, model, version.trained_at, rows, known, classes, run.beat)
        return {
            PERFORMANCE: reference(gate, config, parts, classes),
            ESTIMATE: reference_of_estimates(gate, config, parts, classes),
        }


def _reference_rows(metrics: Mapping[str, float], config: GateConfig) -> int:
    """How many of the newest parts the reference is made of.

    If training detected a change of level, only outcomes after it count, and the parts that its comparison held out. Of
    a gate of pictures no more than it is trained on: every other picture would have to be judged now.
    """
    most = REFERENCE_ROWS if config.picture is None else min(REFERENCE_ROWS, config.training.max_rows)
    if not metrics.get("level_changes"):
        return most
    return min(most, int(metrics["newest_level_rows"]) + config.retraining.holdout_rows)


def _new_reference(detector: str, window: Window, used: ModelInForce) -> NewReference:
    first, last = (int(window.arrivals.min()), int(window.arrivals.max())) if len(window) else (0, 0)
    return NewReference(
        detector, window.subject, first, last, len(window), used.digest,
        f"version {used.version} of the model is in force", content_of(window, used.digest),
    )  # fmt: skip


def slices_of(plant: Plant, step: str, reference: Window, current: Window) -> Slices:
    """The most frequent pairs of a machine of the step and a recipe, in a fixed order."""
    machines = {name for name, machine in plant.machines.items() if machine.step == step}
    counts: Counter[tuple[str, ...]] = Counter(g for g in (*reference.groups, *current.groups) if g[0] in machines)
    return sorted(group for group, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MAX_SLICES])

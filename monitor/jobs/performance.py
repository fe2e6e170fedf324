"""How good the gates' predictions were: outcomes joined to decisions, judged window by window."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from monitor.detection import PERFORMANCE, SKILL
from monitor.gate_models.in_force import ModelsInForce
from monitor.model import Finding, Status, Window
from monitor.plant.gates import GateConfig
from monitor.plant.plant import Plant
from monitor.ports import GateModel, WindowDetector
from monitor.scheduling.job import WHOLE_PLANT, Result, Run
from monitor.store.commit import BatchWrite, commit
from monitor.store.database.database import Store
from monitor.store.models import versions
from monitor.store.models.versions import ModelInForce
from monitor.store.rows.outcomes import newest_outcome
from monitor.store.watching.board import changed, skill_of, worth_keeping
from monitor.store.watching.references import NewReference, freeze, reference_in_force
from monitor.windows.realised import NAMES, HeldOut, as_content, empty, from_content, realised, reference

REFERENCE_ROWS = 1000
"""Newest parts in a model's reference; those it was fitted to keep their place only."""
MOST_SLICES = 8
"""Slices by machine and recipe, the most frequent ones: they become label values."""

Slices = Sequence[tuple[str, ...]]
MakeDetector = Callable[[int, Slices], WindowDetector]
"""From the length of the window and the slices to the detector."""
Settle = Callable[[Finding, Status | None], Finding]
"""The skill with hysteresis: the finding, and what the board said of this version before."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a gate was last judged on: its version in force, the newest outcome, and what was found."""

    version: tuple[str, str, int]
    outcome: int
    findings: tuple[Finding, ...]


class PerformanceJob:
    """Judges every gate; a gate without a new outcome or version since the last slot is only shown again."""

    name = "performance"
    scope = WHOLE_PLANT

    def __init__(
        self,
        store: Store,
        plant: Plant,
        models: ModelsInForce,
        held_out: HeldOut,
        detector: MakeDetector,
        settle: Settle,
    ) -> None:
        self.interval = plant.performance.every
        self._store = store
        self._plant = plant
        self._models = models
        self._held_out = held_out
        self._detector = detector
        self._settle = settle
        self._seen: dict[str, Seen] = {}
        self._references: dict[tuple[str, str], Window] = {}

    def forget(self) -> None:
        """Judge again at the next slot."""
        self._seen.clear()

    def run(self, run: Run) -> Result:
        """Judge each gate and put it on the board as of now."""
        write = BatchWrite(self.name, "", "", run.now)
        judged = 0
        for gate, config in self._plant.gates.items():
            judged += self._one(gate, config, run, write)
        with self._store.read() as connection:
            write.findings.extend(changed(connection, write.board))
        commit(self._store, run.lease, write)
        return Result(judged)

    def _one(self, gate: str, config: GateConfig, run: Run, write: BatchWrite) -> int:
        with self._store.read() as connection:
            used, outcome = versions.model_in_force(connection, gate), newest_outcome(connection)
        version = ("", "", 0) if used is None else (used.version, used.digest, used.changes)
        known = self._seen.get(gate)
        if known is not None and (known.version, known.outcome) == (version, outcome):
            found, rows = known.findings, 0
        else:
            found, rows = self._judge(gate, config, used, run)
        # As of now, also where nothing new came: what is known of the model still stands.
        findings = tuple(replace(finding, at=run.now) for finding in found)
        self._seen[gate] = Seen(version, outcome, findings)
        write.board.extend(findings)
        if rows:
            write.trends.extend(worth_keeping(findings))
        return rows

    def _judge(
        self, gate: str, config: GateConfig, used: ModelInForce | None, run: Run
    ) -> tuple[tuple[Finding, ...], int]:
        rows = self._plant.performance.window_rows
        if used is None:
            nothing = empty(gate, config.step)
            return tuple(self._detector(rows, ()).judge(nothing, nothing)), 0
        before = self._reference(gate, config, used, run)
        with self._store.read() as connection:
            window = realised(connection, gate, config, used, run.now, rows)
            skill = skill_of(connection, gate, used.since)
        detector = self._detector(rows, slices_of(self._plant, config.step, before, window))
        found = detector.judge(before, window)
        return tuple(self._settle(f, skill) if f.method == SKILL else f for f in found), len(window)

    def _reference(self, gate: str, config: GateConfig, used: ModelInForce, run: Run) -> Window:
        """The reference of the version in force: from memory, the store, or made now and kept."""
        key = (gate, used.digest)
        if key in self._references:
            return self._references[key]
        with self._store.read() as connection:
            row = reference_in_force(connection, PERFORMANCE, gate)
        if row is not None and row.digest == used.digest:
            return self._references.setdefault(key, from_content(gate, config.step, row.content))
        model = self._models.for_gates([gate])[gate].model
        if model is None or model.digest != used.digest:
            # Not in the cache yet, or replaced meanwhile: the next slot tries again.
            return empty(gate, config.step, NAMES)
        window = self._make_reference(gate, config, model, used)
        freeze(self._store, run.lease, _frozen(window, used), run.now)
        return self._references.setdefault(key, window)

    def _make_reference(self, gate: str, config: GateConfig, model: GateModel, used: ModelInForce) -> Window:
        with self._store.read() as connection:
            version = versions.version_of(connection, used.model, used.version)
            rows = _reference_rows(version.metrics, config)
            return reference(connection, gate, config, model, version.trained_at, self._held_out, rows)


def _reference_rows(metrics: Mapping[str, float], config: GateConfig) -> int:
    """How many of the newest parts say what the model is to be measured by.

    Where training found a change of level, the outcomes from before it are of another level: only those after count,
    and with them the parts that its comparison held out.
    """
    if not metrics.get("level_changes"):
        return REFERENCE_ROWS
    return min(REFERENCE_ROWS, int(metrics["newest_level_rows"]) + config.retraining.holdout_rows)


def _frozen(window: Window, used: ModelInForce) -> NewReference:
    first, last = (int(window.arrivals.min()), int(window.arrivals.max())) if len(window) else (0, 0)
    return NewReference(
        PERFORMANCE, window.subject, first, last, len(window), used.digest,
        f"version {used.version} of the model is in force", as_content(window),
    )  # fmt: skip


def slices_of(plant: Plant, step: str, reference: Window, current: Window) -> Slices:
    """The most frequent pairs of a machine of the step and a recipe, in a fixed order."""
    machines = {name for name, machine in plant.machines.items() if machine.step == step}
    counts: Counter[tuple[str, ...]] = Counter(g for g in (*reference.groups, *current.groups) if g[0] in machines)
    return sorted(group for group, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_SLICES])

"""The evidence for causes: of each finding in breach, the newest rows that it is about, as scores with their labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from detectors.attribution.evidence import FindingKey, MachineEvidence, Measured, PartsEvidence
from detectors.attribution.likeness import likeness
from detectors.attribution.scores import Group, normal_scores
from detectors.window.drift_groups import feature_of
from detectors.window.roster import step_detector_names
from monitor.detection import (
    ANOMALY,
    CONDITION_ALARM,
    DEAD,
    DRIFT,
    IMAGE_DRIFT,
    LIMIT,
    LIMITS,
    MEASURES,
    OUTCOME,
    OUTCOME_CHART,
    PERFORMANCE,
    PREDICTION,
    SKILL,
    STUCK,
    TIME_LEFT,
    WORST_SLICE,
)  # fmt: skip
from monitor.instants import to_nanos
from monitor.model import ClassSpec, Floats, Window
from monitor.pipeline.forecasts import Forecasts
from monitor.plant.plant import Plant
from monitor.store.database.database import Connection
from monitor.store.models.versions import model_in_force
from monitor.store.rows.decisions import last_predictions, pictures_said, predictions_at
from monitor.store.rows.parts import PartStep, lots_of, newest_passages, part_steps
from monitor.store.watching.board import BreachSince, ratio
from monitor.store.watching.references import reference_in_force
from monitor.windows import parts as windows
from monitor.windows.frozen import window_of
from monitor.windows.labels import labels_of
from monitor.windows.pictures import columns_said
from monitor.windows.realised import frozen_reference, newest_decided, realised

DETECTORS = (*step_detector_names(), PERFORMANCE, OUTCOME_CHART, LIMITS, ANOMALY)
"""The detectors whose findings are attributed."""
_WINDOWS = 4
"""So many windows of a detector are looked at: what was before is what shows where something began."""
_MOST_FEATURES = 4
"""Features of a step that are looked at, the farthest beyond their limits."""


@dataclass(frozen=True, slots=True)
class _Scored:
    """What a finding's rows are compared by: reference and current values, with the groups of each."""

    reference: Floats
    like: Sequence[Group]
    values: Floats
    groups: Sequence[Group]

    def scores(self) -> tuple[Floats, Floats]:
        return normal_scores(self.reference, _made(self.like), self.values, _made(self.groups))

    def alike(self, lots: Sequence[str]) -> tuple[float, float]:
        """How much rows of the reference of one lot are alike in level and in spread; 0 where lots are unknown."""
        if len(lots) != len(self.reference):
            return 0.0, 0.0
        known = np.flatnonzero(np.isfinite(self.reference)).tolist()
        values, like = self.reference[known], [self.like[row][:2] for row in known]
        level, spread = normal_scores(values, like, values, like)
        named = [lots[row] for row in known]
        return likeness(level, named), likeness(spread, named)


@dataclass(frozen=True, slots=True)
class _Errors:
    """A gate's newest errors as scores, shape (rows,), with the passages that it judged and the outcomes of each."""

    passages: Sequence[PartStep]
    values: Floats
    at: NDArray[np.int64]
    level: Floats
    spread: Floats
    outcome: Floats | None
    predicted: Floats | None
    alike: tuple[float, float]
    outcomes_alike: tuple[float, float]

    @property
    def serials(self) -> list[str]:
        return [passage.serial for passage in self.passages]


class Evidence:
    """Reads the evidence of findings in breach; nothing is kept between two calls but the forecasts."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._steps = list(plant.steps)
        self._gates = {gate.step: name for name, gate in plant.gates.items()}
        self._forecasts = Forecasts()

    def of_parts(self, connection: Connection, found: Sequence[BreachSince], now: datetime) -> list[PartsEvidence]:
        """The evidence of findings on steps and on gates."""
        steps: dict[str, list[BreachSince]] = defaultdict(list)
        gates: dict[str, list[BreachSince]] = defaultdict(list)
        for row in found:
            if row.subject in self._plant.gates and _is_of_gate(row):
                gates[row.subject].append(row)
            elif row.detector in step_detector_names() and row.subject in self._plant.steps:
                steps[row.subject] += _by_feature(row)
        evidence = [e for step in self._steps for e in self._of_step(connection, step, steps[step])]
        return [*evidence, *self._of_gates(connection, gates, now)]

    def of_machines(self, found: Sequence[BreachSince]) -> list[MachineEvidence]:
        """The evidence of findings on machines."""
        evidence = []
        for row in found:
            if row.method in (LIMIT, DEAD, STUCK, CONDITION_ALARM, TIME_LEFT) and row.subject in self._plant.machines:
                sensors = (row.feature,) if row.feature else tuple(row.causes)
                step = self._plant.machines[row.subject].step
                at, broken = to_nanos(row.since), row.method in (DEAD, STUCK)
                evidence.append(MachineEvidence(_key(row), row.subject, step, sensors, broken, at))
        return evidence

    def _of_step(self, connection: Connection, step: str, found: Sequence[BreachSince]) -> Iterator[PartsEvidence]:
        if not found:
            return
        frozen = reference_in_force(connection, DRIFT, step)
        if frozen is None:
            return
        reference = window_of(frozen.content, step, step)
        rows = newest_passages(connection, step, _WINDOWS * self._plant.drift.window_rows)
        current, labels = windows.measured(step, rows), labels_of(connection, self._steps, step, rows)
        for row in _worst(found):
            scored = self._columns(connection, step, row.feature, reference, current)
            if scored is not None:
                level, spread = scored.scores()
                alike = scored.alike(reference.lots)
                yield PartsEvidence(
                    _key(row), _measured(row), step, step, [r.serial for r in rows], current.at,
                    level, spread, labels, alike, self._gates.get(step, ""),
                )  # fmt: skip

    def _columns(
        self, connection: Connection, step: str, feature: str, reference: Window, current: Window
    ) -> _Scored | None:
        like, groups = reference.groups, current.groups
        if feature in reference.names and feature in current.names:
            column = reference.values[:, reference.names.index(feature)]
            return _Scored(column, like, current.values[:, current.names.index(feature)], groups)
        frozen = reference_in_force(connection, PREDICTION, step)
        if frozen is None or step not in self._gates:
            return None
        before = window_of(frozen.content, step, step)
        if feature not in before.names:
            return None
        place = before.names.index(feature)
        values = self._said(connection, self._gates[step], current, before.names)[:, place]
        return _Scored(before.values[:, place], before.groups, values, groups)

    def _said(self, connection: Connection, gate: str, window: Window, names: tuple[str, ...]) -> Floats:
        """What a gate's decisions hold of the passages by these names; coordinates are those of the model in force."""
        arrivals, used = window.arrivals.tolist(), model_in_force(connection, gate)
        if names == (PREDICTION,):
            found = predictions_at(connection, gate, arrivals)
            values = [found[a].predicted if a in found else None for a in arrivals]
            return np.array(values, dtype=np.float64)[:, None]
        said = pictures_said(connection, gate, used.digest, arrivals) if used else {}
        return columns_said(window, said, names, self._plant.classes_of(self._plant.gates[gate]))

    def _of_gates(
        self, connection: Connection, found: Mapping[str, Sequence[BreachSince]], now: datetime
    ) -> Iterator[PartsEvidence]:
        """The outcomes and the errors of the gates in breach."""
        for gate in sorted(found):
            errors, config = self._errors(connection, gate, now), self._plant.gates[gate]
            if errors is None:
                continue
            by_detector = {row.detector: row for row in found[gate]}
            whole = PartsEvidence(
                _key(found[gate][0]), Measured.ERROR, config.step, config.characteristic, errors.serials, errors.at,
                errors.level, errors.spread, labels_of(connection, self._steps, config.step, errors.passages),
                errors.alike, gate, errors.outcome, errors.predicted,
            )  # fmt: skip
            if OUTCOME_CHART in by_detector and errors.outcome is not None:
                key, none = _key(by_detector[OUTCOME_CHART]), np.zeros(len(errors.outcome))
                alike = errors.outcomes_alike
                yield replace(
                    whole, finding=key, measured=Measured.OUTCOME, level=errors.outcome, spread=none, alike=alike
                )
            if PERFORMANCE in by_detector:
                key = _key(by_detector[PERFORMANCE])
                yield replace(whole, finding=key, others=self._others(connection, gate, errors))

    def _others(self, connection: Connection, gate: str, errors: _Errors) -> list[Floats]:
        """The errors that the other gates of the characteristic made on the same parts, whichever version judged."""
        same = self._plant.gates[gate].characteristic
        scores = []
        for other, config in self._plant.gates.items():
            if other == gate or config.characteristic != same or config.of_classes:
                continue
            frozen = reference_in_force(connection, PERFORMANCE, other)
            if frozen is None:
                continue
            before = frozen_reference(other, config.step, frozen.content)
            said = last_predictions(connection, other, errors.serials)
            now_made = np.array([said.get(serial, np.nan) for serial in errors.serials]) - errors.values
            nowhere = [("",)] * len(now_made)
            usual = _error_columns(before.values, None)[0]
            level, _ = normal_scores(usual, [("",)] * len(usual), now_made, nowhere)
            scores.append(np.where(np.isfinite(now_made), level, np.nan))
        return scores

    def _errors(self, connection: Connection, gate: str, now: datetime) -> _Errors | None:
        config, used = self._plant.gates[gate], model_in_force(connection, gate)
        frozen = reference_in_force(connection, PERFORMANCE, gate)
        if used is None or frozen is None or frozen.digest != used.digest:
            return None
        before = frozen_reference(gate, config.step, frozen.content)
        rows, classes = _WINDOWS * self._plant.performance.window_rows, self._plant.classes_of(config)
        decided = newest_decided(connection, gate, config, used, now, rows)
        current = realised(connection, gate, config, decided, now, self._forecasts, classes)
        by_arrival = {passage.arrival: passage for passage in part_steps(connection, current.arrivals.tolist())}
        kept = [i for i, arrival in enumerate(current.arrivals.tolist()) if arrival in by_arrival]
        passages = [by_arrival[arrival] for arrival in current.arrivals[kept].tolist()]
        columns = zip(
            _error_columns(before.values, classes), _error_columns(current.values[kept], classes), strict=True
        )
        groups = [current.groups[i] for i in kept]
        compared = [_Scored(then, before.groups, values, groups) for then, values in columns]
        scores, lots = [one.scores() for one in compared], lots_of(connection, before.arrivals.tolist())
        outcome, predicted = (scores[1][0], scores[2][0]) if classes is None else (None, None)
        values = current.values[kept, 3] if classes is None else np.full(len(kept), np.nan)
        alike = [one.alike(lots) for one in compared[:2]]
        return _Errors(passages, values, current.at[kept], *scores[0], outcome, predicted, alike[0], alike[-1])


def _measured(row: BreachSince) -> Measured:
    if row.feature == PREDICTION:
        return Measured.PREDICTION
    return Measured.IMAGE if row.detector == IMAGE_DRIFT else Measured.FEATURE


def _made(groups: Sequence[Group]) -> list[Group]:
    """The machine and the recipe of each row: parts that are alike."""
    return [group[:2] for group in groups]


def _error_columns(values: Floats, classes: ClassSpec | None) -> list[Floats]:
    """The error, the outcome and the prediction of each row; of classes the loss alone."""
    if classes is not None:
        return [values[:, 0]]
    predicted, outcome = values[:, 0], values[:, 3]
    return [predicted - outcome, outcome, predicted]


def _is_of_gate(row: BreachSince) -> bool:
    """Whether a finding is on a gate's errors as a whole, or on the outcomes of its parts."""
    if row.detector == OUTCOME_CHART:
        return row.feature == OUTCOME
    return row.detector == PERFORMANCE and not row.feature and row.method != SKILL


def _by_feature(row: BreachSince) -> list[BreachSince]:
    """A finding on a feature; of one on slices, which names features with their slices, one for each of these."""
    if row.method == WORST_SLICE:
        return [row._replace(feature=feature_of(cause)) for cause in row.causes]
    return [row] if row.feature else []


def _worst(found: Iterable[BreachSince]) -> list[BreachSince]:
    """The findings farthest beyond their limits, one of a feature; pictures, predictions and the rest by themselves."""
    kept: dict[tuple[bool, bool], dict[str, BreachSince]] = defaultdict(dict)
    for row in sorted(found, key=lambda row: (-ratio(row), row.feature, row.method)):
        of_kind = kept[row.detector == IMAGE_DRIFT, row.feature == PREDICTION]
        if row.method not in MEASURES and row.feature not in of_kind and len(of_kind) < _MOST_FEATURES:
            of_kind[row.feature] = row
    return [row for of_kind in kept.values() for row in of_kind.values()]


def _key(row: BreachSince) -> FindingKey:
    return FindingKey(row.detector, row.method, row.subject, row.feature)

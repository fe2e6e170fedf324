"""The alerts of a plant: specs with its changes, what /metrics exports about them, and the line of a subject."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from alerting.specs.roster import ALERTS
from alerting.specs.spec import AlertSpec
from exporters.metrics.shared.labels import TEAMS, channels, told_team
from exporters.metrics.shared.metric import AlertBound
from monitor.model import DRILL_LINE
from monitor.plant.plant import Plant
from monitor.plant.watching import AlertOverride

_SUBJECTS: Mapping[str, Callable[[Plant], Iterable[str]]] = {
    "machine": lambda plant: (name for name, machine in plant.machines.items() if machine.sensors),
    "step": lambda plant: plant.steps,
    "gate": lambda plant: plant.gates,
    "source": lambda plant: plant.sources,
    "channel": channels,
    "site": lambda plant: (plant.site,),
    "team": lambda plant: TEAMS,
}
"""The subjects of each kind that the plant file lists; jobs come from the program, unknown names from rows."""

KINDS = (*_SUBJECTS, "job", "name")


def subjects(plant: Plant, jobs: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """Everything that an alert of this plant can be about, by kind."""
    return {kind: frozenset(names(plant)) for kind, names in _SUBJECTS.items()} | {"job": frozenset(jobs)}


def alerts_in_force(plant: Plant) -> tuple[AlertSpec, ...]:
    """Every alert with the plant file's changes applied, including disabled ones."""
    return tuple(_with_change(spec, plant.alerts.change.get(spec.name)) for spec in ALERTS)


def _with_change(spec: AlertSpec, change: AlertOverride | None) -> AlertSpec:
    if change is None:
        return spec
    numbers = {name: getattr(change, name) for name in ("limit", "clear", "pending_for", "keep_firing")}
    changed = {name: value for name, value in numbers.items() if value is not None}
    if "limit" in changed and "clear" not in changed:
        # Move both: a clear level above the limit would end an alert before it started.
        changed["clear"] = changed["limit"] - (spec.limit - spec.clear)
    if not change.absent:
        changed["absent_after"] = None
    return replace(spec, enabled=change.enabled, **changed)


def bounds_of(plant: Plant) -> tuple[AlertBound, ...]:
    """What /metrics exports about the alerts in force."""
    return tuple(
        AlertBound(
            spec.name,
            spec.severity,
            spec.limit,
            spec.clear,
            _expected(spec, plant),
            spec.kind,
            spec.team,
            spec.measured,
            tuple(_SUBJECTS[spec.kind](plant)) if spec.kind in _SUBJECTS else (),
        )
        for spec in alerts_in_force(plant)
        if spec.enabled
    )


def expected_by_default(plant: Plant) -> tuple[tuple[str, str], ...]:
    """Alert and subject of every value whose absence is an alert, whatever the plant file changes of alerts."""
    return tuple((spec.name, subject) for spec in ALERTS for subject in _expected(spec, plant))


def growing(plant: Plant) -> Mapping[tuple[str, str], timedelta]:
    """Of alerts whose value is an age at the evaluation, by alert and subject: the time in which it grows by one."""
    second = timedelta(seconds=1)
    grows: dict[tuple[str, str], timedelta] = {("DeliveryLate", channel): second for channel in channels(plant)}
    for name, source in plant.sources.items():
        if source.stale_after is not None:
            grows["SourceStale", name] = source.stale_after
    return grows


def _expected(spec: AlertSpec, plant: Plant) -> tuple[str, ...]:
    return () if spec.absent_after is None else tuple(_SUBJECTS[spec.kind](plant))


def team_of(spec: AlertSpec, subject: str) -> str:
    """The team that is told of an alert on a subject."""
    return told_team(spec.kind, spec.team, subject)


def line_of(plant: Plant, kind: str, subject: str) -> str:
    """The line that a subject belongs to; '' if it belongs to none or is no longer in the plant."""
    if kind == "team":
        return DRILL_LINE
    step = step_of(plant, kind, subject)
    return plant.steps[step].line if step else ""


def step_of(plant: Plant, kind: str, subject: str) -> str:
    """The step that a subject belongs to, a step to itself; '' if it belongs to none or is no longer in the plant."""
    step = subject
    if kind == "machine" and subject in plant.machines:
        step = plant.machines[subject].step
    elif kind == "gate" and subject in plant.gates:
        step = plant.gates[subject].step
    elif kind not in ("machine", "gate", "step"):
        return ""
    return step if step in plant.steps else ""

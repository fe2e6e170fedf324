"""Every alert as data, all of one form: a metric of the catalogue compared with a limit.

    max by (subject) (metric{match}) > limit, for `pending_for`; it keeps firing until the value is not above `clear`,
    and for `keep_firing` after that. With `absent_after`, a subject without the value raises the alert too.

There is no other form, so the embedded evaluator and the generated Prometheus rules are equivalent. All values are
gauges for which higher is worse. Numbers are defaults; a plant file changes them under `alerts.change`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from exporters.metrics.catalog import AlertBound, channels
from monitor.plant.plant import Plant
from monitor.plant.watching import AlertOverride

NONE, MINUTE, HOUR, DAY = timedelta(0), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AlertSpec:
    """One alert. `by` is the label that holds its subject, `kind` the kind of thing the subject is.

    If `enabled` is false its limit is not exported, so neither evaluator can raise it.
    """

    name: str
    severity: str
    team: str
    metric: str
    match: tuple[tuple[str, str], ...]
    by: str
    kind: str
    limit: float
    clear: float
    pending_for: timedelta
    keep_firing: timedelta
    summary: str
    cause: str
    action: str
    absent_after: timedelta | None = None
    absent: str = ""
    enabled: bool = True

    def summed_up(self, subject: str, condition: str) -> str:
        """The summary or the absence text, with the subject filled in."""
        return (self.absent if condition == "absent" else self.summary).format(subject=subject)


_ROSTERS: Mapping[str, Callable[[Plant], Iterable[str]]] = {
    "machine": lambda plant: (name for name, machine in plant.machines.items() if machine.sensors),
    "step": lambda plant: plant.steps,
    "gate": lambda plant: plant.gates,
    "source": lambda plant: plant.sources,
    "channel": channels,
    "site": lambda plant: (plant.site,),
}
"""The subjects of each kind that the plant file lists; jobs are defined by the program."""

KINDS = (*_ROSTERS, "job")


def _finding(name: str, status: str | None = None, **match: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The value of a finding; with `status`, whether it has that status (two-sided limits, or higher is better)."""
    labels = {"detector": name, **match}
    if status is None:
        return "gatewatch_finding_value", tuple(labels.items())
    return "gatewatch_finding_status", tuple((labels | {"status": status}).items())


def _of_machine(name: str, severity: str, team: str, detector: str, method: str, **more: object) -> AlertSpec:
    metric, match = _finding(detector, "breach", method=method)
    return AlertSpec(
        name=name, severity=severity, team=team, metric=metric, match=match, by="subject", kind="machine", limit=0.5,
        clear=0.5, **more,  # type: ignore[arg-type]
    )  # fmt: skip


def _of_drift(name: str, detector: str, summary: str, cause: str, action: str) -> AlertSpec:
    metric, match = _finding(detector, feature="", method="worst_ratio")
    return AlertSpec(
        name=name, severity="warning", team="engineers", metric=metric, match=match, by="subject", kind="step",
        limit=1.0, clear=0.8, pending_for=HOUR, keep_firing=2 * HOUR, summary=summary, cause=cause, action=action,
    )  # fmt: skip


def _of_plant(name: str, severity: str, team: str, metric: str, by: str, kind: str, **more: object) -> AlertSpec:
    values: dict[str, object] = {"match": (), "limit": 0.5, "clear": 0.5, "pending_for": NONE, "keep_firing": NONE}
    return AlertSpec(
        name=name,
        severity=severity,
        team=team,
        metric=metric,
        by=by,
        kind=kind,
        **(values | more),  # type: ignore[arg-type]
    )


MACHINE_OUT_OF_SPEC = _of_machine(
    "MachineOutOfSpec", "critical", "operators", "limits", "limit", pending_for=NONE, keep_firing=2 * HOUR,
    summary="machine {subject} runs outside its operating limits",
    cause="A sensor of a running machine has been outside its operating limits for several samples in a row.",
    action="Check the named sensor; correct the setting, or stop the machine, by its procedure.",
)  # fmt: skip
MACHINE_ANOMALOUS = _of_machine(
    "MachineAnomalous", "warning", "engineers", "anomaly", "hst_mewma", pending_for=30 * MINUTE, keep_firing=HOUR,
    summary="the sensors of machine {subject} have left their normal pattern",
    cause="The sensors, taken together, no longer follow the pattern learnt for this machine and recipe.",
    action="Compare the named sensors with previous days; plan an inspection if the score keeps rising.",
)  # fmt: skip
SENSOR_DEAD = _of_machine(
    "SensorDead", "warning", "operators", "limits", "dead", pending_for=NONE, keep_firing=15 * MINUTE,
    absent_after=2 * HOUR,
    summary="a sensor of machine {subject} delivers no values", absent="no readings of machine {subject} arrive",
    cause="The historian has no values for this sensor, or no rows for the machine at all.",
    action="Check the sensor's cable, transmitter and historian tag; its limits are not monitored until it is back.",
)  # fmt: skip
SENSOR_STUCK = _of_machine(
    "SensorStuck", "warning", "operators", "limits", "stuck", pending_for=NONE, keep_firing=15 * MINUTE,
    summary="a sensor of machine {subject} repeats one value",
    cause="A sensor that normally varies has shown exactly the same value for many samples while the machine runs.",
    action="Check the named sensor and its transmitter; do not trust its value or predictions based on it.",
)  # fmt: skip
DATA_DRIFT = _of_drift(
    "DataDrift", "drift",
    summary="measurements at step {subject} have drifted from the reference",
    cause="Features of the step, or its gate's predictions, are distributed differently from the frozen reference.",
    action="Look at the named features in the drift report; if the change is intended, freeze a new reference.",
)  # fmt: skip
IMAGE_DRIFT = _of_drift(
    "ImageDrift", "image_drift",
    summary="images at step {subject} have drifted from the reference",
    cause="Brightness, contrast or sharpness differs from the frozen reference, often because of lighting or lens.",
    action="Check camera, lens and lighting of the step; clean or adjust them, then compare again.",
)  # fmt: skip
MODEL_DEGRADED = AlertSpec(
    "ModelDegraded", "warning", "ml", *_finding("performance", feature="", method="worst_ratio"), "subject", "gate",
    limit=1.0, clear=0.9, pending_for=30 * MINUTE, keep_firing=HOUR,
    summary="the model of gate {subject} predicts worse than when it was trained",
    cause="Error, bias or miscoverage over the newest parts with an outcome exceeds its limit.",
    action="Find the measure and the slice in the performance findings; retraining is requested automatically.",
    absent_after=3 * DAY, absent="the accuracy of the model of gate {subject} is unknown: its outcomes do not arrive",
)  # fmt: skip
MODEL_WITHOUT_SKILL = AlertSpec(
    "ModelWithoutSkill", "warning", "ml", *_finding("performance", "breach", feature="", method="skill"), "subject",
    "gate", limit=0.5, clear=0.5, pending_for=30 * MINUTE, keep_firing=HOUR,
    summary="the model of gate {subject} is no better than the median of recent outcomes",
    cause="Over the newest parts the model's error is not below that of the naive baseline.",
    action="Look for inputs that changed or went missing, then retrain; the gate holds until skill returns.",
)  # fmt: skip
GATE_OUT_OF_SERVICE = _of_plant(
    "GateOutOfService", "critical", "ml", "gatewatch_gate_out_of_service", "gate", "gate", pending_for=HOUR,
    summary="gate {subject} holds every part: it has no verified model with skill",
    cause="No model is in force, its package fails verification, or it has no skill over the naive baseline.",
    action="Run 'gatewatch model list'; train with 'gatewatch model train GATE', or check the model cache folder.",
)  # fmt: skip
HOLD_RATE_HIGH = _of_plant(
    "HoldRateHigh", "warning", "operators", "gatewatch_gate_hold_ratio", "gate", "gate", limit=0.5, clear=0.4,
    pending_for=30 * MINUTE, keep_firing=30 * MINUTE,
    summary="gate {subject} holds most of the newest parts",
    cause="The gate cannot decide on most of its newest parts: inputs missing or unfamiliar, or intervals too wide.",
    action="Apply the step's hold procedure; check the hold reasons and the machines upstream.",
)  # fmt: skip
SCRAP_SURGE = _of_plant(
    "ScrapSurge", "critical", "operators", "gatewatch_gate_scrap_ratio", "gate", "gate", limit=0.1, clear=0.05,
    pending_for=15 * MINUTE, keep_firing=30 * MINUTE,
    summary="gate {subject} recommends scrap for many of the newest parts",
    cause="Far more parts than usual are predicted to be beyond rework; a process step has probably shifted.",
    action="Stop feeding parts into the step; check the last set-up, tool and material change before this gate.",
)  # fmt: skip
SOURCE_STOPPED = _of_plant(
    "SourceStopped", "critical", "platform", "gatewatch_source_unreadable", "source", "source",
    pending_for=5 * MINUTE, keep_firing=10 * MINUTE,
    summary="source {subject} cannot be read",
    cause="The source cannot be read; its cursor has not moved and nothing is lost.",
    action="Read the error in 'gatewatch alerts list'; correct the source or the plant file, and reading resumes.",
)  # fmt: skip
SOURCE_STALE = _of_plant(
    "SourceStale", "warning", "platform", "gatewatch_source_staleness_ratio", "source", "source", limit=1.0, clear=1.0,
    summary="source {subject} can be read but has no new rows",
    cause="The newest row of the source is older than its stale_after; whatever fills it may have stopped.",
    action="Check whether the line stands still; if not, check what writes the table.",
)  # fmt: skip
RECONCILIATION_GAP = _of_plant(
    "ReconciliationGap", "warning", "platform", "gatewatch_source_reconciliation_gap_rows", "source", "source",
    limit=0.0, clear=0.0,
    summary="source {subject} has rows that the store lacks, even after reading them again",
    cause="The source has rows that the store lacks, even after reading them again.",
    action="Compare the named hours in the source; look for rows with an unreadable time or key.",
)  # fmt: skip
JOB_FAILING = _of_plant(
    "JobFailing", "warning", "platform", "gatewatch_job_last_run_failed", "job_name", "job",
    pending_for=5 * MINUTE, keep_firing=10 * MINUTE,
    summary="job {subject} fails",
    cause="The last run of the job failed.",
    action="Read the job's error; the next slot tries again.",
)  # fmt: skip
JOB_OVERDUE = _of_plant(
    "JobOverdue", "warning", "platform", "gatewatch_job_overdue", "job_name", "job", pending_for=10 * MINUTE,
    summary="job {subject} has not run within its interval and deadline",
    cause="A run hangs, or no process runs the job.",
    action="Check that 'gatewatch run' is alive and read the end of its log; a restart loses nothing.",
)  # fmt: skip
DEAD_LETTERS = _of_plant(
    "DeadLetters", "critical", "platform", "gatewatch_outbox_dead", "channel", "channel", limit=0.0, clear=0.0,
    summary="messages for {subject} could not be delivered and are no longer retried",
    cause="Recommendations for the MES, or notifications, could not be delivered and are no longer retried.",
    action="Run 'gatewatch outbox list', correct the cause, then run 'gatewatch outbox resend'.",
)  # fmt: skip
DELIVERY_LATE = _of_plant(
    "DeliveryLate", "warning", "platform", "gatewatch_outbox_delay_seconds", "channel", "channel", limit=3600.0,
    clear=600.0,
    summary="messages for {subject} have been waiting for a long time",
    cause="The MES or a notification service cannot be reached, so people do not see messages meant for them.",
    action="Run 'gatewatch outbox list --status pending' for the error; nothing is lost, delivery is retried.",
)  # fmt: skip
PLANT_FILE_REJECTED = _of_plant(
    "PlantFileRejected", "warning", "platform", "gatewatch_plant_last_reload_failed", "site", "site",
    summary="the changed plant file of site {subject} has problems; the previous one stays in force",
    cause="The changed plant file has problems; the previous one stays in force.",
    action="Run 'gatewatch check' on it, correct it, and send SIGHUP again.",
)  # fmt: skip
WATCHDOG = _of_plant(
    "Watchdog", "info", "platform", "gatewatch_plant_info", "site", "site",
    summary="alerting of site {subject} works",
    cause="None: this alert always fires. If it stops, alerting does not work.",
    action="Let an external dead man's switch, for instance behind Alertmanager, expect it and warn you if it stops.",
)  # fmt: skip

ALERTS: tuple[AlertSpec, ...] = (
    MACHINE_OUT_OF_SPEC, MACHINE_ANOMALOUS, SENSOR_DEAD, SENSOR_STUCK, DATA_DRIFT, IMAGE_DRIFT, MODEL_DEGRADED,
    MODEL_WITHOUT_SKILL, GATE_OUT_OF_SERVICE, HOLD_RATE_HIGH, SCRAP_SURGE, SOURCE_STOPPED, SOURCE_STALE,
    RECONCILIATION_GAP, JOB_FAILING, JOB_OVERDUE, DEAD_LETTERS, DELIVERY_LATE, PLANT_FILE_REJECTED, WATCHDOG,
)  # fmt: skip
BY_NAME: Mapping[str, AlertSpec] = {spec.name: spec for spec in ALERTS}


def alerts_in_force(plant: Plant) -> tuple[AlertSpec, ...]:
    """Every alert with the plant file's changes applied, including disabled ones."""
    return tuple(_changed(spec, plant.alerts.change.get(spec.name)) for spec in ALERTS)


def _changed(spec: AlertSpec, change: AlertOverride | None) -> AlertSpec:
    if change is None:
        return spec
    numbers = {name: getattr(change, name) for name in ("limit", "clear", "pending_for", "keep_firing")}
    given = {name: value for name, value in numbers.items() if value is not None}
    if "limit" in given and "clear" not in given:
        # Move both: a clear level above the limit would end an alert before it started.
        given["clear"] = given["limit"] - (spec.limit - spec.clear)
    if not change.absent:
        given["absent_after"] = None
    return replace(spec, enabled=change.enabled, **given)


def bounds_of(plant: Plant) -> tuple[AlertBound, ...]:
    """What /metrics exports about the alerts in force."""
    return tuple(
        AlertBound(spec.name, spec.severity, spec.limit, spec.clear, _expected(spec, plant))
        for spec in alerts_in_force(plant)
        if spec.enabled
    )


def _expected(spec: AlertSpec, plant: Plant) -> tuple[str, ...]:
    return () if spec.absent_after is None else tuple(_ROSTERS[spec.kind](plant))


def line_of(plant: Plant, kind: str, subject: str) -> str:
    """The line that a subject belongs to; '' if it belongs to none or is no longer in the plant."""
    step = subject
    if kind == "machine" and subject in plant.machines:
        step = plant.machines[subject].step
    elif kind == "gate" and subject in plant.gates:
        step = plant.gates[subject].step
    elif kind not in ("machine", "gate", "step"):
        return ""
    return plant.steps[step].line if step in plant.steps else ""

"""Every alert as data, in one closed shape: a value of the metric catalogue against a limit.

    max by (subject) (metric{match}) > limit, for `pending_for`; once it fires it stays until the value is not above
    `clear`, and `keep_firing` longer. With `absent_after`, a subject of the plant without the value is an alert too.

Nothing else can be said, so that the embedded evaluator and the generated Prometheus rules mean the same. All values
are gauges for which more is worse. Numbers are defaults: a plant file changes them under `alerts.change`.
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
    """One alert. `by` is the label that names its subject, `kind` what that is a name of.

    Where `enabled` is false its limit is not told, so that neither evaluation can make it.
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
        """What is wrong, in a sentence that names the subject."""
        return (self.absent if condition == "absent" else self.summary).format(subject=subject)


_ROSTERS: Mapping[str, Callable[[Plant], Iterable[str]]] = {
    "machine": lambda plant: (name for name, machine in plant.machines.items() if machine.sensors),
    "step": lambda plant: plant.steps,
    "gate": lambda plant: plant.gates,
    "source": lambda plant: plant.sources,
    "channel": channels,
    "site": lambda plant: (plant.site,),
}
"""The subjects of each kind that the plant file bounds; jobs are the program's own."""

KINDS = (*_ROSTERS, "job")


def _finding(name: str, status: str | None = None, **match: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """A detector's value, or, where its limits have two sides or its value is better when higher, its breach."""
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
    action="Look at the named sensor on the machine's panel; correct or stop the machine as its procedure says.",
)  # fmt: skip
MACHINE_ANOMALOUS = _of_machine(
    "MachineAnomalous", "warning", "engineers", "anomaly", "hst_mewma", pending_for=30 * MINUTE, keep_firing=HOUR,
    summary="machine {subject} behaves as it never did in this recipe",
    cause="The sensors together left the pattern learnt for this machine and recipe; none need be out of its limits.",
    action="Compare the named sensors with the days before; plan an inspection if the score keeps rising.",
)  # fmt: skip
SENSOR_DEAD = _of_machine(
    "SensorDead", "warning", "operators", "limits", "dead", pending_for=NONE, keep_firing=15 * MINUTE,
    absent_after=2 * HOUR,
    summary="a sensor of machine {subject} delivers no values", absent="no readings of machine {subject} arrive",
    cause="The historian writes rows of the machine without a value for this sensor, or none of the machine at all.",
    action="Check cable, transmitter and the historian's tag of the sensor; its limits are not watched meanwhile.",
)  # fmt: skip
SENSOR_STUCK = _of_machine(
    "SensorStuck", "warning", "operators", "limits", "stuck", pending_for=NONE, keep_firing=15 * MINUTE,
    summary="a sensor of machine {subject} repeats one value",
    cause="A sensor that used to move has shown the very same value for many samples while the machine runs.",
    action="Check the named sensor and its transmitter; do not trust its value, nor predictions that rest on it.",
)  # fmt: skip
DATA_DRIFT = _of_drift(
    "DataDrift", "drift",
    summary="what step {subject} measures is no longer what it was",
    cause="Features of the step, or what its gate predicts, are distributed otherwise than in the frozen reference.",
    action="Look at the named features in the drift report; if the change is meant, freeze a new reference.",
)  # fmt: skip
IMAGE_DRIFT = _of_drift(
    "ImageDrift", "image_drift",
    summary="the images of step {subject} no longer look as they did",
    cause="Brightness, contrast or sharpness of the images differ from the frozen reference: often light or lens.",
    action="Look at camera, lens and light of the step; clean or adjust, then compare again.",
)  # fmt: skip
MODEL_DEGRADED = AlertSpec(
    "ModelDegraded", "warning", "ml", *_finding("performance", feature="", method="worst_ratio"), "subject", "gate",
    limit=1.0, clear=0.9, pending_for=30 * MINUTE, keep_firing=HOUR,
    summary="the model of gate {subject} predicts worse than it did when it was trained",
    cause="Error, bias or missed intervals over the newest parts with an outcome are beyond their limits.",
    action="See which measure and which slice in the performance findings; retraining is asked for by itself.",
    absent_after=3 * DAY, absent="nobody knows how good the model of gate {subject} is: its outcomes do not arrive",
)  # fmt: skip
MODEL_WITHOUT_SKILL = AlertSpec(
    "ModelWithoutSkill", "warning", "ml", *_finding("performance", "breach", feature="", method="skill"), "subject",
    "gate", limit=0.5, clear=0.5, pending_for=30 * MINUTE, keep_firing=HOUR,
    summary="the model of gate {subject} is no better than repeating the last outcomes",
    cause="Over the newest parts the model's error is not below that of the naive baseline.",
    action="Look for inputs that changed or went missing; retrain; a gate without skill holds rather than guesses.",
)  # fmt: skip
GATE_OUT_OF_SERVICE = _of_plant(
    "GateOutOfService", "critical", "ml", "gatewatch_gate_out_of_service", "gate", "gate", pending_for=HOUR,
    summary="gate {subject} holds every part: it has no verified model with skill",
    cause="No model is in force, its file does not verify, or it has no skill over the naive baseline.",
    action="See 'gatewatch model list'; train with 'gatewatch model train GATE', or check the model cache folder.",
)  # fmt: skip
HOLD_RATE_HIGH = _of_plant(
    "HoldRateHigh", "warning", "operators", "gatewatch_gate_hold_ratio", "gate", "gate", limit=0.5, clear=0.4,
    pending_for=30 * MINUTE, keep_firing=30 * MINUTE,
    summary="gate {subject} holds most of the newest parts",
    cause="The gate is not sure of its newest parts: inputs are missing, or unlike what its model has learnt.",
    action="Apply the step's procedure for held parts; look at the reasons of the holds and at upstream machines.",
)  # fmt: skip
SCRAP_SURGE = _of_plant(
    "ScrapSurge", "critical", "operators", "gatewatch_gate_scrap_ratio", "gate", "gate", limit=0.1, clear=0.05,
    pending_for=15 * MINUTE, keep_firing=30 * MINUTE,
    summary="gate {subject} recommends scrap for many of the newest parts",
    cause="Far more parts than usual are predicted to be beyond rework: a process step has likely shifted.",
    action="Stop feeding parts into the step; check the last set-up, tool and material change before this gate.",
)  # fmt: skip
SOURCE_STOPPED = _of_plant(
    "SourceStopped", "critical", "platform", "gatewatch_source_unreadable", "source", "source",
    pending_for=5 * MINUTE, keep_firing=10 * MINUTE,
    summary="source {subject} cannot be read",
    cause="A source cannot be read; its cursor has not moved, nothing is lost.",
    action="Read the job's error in 'gatewatch alerts list'; correct the source or the plant file, then it goes on by "
    "itself.",
)  # fmt: skip
SOURCE_STALE = _of_plant(
    "SourceStale", "warning", "platform", "gatewatch_source_staleness_ratio", "source", "source", limit=1.0, clear=1.0,
    summary="source {subject} can be read but holds no new rows",
    cause="The newest row of the source is older than its stale_after: whatever fills it may have stopped.",
    action="Ask whether the line stands still; if not, check what writes the table. stale_after is in the plant file.",
)  # fmt: skip
RECONCILIATION_GAP = _of_plant(
    "ReconciliationGap", "warning", "platform", "gatewatch_source_reconciliation_gap_rows", "source", "source",
    limit=0.0, clear=0.0,
    summary="source {subject} holds rows that the store has not, after reading them again",
    cause="The source holds rows that the store has not, after reading them again.",
    action="Compare the named hours in the source; look for rows with an unreadable time or key.",
)  # fmt: skip
JOB_FAILING = _of_plant(
    "JobFailing", "warning", "platform", "gatewatch_job_last_run_failed", "job_name", "job",
    pending_for=5 * MINUTE, keep_firing=10 * MINUTE,
    summary="job {subject} fails",
    cause="The last run of a job failed.",
    action="Read the job's error; the next slot tries again.",
)  # fmt: skip
JOB_OVERDUE = _of_plant(
    "JobOverdue", "warning", "platform", "gatewatch_job_overdue", "job_name", "job", pending_for=10 * MINUTE,
    summary="job {subject} has served no slot within its interval and deadline",
    cause="A run hangs, or no process runs the job.",
    action="Check that 'gatewatch run' is alive and what its log says last; a restart loses nothing.",
)  # fmt: skip
DEAD_LETTERS = _of_plant(
    "DeadLetters", "critical", "platform", "gatewatch_outbox_dead", "channel", "channel", limit=0.0, clear=0.0,
    summary="messages for {subject} could not be delivered and are no longer tried",
    cause="Recommendations for the MES, or notifications, could not be delivered and are no longer tried.",
    action="See 'gatewatch outbox list'; correct the cause, then 'gatewatch outbox resend'.",
)  # fmt: skip
DELIVERY_LATE = _of_plant(
    "DeliveryLate", "warning", "platform", "gatewatch_outbox_delay_seconds", "channel", "channel", limit=3600.0,
    clear=600.0,
    summary="messages for {subject} have waited for long",
    cause="The MES, or a service that notifications go to, is not reached: people do not see what is meant for them.",
    action="See 'gatewatch outbox list --status pending' for the error; nothing is lost, it is tried again.",
)  # fmt: skip
PLANT_FILE_REJECTED = _of_plant(
    "PlantFileRejected", "warning", "platform", "gatewatch_plant_last_reload_failed", "site", "site",
    summary="the changed plant file of site {subject} has problems; the old one stays in force",
    cause="A changed plant file has problems; the old one stays in force.",
    action="Run 'gatewatch check' on it, correct it, and send SIGHUP again.",
)  # fmt: skip
WATCHDOG = _of_plant(
    "Watchdog", "info", "platform", "gatewatch_plant_info", "site", "site",
    summary="alerts of site {subject} are evaluated",
    cause="None: this one always fires. When it stops, nothing watches the plant.",
    action="Let something outside expect it, such as a dead man's switch behind Alertmanager, and tell you if it ends.",
)  # fmt: skip

ALERTS: tuple[AlertSpec, ...] = (
    MACHINE_OUT_OF_SPEC, MACHINE_ANOMALOUS, SENSOR_DEAD, SENSOR_STUCK, DATA_DRIFT, IMAGE_DRIFT, MODEL_DEGRADED,
    MODEL_WITHOUT_SKILL, GATE_OUT_OF_SERVICE, HOLD_RATE_HIGH, SCRAP_SURGE, SOURCE_STOPPED, SOURCE_STALE,
    RECONCILIATION_GAP, JOB_FAILING, JOB_OVERDUE, DEAD_LETTERS, DELIVERY_LATE, PLANT_FILE_REJECTED, WATCHDOG,
)  # fmt: skip
BY_NAME: Mapping[str, AlertSpec] = {spec.name: spec for spec in ALERTS}


def alerts_in_force(plant: Plant) -> tuple[AlertSpec, ...]:
    """Every alert with what the plant file changes of it; also those that it turns off."""
    return tuple(_changed(spec, plant.alerts.change.get(spec.name)) for spec in ALERTS)


def _changed(spec: AlertSpec, change: AlertOverride | None) -> AlertSpec:
    if change is None:
        return spec
    numbers = {name: getattr(change, name) for name in ("limit", "clear", "pending_for", "keep_firing")}
    given = {name: value for name, value in numbers.items() if value is not None}
    if "limit" in given and "clear" not in given:
        # Both move: a clear level above the limit would end an alert before it began.
        given["clear"] = given["limit"] - (spec.limit - spec.clear)
    if not change.absent:
        given["absent_after"] = None
    return replace(spec, enabled=change.enabled, **given)


def bounds_of(plant: Plant) -> tuple[AlertBound, ...]:
    """What /metrics tells of the alerts that are in force."""
    return tuple(
        AlertBound(spec.name, spec.severity, spec.limit, spec.clear, _expected(spec, plant))
        for spec in alerts_in_force(plant)
        if spec.enabled
    )


def _expected(spec: AlertSpec, plant: Plant) -> tuple[str, ...]:
    return () if spec.absent_after is None else tuple(_ROSTERS[spec.kind](plant))


def line_of(plant: Plant, kind: str, subject: str) -> str:
    """The line that a subject belongs to; '' where it belongs to none, or the plant no longer has it."""
    step = subject
    if kind == "machine" and subject in plant.machines:
        step = plant.machines[subject].step
    elif kind == "gate" and subject in plant.gates:
        step = plant.gates[subject].step
    elif kind not in ("machine", "gate", "step"):
        return ""
    return plant.steps[step].line if step in plant.steps else ""

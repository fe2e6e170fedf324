"""Every metric, declared once: name, type, unit, help, and labels with the list that bounds each.

Names and labels follow https://prometheus.io/docs/practices/naming/. The label of a job is `job_name`, because
Prometheus sets `job` itself. Code that counts gets the key of its row in the store's `tally` from `tally_key`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from itertools import product

from monitor.errors import SourceReason
from monitor.model import Reason, RejectReason, RetrainingReason, RetrainingState, Status, Verdict
from monitor.plant.plant import Plant
from monitor.statuses import AlertCondition, AlertStatus

RUN_RESULTS = ("success", "failure")
ROW_OUTCOMES = ("accepted", "seen", "corrected", "quarantined")
DELIVERY_RESULTS = ("sent", "retry", "dead")
SEVERITIES = ("critical", "warning", "info")
TEAMS = ("operators", "engineers", "ml", "platform")
CONDITIONS = tuple(c.value for c in AlertCondition)
ALERT_STATES = tuple(s.value for s in AlertStatus)
NOTIFICATION_KINDS = ("opened", "joined", "raised", "repeated", "resolved", "info")
LOG_CHANNEL = "notify:log"
SUBJECT_KINDS = ("machine", "gate", "source")
RECOMMENDED = {
    Verdict.CONTINUE: (Reason.IN_SPEC,),
    Verdict.CORRECT: (Reason.REWORKABLE,),
    Verdict.SCRAP: (Reason.OUT_OF_SPEC,),
}
HOLD_REASONS = tuple(r for r in Reason if all(r not in reasons for reasons in RECOMMENDED.values()))


class Kind(StrEnum):
    """The Prometheus type of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class AlertBound:
    """An alert in force: its limit, its clear level, and the subjects whose value must always be present."""

    name: str
    severity: str
    limit: float
    clear: float
    expected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bounds:
    """What bounds the label values while this plant file is in force.

    `jobs` maps the name of each job to its interval, `alerts` holds every alert in force; `version` is the
    program's own.
    """

    plant: Plant
    jobs: Mapping[str, timedelta] = field(default_factory=dict)
    alerts: Sequence[AlertBound] = ()
    version: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """A label with the list that bounds it.

    `closed` lists the values if the program fixes them, `known` derives them from the plant; with neither, a value
    is known from its first event on.
    """

    name: str
    source: str
    closed: tuple[str, ...] = ()
    known: Callable[[Bounds], Iterable[str]] | None = None

    def values(self, bounds: Bounds) -> tuple[str, ...]:
        """The values known before any event."""
        return tuple(self.known(bounds)) if self.known else self.closed


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `name` is the full name as queries use it, with `_total` or `_info`.

    `tallied` metrics are rows of the store's `tally`: counters are incremented, gauges set.
    `starts` replaces the product of the label values if only some combinations can occur.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[Label, ...] = ()
    unit: str = ""
    tallied: bool = False
    starts: Callable[[Bounds], Iterable[tuple[str, ...]]] | None = None

    @property
    def family(self) -> str:
        """The name without the suffix that its type adds."""
        return self.name.removesuffix({"counter": "_total", "info": "_info"}.get(self.kind.value, "\n"))

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of the labels, in the order of their values."""
        return tuple(label.name for label in self.labels)

    def start(self, bounds: Bounds) -> Iterable[tuple[str, ...]]:
        """The label values at which a counter stands at 0 before its first event."""
        if self.kind is not Kind.COUNTER:
            return ()
        if self.starts:
            return self.starts(bounds)
        return product(*(label.values(bounds) for label in self.labels))


def decision_labels(bounds: Bounds) -> Iterable[tuple[str, ...]]:
    """Gate, verdict and reason in every combination that a gate can decide."""
    pairs = [(v, r) for v, reasons in (RECOMMENDED | {Verdict.HOLD: HOLD_REASONS}).items() for r in reasons]
    return ((gate, v.value, r.value) for gate in bounds.plant.gates for v, r in pairs)


def _opened(bounds: Bounds) -> Iterable[tuple[str, ...]]:
    return ((alert.name, alert.severity) for alert in bounds.alerts)


def channel_of(team: str) -> str:
    """The channel of the outbox that carries a team's notifications to its URLs."""
    return f"notify:{team}"


def channels(plant: Plant) -> tuple[str, ...]:
    """The channels of the outbox that the plant file uses."""
    mes = ("mes",) if plant.write_back else ()
    return (*mes, LOG_CHANNEL, *(map(channel_of, TEAMS) if plant.notify.urls_file else ()))


RETRAINING_ENDS = {
    RetrainingState.PROMOTED: (RetrainingReason.BETTER,),
    RetrainingState.REFUSED: (
        RetrainingReason.NOT_FIRING, RetrainingReason.DISABLED, RetrainingReason.NO_CHAMPION,
        RetrainingReason.NOT_BETTER, RetrainingReason.INTERVALS_FAIL, RetrainingReason.WORSE_IN_A_SLICE,
        RetrainingReason.TOO_FEW_ROWS, RetrainingReason.TOO_FEW_LOTS, RetrainingReason.CHAMPION_CHANGED,
        RetrainingReason.CHAMPION_UNUSABLE,
    ),
    RetrainingState.FAILED: (RetrainingReason.TRAINING_FAILED, RetrainingReason.GATE_REMOVED),
    RetrainingState.ROLLED_BACK: (RetrainingReason.BY_A_PERSON,),
}  # fmt: skip


def retraining_ends(bounds: Bounds) -> Iterable[tuple[str, ...]]:
    """Gate, state and reason in every combination in which a request to retrain can end."""
    pairs = [(state, reason) for state, reasons in RETRAINING_ENDS.items() for reason in reasons]
    return ((gate, state.value, reason.value) for gate in bounds.plant.gates for state, reason in pairs)


def _enum(name: str, values: type[StrEnum], where: str) -> Label:
    return Label(name, where, tuple(v.value for v in values))


JOB = Label("job_name", "jobs of the plant file", known=lambda b: b.jobs)
RUN_RESULT = Label("result", "fixed list", RUN_RESULTS)
SOURCE = Label("source", "sources of the plant file", known=lambda b: b.plant.sources)
PARTITION = Label("partition", "partitions of the source in the plant file; empty if it has none")
ROW_OUTCOME = Label("outcome", "fixed list", ROW_OUTCOMES)
REJECT_REASON = _enum("reason", RejectReason, "fixed list of reasons for quarantine")
SOURCE_REASON = _enum("reason", SourceReason, "fixed list of read errors")
GATE = Label("gate", "gates of the plant file", known=lambda b: b.plant.gates)
VERDICT = _enum("verdict", Verdict, "fixed list of verdicts")
REASON = _enum("reason", Reason, "fixed list of reasons of a decision")
RETRAINING_END = Label("state", "fixed list of results", tuple(state.value for state in RETRAINING_ENDS))
RETRAINING_REASON = _enum("reason", RetrainingReason, "fixed list of reasons of retraining")
RETRAINING_OPEN = Label(
    "state", "fixed list of states of an open request",
    tuple(s.value for s in RetrainingState if s not in RETRAINING_ENDS),
)  # fmt: skip
MODEL = Label("model", "model names of the plant file")
VERSION = Label("version", "the version in force")
DIGEST = Label("digest", "the first 12 hexadecimal digits of the digest in force")
CHANNEL = Label(
    "channel", "mes, if the plant file has write_back; notify:log, and notify:TEAM if it has notify.urls_file",
    known=lambda b: channels(b.plant),
)  # fmt: skip
DELIVERY_RESULT = Label("result", "fixed list", DELIVERY_RESULTS)
SITE = Label("site", "the site of the plant file")
SUBJECT = Label("subject", "machines, gates and sources of the plant file")
SUBJECT_KIND = Label("kind", "fixed list", SUBJECT_KINDS)
STEP = Label("step", "steps of the plant file")
LINE = Label("line", "lines of the plant file")
DETECTOR = Label("detector", "detectors of the program")
METHOD = Label("method", "methods of the detectors")
FEATURE = Label("feature", "sensors and features of the plant file; empty for the subject as a whole")
STATUS = _enum("status", Status, "fixed list of statuses")
ALERT = Label("alert", "alerts of the program", known=lambda b: [alert.name for alert in b.alerts])
ALERT_SUBJECT = Label("subject", "machines, steps, gates, sources and jobs of the plant file, mes, and the site")
SEVERITY = Label("severity", "fixed list", SEVERITIES)
TEAM = Label("team", "fixed list", TEAMS)
CONDITION = Label("condition", "fixed list", CONDITIONS)
ALERT_STATE = Label("state", "fixed list", ALERT_STATES)
NOTIFICATION_KIND = Label("kind", "fixed list", NOTIFICATION_KINDS)
_FINDING = (DETECTOR, METHOD, SUBJECT, FEATURE, STEP)


def _counter(name: str, text: str, *labels: Label, unit: str = "", tallied: bool = False) -> Metric:
    return Metric(name, Kind.COUNTER, text, labels, unit, tallied)


def _gauge(name: str, text: str, *labels: Label, unit: str = "", tallied: bool = False) -> Metric:
    return Metric(name, Kind.GAUGE, text, labels, unit, tallied)


def _time(name: str, text: str, *labels: Label) -> Metric:
    return Metric(f"{name}_timestamp_seconds", Kind.GAUGE, f"{text}, in seconds since 1970 UTC.", labels, "seconds")


METRICS: tuple[Metric, ...] = (
    Metric("gatewatch_build_info", Kind.INFO, "The program's version.", (Label("version", "the running version"),)),
    Metric("gatewatch_plant_info", Kind.INFO, "The plant file in force.", (SITE, DIGEST)),
    _counter("gatewatch_plant_reloads_total", "Reloads of the plant file by result.", RUN_RESULT, tallied=True),
    _gauge("gatewatch_plant_last_reload_success", "1 if the last reload succeeded, 0 if the previous file stays.",
           tallied=True),
    _gauge("gatewatch_plant_last_reload_failed", "1 if the last reload failed and the previous file stays, else 0.",
           SITE),
    _time("gatewatch_snapshot", "When the store was read for this scrape"),
    _gauge("gatewatch_snapshot_rejected_series", "Series left out of this scrape: invalid value or unknown labels."),
    _gauge("gatewatch_store_size_bytes", "Size of the store.", unit="bytes"),
    _counter("gatewatch_job_runs_total", "Runs of a job by result.", JOB, RUN_RESULT),
    _counter("gatewatch_job_rows_total", "Rows processed by a job.", JOB, unit="rows"),
    _counter("gatewatch_job_missed_slots_total", "Slots of a job that no run served.", JOB, unit="slots"),
    _gauge("gatewatch_job_last_duration_seconds", "Duration of the last run of a job.", JOB, unit="seconds"),
    _time("gatewatch_job_last_success", "When a job last succeeded", JOB),
    _time("gatewatch_job_last_slot", "The last slot of a job that was served", JOB),
    _gauge("gatewatch_job_lag_seconds", "How far a job is behind the newest available row.", JOB, unit="seconds"),
    _gauge("gatewatch_job_interval_seconds", "Time between two slots of a job.", JOB, unit="seconds"),
    _gauge("gatewatch_job_last_run_failed", "1 if the last run of a job failed, else 0; an unreadable source does not "
           "count.", JOB),
    _gauge("gatewatch_job_overdue", "1 if no slot was served within interval and deadline, else 0.", JOB),
    _counter("gatewatch_source_rows_total", "Rows read by outcome.", SOURCE, ROW_OUTCOME, unit="rows", tallied=True),
    _counter("gatewatch_source_quarantined_rows_total", "Quarantined rows by reason.", SOURCE, REJECT_REASON,
             unit="rows", tallied=True),
    _counter("gatewatch_source_read_errors_total", "Failed reads of a source by reason.", SOURCE, SOURCE_REASON,
             tallied=True),
    _time("gatewatch_source_cursor", "How far a job has read a source", JOB, SOURCE, PARTITION),
    _gauge("gatewatch_source_unreadable", "1 if the last read of a source failed, else 0.", SOURCE),
    _gauge("gatewatch_source_staleness_ratio", "Age of the newest row of a source divided by its stale_after.",
           SOURCE, unit="ratio"),
    _gauge("gatewatch_source_reconciliation_gap_rows", "Rows by which source and store differed when last counted.",
           SOURCE, unit="rows", tallied=True),
    Metric("gatewatch_gate_decisions_total", Kind.COUNTER, "Decisions of a gate by verdict and reason.",
           (GATE, VERDICT, REASON), tallied=True, starts=decision_labels),
    Metric("gatewatch_gate_model_info", Kind.INFO, "The model in force.", (GATE, MODEL, VERSION, DIGEST)),
    _counter("gatewatch_gate_model_changes_total", "Changes of the model in force.", GATE),
    _time("gatewatch_gate_model_since", "When the model was put in force", GATE),
    _gauge("gatewatch_gate_interval_width", "Mean width of the prediction intervals of the newest decisions, in "
           "the unit of the characteristic.", GATE),
    _gauge("gatewatch_gate_out_of_service", "1 if a gate holds every part because it has no verified model with skill, "
           "else 0.", GATE),
    _gauge("gatewatch_gate_hold_ratio", "Share of holds among the newest decisions; absent below 20 decisions.", GATE,
           unit="ratio"),
    _gauge("gatewatch_gate_scrap_ratio", "Share of scrap among the newest decisions; absent below 20 decisions.", GATE,
           unit="ratio"),
    _time("gatewatch_gate_last_decision", "When the gate last decided", GATE),
    Metric("gatewatch_retraining_requests_total", Kind.COUNTER, "Completed requests to retrain by result and reason.",
           (GATE, RETRAINING_END, RETRAINING_REASON), tallied=True, starts=retraining_ends),
    _gauge("gatewatch_retraining_open", "Requests to retrain that are waiting or in progress.", GATE, RETRAINING_OPEN,
           tallied=True),
    Metric("gatewatch_retraining_last_end_timestamp_seconds", Kind.GAUGE,
           "When a retraining or rollback of the gate last ended, in seconds since 1970 UTC.", (GATE,), "seconds",
           tallied=True),
    _gauge("gatewatch_outbox_pending", "Messages waiting to be delivered.", CHANNEL),
    _gauge("gatewatch_outbox_dead", "Messages that are no longer retried; 'gatewatch outbox resend' sends them again.",
           CHANNEL),
    _time("gatewatch_outbox_oldest_pending", "When the oldest waiting message was created", CHANNEL),
    _gauge("gatewatch_outbox_delay_seconds", "Age of the oldest waiting message; 0 if none is waiting.",
           CHANNEL, unit="seconds"),
    _counter("gatewatch_outbox_deliveries_total", "Delivery attempts by result.", CHANNEL, DELIVERY_RESULT,
             tallied=True),
    Metric("gatewatch_subject_info", Kind.INFO, "Step and line of a subject of findings.",
           (SUBJECT, SUBJECT_KIND, STEP, LINE)),
    _gauge("gatewatch_finding_value", "The latest value of a finding.", *_FINDING),
    _gauge("gatewatch_finding_limit", "The limit that the value is compared with.", *_FINDING),
    _gauge("gatewatch_finding_status", "1 for the current status of a finding, 0 for the others.", *_FINDING, STATUS),
    _time("gatewatch_finding_last_sample", "The newest sample that a finding is based on", *_FINDING),
    _gauge("gatewatch_findings_expired", "Findings left out because their newest sample is too old."),
    _counter("gatewatch_findings_total", "Changes of a finding's status, by the new status.", DETECTOR, METHOD,
             SUBJECT, STATUS, tallied=True),
    _gauge("gatewatch_alert_active", "1 while an alert is firing, 0 for a day afterwards.", ALERT, ALERT_SUBJECT,
           SEVERITY),
    _gauge("gatewatch_alert_state", "1 for the state of an alert's newest episode; resolved for a day afterwards.",
           ALERT, ALERT_SUBJECT, CONDITION, SEVERITY, TEAM, ALERT_STATE),
    _gauge("gatewatch_alert_limit", "An alert starts when its value is above this.", ALERT),
    _gauge("gatewatch_alert_clear_level", "A firing alert continues until its value is not above this.", ALERT),
    _gauge("gatewatch_alert_expected", "1 for each subject whose value must be present; otherwise the alert fires with "
           "condition absent.", ALERT, ALERT_SUBJECT),
    Metric("gatewatch_alerts_opened_total", Kind.COUNTER, "Alerts that started to fire.", (ALERT, SEVERITY),
           tallied=True, starts=_opened),
    _counter("gatewatch_notifications_total", "Notifications created for a team; those of kind info go only to the "
             "log.", TEAM, NOTIFICATION_KIND, tallied=True),
    _counter("gatewatch_notifications_put_together_total", "Notifications combined with others in one message, because "
             "the team had reached its message rate limit.", TEAM, tallied=True),
)  # fmt: skip

BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in METRICS}


def tally_key(metric: str, **labels: str) -> tuple[str, dict[str, str]]:
    """The key of a row of `tally`, checked against the catalogue: (name, labels).

    ValueError for a metric that is not kept in the tally, other label names than declared, or a value outside a
    fixed list: the mistake of a programmer, found by the first test that counts.
    """
    declared = BY_NAME.get(metric)
    if declared is None or not declared.tallied:
        raise ValueError(
            f"metric {metric!r} is not tallied; allowed: {', '.join(m.name for m in METRICS if m.tallied)}"
        )
    if set(labels) != set(declared.label_names):
        raise ValueError(f"metric {metric} has labels {declared.label_names}, got {tuple(labels)}")
    for label in declared.labels:
        if label.closed and labels[label.name] not in label.closed:
            raise ValueError(f"label {label.name} of {metric} is {labels[label.name]!r}; allowed: {label.closed}")
    return metric, {name: str(labels[name]) for name in declared.label_names}

"""The alerts that the jobs themselves raise, as data: name, severity, who, and what to do about each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AlertSpec:
    """An alert on one subject (a gate, a source, a job or a file)."""

    name: str
    severity: str
    team: str
    cause: str
    action: str


GATE_OUT_OF_SERVICE = AlertSpec(
    "GateOutOfService", "critical", "ml",
    "The gate has no verified model with skill: every part is held.",
    "See 'gatewatch model list'; train with 'gatewatch model train GATE', or check the model cache folder.",
)  # fmt: skip
SOURCE_STOPPED = AlertSpec(
    "SourceStopped", "critical", "platform",
    "A source cannot be read; its cursor has not moved, nothing is lost.",
    "Read the job's error in 'gatewatch alerts list'; correct the source or the plant file, then it goes on by itself.",
)  # fmt: skip
JOB_FAILING = AlertSpec(
    "JobFailing", "warning", "platform",
    "The last run of a job failed.",
    "Read the job's error; the next slot tries again.",
)  # fmt: skip
DEAD_LETTERS = AlertSpec(
    "DeadLetters", "critical", "platform",
    "Recommendations could not be delivered to the MES and are no longer tried.",
    "See 'gatewatch outbox list'; correct the cause, then 'gatewatch outbox resend'.",
)  # fmt: skip
RECONCILIATION_GAP = AlertSpec(
    "ReconciliationGap", "warning", "platform",
    "The source holds rows that the store has not, after reading them again.",
    "Compare the named hours in the source; look for rows with an unreadable time or key.",
)  # fmt: skip
PLANT_FILE_REJECTED = AlertSpec(
    "PlantFileRejected", "warning", "platform",
    "A changed plant file has problems; the old one stays in force.",
    "Run 'gatewatch check' on it, correct it, and send SIGHUP again.",
)  # fmt: skip

ALERTS = (
    GATE_OUT_OF_SERVICE, SOURCE_STOPPED, JOB_FAILING, DEAD_LETTERS, RECONCILIATION_GAP, PLANT_FILE_REJECTED,
)  # fmt: skip

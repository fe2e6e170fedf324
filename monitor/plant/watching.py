"""The plant file's watching: drift, performance, alerts, notifications and retraining."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from monitor.plant.types import Duration, Name, PositiveDuration, Secret, Strict, Text

Profile = Literal["embedded", "stack"]
ALERT_NAMES = (
    "MachineOutOfSpec", "MachineAnomalous", "SensorDead", "SensorStuck", "DataDrift", "ImageDrift", "ModelDegraded",
    "ModelWithoutSkill", "GateOutOfService", "HoldRateHigh", "ScrapSurge", "SourceStopped", "SourceStale",
    "ReconciliationGap", "JobFailing", "JobOverdue", "DeadLetters", "DeliveryLate", "PlantFileRejected", "Watchdog",
)  # fmt: skip
"""The alerts of the program; `alerting.alerts.specs` says what each is, and a test that both name the same."""


class DriftConfig(Strict):
    """Drift of what the steps measure and the gates predict, against a frozen reference."""

    every: PositiveDuration = Field(timedelta(minutes=5), description="How often windows are compared.")
    reference_rows: int = Field(500, ge=100, description="Part steps of a step that a frozen reference holds.")
    window_rows: int = Field(60, ge=20, description="Newest part steps of a step that are compared with it.")
    report_every: PositiveDuration | None = Field(
        timedelta(days=1), description="How often the Evidently report is rendered besides when drift fires."
    )
    report_under_replay: bool = Field(
        False, description="Whether reports are rendered under replay too; each costs about 15 s."
    )


class PerformanceConfig(Strict):
    """How good the gates' predictions were, once outcomes are known."""

    every: PositiveDuration = Field(timedelta(minutes=5), description="How often outcomes are joined to predictions.")
    window_rows: int = Field(60, ge=20, description="Newest parts with an outcome that are judged.")


class AlertOverride(Strict):
    """What a plant changes of one alert; what is not given stays as the program has it."""

    limit: float | None = Field(None, description="The alert starts where its value is above this.")
    clear: float | None = Field(None, description="It stays until the value is not above this; at most the limit.")
    pending_for: Duration | None = Field(None, description="How long the value must be above the limit.")
    keep_firing: Duration | None = Field(None, description="How long it stays after the value came back.")
    absent: bool = Field(True, description="Whether a value that is not there is an alert, where this one says so.")
    enabled: bool = Field(True, description="Whether it is evaluated at all.")

    @model_validator(mode="after")
    def _ordered(self) -> AlertOverride:
        if self.limit is not None and self.clear is not None and self.clear > self.limit:
            raise ValueError("expected clear to be at most limit")
        return self


class AlertsConfig(Strict):
    """Evaluation of the alerts, and what of them this plant changes."""

    every: PositiveDuration = Field(timedelta(seconds=15), description="How often the alerts are evaluated.")
    webhook_token: Secret | None = Field(
        None, description="Bearer token that Alertmanager must show at the webhook; see sources for ${...}."
    )
    forget_after: PositiveDuration | None = Field(
        timedelta(hours=1),
        description="An alert that Alertmanager no longer repeats is over; longer than its repeat_interval.",
    )
    runbooks: Text = Field(
        "docs/runbooks/", description="What stands before 'NAME.md' in an alert's link: a folder or a URL."
    )
    change: dict[Name, AlertOverride] = Field({}, description="By the alert's name, what this plant changes.")


class NotifyConfig(Strict):
    """Who is told, and how often. Without a file of URLs notifications go to the log alone."""

    every: PositiveDuration = Field(timedelta(seconds=15), description="How often is looked at what is to be told.")
    urls_file: Text | None = Field(
        None,
        description="File of Apprise URLs, one a line after the name of the team it serves; '#' at the start of a line "
        "or after a space starts a comment.",
    )
    log: Text = Field("notifications.jsonl", description="Append-only log of every notification, a JSON object a line.")
    group_interval: PositiveDuration = Field(
        timedelta(minutes=30), description="What joins an open incident waits at least this long after its last note."
    )
    settle: Duration = Field(
        timedelta(minutes=30), description="How long all must be over before an incident's end is told."
    )
    repeat_every: PositiveDuration = Field(
        timedelta(hours=12), description="How often a critical alert that still fires is told again."
    )
    attempts: int = Field(
        150, ge=1, description="Tries while a URL cannot be reached; then a dead letter. Refused ones get 3 tries."
    )
    backoff: PositiveDuration = Field(
        timedelta(seconds=10), description="Wait after the first failure; doubles to at most 5 minutes."
    )


class RetrainingConfig(Strict):
    """When an alert on the model may train a challenger, and when that replaces the champion."""

    enabled: bool = Field(True, description="Whether alerts may start a retraining; the command always can.")
    cooldown: Duration = Field(
        timedelta(hours=6), description="Time from the end of a retraining or a rollback of the gate to the next."
    )
    daily_limit: int = Field(6, ge=1, description="Retrainings of the whole plant in 24 hours, at most.")
    min_new_outcomes: int = Field(
        60, ge=20, description="Parts whose outcome came since the gate's last training; holdout_rows, if that is more."
    )
    holdout_rows: int = Field(
        60, ge=20, description="Newest parts that neither model has seen, for the comparison; more until two lots show."
    )

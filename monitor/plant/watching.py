"""Monitoring sections of the plant file: drift, control charts, performance, alerts, notifications, retraining."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from detectors.spc.rules import Rule, parse
from monitor.errors import UsageError
from monitor.plant.calendar import QuietHours, TimeOfDay
from monitor.plant.messages import Meaning
from monitor.plant.types import Duration, Name, PageUrl, PositiveDuration, Secret, Strict, Team, Text

Profile = Literal["embedded", "stack"]


class DriftConfig(Strict):
    """Drift of measurements and predictions against a frozen reference."""

    every: PositiveDuration = Field(
        timedelta(minutes=5), description="How often the current window is compared with the reference."
    )
    reference_rows: int = Field(500, ge=100, description="Number of part steps in a frozen reference.")
    window_rows: int = Field(60, ge=20, description="Number of newest part steps compared with the reference.")
    report_every: PositiveDuration | None = Field(
        timedelta(days=1), description="How often Evidently's report is rendered, in addition to when drift begins."
    )
    report_under_replay: bool = Field(
        False, description="Whether reports are also rendered under replay, which slows it down."
    )


def _number_or_text(value: object) -> object:
    """Nelson's rules are numbers in YAML."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _rule(value: str) -> str:
    try:
        parse(value)
    except UsageError as exc:
        raise ValueError(str(exc)) from exc
    return value


RuleName = Annotated[
    str, BeforeValidator(_number_or_text), AfterValidator(_rule),
    Meaning("a rule: 1 to 8 (Nelson), w1 to w4 (Western Electric), cusum, spread, or nelson or western for all of one"),
]  # fmt: skip


class SpcConfig(Strict):
    """Control charts of what steps measure, predictions, outcomes and residuals; phase 1 is the frozen reference."""

    rules: list[RuleName] = Field(["1", "cusum"], min_length=1, description="The rules that are asked.")

    def asked(self) -> tuple[Rule, ...]:
        """The rules, each once."""
        return parse(",".join(self.rules))


class PerformanceConfig(Strict):
    """Accuracy of the gates' predictions, once outcomes are known."""

    every: PositiveDuration = Field(timedelta(minutes=5), description="How often outcomes are joined to predictions.")
    window_rows: int = Field(60, ge=20, description="Number of newest parts with an outcome that are evaluated.")


class AlertOverride(Strict):
    """Changes to one alert; keys that are not given keep the default of that alert."""

    limit: float | None = Field(None, description="The alert starts when its value is above this.")
    clear: float | None = Field(
        None, description="A firing alert continues until its value is not above this; at most the limit."
    )
    pending_for: Duration | None = Field(
        None, description="How long the value must be above the limit before the alert fires."
    )
    keep_firing: Duration | None = Field(None, description="How long the alert keeps firing after the value is back.")
    absent: bool = Field(True, description="Whether a missing value raises the alert, for alerts that support it.")
    enabled: bool = Field(True, description="Whether the alert is evaluated.")
    budget: float | None = Field(None, ge=0, description="How often it may fire in a week, instead of `alerts.budget`.")

    @model_validator(mode="after")
    def _ordered(self) -> AlertOverride:
        if self.limit is not None and self.clear is not None and self.clear > self.limit:
            raise ValueError("expected clear to be at most limit")
        return self


class AlertsConfig(Strict):
    """Evaluation of the alerts, and changes to them."""

    every: PositiveDuration = Field(
        timedelta(seconds=15),
        description="How often the alerts are evaluated; in profile stack, how often Prometheus does.",
    )
    webhook_token: Secret | None = Field(
        None, description="Bearer token that Alertmanager must send to the webhook; see sources for ${...}."
    )
    alertmanager_url: PageUrl | None = Field(
        None,
        description="Address of Alertmanager, for profile stack: alerts that people silenced there are shown as "
        "shelved, and what is shelved here is silenced there. Without it neither knows of the other.",
    )
    forget_after: PositiveDuration | None = Field(
        timedelta(hours=1),
        description="An alert that Alertmanager has not repeated for this long is over; must exceed its "
        "repeat_interval.",
    )
    runbooks: Text = Field(
        "docs/runbooks/", description="Folder or URL that precedes 'NAME.md' in an alert's runbook link."
    )
    budget: float | None = Field(
        7.0,
        ge=0,
        description="How often each alert may fire in a week, all its subjects together; above it "
        "`gatewatch alerts backtest` fails. Those of severity info have no budget unless changed; empty for none.",
    )
    change: dict[Name, AlertOverride] = Field({}, description="Changes, by the name of the alert.")


class EscalationConfig(Strict):
    """Whom to tell of a critical alert that nobody acknowledged."""

    after: PositiveDuration = Field(description="How long after it fired.")
    to: Team = Field(description="The other team.")


class DrillConfig(Strict):
    """A drill by schedule: an alert that is marked as one goes the whole way from a metric to people."""

    every: PositiveDuration = Field(timedelta(days=1), description="How often; after one that failed, hourly at least.")
    team: Team = Field("platform", description="The team that is told.")
    ping_url: Secret | None = Field(
        None,
        description="Address of a dead man's switch, which is asked for (GET) after each drill whose links all held; "
        "see sources for ${...}.",
    )


class NotifyConfig(Strict):
    """Notifications: receivers and timing. Without a file of URLs, notifications go only to the log."""

    every: PositiveDuration = Field(
        timedelta(seconds=15), description="How often the alerts are checked for notifications to send."
    )
    urls_file: Text | None = Field(
        None,
        description="File of Apprise URLs, one per line, preceded by the name of the team; '#' at the start of a line "
        "or after a space starts a comment.",
    )
    log: Text = Field(
        "notifications.jsonl", description="Append-only log of every notification, one JSON object per line."
    )
    language: dict[Name, Text] = Field(
        {},
        description="Language of the messages to each team: `en` (the default), `de`, or the path of a file with "
        "sentences of your own.",
    )
    group_interval: PositiveDuration = Field(
        timedelta(minutes=30),
        description="Minimum time from an incident's last notification until new alerts in it are sent.",
    )
    settle: Duration = Field(
        timedelta(minutes=30), description="How long all alerts must be over before an incident counts as resolved."
    )
    ends: Literal["critical", "all"] = Field(
        "critical",
        description="Which incidents people are told the end of: those with a critical alert, or all. The end of every "
        "one is in the log, on the pages and in the handover.",
    )
    repeat_every: PositiveDuration = Field(
        timedelta(hours=12),
        description="How often a critical alert that is still firing and not acknowledged is sent again.",
    )
    escalate: dict[Team, EscalationConfig] = Field(
        {}, description="Critical alerts that nobody acknowledged, by the team that was told of them."
    )
    quiet: dict[Team, list[QuietHours]] = Field(
        {},
        description="Hours of a team, in the site's `time_zone`, in which what is not critical waits until they end.",
    )
    handover: list[Team] = Field(
        [], description="Teams that get the handover at the start of each of `shifts`: of the shift before it."
    )
    attempts: int = Field(
        150,
        ge=1,
        description="Attempts while a URL cannot be reached, before a dead letter; a rejected message gets 3.",
    )
    backoff: PositiveDuration = Field(
        timedelta(seconds=10), description="Wait after the first failed attempt; doubles up to 5 minutes."
    )


class DailyReport(Strict):
    """The report that is written every day."""

    at: TimeOfDay = Field(description="When it is due, in the site's time of day.")
    teams: list[Team] = Field([], description="Teams that get a message with what changed and the link.")


class WeeklyReport(DailyReport):
    """The report that is written every week."""

    day: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] = Field("mon", description="The day of the week.")


class ReportsConfig(Strict):
    """Reports on the plant by schedule, each on the time since the one before it."""

    daily: DailyReport | None = Field(None, description="The daily report; without it none is written.")
    weekly: WeeklyReport | None = Field(None, description="The weekly report; without it none is written.")
    keep: int = Field(60, ge=1, description="How many of each are kept, the newest ones.")


class RetrainingConfig(Strict):
    """When a model alert may train a challenger, and when the challenger replaces the champion."""

    enabled: bool = Field(
        True, description="Whether alerts may start a retraining; 'gatewatch model retrain' always may."
    )
    cooldown: Duration = Field(
        timedelta(hours=6),
        description="Minimum time from the end of a retraining or rollback of the gate to the next retraining.",
    )
    daily_limit: int = Field(6, ge=1, description="Maximum number of retrainings in the whole plant in 24 hours.")
    min_new_outcomes: int = Field(
        60, ge=20, description="Minimum number of new outcomes since the gate's last training; at least holdout_rows."
    )
    holdout_rows: int = Field(
        60, ge=20, description="Newest parts held out for the comparison; more until they contain two lots."
    )

"""Alerts and notifications: states, limits, and notifications sent."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from alerting.quality.figures import TeamAlarms
from exporters.metrics.shared.budget import NAMES_KEPT, Count, alerts_with_subjects
from exporters.metrics.shared.labels import ALERT, SEVERITY, TEAM, TEAMS, enum_label, told_team
from exporters.metrics.shared.metric import (
    AlertBound,
    Bounds,
    Kind,
    Label,
    Metric,
    Scrape,
    Series,
    counter,
    gauge,
    seconds,
    timestamp,
)
from monitor.model import STANDING
from monitor.statuses import AlertCondition, AlertStatus, PostRefusal

CONDITIONS = tuple(c.value for c in AlertCondition)
ALERT_STATES = tuple(s.value for s in AlertStatus)
NOTIFICATION_KINDS = ("opened", "joined", "raised", "repeated", "resolved", "closed", "escalated", "info")
ALERT_SUBJECT = Label(
    "subject",
    "machines, steps, gates, sources and jobs of the plant file, mes, the site, teams, and "
    "at most 21 names at once that the plant file has not",
)
SUMMARY = Label("summary", "the alert's sentence of at most 160 characters, one for each firing alert and subject")
CONDITION = Label("condition", "fixed list", CONDITIONS)
ALERT_STATE = Label("state", "fixed list", ALERT_STATES)
POST_REFUSAL = enum_label("reason", PostRefusal, "fixed list of reasons to refuse an alert of a post")
NOTIFICATION_KIND = Label("kind", "fixed list", NOTIFICATION_KINDS)


_PAIRS = alerts_with_subjects()
_EVER = alerts_with_subjects(NAMES_KEPT)
"""With those of alerts that are over."""


def _opened_labels(bounds: Bounds) -> Iterable[tuple[str, ...]]:
    """Alert, subject, severity and team for everything that the plant file lists."""
    return (
        (alert.name, subject, alert.severity, told_team(alert.kind, alert.team, subject))
        for alert in bounds.alerts
        for subject in alert.subjects
    )


_WEEK = "of the newest 7 days"

METRICS: tuple[Metric, ...] = (
    gauge("gatewatch_alert_active", "1 while an alert is firing, 0 for a day afterwards.", ALERT, ALERT_SUBJECT,
          SEVERITY, most=_EVER),
    gauge("gatewatch_alert_state", "1 for the state of an alert's newest episode; resolved for a day afterwards.",
          ALERT, ALERT_SUBJECT, CONDITION, SEVERITY, TEAM, ALERT_STATE, most=_EVER * len(AlertCondition)),
    timestamp("gatewatch_alert_since", "Since when a firing alert holds", ALERT, ALERT_SUBJECT, SEVERITY, TEAM,
              most=_PAIRS),
    gauge("gatewatch_alert_value", "The value of a firing alert, in the unit of its limit. Absent where it says no "
          "more than that the alert fires.", ALERT, ALERT_SUBJECT, SEVERITY, TEAM, most=_PAIRS),
    Metric("gatewatch_alert_info", Kind.INFO, "What a firing alert says, in English: the sensors and limits that it is "
           "about, without the numbers that change while it fires.", (ALERT, ALERT_SUBJECT, SEVERITY, TEAM, SUMMARY),
           most=_PAIRS),
    gauge("gatewatch_alert_limit", "An alert starts when its value is above this.", ALERT),
    gauge("gatewatch_alert_clear_level", "A firing alert continues until its value is not above this.", ALERT),
    gauge("gatewatch_alert_expected", "1 for each subject whose value must be present now; otherwise the alert fires "
          "with condition absent. A machine that stands owes none, unless its speaks_when is always.",
          ALERT, ALERT_SUBJECT, most=_PAIRS),
    Metric("gatewatch_alerts_opened_total", Kind.COUNTER, "Alerts that started to fire.",
           (ALERT, ALERT_SUBJECT, SEVERITY, TEAM), tallied=True, starts=_opened_labels, most=_EVER),
    counter("gatewatch_webhook_refused_alerts_total", "Alerts in posts of Alertmanager that were refused, by reason; "
            "the others of the post are taken.", POST_REFUSAL, tallied=True),
    counter("gatewatch_notifications_total", "Notifications created for a team; those of kind info go only to the "
            "log.", TEAM, NOTIFICATION_KIND, tallied=True),
    counter("gatewatch_notifications_put_together_total", "Notifications combined with others in one message, because "
            "the team had reached its message rate limit.", TEAM, tallied=True),
    gauge("gatewatch_alarms_week", f"Alarms {_WEEK}: alerts that fired, without Watchdog, Drill and those of severity "
          "info. The figures of alarms below are of these.", TEAM, SEVERITY, most=Count.of(2 * len(TEAMS))),
    gauge("gatewatch_alarm_rate_mean", f"Mean number of alarms in ten minutes {_WEEK}.", TEAM),
    gauge("gatewatch_alarm_rate_most", f"Largest number of alarms in any ten minutes {_WEEK}.", TEAM),
    gauge("gatewatch_alarm_floods", f"Periods with more than ten new alarms in ten minutes {_WEEK}.", TEAM),
    gauge("gatewatch_alarm_flood_ratio", f"Share of time in such a period {_WEEK}.", TEAM, unit="ratio"),
    gauge("gatewatch_alarms_chattering", f"Alerts that fired three times within an hour {_WEEK}.", TEAM),
    gauge("gatewatch_alarms_standing", "Alarms that have fired for longer than 24 hours.", TEAM),
    gauge("gatewatch_alarm_acknowledged_median_seconds", f"Time in which half of the alarms {_WEEK} that were "
          "acknowledged were so. Absent where none was.", TEAM, unit="seconds"),
    gauge("gatewatch_alarm_acknowledged_percentile_seconds", f"Time in which nine tenths (the 90th percentile) of the "
          f"alarms {_WEEK} that were acknowledged were so. Absent where none was.", TEAM, unit="seconds"),
    gauge("gatewatch_alarms_critical_unacknowledged", f"Critical alarms {_WEEK} that nobody acknowledged.", TEAM),
)  # fmt: skip


def series(scrape: Scrape) -> Series:
    """The alerts in force, and their newest episodes."""
    snapshot, bounds = scrape.snapshot, scrape.bounds
    for bound in bounds.alerts:
        yield "gatewatch_alert_limit", (bound.name,), bound.limit
        yield "gatewatch_alert_clear_level", (bound.name,), bound.clear
        for subject in _owing(bound, scrape):
            yield "gatewatch_alert_expected", (bound.name, subject), 1.0
    measured = {bound.name for bound in bounds.alerts if bound.measured}
    texts: dict[tuple[str, str, str, str], str] = {}
    # An alert that fires for either condition is active: active rows come last and win.
    for row in sorted(snapshot.alerts, key=lambda row: (row.active, row.condition)):
        if row.state != AlertStatus.PENDING:
            yield "gatewatch_alert_active", row[:3], float(row.active)
        if row.active:
            of_alert = (row.name, row.subject, row.severity, row.team)
            yield "gatewatch_alert_since_timestamp_seconds", of_alert, seconds(row.since)
            if row.name in measured:
                yield "gatewatch_alert_value", of_alert, row.value
            if row.text:
                texts[of_alert] = row.text
        labels = (row.name, row.subject, row.condition, row.severity, row.team, row.state)
        yield "gatewatch_alert_state", labels, 1.0
    for of_alert, text in texts.items():
        yield "gatewatch_alert_info", (*of_alert, text), 1.0
    if snapshot.quality is not None:
        found = {one.team: one for one in snapshot.quality.teams}
        for team in TEAMS:
            yield from _quality(found.get(team, TeamAlarms(team)))


def _quality(alarms: TeamAlarms) -> Series:
    """The figures of a team, also of one without an alarm."""
    of_team = (alarms.team,)
    yield "gatewatch_alarms_week", (alarms.team, "critical"), float(alarms.critical)
    yield "gatewatch_alarms_week", (alarms.team, "warning"), float(alarms.opened - alarms.critical)
    yield "gatewatch_alarm_rate_mean", of_team, alarms.in_ten_minutes
    yield "gatewatch_alarm_rate_most", of_team, float(alarms.most)
    yield "gatewatch_alarm_floods", of_team, float(alarms.floods)
    yield "gatewatch_alarm_flood_ratio", of_team, alarms.flooded
    yield "gatewatch_alarms_chattering", of_team, float(alarms.chattering)
    yield "gatewatch_alarms_standing", of_team, float(alarms.standing)
    yield "gatewatch_alarms_critical_unacknowledged", of_team, float(alarms.unanswered)
    for name, time in (("median", alarms.median), ("percentile", alarms.ninth)):
        if time is not None:
            yield f"gatewatch_alarm_acknowledged_{name}_seconds", of_team, time.total_seconds()


def _owing(bound: AlertBound, scrape: Scrape) -> Iterable[str]:
    """The subjects whose value must be present now."""
    if bound.kind == "gate":
        # A gate without a model owes no value on it.
        with_model = {row.gate for row in scrape.snapshot.gates if row.version}
        return (name for name in bound.expected if name in with_model)
    if bound.kind != "machine":
        return bound.expected
    samples: dict[str, datetime] = {}
    for row in scrape.snapshot.board:
        samples[row.subject] = max(row.at, samples.get(row.subject, row.at))
    return (name for name in bound.expected if name in samples and _owes(name, scrape, samples[name]))


def _owes(machine: str, scrape: Scrape, sample: datetime) -> bool:
    """Whether a machine that ever spoke owes a value (MachineUnwatched tells of others).

    One that stands owes none unless it always speaks; one that ran after its last sample has owed it since.
    """
    reported = scrape.snapshot.standing.get(machine)
    if reported is None or reported.state not in STANDING:
        return True
    if scrape.bounds.plant.machines[machine].speaks_when == "always":
        return True
    return reported.ran_at is not None and sample < reported.ran_at

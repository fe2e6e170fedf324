"""Whether people can live with the alarms: how many, to whom, which come again and again, which stand."""

from __future__ import annotations

from dashboards.blocks.panels import BAD, DIM, POOR, Panel, bars, number, value_table
from dashboards.blocks.queries import Query, by, hourly, or_zero, series
from dashboards.rows.state import REAL

_DAY = 86400
_WEEK = f"increase({series('gatewatch_alerts_opened_total', alert=REAL)}[7d])"


def panels() -> list[Panel]:
    """What ISA-18.2 and EEMUA 191 ask for."""
    since = series("gatewatch_alert_since_timestamp_seconds", alert=REAL)
    return [
        number(
            "Standing alerts",
            "Alerts that have fired for more than a day. More than a few are no longer looked at: correct their "
            "causes, or change limits that ask for no action.",
            Query(or_zero(f"count(time() - {since} > {_DAY})"), "alerts"), bad=5.0, height=8,
        ),
        number(
            "Alerts of the last day",
            "Alerts that began to fire in the last 24 hours. Up to 150 a day for an operator are acceptable (EEMUA "
            "191); far fewer are what this product aims at.",
            Query(by("sum", (), f"increase({series('gatewatch_alerts_opened_total', alert=REAL)}[1d])"), "alerts"),
            bad=150.0, height=8,
        ),
        bars(
            "Alerts opened per hour, by severity",
            "When alerts began to fire. Many at one time have one cause: see the likely causes. About 5 % critical and "
            "15 % warnings of high priority are a healthy mix.",
            [Query(hourly("gatewatch_alerts_opened_total", ("severity",), alert=REAL), "{{severity}}")], width=16,
            colours={"critical": BAD, "warning": POOR, "info": DIM},
        ),
        bars(
            "Messages per hour, by team",
            "Notifications to each team, starts and ends. More than six an hour are more than people can act on; more "
            "than ten in ten minutes are a flood.",
            [Query(hourly("gatewatch_notifications_total", ("team",), kind="!=info"), "{{team}}")], width=12,
        ),
        bars(
            "Alerts opened per hour, by team",
            "What the messages are about. A team with many alerts and few messages has alerts of one cause; one with "
            "as many messages as alerts is told of each by itself.",
            [Query(hourly("gatewatch_alerts_opened_total", ("team",), alert=REAL), "{{team}}")], width=12,
        ),
        value_table(
            "Most frequent alerts of the last week",
            "The alerts that opened most often, by subject. The first ten often make most of all alerts: correct the "
            "machine or the source, or change the limit.",
            Query(f"topk(10, {by('sum', ('alert', 'subject', 'team'), _WEEK)} > 0.5)", instant=True),
            {"alert": "alert", "subject": "subject", "team": "team", "Value": "times"}, width=12,
            empty="no alert opened in the last week, or no data came",
        ),
        value_table(
            "Alerts that have stood longest",
            "Firing alerts by the time since when they hold. One that stands for days is either a cause that nobody "
            "removes or a limit that is wrong.",
            Query(f"topk(10, time() - {by('min', ('alert', 'subject', 'team'), since)})", instant=True),
            {"alert": "alert", "subject": "subject", "team": "team", "Value": "for"}, unit="s", width=12,
            empty="no alert fires, or no data came",
        ),
    ]  # fmt: skip

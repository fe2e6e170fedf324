"""Whether people can live with the alarms: how many, to whom, which come again and again, which stand."""

from __future__ import annotations

from string import ascii_uppercase

from alerting.specs.roster import UNJUDGED
from dashboards.blocks.panels import BAD, DIM, POOR, Panel, bars, number, value_table
from dashboards.blocks.queries import Query, by, hourly, series

_JUDGED = {"alert": f"!~{'|'.join(sorted(UNJUDGED))}", "severity": "!=info"}
"""The alerts that are alarms, as in the report."""
_WEEK = f"increase({series('gatewatch_alerts_opened_total', **_JUDGED)}[7d])"

_SHARE = (
    by("sum", (), series("gatewatch_alarms_week", severity="critical"))
    + f" / ({by('sum', (), series('gatewatch_alarms_week'))} > 0)"
)


def _week() -> list[Panel]:
    """What Gatewatch counts of the newest 7 days, the same as on its page of alarms and in its report."""
    return [
        number(
            "Alarms in ten minutes",
            "The mean of the last 7 days, of the team with most. At most 1 for an operator can be managed (EEMUA 191). "
            "Above it, begin with the most frequent alerts below.",
            Query(by("max", (), series("gatewatch_alarm_rate_mean")), "alarms"),
        ),
        number(
            "Most in ten minutes",
            "The most that a team got in any ten minutes of the last 7 days. More than 10 are a flood, in which people "
            "overlook what matters: see which alerts began then, and whether one cause is behind them.",
            Query(by("max", (), series("gatewatch_alarm_rate_most")), "alarms"), bad=11.0,
        ),
        number(
            "Floods",
            "How often in the last 7 days a team got more than ten new alarms within ten minutes. There should be "
            "none: find the common cause of those alerts.",
            Query(by("sum", (), series("gatewatch_alarm_floods")), "floods"),
        ),
        number(
            "Chattering alerts",
            "Alerts that fired three times or more within an hour in the last 7 days. There should be none: move the "
            "limit, or let the alert hold longer before it fires. The page of alarms names them.",
            Query(by("sum", (), series("gatewatch_alarms_chattering")), "alerts"),
        ),
        number(
            "Criticals unanswered",
            "Critical alarms of the last 7 days that nobody acknowledged, while they fired or since. There should be "
            "none: see who is told of them, and whether people answer alerts on the page of alarms.",
            Query(by("sum", (), series("gatewatch_alarms_critical_unacknowledged")), "alarms"),
        ),
        number(
            "Share of criticals",
            "The share of critical alarms of the last 7 days. About 5 % of high, 15 % of medium and 80 % of low "
            "priority are a healthy mix (EEMUA 191). No data where no alarm began, too.",
            Query(_SHARE, "critical"), unit="percentunit", bad=None,
        ),
        _by_team(),
    ]  # fmt: skip


_COLUMNS = {
    "mean in ten minutes": "gatewatch_alarm_rate_mean",
    "most in ten minutes": "gatewatch_alarm_rate_most",
    "time in floods": "gatewatch_alarm_flood_ratio",
    "half acknowledged in": "gatewatch_alarm_acknowledged_median_seconds",
    "nine tenths acknowledged in": "gatewatch_alarm_acknowledged_percentile_seconds",
    "standing": "gatewatch_alarms_standing",
    "alarms": "gatewatch_alarms_week",
}
_UNITS = {
    "time in floods": {"unit": "percentunit"}, "half acknowledged in": {"unit": "s", "noValue": "-"},
    "nine tenths acknowledged in": {"unit": "s", "noValue": "-"},
}  # fmt: skip


def _by_team() -> Panel:
    queries = [Query(by("sum", ("team",), series(metric)), instant=True) for metric in _COLUMNS.values()]
    shown = {f"Value #{ref}": name for ref, name in zip(ascii_uppercase, _COLUMNS, strict=False)}
    return value_table(
        "Alarms of the last 7 days, by team",
        "Means, the most, and how soon alarms were acknowledged, empty where none was. At most 1 alarm in ten minutes "
        "on average, 10 in any ten minutes and a few that stand are advised for an operator (EEMUA 191). A team above "
        "that needs better limits, or fewer alerts of its own.",
        queries, {"team": "team", **shown}, width=24, of_columns=_UNITS, empty="no data came: Gatewatch is not scraped",
    )  # fmt: skip


def panels() -> list[Panel]:
    """What ISA-18.2 and EEMUA 191 ask for."""
    since = series("gatewatch_alert_since_timestamp_seconds", **_JUDGED)
    return [
        number(
            "Standing alerts",
            "Alerts that have fired for more than a day. More than a few are no longer looked at: correct their "
            "causes, or change limits that ask for no action.",
            Query(by("sum", (), series("gatewatch_alarms_standing")), "alerts"), bad=5.0, height=8,
        ),
        number(
            "Alerts of the last day",
            "Alerts that began to fire in the last 24 hours. Up to 150 a day for an operator are acceptable (EEMUA "
            "191); far fewer are what this product aims at.",
            Query(by("sum", (), f"increase({series('gatewatch_alerts_opened_total', **_JUDGED)}[1d])"), "alerts"),
            bad=150.0, height=8,
        ),
        bars(
            "Alerts opened per hour, by severity",
            "When alerts began to fire. Many at one time have one cause: see the likely causes. About 5 % critical and "
            "15 % warnings of high priority are a healthy mix.",
            [Query(hourly("gatewatch_alerts_opened_total", ("severity",), **_JUDGED), "{{severity}}")], width=16,
            colours={"critical": BAD, "warning": POOR, "info": DIM},
        ),
        bars(
            "Messages per hour, by team",
            "Notifications to the people of each team. More than six an hour are more than people can act on; more "
            "than ten in ten minutes are a flood.",
            [Query(hourly("gatewatch_notifications_total", ("team",), kind="!~info|closed"), "{{team}}")], width=12,
        ),
        bars(
            "Alerts opened per hour, by team",
            "What the messages are about. A team with many alerts and few messages has alerts of one cause; one with "
            "as many messages as alerts is told of each by itself.",
            [Query(hourly("gatewatch_alerts_opened_total", ("team",), **_JUDGED), "{{team}}")], width=12,
        ),
        *_week(),
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

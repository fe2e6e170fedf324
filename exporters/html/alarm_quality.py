"""Alarm quality as tables, for the report and the page of alarms: the figures of each team beside what is advised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from alerting.quality.figures import AlarmQuality, FrequentAlarm, StandingAlarm, TeamAlarms
from exporters.html.formatting import duration, percent, plain
from exporters.html.html import Html, chip, table, tag

_LISTED = 10
_ABOUT = (
    "Every alert that fired counts, without those of severity info, Watchdog and Drill. What is advised is for one "
    "operator (EEMUA 191, ISA-18.2); a team is taken for one. More than ten new alarms within ten minutes are a flood; "
    "an alert chatters if it fires three times within an hour; one that stands longer than 24 hours is a cause that "
    "nobody removes, or a limit that is wrong. A healthy mix is about 5 % of high, 15 % of medium and 80 % of low "
    "priority: critical is high, warning the others."
)


class _Figure(NamedTuple):
    """A row: what it says, what is advised, the value of a team, and whether that is not as advised."""

    name: str
    advised: str
    value: Callable[[TeamAlarms], str]
    bad: Callable[[TeamAlarms], bool] = lambda _: False


_FIGURES = (
    _Figure("Alarms", "-", lambda t: str(t.opened)),
    _Figure("Alarms a day", "-", lambda t: plain(t.a_day, 1)),
    _Figure("In ten minutes, on average", "at most 1", lambda t: plain(t.in_ten_minutes, 3),
            lambda t: t.in_ten_minutes > 1),
    _Figure("Most in any ten minutes", "at most 10", lambda t: str(t.most), lambda t: t.most > 10),
    _Figure("Floods", "none", lambda t: str(t.floods), lambda t: t.floods > 0),
    _Figure("Share of time in a flood", "under 1 %", lambda t: percent(t.flooded), lambda t: t.flooded >= 0.01),
    _Figure("Alerts that chatter", "none", lambda t: str(t.chattering), lambda t: t.chattering > 0),
    _Figure("Standing longer than 24 hours", "under 5", lambda t: str(t.standing), lambda t: t.standing >= 5),
    _Figure("Critical alarms", "about 5 %",
            lambda t: f"{t.critical} ({percent(t.critical / t.opened)})" if t.opened else "0"),
    _Figure("Acknowledged, half of them within", "-", lambda t: _within(t.median)),
    _Figure("Acknowledged, nine tenths within", "-", lambda t: _within(t.ninth)),
    _Figure("Critical ones nobody acknowledged", "none",
            lambda t: f"{t.unanswered} of {t.critical}" if t.critical else "0", lambda t: t.unanswered > 0),
)  # fmt: skip


def quality_tables(quality: AlarmQuality, end: datetime, moment: Callable[[datetime], Html]) -> list[Html]:
    """The figures by team, the most frequent alerts, those that chatter and those that stand at `end`.

    `moment` shows an instant. Only what is not as advised is coloured.
    """
    return [
        tag("p", _ABOUT, class_="muted"),
        _teams(quality.teams),
        tag("h3", "Most frequent"),
        _frequent(quality.worst, "No alarm began."),
        tag("h3", "Chattering"),
        _frequent(quality.chattering[:_LISTED], "None fired three times within an hour."),
        tag("h3", "Standing longest"),
        _standing(quality.standing, end, moment),
    ]


def _teams(teams: Sequence[TeamAlarms]) -> Html:
    if not teams:
        return tag("p", "No alarm began or stands.", class_="muted")
    rows: list[tuple[str, ...]] = [
        (figure.name, figure.advised, *(_value(figure, team) for team in teams)) for figure in _FIGURES
    ]
    return table(("Figure", "Advised", *(team.team or "-" for team in teams)), rows, "")


def _value(figure: _Figure, team: TeamAlarms) -> str:
    text = figure.value(team)
    return chip("warning", text) if figure.bad(team) else text


def _within(time: timedelta | None) -> str:
    return "-" if time is None else duration(time)


def _frequent(alarms: Sequence[FrequentAlarm], empty: str) -> Html:
    rows: list[tuple[str, ...]] = [
        (one.name, one.subject, one.team or "-", str(one.times), percent(one.share)) for one in alarms
    ]
    return table(("Alert", "Where", "Team", "Times", "Of all"), rows, empty)


def _standing(alarms: Sequence[StandingAlarm], end: datetime, moment: Callable[[datetime], Html]) -> Html:
    rows: list[tuple[str, ...]] = [
        (one.name, one.subject, one.team or "-", moment(one.since), duration(end - one.since))
        for one in alarms[:_LISTED]
    ]
    return table(("Alert", "Where", "Team", "Since", "For"), rows, "None stands longer than 24 hours.")

"""Alarm quality in the report: how many alerts people got, which came again and again, which stand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from exporters.html.formatting import number
from exporters.html.html import Html, table, tag
from exporters.report.elements import duration, moment

_LISTED = 10


class TeamAlarms(NamedTuple):
    """Alerts of a team: how many opened, how many a day, how many at most in ten minutes, how many stand for a day."""

    team: str
    opened: int
    a_day: float
    most: int
    stale: int


class FrequentAlarm(NamedTuple):
    """An alert and how often it opened; flapping if it did so three times within a day."""

    name: str
    subject: str
    times: int
    flapping: bool


class StaleAlarm(NamedTuple):
    """An alert that has fired for longer than a day."""

    name: str
    subject: str
    since: datetime


class AlarmQuality(NamedTuple):
    """What ISA-18.2 and EEMUA 191 ask of alarms: the rate of each team, the most frequent, those that stand longest."""

    teams: tuple[TeamAlarms, ...] = ()
    frequent: tuple[FrequentAlarm, ...] = ()
    stale: tuple[StaleAlarm, ...] = ()

    @property
    def flapping(self) -> int:
        """How many alerts flap."""
        return sum(one.flapping for one in self.frequent)


def alarms_section(quality: AlarmQuality, end: datetime) -> list[Html]:
    """Three tables: teams, the most frequent alerts, those that stand."""
    about = (
        "Up to 150 alerts a day for an operator are acceptable, and more than 10 in ten minutes are a flood (EEMUA "
        "191, ISA-18.2). An alert flaps if it opens three times within a day; one that stands longer than a day is a "
        "cause that nobody removes, or a limit that is wrong."
    )
    teams: list[tuple[str, ...]] = [
        (one.team or "-", str(one.opened), number(one.a_day), str(one.most), str(one.stale)) for one in quality.teams
    ]
    return [
        tag("p", about, class_="muted"),
        table(("Team", "Opened", "A day", "Most in ten minutes", "Standing for a day"), teams, "No alert fired."),
        tag("h3", "Most frequent"),
        table(("Alert", "Where", "Times", ""), _frequent(quality.frequent), "No alert opened."),
        tag("h3", "Standing longest"),
        table(("Alert", "Where", "Since (UTC)", "For"), _stale(quality.stale, end), "None stands longer than a day."),
    ]


def _frequent(rows: Sequence[FrequentAlarm]) -> list[tuple[str, ...]]:
    # Those that flap first: there may be more of them than are listed.
    ranked = sorted(rows, key=lambda one: not one.flapping)
    return [
        (one.name, one.subject, str(one.times), "flapping" if one.flapping else "") for one in ranked[:_LISTED]
    ]  # fmt: skip


def _stale(rows: Sequence[StaleAlarm], end: datetime) -> list[tuple[str, ...]]:
    return [(one.name, one.subject, moment(one.since), duration(end - one.since)) for one in rows[:_LISTED]]

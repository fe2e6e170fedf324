"""The figures of alarm quality over a period, by team: rate, floods, chattering, standing, worst, acknowledged when.

An alarm is an alert that fired, as often as it fired, also one that was shelved or in maintenance. Those that only show
that alerting works (Watchdog, Drill) and those of severity info are none. Pure functions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import NamedTuple

from alerting.specs.roster import UNJUDGED

FLOOD = 10
"""More new alarms within `FLOOD_WITHIN` are a flood (ISA-18.2, EEMUA 191)."""
FLOOD_WITHIN = timedelta(minutes=10)
CHATTERING = 3
"""An alert that fires so often within `CHATTERING_WITHIN`, or within one incident, chatters."""
CHATTERING_WITHIN = timedelta(hours=1)
STANDING_AFTER = timedelta(hours=24)
WORST = 10
"""How many of the most frequent alerts are listed."""


class Fired(NamedTuple):
    """An alert that fired; `ended_at` and `acknowledged_at` are None where that is not yet. Aware UTC."""

    name: str
    subject: str
    severity: str
    team: str
    fired_at: datetime
    ended_at: datetime | None = None
    acknowledged_at: datetime | None = None


class TeamAlarms(NamedTuple):
    """The alarms of a team in a period.

    `opened` fired in it, `critical` of these are critical; `a_day` and `in_ten_minutes` are means, `most` is the
    largest number in any ten minutes. `flooded` is the share of the period in which the last ten minutes had more than
    ten. `chattering` and `standing` count alerts. `median` and `ninth` are the times in which half and nine tenths of
    the alarms that were acknowledged were so, None where none was; `unanswered` criticals were not.
    """

    team: str
    opened: int = 0
    critical: int = 0
    a_day: float = 0.0
    in_ten_minutes: float = 0.0
    most: int = 0
    floods: int = 0
    flooded: float = 0.0
    chattering: int = 0
    standing: int = 0
    median: timedelta | None = None
    ninth: timedelta | None = None
    unanswered: int = 0


class FrequentAlarm(NamedTuple):
    """An alert with its subject, how often it fired, and that as a share of all alarms."""

    name: str
    subject: str
    team: str
    times: int
    share: float


class StandingAlarm(NamedTuple):
    """An alert that has fired for longer than `STANDING_AFTER`."""

    name: str
    subject: str
    team: str
    since: datetime


class AlarmQuality(NamedTuple):
    """Teams that have alarms, the most frequent alerts, those that chatter, and those that stand, longest first."""

    teams: tuple[TeamAlarms, ...] = ()
    worst: tuple[FrequentAlarm, ...] = ()
    chattering: tuple[FrequentAlarm, ...] = ()
    standing: tuple[StandingAlarm, ...] = ()

    @property
    def a_day(self) -> float:
        """Alarms a day of all teams."""
        return sum(team.a_day for team in self.teams)


def alarm_quality(alerts: Iterable[Fired], start: datetime, end: datetime) -> AlarmQuality:
    """The figures from `start` (inclusive) to `end` (exclusive, later), as known at its end.

    `alerts`: those that fired in the period or before it, in any order.
    """
    alarms = sorted((_known(a, end) for a in alerts if _counts(a, end)), key=lambda a: (a.fired_at, a[:4]))
    opened = [a for a in alarms if a.fired_at >= start]
    standing = [a for a in alarms if a.ended_at is None and end - a.fired_at > STANDING_AFTER]
    ranked, chattering = _frequent(opened)
    teams = sorted({a.team for a in (*opened, *standing)})
    return AlarmQuality(
        tuple(
            _team(team, [a for a in opened if a.team == team], start, end)._replace(
                chattering=sum(one.team == team for one in chattering), standing=sum(a.team == team for a in standing)
            )
            for team in teams
        ),
        tuple(ranked[:WORST]),
        tuple(chattering),
        tuple(StandingAlarm(a.name, a.subject, a.team, a.fired_at) for a in standing),
    )


def _counts(alert: Fired, end: datetime) -> bool:
    return alert.fired_at < end and alert.name not in UNJUDGED and alert.severity != "info"


def _known(alert: Fired, end: datetime) -> Fired:
    """As it was known at an instant: what came later had not happened."""
    ended, answered = alert.ended_at, alert.acknowledged_at
    return alert._replace(
        ended_at=None if ended is None or ended >= end else ended,
        acknowledged_at=None if answered is None or answered >= end else answered,
    )


def _team(team: str, opened: Sequence[Fired], start: datetime, end: datetime) -> TeamAlarms:
    """The figures of what a team's alarms were, in order of firing; what chatters and stands is added by the caller."""
    times = [a.fired_at for a in opened]
    flooded = _floods(times, end)
    critical = [a for a in opened if a.severity == "critical"]
    answered = sorted(a.acknowledged_at - a.fired_at for a in opened if a.acknowledged_at is not None)
    return TeamAlarms(
        team, len(opened), len(critical), len(opened) / ((end - start) / timedelta(days=1)),
        len(opened) / ((end - start) / FLOOD_WITHIN), _most(times), len(flooded),
        sum((over - begun for begun, over in flooded), timedelta(0)) / (end - start),
        median=_half(answered) if answered else None,
        ninth=answered[ceil(0.9 * len(answered)) - 1] if answered else None,
        unanswered=sum(a.acknowledged_at is None for a in critical),
    )  # fmt: skip


def _half(times: Sequence[timedelta]) -> timedelta:
    """The median of times in order."""
    return (times[(len(times) - 1) // 2] + times[len(times) // 2]) / 2


def _most(times: Sequence[datetime]) -> int:
    """The largest number of times within ten minutes; `times` are in order."""
    first = most = 0
    for place, at in enumerate(times):
        while at - times[first] >= FLOOD_WITHIN:
            first += 1
        most = max(most, place - first + 1)
    return most


def _floods(times: Sequence[datetime], end: datetime) -> list[tuple[datetime, datetime]]:
    """The periods in which the last ten minutes had more than ten new alarms; `times` are in order."""
    found: list[tuple[datetime, datetime]] = []
    for first, at in zip(times, times[FLOOD:], strict=False):
        if at - first < FLOOD_WITHIN:
            over = min(first + FLOOD_WITHIN, end)
            begun = found.pop()[0] if found and at <= found[-1][1] else at
            found.append((begun, over))
    return found


def _frequent(opened: Iterable[Fired]) -> tuple[list[FrequentAlarm], list[FrequentAlarm]]:
    """Every alert with its subject, the most frequent first, and those of them that chatter."""
    times: dict[tuple[str, str, str], list[datetime]] = defaultdict(list)
    for a in opened:
        times[a.name, a.subject, a.team].append(a.fired_at)
    total = sum(map(len, times.values()))
    order = sorted(times, key=lambda key: (-len(times[key]), key))
    ranked = [FrequentAlarm(*key, len(times[key]), len(times[key]) / total) for key in order]
    return ranked, [one for one in ranked if _chatters(times[one.name, one.subject, one.team])]


def _chatters(times: Sequence[datetime]) -> bool:
    later = times[CHATTERING - 1 :]
    return any(last - first < CHATTERING_WITHIN for first, last in zip(times, later, strict=False))

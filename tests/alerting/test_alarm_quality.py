"""The figures of alarm quality: each by its definition, at the edges of its windows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from alerting.quality.figures import (
    AlarmQuality,
    Fired,
    FrequentAlarm,
    StandingAlarm,
    TeamAlarms,
    alarm_quality,
)

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 7
END = START + timedelta(days=DAYS)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def fired(
    minutes: float, ended: float | None = -1.0, subject: str = "F1", severity: str = "warning",
    acknowledged: float | None = None, name: str = "Dead", team: str = "o",
) -> Fired:  # fmt: skip
    """An alert; by default it ended a second after it fired."""
    over = at(minutes + 1 / 60) if ended == -1.0 else None if ended is None else at(ended)
    return Fired(name, subject, severity, team, at(minutes), over, None if acknowledged is None else at(acknowledged))


def burst(count: int, minutes: float = 100.0, over: float = 0.0, named: str = "M") -> list[Fired]:
    """Alerts about as many subjects, evenly over so many minutes."""
    return [fired(minutes + over * n / max(1, count - 1), subject=f"{named}{n}") for n in range(count)]


DAY = 1440.0
WEEK = DAYS * DAY
CASES: dict[str, tuple[Sequence[Fired], dict[str, Any]]] = {
    "at the first instant": ([fired(0)], {"opened": 1, "a_day": 1 / 7, "in_ten_minutes": 1 / 1008, "most": 1}),
    "before the period": ([fired(-0.01, 5), fired(1)], {"opened": 1}),
    "at its end": ([fired(WEEK), fired(1)], {"opened": 1}),
    "still firing": ([fired(WEEK - 60, None)], {"opened": 1, "standing": 0}),
    "nine minutes apart": ([fired(1), fired(10.99, subject="F2")], {"most": 2}),
    "ten minutes apart": ([fired(1), fired(11, subject="F2")], {"most": 1}),
    "ten at once are none": (burst(10), {"most": 10, "floods": 0, "flooded": 0.0}),
    "eleven at once": (burst(11), {"most": 11, "floods": 1, "flooded": 10 / WEEK}),
    "eleven within eight minutes": (burst(11, over=8.0), {"floods": 1, "flooded": pytest.approx(2 / WEEK)}),
    "eleven over ten minutes": (burst(11, over=10.0), {"most": 10, "floods": 0}),
    "a flood that goes on": (burst(11) + burst(11, 110.0, named="N"), {"floods": 1, "flooded": 20 / WEEK}),
    "two floods": (burst(11) + burst(11, 111.0, named="N"), {"floods": 2, "flooded": 20 / WEEK}),
    "a flood at the end": (burst(11, WEEK - 4), {"floods": 1, "flooded": 4 / WEEK}),
    "three times within an hour": ([fired(n) for n in (1, 31, 60.9)], {"chattering": 1}),
    "three times in an hour and a bit": ([fired(n) for n in (1, 31, 61)], {"chattering": 0}),
    "the last three": ([fired(n) for n in (1, 500, 510, 520)], {"chattering": 1}),
    "of two subjects": ([fired(1), fired(2), fired(3, subject="F2")], {"chattering": 0}),
    "over a day": ([fired(WEEK - DAY - 0.01, None)], {"standing": 1}),
    "exactly a day": ([fired(WEEK - DAY, None)], {"standing": 0}),
    "since before the period": ([fired(-5 * DAY, None)], {"opened": 0, "standing": 1}),
    "ended after the period": ([fired(5, WEEK)], {"standing": 1}),
    "ended just before": ([fired(5, WEEK - 0.01)], {"standing": 0}),
    "mix": ([fired(1, severity="critical"), fired(2), fired(3, subject="F2")], {"critical": 1, "opened": 3}),
    "nobody": ([fired(1, severity="critical")], {"median": None, "ninth": None, "unanswered": 1}),
    "acknowledged": (
        [fired(10.0 * n, severity="critical", acknowledged=10.0 * n + n) for n in range(1, 11)],
        {"median": timedelta(minutes=5.5), "ninth": timedelta(minutes=9), "unanswered": 0},
    ),
    "acknowledged after the period": (
        [fired(1, None, severity="critical", acknowledged=WEEK)], {"median": None, "unanswered": 1},
    ),
    "a warning need not be": ([fired(1)], {"unanswered": 0}),
}  # fmt: skip


@pytest.mark.parametrize(("alerts", "expected"), CASES.values(), ids=CASES)
def test_a_figure_of_a_team(alerts: Sequence[Fired], expected: dict[str, Any]) -> None:
    (team,) = alarm_quality(alerts, START, END).teams
    assert {name: getattr(team, name) for name in expected} == expected


NONE: dict[str, Sequence[Fired]] = {
    "nothing": [],
    "Watchdog": [fired(1, None, name="Watchdog", severity="info")],
    "a drill": [fired(1, name="Drill", severity="critical")],
    "of severity info": [fired(1, None, severity="info")],
    "over before the period": [fired(-9, -8)],
    "after the period": [fired(WEEK + 1)],
}


@pytest.mark.parametrize("alerts", NONE.values(), ids=NONE)
def test_what_is_no_alarm(alerts: Sequence[Fired]) -> None:
    assert alarm_quality(alerts, START, END) == AlarmQuality()


def test_teams_are_apart_and_lists_are_in_order() -> None:
    alerts = [
        fired(3, team="e", subject="mill"), *(fired(n) for n in (1, 2, 3, 4)), fired(-30, None, subject="F9"),
        fired(-90, None, subject="F8", team="e"),
    ]  # fmt: skip
    found = alarm_quality(alerts, START, END)
    assert [(one.team, one.opened, one.chattering, one.standing) for one in found.teams] == [
        ("e", 1, 0, 1),
        ("o", 4, 1, 1),
    ]
    assert found.worst == (FrequentAlarm("Dead", "F1", "o", 4, 0.8), FrequentAlarm("Dead", "mill", "e", 1, 0.2))
    assert found.chattering == found.worst[:1]
    assert found.standing == (StandingAlarm("Dead", "F8", "e", at(-90)), StandingAlarm("Dead", "F9", "o", at(-30)))
    assert found.a_day == pytest.approx(5 / 7)
    assert found.teams[0] == TeamAlarms("e", 1, 0, 1 / 7, 1 / 1008, 1, standing=1)


def test_ten_of_the_most_frequent_are_listed_with_their_share_of_all() -> None:
    alerts = [fired(100.0 * n + m, subject=f"F{n:02}") for n in range(12) for m in range(12 - n)]
    found = alarm_quality(alerts, START, END)
    assert [one.subject for one in found.worst] == [f"F{n:02}" for n in range(10)]
    assert sum(one.share for one in found.worst) == pytest.approx(75 / 78)


def test_the_order_of_the_alerts_is_no_matter() -> None:
    alerts = [
        *burst(11, over=8.0),
        *(fired(n) for n in (1, 31, 60.9)),
        fired(-30, None),
        fired(9, None, "F7", "critical"),
    ]
    found = alarm_quality(alerts, START, END)
    mixed = list(alerts)
    Random(1).shuffle(mixed)
    assert alarm_quality(mixed, START, END) == found

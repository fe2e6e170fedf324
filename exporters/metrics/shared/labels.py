"""The labels that several families share, and lists of label values that the rest of the product uses."""

from __future__ import annotations

from enum import StrEnum
from typing import get_args

from exporters.metrics.shared.budget import ALERTS_OF, GATES, JOBS, ONE, SOURCES, Count
from exporters.metrics.shared.metric import Label
from monitor.plant.plant import Plant
from monitor.plant.types import Team

RUN_RESULTS = ("success", "failure")
SEVERITIES = ("critical", "warning", "info")
TEAMS: tuple[str, ...] = get_args(Team)
LOG_CHANNEL = "notify:log"


def told_team(kind: str, team: str, subject: str) -> str:
    """The team that is told of an alert on a subject of a kind: its own, or the subject where that is a team."""
    return subject if kind == "team" else team


def channel_of(team: str) -> str:
    """The channel of the outbox that carries a team's notifications to its URLs."""
    return f"notify:{team}"


def channels(plant: Plant) -> tuple[str, ...]:
    """The channels of the outbox that the plant file uses."""
    mes = ("mes",) if plant.write_back else ()
    return (*mes, LOG_CHANNEL, *(map(channel_of, TEAMS) if plant.notify.urls_file else ()))


def outside_limit(sensor: str, value: float | None, limit: float | None, unit: str) -> str:
    """A sensor outside its operating limits, in words: what it is, and the limit that it crossed.

    >>> outside_limit("t1", 75.0, 60.0, "degC"), outside_limit("t1", None, None, "")
    ('t1 75 degC, high limit 60', 't1')
    """
    if value is None or limit is None:
        return sensor
    return f"{sensor} {value:.6g} {unit}".rstrip() + f", {crossed(value, limit)} limit {limit:.6g}"


def crossed(value: float, limit: float, low: float | None = None) -> str:
    """Which operating limit a value is outside of: low or high; of one that is inside again, by the low limit.

    >>> crossed(75.0, 60.0), crossed(-3.0, 0.0), crossed(1.0, 0.0, low=0.0)
    ('high', 'low', 'low')
    """
    return "low" if limit == low or value < limit else "high"


def time_left_text(likely: float | None, earliest: float | None, latest: float | None) -> str:
    """Hours of running until a limit is reached, in words.

    >>> time_left_text(3.25, 1.5, 7.0), time_left_text(None, 11.02, None), time_left_text(0.0, 0.0, 0.0)
    ('in 3.2 h (1.5 to 7 h)', 'not before 11 h', 'is at its limit')
    """
    if likely == 0.0:
        return "is at its limit"
    if likely is None:
        return "without a trend" if earliest is None else f"not before {earliest:.2g} h"
    begins = "" if earliest is None else f"{earliest:.2g}"
    return (
        f"in {likely:.2g} h ({begins} to {latest:.2g} h)"
        if latest is not None
        else f"in {likely:.2g} h ({begins} h or later)"
    )


def enum_label(name: str, values: type[StrEnum], where: str) -> Label:
    """A label whose values are those of an enum."""
    return Label(name, where, tuple(v.value for v in values))


JOB = Label("job_name", "jobs of the plant file", from_plant=lambda b: b.jobs, most=JOBS)
RUN_RESULT = Label("result", "fixed list", RUN_RESULTS)
SOURCE = Label("source", "sources of the plant file", from_plant=lambda b: b.plant.sources, most=SOURCES)
GATE = Label("gate", "gates of the plant file", from_plant=lambda b: b.plant.gates, most=GATES)
SITE = Label("site", "the site of the plant file", most=ONE)
DIGEST = Label("digest", "the first 12 hexadecimal digits of the digest in force", most=ONE)
ALERT = Label("alert", "alerts of the program", from_plant=lambda b: [alert.name for alert in b.alerts],
              most=Count.of(sum(ALERTS_OF.values())))  # fmt: skip
SEVERITY = Label("severity", "fixed list", SEVERITIES)
TEAM = Label("team", "fixed list", TEAMS)

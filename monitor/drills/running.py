"""Runs a drill a step further: looks at metrics, pages and store, and writes how far it is."""

from __future__ import annotations

from datetime import datetime

from alerting.notifications.decide import Kind
from alerting.notifications.receivers import MOST_URLS
from exporters.delivery.asking import open_url
from exporters.metrics.shared.labels import TEAMS
from monitor.drills.links import Seen, advanced
from monitor.errors import MonitorError, UsageError
from monitor.model import DRILL
from monitor.plant.plant import Plant
from monitor.store.database.database import Store
from monitor.store.delivery.drills import Drill, begin_drill, drill_by_id, save_drill, trace_of

METRIC = "gatewatch_drill_running"


def begin(store: Store, team: str, scheduled: bool, now: datetime) -> Drill:
    """Begin a drill for a team; UsageError for an unknown one, or while another drill of it runs."""
    if team not in TEAMS:
        raise UsageError(f"drill: unknown team {team!r}; allowed: {', '.join(TEAMS)}")
    with store.write() as connection:
        number = begin_drill(connection, team, scheduled, now)
    if number is None:
        raise UsageError(f"drill: another drill for {team} is running; wait until it has ended")
    return Drill(number, team, scheduled, now)


def step(store: Store, plant: Plant, number: int, now: datetime) -> tuple[Drill, Seen]:
    """Look at a drill and write how far it is."""
    with store.read() as connection:
        drill = drill_by_id(connection, number)
        if drill is None:
            raise MonitorError(f"drill {number} is no longer in the store; begin another one")
        trace = trace_of(connection, drill, Kind.OPENED, Kind.RESOLVED, MOST_URLS)
    way_there = drill.cleared_at is None
    seen = Seen(
        _metric(plant, drill.team) if way_there else "", trace.fired, trace.routed, trace.sent,
        _page(plant, drill.team) if way_there and trace.routed else "not looked at", trace.over, trace.over_sent,
    )  # fmt: skip
    after = advanced(drill, seen, now)
    if after != drill:
        with store.write() as connection:
            save_drill(connection, after)
    return after, seen


def stop(store: Store, drill: Drill, now: datetime) -> None:
    """Give a drill up: the metric goes back."""
    with store.write() as connection:
        given_up = drill._replace(cleared_at=drill.cleared_at or now, finished_at=now, broken="", sentence="given up")
        save_drill(connection, given_up)


def _metric(plant: Plant, team: str) -> str:
    """What is wrong with the metric as others see it; '' for nothing."""
    url = f"{plant.server.address}/metrics"
    try:
        text = open_url(url)
    except MonitorError as exc:
        return f"{exc}; is 'gatewatch run' running, and server.public_url right?"
    moved = any(
        line.startswith(f'{METRIC}{{team="{team}"}} ') and float(line.rpartition(" ")[2]) == 1.0
        for line in text.splitlines()
    )
    return "" if moved else f"{url} does not show {METRIC} for {team} at 1; does it serve another store?"


def _page(plant: Plant, team: str) -> str:
    """What is wrong with the links of the message; '' for nothing."""
    for path in (f"subjects/{team}", f"runbooks/{DRILL}"):
        try:
            open_url(f"{plant.server.address}/{path}")
        except MonitorError as exc:
            return f"a link of the message does not open: {exc}"
    return ""

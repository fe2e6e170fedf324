"""The report, the page of alarms and the metrics show the same figures of one store."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from report_plant import END, at, plant

from alerting.quality.figures import FLOOD_WITHIN, AlarmQuality
from exporters.html.alarm_quality import quality_tables
from exporters.metrics.collector import StoreCollector
from exporters.metrics.shared.labels import TEAMS
from exporters.metrics.shared.metric import Bounds
from exporters.pages.alarms.page import Alarms, alarms_page
from exporters.pages.clock import Clock
from exporters.pages.parts import top_at
from exporters.report.elements import moment
from exporters.report.page import report_page
from monitor.model import WATCHDOG
from monitor.runtime.people_reader import PeopleReader
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert_new
from monitor.store.database.database import Store
from monitor.store.metrics import metrics_snapshot
from monitor.store.report.alarms import NEWEST, newest_quality, newest_start
from monitor.store.report.reading import read_report

WEEK_AGO = END - NEWEST


def alert(
    hours: float, ended: float | None, name: str = "SensorDead", subject: str = "F1", severity: str = "warning",
    team: str = "operators", **more: Any,
) -> dict[str, Any]:  # fmt: skip
    over = None if ended is None else at(ended)
    return {
        "name": name, "subject": subject, "severity": severity, "team": team, "line": "l", "summary": "s",
        "since": at(hours) - timedelta(minutes=5), "fired_at": at(hours), "ended_at": over,
        "state": "firing" if ended is None else "resolved", **more,
    }  # fmt: skip


ALERTS = (
    alert(-300, None, WATCHDOG, "north", "info", "platform"),
    alert(-200, -190),
    alert(-100, None, subject="F2"),
    *(alert(1 + n / 10, 1.05 + n / 10, acknowledged_at=at(1.02 + n / 10), acknowledged_by="ann") for n in range(4)),
    *(alert(5, 6, "DataDrift", f"s{n}", team="engineers") for n in range(12)),
    alert(7, None, "SourceStopped", "mes", "critical", "platform"),
    alert(8, None, "MetricEvent", "F1", "info", "engineers"),
    {**alert(9, None, subject="F3"), "fired_at": None, "state": "pending"},
)


def fill(store: Store, rows: tuple[dict[str, Any], ...] = ALERTS) -> None:
    with store.write() as connection:
        for row in rows:
            insert_new(connection, t.alert, [row])


def exported(store: Store, now: datetime) -> dict[str, dict[tuple[str, ...], float]]:
    with store.read() as connection:
        collector = StoreCollector(metrics_snapshot(connection, now), Bounds(plant()))
    return {
        family.name: {tuple(s.labels.values()): s.value for s in family.samples}
        for family in collector.collect()
        if family.name.startswith("gatewatch_alarm")
    }


def test_all_show_the_same(store: Store) -> None:
    fill(store)
    with store.read() as connection:
        assert newest_start(connection, END) == WEEK_AGO
        found = newest_quality(connection, END)
    opened = [(one.team, one.opened, one.floods, one.chattering, one.standing, one.unanswered) for one in found.teams]
    assert opened == [("engineers", 12, 1, 0, 0, 0), ("operators", 5, 0, 1, 1, 0), ("platform", 1, 0, 0, 0, 1)]
    report = read_report(store, plant(), WEEK_AGO, END)
    assert report.alarms == found
    app = SimpleNamespace(store=store, plant=plant(), clock=SimpleNamespace(now=lambda: END))
    shown = PeopleReader(lambda: cast(Any, app)).views.alarms()
    assert shown.lately == (WEEK_AGO, found)
    of_page = cast(dict[str, Any], shown.as_json()["quality"])
    assert [(one["team"], one["opened"]) for one in of_page["teams"]] == [one[:2] for one in opened]
    assert of_page["teams"][1]["median"] == pytest.approx(72)
    assert all(table in report_page(report) for table in quality_tables(found, END, moment))
    page, clock = page_of(store, shown), Clock(END)
    assert "Of the newest 7 days: since" in page
    assert all(table in page for table in quality_tables(found, END, clock.moment))
    same_as_exported(found, exported(store, END))


def page_of(store: Store, shown: Alarms) -> str:
    with store.read() as connection:
        top = top_at(metrics_snapshot(connection, END), Bounds(plant()))
    return alarms_page(shown, None, False, lambda: "x" * 16, top)


def same_as_exported(found: AlarmQuality, values: dict[str, dict[tuple[str, ...], float]]) -> None:
    assert {team for (team,) in values["gatewatch_alarm_floods"]} == set(TEAMS)
    for one in found.teams:
        of_team = (one.team,)
        assert values["gatewatch_alarms_week"][one.team, "critical"] == one.critical
        assert values["gatewatch_alarms_week"][one.team, "warning"] == one.opened - one.critical
        for metric, value in {
            "_rate_mean": one.in_ten_minutes, "_rate_most": one.most, "_floods": one.floods,
            "_flood_ratio": one.flooded, "s_chattering": one.chattering, "s_standing": one.standing,
            "s_critical_unacknowledged": one.unanswered,
        }.items():  # fmt: skip
            assert values[f"gatewatch_alarm{metric}"][of_team] == value, metric
        for metric, time in (("median", one.median), ("percentile", one.ninth)):
            expected = None if time is None else time.total_seconds()
            assert values[f"gatewatch_alarm_acknowledged_{metric}_seconds"].get(of_team) == expected, metric


def test_without_an_alert_every_team_has_none(store: Store) -> None:
    values = exported(store, END)
    assert {*values["gatewatch_alarms_week"].values()} == {0.0}
    assert len(values["gatewatch_alarms_week"]) == 2 * len(TEAMS)
    assert values["gatewatch_alarm_acknowledged_median_seconds"] == {}
    with store.read() as connection:
        assert newest_start(connection, END) == WEEK_AGO


@pytest.mark.parametrize(
    ("hours", "start"), [(-200, WEEK_AGO), (2, at(2)), (24, END - FLOOD_WITHIN)], ids=["old", "young", "new"]
)
def test_the_mean_of_a_young_store_begins_with_its_first_alert(store: Store, hours: float, start: datetime) -> None:
    fill(store, (alert(hours, None, WATCHDOG, "north", "info", "platform"),))
    with store.read() as connection:
        assert newest_start(connection, END) == start

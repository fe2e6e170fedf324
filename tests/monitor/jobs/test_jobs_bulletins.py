"""The job that tells by the clock: each shift and each schedule once, whatever was missed, and whoever runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from spine_kit import PLANT, T0, Spine, after

from monitor.delivery.notifications import message_context
from monitor.errors import FencedError, MonitorError
from monitor.jobs import bulletins
from monitor.jobs.bulletins import BulletinsJob, kinds_of
from monitor.plant.file.load import LoadedPlant, parse
from monitor.reports import rendering, scheduled
from monitor.reports.scheduled import ReportOrder, WrittenReport, write_scheduled
from monitor.reports.scheduled_child import render_folder
from monitor.store.database import tables as t

SETTINGS = """
time_zone: Europe/Berlin
shifts:
  - {name: early, start: "06:00", end: "14:00"}
  - {name: late, start: "14:00", end: "22:00"}
  - {name: night, start: "22:00", end: "06:00"}
notify: {handover: [operators, engineers], language: {operators: de}}
reports:
  daily: {at: "07:30", teams: [engineers]}
  weekly: {at: "08:00", teams: [ml]}
  keep: 2
"""
HOUR = 60
FIRST_CHANGE = after(7 * HOUR)
"""14:00 in Berlin, the start of the late shift."""
NEWS: dict[str, Any] = {
    "opened": 3, "closed": 2, "standing": 1, "a_day": 3.0, "stale": 0, "flapping": 1,
    "models": [["form", "1", "2"]], "drifted": ["coat"], "requested": 1, "promoted": 1, "saved": 1000.0,
    "saved_more": None,
}  # fmt: skip


def loaded(spine: Spine) -> LoadedPlant:
    text = PLANT.replace("store: {", f"store: {{url: {spine.store.url!r}, ") + SETTINGS
    return parse(text, spine.folder, {})


@pytest.fixture
def ordered(monkeypatch: pytest.MonkeyPatch) -> list[ReportOrder]:
    """Which reports were to be rendered; nothing is."""
    orders: list[ReportOrder] = []

    def written(reports: Path, loaded: LoadedPlant, order: ReportOrder, beat: Callable[[], None]) -> WrittenReport:
        orders.append(order)
        return WrittenReport(f"plant/{order.kind}.html", NEWS, {"2026-03": 1000.0 * len(orders)})

    monkeypatch.setattr(bulletins, "write_scheduled", written)
    return orders


@pytest.fixture
def job(spine: Spine, ordered: list[ReportOrder]) -> BulletinsJob:
    """The job of a plant with shifts and reports, which ran once before anything was due."""
    made = job_of(spine)
    assert spine.run(made, T0).rows == 0
    return made


def job_of(spine: Spine) -> BulletinsJob:
    plant = loaded(spine)
    kinds = kinds_of(spine.store, plant, spine.folder / "reports")
    return BulletinsJob(spine.store, kinds, message_context(plant.plant), {"operators": 2})


def keys(spine: Spine) -> list[tuple[str, str]]:
    """Channel and id of every message, in order."""
    return spine.all(t.outbox, "channel", "key")


def fire(spine: Spine, subject: str, at: float, **other: Any) -> None:
    row = {"name": "MachineOutOfSpec", "subject": subject, "severity": "critical", "summary": "bad", "since": after(at),
           "fired_at": after(at), "team": "operators", "line": "l"}  # fmt: skip
    with spine.store.write() as connection:
        connection.execute(t.alert.insert().values(row | other))


def test_the_first_run_tells_nothing_but_since_when_it_tells(spine: Spine, job: BulletinsJob) -> None:
    assert keys(spine) == []
    assert spine.all(t.bulletin, "kind", "due") == [
        ("daily", after(-23.5 * HOUR)), ("handover", after(-1 * HOUR)),
        ("weekly", after(1 * HOUR - 7 * 24 * HOUR)),
    ]  # fmt: skip


def test_each_shift_is_handed_over_once_to_each_team_in_its_language(spine: Spine, job: BulletinsJob) -> None:
    fire(spine, "m1", 10)
    fire(spine, "m2", 20, ended_at=after(30), state="resolved")
    told = [spine.run(job, FIRST_CHANGE + timedelta(minutes=m)).rows for m in (-1, 0, 1, 2)]
    assert told[1:] == [1, 0, 0]
    mine = [key for key in keys(spine) if "handover" in key[1]]
    stamp = "handover:20260302T130000Z"
    assert mine == [
        ("notify:log", f"operators:{stamp}"), ("notify:operators", f"operators:{stamp}"),
        ("notify:operators", f"operators:{stamp}#2"), ("notify:log", f"engineers:{stamp}"),
    ]  # fmt: skip
    texts = {row[0]: row[1] for row in spine.all(t.outbox, "key", "payload")}
    german, english = (texts[f"{team}:{stamp}"] for team in ("operators", "engineers"))
    assert german["title"] == "Übergabe der Schicht early, Standort site; Alarme: 1 stehen an, 2 gekommen, 1 gegangen"
    assert english["title"] == "handover of shift early, site site; alerts: 1 standing, 2 opened, 1 closed"
    assert english["body"].endswith(f"\nid engineers:{stamp}")
    assert "from 06:00 (05:00 UTC) to 14:00 (13:00 UTC)" in english["body"]


def test_of_shifts_that_nobody_handed_over_the_next_message_tells(spine: Spine, job: BulletinsJob) -> None:
    later = FIRST_CHANGE + timedelta(hours=20)
    spine.run(job, later)
    told = [key for channel, key in keys(spine) if channel == "notify:log" and key.startswith("operators")]
    assert told == ["operators:handover:20260303T050000Z"]
    (payload,) = [p for k, p in spine.all(t.outbox, "key", "payload") if k == told[0] and "site" in p]
    # From the last one that was told, though the night shift began later.
    assert payload["body"].startswith("von 2026-03-02 06:00 (05:00 UTC) bis 10:00 (09:00 UTC)")


def test_reports_are_on_the_time_since_the_last_one(
    spine: Spine, job: BulletinsJob, ordered: list[ReportOrder]
) -> None:
    for days in range(3):
        for minutes in (30, 60):
            spine.run(job, T0 + timedelta(days=days, minutes=minutes))
    spine.run(job, T0 + timedelta(days=7, hours=2))
    half, one, day = after(30), after(60), timedelta(days=1)
    assert ordered == [
        ReportOrder("daily", half - day, half, None),
        ReportOrder("weekly", one - 7 * day, one, None),
        ReportOrder("daily", half, half + day, {"2026-03": 1000.0}),
        ReportOrder("daily", half + day, half + 2 * day, {"2026-03": 3000.0}),
        ReportOrder("daily", half + 2 * day, half + 7 * day, {"2026-03": 4000.0}),
        ReportOrder("weekly", one, one + 7 * day, {"2026-03": 2000.0}),
    ]
    payloads = dict(spine.all(t.outbox, "key", "payload"))
    assert payloads["ml:weekly:20260302T070000Z"]["title"].startswith("weekly report, site site; alerts: 1 standing")
    assert "\nPage: reports/plant/daily.html\n" in payloads["engineers:daily:20260302T063000Z"]["body"]


def test_a_zombie_tells_nobody(spine: Spine, job: BulletinsJob, monkeypatch: pytest.MonkeyPatch) -> None:
    def overtaken(_: str) -> None:
        with spine.store.write() as other:
            other.execute(t.lease.update().values(holder="another", fence=t.lease.c.fence + 1))

    monkeypatch.setattr(bulletins, "reach", overtaken)
    with pytest.raises(FencedError):
        spine.run(job, FIRST_CHANGE)
    assert keys(spine) == []


def test_after_a_clock_that_was_ahead_what_was_told_is_not_told_again(spine: Spine, job: BulletinsJob) -> None:
    spine.run(job, FIRST_CHANGE)
    before = keys(spine)
    spine.run(job, FIRST_CHANGE + timedelta(hours=8))
    ahead = keys(spine)
    spine.run(job, FIRST_CHANGE + timedelta(hours=1))  # set back: the newest shift is told already
    assert keys(spine) == ahead
    spine.run(job, FIRST_CHANGE + timedelta(hours=8))
    assert keys(spine) == ahead
    assert len(ahead) > len(before)


def test_without_shifts_or_schedules_there_is_nothing_to_do(spine: Spine) -> None:
    plant = loaded(spine)
    bare = replace(plant, plant=spine.plant)
    assert kinds_of(spine.store, bare, spine.folder) == []


def report_of(spine: Spine, day: int) -> WrittenReport:
    """The daily report of the day that ends so many days after the start."""
    end = T0 + timedelta(days=day)
    order = ReportOrder("daily", end - timedelta(days=1), end, None)
    return write_scheduled(spine.folder / "reports", loaded(spine), order, lambda: None)


@pytest.mark.process
def test_a_report_is_rendered_by_a_child(spine: Spine) -> None:
    fire(spine, "m1", 10)
    written = report_of(spine, 1)
    assert written.file == "plant/daily-2026-03-03-0700.html"
    assert (written.news["opened"], written.news["standing"], written.news["stale"]) == (1, 1, 0)
    page = (spine.folder / "reports" / written.file).read_text(encoding="utf-8")
    assert "What changed" in page
    assert "1 opened, 0 closed, 1 standing" in page


def test_reports_have_dated_names_and_the_oldest_goes(spine: Spine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduled, "render", lambda _, folder, *__: render_folder(folder))
    fire(spine, "m1", 10)
    written = [report_of(spine, day) for day in (1, 2, 3, 3)]
    kept = sorted(path.name for path in (spine.folder / "reports" / "plant").iterdir())
    assert kept == ["daily-2026-03-04-0700.html", "daily-2026-03-05-0700.html"]
    assert [(one.news["opened"], one.news["stale"]) for one in written] == [(1, 0), (0, 1), (0, 1), (0, 1)]


def test_a_report_that_cannot_be_rendered_is_told_in_one_sentence(
    spine: Spine, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        last_stderr_line = "OSError: disk full"

        def __init__(self, module: str) -> None:
            self.module = module

        def __enter__(self) -> Broken:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def work(self, *_: object) -> bool:
            return True

    monkeypatch.setattr(rendering, "Worker", Broken)
    with pytest.raises(MonitorError, match="the daily report could not be rendered: OSError: disk full"):
        report_of(spine, 1)
    assert not (spine.folder / "reports").exists()

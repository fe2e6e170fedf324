"""Drills: which link is named, when the metric goes back, and what the schedule does about one that broke."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from andon import Andon
from spine_kit import Spine, after

from alerting.alerts.in_force import alerts_in_force
from alerting.alerts.starved import feeds_of
from exporters.metrics.collector import StoreCollector
from monitor.drills import running
from monitor.drills.job import DrillJob
from monitor.drills.links import Link, Seen, advanced, waiting_for
from monitor.errors import MonitorError, UsageError
from monitor.jobs.alerts import AlertsJob
from monitor.model import DRILL
from monitor.plant.watching import DrillConfig
from monitor.runtime.app import bounds_of, notify_job
from monitor.scheduling.job import Job
from monitor.statuses import OutboxStatus
from monitor.store.database import tables as t
from monitor.store.delivery.drills import LONGEST, Drill
from monitor.store.metrics import metrics_snapshot

SENT = {"notify:log": [OutboxStatus.SENT]}
THERE = Seen("", True, True, SENT, "")
BACK = Seen("", True, True, SENT, "not looked at", True, SENT)
CASES = {
    "nothing serves the metric": (replace(THERE, metric="no answer"), False, Link.METRIC),
    "no rule": (replace(THERE, fired=False), False, Link.RULE),
    "no notification": (replace(THERE, routed=False, sent={}), False, Link.ROUTE),
    "nothing in the outbox": (replace(THERE, sent={}), False, Link.MESSAGE),
    "one of two not delivered": (
        replace(THERE, sent={**SENT, "notify:ml": [OutboxStatus.SENT, OutboxStatus.DEAD]}), False, Link.MESSAGE,
    ),
    "a link that leads nowhere": (replace(THERE, page="404"), False, Link.PAGE),
    "all there": (THERE, False, None),
    "it does not end": (replace(BACK, over=False), True, Link.CLEARED),
    "its end is not delivered": (replace(BACK, over_sent={"notify:ml": [OutboxStatus.PENDING]}), True, Link.CLEARED),
    "all back": (BACK, True, None),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_first_link_that_does_not_hold_is_named(case: str) -> None:
    seen, cleared, expected = CASES[case]
    waiting = waiting_for(seen, cleared)
    assert (None if waiting is None else waiting.link) == expected


def test_there_and_back_and_what_takes_too_long_is_broken() -> None:
    drill = Drill(1, "ml", False, after(0))
    assert advanced(drill, Seen(), after(2)) == drill
    there = advanced(drill, THERE, after(1))
    assert (there.cleared_at, there.finished_at) == (after(1), None)
    assert advanced(there, replace(BACK, over=False), after(3)) == there, "the way back has a time of its own"
    assert advanced(there, BACK, after(3)).finished_at == after(3)
    broken = advanced(drill, replace(THERE, fired=False), after(3))
    assert (broken.broken, broken.cleared_at) == (Link.RULE, after(3)), "the metric goes back in any case"
    assert advanced(broken, THERE, after(4)) == broken


@pytest.fixture
def andon() -> Iterator[Andon]:
    """A service that takes notifications."""
    server = Andon()
    yield server
    server.close()


class Bench:
    """A plant with the jobs that a drill goes through; what is open is looked up in a dictionary."""

    def __init__(self, spine: Spine, andon: Andon, monkeypatch: pytest.MonkeyPatch) -> None:
        self.spine = spine
        self.pages = {"subjects/platform": "", "runbooks/Drill": ""}
        self.pings: list[str] = []
        self.now = after(0)
        bounds = bounds_of(spine.plant, [])
        self.jobs: list[Job] = [
            AlertsJob(spine.store, spine.plant, lambda: bounds),
            notify_job(
                spine.store,
                spine.plant.model_copy(update={"notify": spine.plant.notify.model_copy(
                    update={"log": str(spine.folder / "told.jsonl")}
                )}),
                {"platform": [andon.url]},
            ),
        ]  # fmt: skip
        monkeypatch.setattr(running, "open_url", self._open)
        monkeypatch.setattr("monitor.drills.job.open_url", self._open)

    def _open(self, url: str) -> str:
        if url == "https://switch.example":
            self.pings.append(url)
            return ""
        path = url.removeprefix(self.spine.plant.server.address).removeprefix("/")
        if path == "metrics":
            with self.spine.store.read() as connection:
                collector = StoreCollector(metrics_snapshot(connection, self.now), bounds_of(self.spine.plant, []))
            rows = collector.samples(frozenset({running.METRIC}))[running.METRIC]
            return "\n".join(f'{running.METRIC}{{team="{labels["team"]}"}} {value}' for labels, value in rows)
        if path not in self.pages:
            raise MonitorError(f"{url} answered with 404")
        return self.pages[path]

    def look(self, job: DrillJob, seconds: int, rounds: int, quarter: int = 15) -> list[str]:
        """Every job in each slot of so many rounds; the errors of the drill."""
        errors = []
        for n in range(rounds):
            self.now = after(0) + timedelta(seconds=seconds + n * quarter)
            for other in self.jobs:
                self.spine.run(other, self.now)
            try:
                self.spine.run(job, self.now)
            except MonitorError as exc:
                errors.append(str(exc))
        return errors


@pytest.mark.slow
def test_by_schedule_there_and_back_the_switch_is_told_and_the_mes_is_not_touched(
    spine: Spine, andon: Andon, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(spine, andon, monkeypatch)
    config = DrillConfig(ping_url="https://switch.example")
    job = DrillJob(spine.store, spine.plant, config)
    assert bench.look(job, 0, 8) == []
    assert bench.pings == ["https://switch.example"]
    titles = [taken["title"] for taken in andon.taken]
    assert titles[0].startswith("critical: this is a drill for platform: nothing is wrong")
    assert titles[1].startswith("over: critical: this is a drill")
    drilled = [row for row in spine.all(t.alert, "name", "subject", "team", "told") if row[0] == DRILL]
    assert drilled == [(DRILL, "platform", "platform", "resolved")]
    assert spine.all(t.outbox, "channel").count("mes") == 0
    assert bench.look(job, 3600, 4) == []
    assert len(spine.all(t.drill, "id")) == 1, "the next one is tomorrow"
    bench.look(job, 86_400, 8)
    assert (len(spine.all(t.drill, "id")), len(bench.pings)) == (2, 2)


@pytest.mark.slow
def test_a_broken_link_is_the_jobs_error_until_a_drill_holds_again(
    spine: Spine, andon: Andon, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(spine, andon, monkeypatch)
    job = DrillJob(spine.store, spine.plant, DrillConfig(ping_url="https://switch.example"))
    page = bench.pages.pop("runbooks/Drill")
    errors = bench.look(job, 0, 20)
    assert errors
    assert "broke at page: a link of the message does not open" in errors[0]
    assert bench.pings == []
    bench.pages["runbooks/Drill"] = page
    assert bench.look(job, 1800, 2) == errors[:2], "until the next one, within the hour"
    assert bench.look(job, 3600, 8) == []
    assert len(bench.pings) == 1


def test_two_drills_of_a_team_are_not_begun_and_an_abandoned_one_ends_by_itself(spine: Spine) -> None:
    first = running.begin(spine.store, "ml", False, after(0))
    with pytest.raises(UsageError, match="another drill for ml is running"):
        running.begin(spine.store, "ml", False, after(1))
    with pytest.raises(UsageError, match="unknown team 'boss'"):
        running.begin(spine.store, "boss", False, after(1))

    def moved(minutes: float) -> frozenset[str]:
        with spine.store.read() as connection:
            return metrics_snapshot(connection, after(minutes)).drilled

    assert moved(1) == {"ml"}
    assert moved(LONGEST.total_seconds() / 60) == frozenset()
    running.stop(spine.store, first, after(2))
    assert moved(3) == frozenset()
    assert running.begin(spine.store, "ml", False, after(3)).id == first.id + 1


def test_the_alert_of_a_drill_is_of_the_team_that_is_drilled(spine: Spine) -> None:
    spec = next(spec for spec in alerts_in_force(spine.plant) if spec.name == DRILL)
    assert (spec.kind, spec.severity) == ("team", "critical")
    assert feeds_of(spine.plant), "and no source feeds it"

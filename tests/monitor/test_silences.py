"""Silences of Alertmanager and shelves of Gatewatch agree: what is read, what is told there, and what a kill leaves."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from alertmanager_kit import SmallAlertmanager, real_alertmanager
from spine_kit import Spine, after

from alerting.alerts.silences import Held, Seen, held, knows_all_after, read
from alerting.handling.actions import Action, Person, RefusedError, Role, Via, Wish
from alerting.handling.shelves import shelf_of
from alerting.specs.roster import BY_NAME
from monitor.errors import MonitorError
from monitor.jobs.notify import NotifyJob
from monitor.plant.watching import NotifyConfig
from monitor.runtime.app import notify_job
from monitor.silences.job import SilencesJob
from monitor.store.database import tables as t
from monitor.store.watching import alerts as alerting
from monitor.store.watching.handling import handle, shelves
from monitor.store.watching.silences import forget_held, held_alerts

ANN = Person("ann", Role.ENGINEER, Via.PAGE)
STUCK = ("SensorStuck", "m1")
on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)


@pytest.fixture
def server() -> Iterator[SmallAlertmanager]:
    """A small Alertmanager that has been up for an hour, with the alert that always fires."""
    made = SmallAlertmanager(after(-60))
    made.fire("Watchdog", "site", after(-60))
    yield made
    made.close()


@pytest.fixture
def job(spine: Spine, server: SmallAlertmanager) -> SilencesJob:
    """The job of the small plant."""
    return job_of(spine, server.url)


def job_of(spine: Spine, url: str) -> SilencesJob:
    alerts = spine.plant.alerts.model_copy(update={"alertmanager_url": url, "webhook_token": "t"})
    spine.plant = spine.plant.model_copy(update={"profile": "stack", "alerts": alerts})
    return SilencesJob(spine.store, spine.plant, url, lambda: ["silences"])


def posted(spine: Spine, name: str = "SensorStuck", condition: str = "breach", at: float = 0) -> None:
    """An alert as an earlier post left it."""
    row = {
        "name": name, "subject": "m1", "severity": "warning", "summary": "m1", "since": after(at), "seen_at": after(at),
        "fired_at": after(at), "team": "operators", "line": "l", "condition": condition, "origin": "prometheus",
    }  # fmt: skip
    with spine.store.write() as connection:
        connection.execute(t.alert.insert().values(row))


def end_unrepeated(spine: Spine, at: float) -> None:
    with spine.store.write() as connection:
        alerting.end_unrepeated(connection, after(at), timedelta(hours=1))


def open_(spine: Spine) -> list[tuple[str, str, str]]:
    rows = spine.all(t.alert, "name", "subject", "condition", "ended_at")
    return [row[:3] for row in rows if row[3] is None and row[0] != "Watchdog"]


def act(spine: Spine, action: Action, at: float, until: float | None = None, note: str = "on order") -> None:
    end = None if until is None else after(until)
    handle(spine.store, Wish(action, *STUCK, note if until else "", end), ANN, after(at))


def ours(server: SmallAlertmanager) -> list[dict[str, Any]]:
    """The silences by Gatewatch that are on."""
    on = (one for one in server.silences.values() if one["status"]["state"] == "active")
    return [one for one in on if "[gatewatch" in one["comment"]]


def test_a_silenced_alert_that_still_fires_goes_on_and_is_shown_as_shelved(
    spine: Spine, server: SmallAlertmanager, job: SilencesJob
) -> None:
    posted(spine)
    server.silence("s1", after(1), after(600), "new bearings")
    server.fire(*STUCK, after(0), "s1")
    spine.run(job, after(2))
    end_unrepeated(spine, 90)
    assert open_(spine) == [(*STUCK, "breach")], "also while Alertmanager cannot be read"
    with spine.store.read() as connection:
        (shelf,) = shelves(connection, after(90))
        assert (shelf.actor, shelf.until, shelf.reason, shelf.place) == (
            "bob", after(600), "new bearings", "in Alertmanager",
        )  # fmt: skip
        assert shelves(connection, after(600)) == [], "until it ends"
    with pytest.raises(RefusedError, match="is not shelved; bob silenced it in Alertmanager, end that there"):
        act(spine, Action.UNSHELVE, 91)
    end_unrepeated(spine, 601)
    assert open_(spine) == [], "what nobody repeats once its silence is over has ended"


def test_the_end_of_a_silenced_alert_is_noticed_and_one_that_was_never_posted_is_taken(
    spine: Spine, server: SmallAlertmanager, job: SilencesJob
) -> None:
    server.silence("s1", after(0), after(600), "x")
    server.fire(*STUCK, after(1), "s1")
    assert spine.run(job, after(2)).rows == 1
    assert open_(spine) == [(*STUCK, "breach")]
    server.alerts.pop()
    spine.run(job, after(3))
    assert open_(spine) == []
    with spine.store.read() as connection:
        assert held_alerts(connection) == []
    server.fire(*STUCK, after(10), "s1")
    spine.run(job, after(11))
    spine.run(job, after(12))
    assert len(spine.all(t.alert, "id")) == 2


def _teller(spine: Spine) -> NotifyJob:
    config = NotifyConfig(every="1m", log=str(spine.folder / "told.jsonl"))
    return notify_job(spine.store, spine.plant.model_copy(update={"notify": config}), None)


@on_sqlite
def test_what_is_silenced_is_told_when_the_silence_is_over_and_only_the_condition_that_is(
    spine: Spine, server: SmallAlertmanager, job: SilencesJob
) -> None:
    server.silence("s1", after(0), after(60), "x")
    server.fire("MachineOutOfSpec", "m1", after(1), "s1")
    spine.run(job, after(2))
    teller = _teller(spine)
    assert spine.run(teller, after(3)).rows == 0
    with spine.store.read() as connection:
        now = shelves(connection, after(3))
    assert shelf_of(now, "MachineOutOfSpec", "breach", "m1")
    assert shelf_of(now, "MachineOutOfSpec", "absent", "m1") is None
    server.alerts[-1]["status"] = {"state": "active", "silencedBy": []}
    spine.run(job, after(4))
    assert spine.run(teller, after(5)).rows == 1


def test_a_shelf_is_one_silence_until_it_is_taken_off(
    spine: Spine, server: SmallAlertmanager, job: SilencesJob
) -> None:
    posted(spine)
    act(spine, Action.SHELVE, 0, 480)
    spine.run(job, after(1))
    spine.run(job, after(2))
    (made,) = ours(server)
    assert (made["createdBy"], made["endsAt"]) == ("ann", after(480).isoformat())
    assert made["comment"].startswith("on order [gatewatch site ")
    assert [(m["name"], m["value"], m["isRegex"], m["isEqual"]) for m in made["matchers"]] == [
        ("alertname", "SensorStuck", False, True), ("subject", "m1", False, True),
    ]  # fmt: skip
    server.fire(*STUCK, after(0), made["id"])
    spine.run(job, after(3))
    with spine.store.read() as connection:
        assert [shelf.place for shelf in shelves(connection, after(3))] == [""], "it is shown once, as the shelf"
    act(spine, Action.SHELVE, 4, 600, "still on order")
    spine.run(job, after(5))
    assert [one["comment"].partition(" [")[0] for one in ours(server)] == ["still on order"]
    act(spine, Action.UNSHELVE, 6)
    spine.run(job, after(7))
    spine.run(job, after(8))
    assert ours(server) == []
    assert [line for line in server.asked if "GET" not in line] == [
        "POST silences", "POST silences", "DELETE silence/made-0", "DELETE silence/made-1",
    ]  # fmt: skip


@on_sqlite
def test_each_side_ends_only_what_it_made(spine: Spine, server: SmallAlertmanager, job: SilencesJob) -> None:
    server.silence("people", after(0), after(600), "by hand")
    server.silence("another site", after(0), after(600), "x [gatewatch south 0123456789abcdef]")
    spine.run(job, after(1))
    assert {one["status"]["state"] for one in server.silences.values()} == {"active"}
    posted(spine)
    act(spine, Action.SHELVE, 1, 480)
    spine.run(job, after(2))
    server.silences["made-2"]["status"] = {"state": "expired"}
    spine.run(job, after(3))
    assert len([one for one in ours(server) if "[gatewatch site" in one["comment"]]) == 1, "the shelf stands"


KILLS = {"after a silence was made": "POST silences", "after one was ended": "DELETE silence/made-0"}


@on_sqlite
@pytest.mark.parametrize("path", KILLS.values(), ids=KILLS)
def test_what_was_cut_off_is_done_once(path: str, spine: Spine, server: SmallAlertmanager, job: SilencesJob) -> None:
    posted(spine)
    act(spine, Action.SHELVE, 0, 480)
    if path.startswith("DELETE"):
        spine.run(job, after(1))
        act(spine, Action.UNSHELVE, 2)
    server.spoil[path] = None
    with pytest.raises(MonitorError, match=r"Alertmanager: .* cannot be reached"):
        spine.run(job, after(3))
    server.spoil.clear()
    spine.run(job, after(4))
    assert server.asked.count(path) == 1
    assert len(ours(server)) == (1 if path.startswith("POST") else 0)


def _slow(server: SmallAlertmanager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporters.delivery.asking._SECONDS", 0.1)
    server.go_on.clear()


def _says(path: str, status: int, text: str) -> Callable[[SmallAlertmanager, pytest.MonkeyPatch], None]:
    return lambda server, _: server.spoil.update({f"GET {path}": (status, text)})


FAILURES: dict[str, tuple[Callable[[SmallAlertmanager, pytest.MonkeyPatch], None], str]] = {
    "it fails": (_says("alerts", 500, "no"), r"Alertmanager: .*/api/v2/alerts answered with 500; see alerts"),
    "it is slow": (_slow, r"/api/v2/status cannot be reached \(timed out\)"),
    "it is something else": (_says("status", 200, "<html>"), "does not answer as an Alertmanager does"),
    "it answers in another form": (_says("alerts", 200, '{"data": []}'), "does not answer as an Alertmanager does"),
    "no list": (_says("silences", 200, "{}"), "expected a list"),
    "a silence without an end": (_says("silences", 200, '[{"id": "1", "status": {"state": "active"}}]'), "'startsAt'"),
    "a time without a zone": (_says("status", 200, '{"uptime": "2026-03-02T06:00:00"}'), "not a time with a UTC"),
    "deep JSON": (_says("silences", 200, "[" * 100_000), "does not answer as an Alertmanager does"),
}


@on_sqlite
@pytest.mark.parametrize(("spoil", "sentence"), FAILURES.values(), ids=FAILURES)
def test_a_failure_is_one_sentence_and_changes_nothing(
    spoil: Callable[[SmallAlertmanager, pytest.MonkeyPatch], None], sentence: str,
    spine: Spine, server: SmallAlertmanager, job: SilencesJob, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    posted(spine)
    server.silence("s1", after(0), after(600), "x")
    server.fire(*STUCK, after(0), "s1")
    spine.run(job, after(1))
    before = spine.all(t.silence), spine.all(t.alert)
    spoil(server, monkeypatch)
    with pytest.raises(MonitorError, match=sentence) as failed:
        spine.run(job, after(2))
    assert "\n" not in str(failed.value)
    assert (spine.all(t.silence), spine.all(t.alert)) == before


@on_sqlite
def test_nobody_answers(spine: Spine) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        job = job_of(spine, f"http://127.0.0.1:{free.getsockname()[1]}/")
        with pytest.raises(
            MonitorError, match=r"cannot be reached .*refused.*; see alerts.alertmanager_url; it is tri"
        ):
            spine.run(job, after(0))


@on_sqlite
def test_what_was_read_is_forgotten_where_alertmanager_is_read_no_more(
    spine: Spine, server: SmallAlertmanager, job: SilencesJob
) -> None:
    server.silence("s1", after(0), after(600), "x")
    server.fire(*STUCK, after(0), "s1")
    spine.run(job, after(1))
    forget_held(spine.store)
    with spine.store.read() as connection:
        assert shelves(connection, after(2)) == []


def _seen(server: SmallAlertmanager, now: datetime) -> Seen:
    said = [answer[1] for path in ("status", "alerts", "silences") if (answer := server.answer("GET", path, b""))]
    return read(said[0], said[1], said[2], BY_NAME, now - knows_all_after(timedelta(seconds=15)))


BEFORE = Held("SensorStuck", "breach", "m1", after(0), after(600), "bob", "x", False)


def test_an_alert_that_is_not_there_is_over_only_if_all_alerts_would_be() -> None:
    for up, works, over in ((-60.0, True, 1), (-60.0, False, 0), (7.0, True, 0)):
        server = SmallAlertmanager(after(up))
        if works:
            server.fire("Watchdog", "site", after(0))
        after_, gone = held([BEFORE], _seen(server, after(10)), "site")
        server.close()
        assert (len(gone), after_ == []) == (over, bool(over))


def test_of_several_silences_that_of_people_and_the_last_to_end_is_shown(server: SmallAlertmanager) -> None:
    server.silence("1", after(0), after(900), "x [gatewatch site 0123456789abcdef]", "ann")
    server.silence("2", after(0), after(300), "short", "bob")
    server.silence("3", after(0), after(600), "long \0\ud800", "eve")
    server.fire(*STUCK, after(0), "1", "2", "3", "unknown")
    server.fire("SomebodyElses", "m1", after(0), "2")
    (row,), _ = held([], _seen(server, after(1)), "site")
    assert (row.actor, row.reason, row.ours) == ("eve", "long ?", False)
    (row,), _ = held([], _seen(server, after(1))._replace(silenced={row.key: ["1"]}), "site")
    assert (row.actor, row.reason, row.ours) == ("ann", "x", True)
    (row,), _ = held([], _seen(server, after(1))._replace(silenced={row.key: ["1"]}), "south")
    assert row.ours is False, "of another site"


def test_an_alert_of_two_instances_is_silenced_if_both_are(server: SmallAlertmanager) -> None:
    server.silence("1", after(0), after(900), "x")
    server.fire(*STUCK, after(0), "1")
    server.fire(*STUCK, after(0))
    assert _seen(server, after(1)).silenced == {}
    server.alerts[-1] = server.alerts[-2]
    assert list(_seen(server, after(1)).silenced.values()) == [["1", "1"]]


@on_sqlite
@pytest.mark.process
def test_with_a_real_alertmanager(spine: Spine, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    with real_alertmanager(tmp_path) as url, httpx.Client(base_url=f"{url}api/v2/") as client:
        job = job_of(spine, url)
        for name, subject in (("Watchdog", "site"), STUCK):
            labels = {"alertname": name, "subject": subject, "condition": "breach", "severity": "warning"}
            alert = {"labels": labels, "annotations": {"value": "1"}}
            assert client.post("alerts", json=[alert]).status_code == 200
        matcher = {"name": "subject", "value": "m.*", "isRegex": True, "isEqual": True}
        times = {"startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat()}
        made = client.post("silences", json={**times, "matchers": [matcher], "createdBy": "bob", "comment": "bearings"})
        assert spine.run(job, now).rows == 1
        assert open_(spine) == [(*STUCK, "breach")], "though nobody ever posted it"
        with spine.store.read() as connection:
            (shelf,) = shelves(connection, now)
        assert (shelf.actor, shelf.reason, shelf.condition) == ("bob", "bearings", "breach")
        client.delete(f"silence/{made.json()['silenceID']}")
        spine.run(job, now)
        with spine.store.read() as connection:
            assert shelves(connection, now) == []

        handle(spine.store, Wish(Action.SHELVE, *STUCK, "on order", now + timedelta(hours=8)), ANN, now)
        spine.run(job, now)
        spine.run(job, now)
        (mine,) = [one for one in client.get("silences").json() if one["status"]["state"] == "active"]
        assert (mine["createdBy"], mine["comment"].partition(" [")[0]) == ("ann", "on order")
        (alert,) = [one for one in client.get("alerts").json() if one["labels"]["alertname"] == "SensorStuck"]
        assert alert["status"]["silencedBy"] == [mine["id"]]
        handle(spine.store, Wish(Action.UNSHELVE, *STUCK), ANN, now)
        spine.run(job, now)
        assert {one["status"]["state"] for one in client.get("silences").json()} == {"expired"}

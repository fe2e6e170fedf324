"""The job that tells: what is due in one transaction, then to the log and to real services, at least once."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from andon import Andon
from spine_kit import T0, Spine, after

from alerting.handling.actions import Action, Person, Role, Via, Wish
from alerting.notifications.languages.sentences import Said
from monitor.errors import FencedError
from monitor.jobs.notify import NotifyJob
from monitor.plant.calendar import Maintenance, Once, QuietHours
from monitor.plant.watching import EscalationConfig
from monitor.runtime.app import notify_job
from monitor.store.database import tables as t
from monitor.store.delivery.notifications import delivery_statuses, recent_notifications
from monitor.store.delivery.outbox import resend
from monitor.store.watching.handling import handle

ANN = Person("ann", Role.ENGINEER, Via.PAGE)
DELIVERIES = "gatewatch_outbox_deliveries_total"


@pytest.fixture
def andon() -> Iterator[Andon]:
    """A service that takes notifications."""
    server = Andon()
    yield server
    server.close()


def teller(spine: Spine, receivers: Mapping[str, Sequence[str]] | None = None, **config: Any) -> NotifyJob:
    """The job of the small plant."""
    changed = {"log": str(spine.folder / "told.jsonl"), **config}
    short = timedelta(minutes=5)
    notify = spine.plant.notify.model_copy(update={"group_interval": short, "settle": short} | changed)
    return notify_job(spine.store, spine.plant.model_copy(update={"notify": notify}), receivers)


def fire(spine: Spine, name: str = "MachineOutOfSpec", subject: str = "m1", at: float = 0, **other: Any) -> int:
    """An alert fires, as the evaluation writes it; its number."""
    row = {
        "name": name, "subject": subject, "severity": "warning", "summary": f"{subject} is bad", "since": after(at),
        "fired_at": after(at), "team": "operators", "line": "l", "value": 12.0, "limit": 10.0, **other,
    }  # fmt: skip
    with spine.store.write() as connection:
        return int(connection.execute(t.alert.insert().values(row).returning(t.alert.c.id)).scalar_one())


def end(spine: Spine, number: int, at: float) -> None:
    """The alert is over."""
    with spine.store.write() as connection:
        change = t.alert.update().where(t.alert.c.id == number)
        connection.execute(change.values(ended_at=after(at), state="resolved"))


def lines(spine: Spine) -> list[dict[str, Any]]:
    """What stands in the log file."""
    return [json.loads(line) for line in (spine.folder / "told.jsonl").read_text().splitlines()]


def statuses(spine: Spine) -> list[tuple[str, str, int]]:
    """(channel, status, tries) of the outbox."""
    return spine.all(t.outbox, "channel", "status", "attempts")


@pytest.mark.slow
def test_from_firing_to_the_end_to_the_log_and_to_the_service(spine: Spine, andon: Andon) -> None:
    job = teller(spine, {"operators": [andon.url]}, ends="all")
    number = fire(spine)
    assert spine.run(job, after(0)).rows == 1
    assert spine.run(job, after(1)).rows == 0
    end(spine, number, 20)
    assert [spine.run(job, after(m)).rows for m in (21, 30, 31)] == [0, 1, 0]
    ids = [f"operators:l:20260302T060000Z-{number}:{n}" for n in (1, 2)]
    assert andon.ids == [line["id"] for line in lines(spine)] == spine.all(t.notification, "key") == ids
    assert [taken["title"] for taken in andon.taken] == [
        "warning: machine m1 runs outside its operating limits, line l, site site",
        "over: warning: machine m1 runs outside its operating limits, line l, site site",
    ]  # fmt: skip
    assert [taken["type"] for taken in andon.taken] == ["warning", "success"]
    assert "m1 is bad" in andon.taken[0]["message"]
    assert spine.all(t.alert, "told") == ["resolved"]
    assert [[(e["id"], e["event"]) for e in alerts] for alerts in spine.all(t.notification, "alerts")] == [
        [(number, "fired")], [(number, "resolved")],
    ]  # fmt: skip
    assert spine.tally("gatewatch_notifications_total", team="operators", kind="opened") == 1
    assert spine.tally(DELIVERIES, channel="notify:operators", result="sent") == 2
    assert spine.tally(DELIVERIES, channel="notify:log", result="sent") == 2


def test_what_is_logged_and_sent_says_step_and_sensors_and_reads_as_stored(spine: Spine, andon: Andon) -> None:
    hot = Said("outside_high", {"sensor": "heat"}, {"value": (75.0, "degC"), "limit": (60.0, "number")})
    fire(spine, step="form", details=[hot])
    spine.run(teller(spine, {"operators": [andon.url]}), after(0))
    ((event,),) = spine.all(t.notification, "alerts")
    assert (event["step"], event["sensors"]) == ("form", ["heat"])
    assert lines(spine)[0]["notifications"][0]["alerts"] == [event]
    assert andon.taken[0]["title"] == "warning: m1 heat 75 degC, high limit 60, line l, site site"


def test_pending_alerts_are_nobodys_business(spine: Spine) -> None:
    fire(spine, fired_at=None, state="pending")
    assert spine.run(teller(spine), after(1)).rows == 0


def test_without_a_url_the_log_alone_is_told(spine: Spine) -> None:
    fire(spine)
    spine.run(teller(spine, {}), after(0))
    assert [row[:2] for row in statuses(spine)] == [("notify:log", "sent")]
    assert len(lines(spine)) == 1


def test_under_a_simulated_clock_nothing_leaves_by_url_not_even_what_waited(spine: Spine, andon: Andon) -> None:
    andon.status = 503
    fire(spine)
    spine.run(teller(spine, {"operators": [andon.url]}), after(0))
    andon.status = 200
    fire(spine, subject="m2", at=10)
    spine.run(teller(spine, None), after(30))
    assert andon.taken == []
    assert statuses(spine)[1:] == [("notify:operators", "pending", 1), ("notify:log", "sent", 0)]


def test_information_goes_to_the_log_alone(spine: Spine, andon: Andon) -> None:
    fire(spine, "Watchdog", "gatewatch", severity="info")
    spine.run(teller(spine, {"operators": [andon.url]}), after(0))
    assert andon.taken == []
    assert [line["notifications"][0]["kind"] for line in lines(spine)] == ["info"]


def test_an_alert_of_a_team_that_is_none_is_told_to_the_platform(spine: Spine, andon: Andon) -> None:
    fire(spine, team="")
    spine.run(teller(spine, {"platform": [andon.url]}), after(0))
    assert andon.ids == ["platform:l:20260302T060000Z-1:1"]


def test_a_service_that_is_down_is_tried_again_and_the_other_of_the_team_gets_it_once(
    spine: Spine, andon: Andon
) -> None:
    other = Andon()
    job = teller(spine, {"operators": [andon.url, other.url]})
    fire(spine)
    andon.status = 503
    spine.run(job, after(0))
    spine.run(job, T0 + timedelta(seconds=5))
    assert (andon.tries, other.ids) == (1, andon.ids + spine.all(t.notification, "key"))
    assert statuses(spine)[1:] == [("notify:operators", "pending", 1), ("notify:operators", "sent", 0)]
    andon.status = 200
    spine.run(job, T0 + timedelta(seconds=10))
    assert andon.ids == other.ids
    assert spine.tally(DELIVERIES, channel="notify:operators", result="retry") == 1
    other.close()


def test_the_end_of_a_warning_is_in_the_log_alone(spine: Spine, andon: Andon) -> None:
    job = teller(spine, {"operators": [andon.url]})
    number = fire(spine)
    spine.run(job, after(0))
    end(spine, number, 1)
    spine.run(job, after(10))
    assert (len(andon.ids), [line["notifications"][0]["kind"] for line in lines(spine)]) == (1, ["opened", "closed"])
    assert spine.all(t.alert, "told") == ["resolved"]


def test_what_comes_later_waits_behind_so_that_the_end_is_never_told_before_the_begin(
    spine: Spine, andon: Andon
) -> None:
    job = teller(spine, {"operators": [andon.url]}, ends="all")
    number = fire(spine)
    andon.status = 503
    spine.run(job, after(0))
    end(spine, number, 1)
    spine.run(job, after(10))
    andon.status = 200
    spine.run(job, after(20))
    assert [key.rpartition(":")[2] for key in andon.ids] == ["1", "2"]


def test_a_service_that_is_gone_is_given_up_after_the_last_try(spine: Spine, andon: Andon) -> None:
    gone = andon.url
    andon.close()
    fire(spine)
    job = teller(spine, {"operators": [gone]}, attempts=2)
    for minute in (0, 1, 2):
        spine.run(job, after(minute))
    assert statuses(spine)[1:] == [("notify:operators", "dead", 2)]
    (error,) = [error for error in spine.all(t.outbox, "error") if error]
    assert error == "notify: URL 1 of operators: the service could not be reached or did not accept the message"


def test_what_a_service_refuses_is_given_up_after_three_tries_and_sent_again_on_demand(
    spine: Spine, andon: Andon
) -> None:
    job = teller(spine, {"operators": [andon.url]})
    fire(spine)
    andon.status = 404
    for minute in (0, 1, 2, 3):
        spine.run(job, after(minute))
    assert statuses(spine)[1:] == [("notify:operators", "dead", 3)]
    assert [e for e in spine.all(t.outbox, "error") if e] == [
        "notify: URL 1 of operators: the service answered with HTTP status 404"
    ]
    andon.status = 200
    assert resend(spine.store, after(4)) == 1
    spine.run(job, after(5))
    assert andon.ids == spine.all(t.notification, "key")


def test_a_url_that_was_taken_out_of_the_file_is_given_up(spine: Spine, andon: Andon) -> None:
    andon.status = 503
    fire(spine)
    spine.run(teller(spine, {"operators": [andon.url]}), after(0))
    for minute in (1, 2, 3):
        spine.run(teller(spine, {}), after(minute))
    assert statuses(spine)[1:] == [("notify:operators", "dead", 3)]


def test_a_log_that_cannot_be_written_is_waited_for_for_good(spine: Spine) -> None:
    fire(spine)
    nowhere = spine.folder / "away"
    job = teller(spine, {}, attempts=1, log=str(nowhere / "told.jsonl"))
    for minute in range(0, 20, 6):
        spine.run(job, after(minute))
    assert statuses(spine) == [("notify:log", "pending", 4)]
    nowhere.mkdir()
    spine.run(job, after(30))
    assert statuses(spine) == [("notify:log", "sent", 4)]
    assert len((nowhere / "told.jsonl").read_text().splitlines()) == 1


def test_a_storm_is_put_together_and_counted(spine: Spine, andon: Andon) -> None:
    for n in range(14):
        fire(spine, subject=f"m{n}", line=f"l{n:02d}")
    spine.run(teller(spine, {"operators": [andon.url]}), after(0))
    assert len(andon.taken) == len(lines(spine)) == 1
    assert len(spine.all(t.notification, "key")) == 14
    assert len(lines(spine)[-1]["notifications"]) == 14
    assert spine.tally("gatewatch_notifications_put_together_total", team="operators") == 14
    assert set(spine.all(t.alert, "told")) == {"fired"}


def test_a_zombie_tells_nobody(spine: Spine, andon: Andon, monkeypatch: pytest.MonkeyPatch) -> None:
    fire(spine)
    job = teller(spine, {"operators": [andon.url]})
    due = job._due

    def overtaken(connection: sa.Connection, run: Any) -> Any:
        with spine.store.write() as other:
            other.execute(t.lease.update().values(holder="another", fence=t.lease.c.fence + 1))
        return due(connection, run)

    monkeypatch.setattr(job, "_due", overtaken)
    with pytest.raises(FencedError):
        spine.run(job, after(0))
    assert (andon.taken, statuses(spine), spine.all(t.alert, "told")) == ([], [], [""])


@pytest.fixture
def everything_logged() -> Iterator[io.StringIO]:
    """What reaches the program's own log, however talkative it is made."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    root, of_apprise = logging.getLogger(), logging.getLogger("apprise")
    levels = root.level, of_apprise.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    of_apprise.setLevel(logging.DEBUG)
    yield text
    root.removeHandler(handler)
    root.setLevel(levels[0])
    of_apprise.setLevel(levels[1])


def test_no_log_and_no_table_ever_holds_a_url(
    spine: Spine, andon: Andon, everything_logged: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    fire(spine)
    job = teller(spine, {"operators": [andon.url, "json://operator:hunter2@127.0.0.1:9/token"]})
    for minute, status in enumerate((200, 503, 404)):
        andon.status = status
        fire(spine, subject=f"x{minute}", at=6 * minute)
        spine.run(job, after(6 * minute))
    everything = everything_logged.getvalue() + repr([capfd.readouterr(), lines(spine), spine.all(t.outbox)])
    assert "HTTP status 404" in everything
    assert "hunter2" not in everything
    assert "token" not in everything


def test_the_newest_notifications_with_what_became_of_them(spine: Spine, andon: Andon) -> None:
    andon.status = 503
    fire(spine)
    spine.run(teller(spine, {"operators": [andon.url, andon.url]}), after(0))
    with spine.store.read() as connection:
        (row,) = recent_notifications(connection, 5)
        found = delivery_statuses(connection, [row.message], 9)
    assert found == {row.message: {"notify:log": ["sent"], "notify:operators": ["pending", "pending"]}}


def test_a_line_that_was_cut_short_stays_alone(spine: Spine) -> None:
    file = spine.folder / "told.jsonl"
    file.write_bytes(b'{"id": "half')
    fire(spine)
    spine.run(teller(spine, {}), after(0))
    first, second = file.read_text().splitlines()
    assert first == '{"id": "half'
    assert json.loads(second)["team"] == "operators"


def test_the_log_is_one_file_for_all(tmp_path: Path) -> None:
    from exporters.delivery.notify_log import send

    for n in range(3):
        send(str(tmp_path / "log"), {"id": f"{n} é"})
    assert [json.loads(line)["id"] for line in (tmp_path / "log").read_text().splitlines()] == ["0 é", "1 é", "2 é"]


def test_nobody_acknowledges_so_another_team_is_told_and_told_of_the_end(spine: Spine) -> None:
    job = teller(spine, escalate={"operators": EscalationConfig(after=timedelta(minutes=15), to="engineers")})
    number = fire(spine, severity="critical")
    for minute in (0, 14, 15, 16):
        spine.run(job, after(minute))
    end(spine, number, 20)
    for minute in (21, 26, 27):
        spine.run(job, after(minute))
    told = [(line["team"], line["notifications"][0]["kind"]) for line in lines(spine)]
    assert told == [
        ("operators", "opened"), ("engineers", "escalated"), ("engineers", "escalated"), ("operators", "resolved"),
    ]  # fmt: skip
    assert spine.all(t.alert, "told", "escalated") == [("resolved", "resolved")]


def test_what_is_acknowledged_is_not_escalated(spine: Spine) -> None:
    job = teller(spine, escalate={"operators": EscalationConfig(after=timedelta(minutes=15), to="engineers")})
    fire(spine, severity="critical")
    spine.run(job, after(0))
    handle(spine.store, Wish(Action.ACKNOWLEDGE, "MachineOutOfSpec", "m1"), ANN, after(5))
    assert spine.run(job, after(60)).rows == 0


def test_what_comes_and_goes_on_the_shelf_is_never_told(spine: Spine) -> None:
    job = teller(spine)
    number = fire(spine)
    handle(spine.store, Wish(Action.SHELVE, "MachineOutOfSpec", "m1", "known", after(60)), ANN, after(0))
    spine.run(job, after(1))
    end(spine, number, 30)
    spine.run(job, after(31))
    again = fire(spine, at=50)
    spine.run(job, after(59))
    assert (lines(spine) if (spine.folder / "told.jsonl").exists() else []) == []
    spine.run(job, after(61))
    assert [line["notifications"][0]["kind"] for line in lines(spine)] == ["opened"]
    assert spine.all(t.alert, "id", "told") == [(number, "withheld"), (again, "fired")]


def test_what_follows_from_a_source_that_is_down_is_told_once_with_the_reason(spine: Spine) -> None:
    job = teller(spine)
    (source,) = [name for name, config in spine.plant.sources.items() if config.kind == "readings"]
    fire(spine, "SourceStopped", source, team="platform", line="", severity="critical")
    machines = sorted(spine.plant.machines)
    for minute, machine in enumerate(machines):
        fire(spine, "SensorDead", machine, at=minute)
        spine.run(job, after(minute))
    spine.run(job, after(30))
    told = [line for line in lines(spine) if line["team"] == "operators"]
    assert [line["notifications"][0]["kind"] for line in told] == ["opened"]
    assert f"Likely cause: source {source}, from which nothing comes" in told[0]["body"]
    assert len(machines) > 1


def _with_maintenance(spine: Spine, **quiet: Any) -> NotifyJob:
    """The job of the small plant with an hour in which people work on machine m1."""
    window = Maintenance(
        name="belts", reason="new belts", machines=["m1"], once=Once(start=after(0), end=after(60))
    )  # fmt: skip
    spine.plant = spine.plant.model_copy(update={"maintenance": [window]})
    return teller(spine, **quiet)


def test_what_is_in_maintenance_is_told_when_it_ends_and_never_if_it_is_over(spine: Spine) -> None:
    job = _with_maintenance(spine)
    gone, stays, other = fire(spine), fire(spine, "SensorStuck"), fire(spine, "SensorStuck", "m2", line="x")
    assert spine.run(job, after(0)).rows == 1
    end(spine, gone, 20)
    assert [spine.run(job, after(m)).rows for m in (30, 59, 60)] == [0, 0, 1]
    assert dict(spine.all(t.alert, "id", "told")) == {gone: "withheld", stays: "fired", other: "fired"}


def test_quiet_hours_are_those_of_the_site(spine: Spine) -> None:
    job = teller(spine, quiet={"operators": [QuietHours(start="05:00", end="07:00")]})
    fire(spine)
    assert [spine.run(job, after(m)).rows for m in (0, 59, 60, 61)] == [0, 0, 1, 0]

"""Answering alerts through the web: who may, and everything that must not be taken."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from server_samples import EVIL, NOW, views
from spine_kit import Spine, after

from alerting.handling.actions import Person, Wish
from alerting.handling.audit import Entry
from alerting.handling.people import Known, People, Role, digest_of, line_of, new_token, parse
from exporters.pages.alarms.page import Alarm, Alarms, Done, Shelved
from monitor.store.database import tables as t
from monitor.store.watching.handling import handle
from monitor.web.people import PeopleViews
from monitor.web.server import make_app
from monitor.web.sessions import LASTS, TRIES, Sessions

TOKENS = {"ann": (new_token(), Role.ENGINEER), "otto": (new_token(), Role.OPERATOR)}
BROWSER = {"Accept": "text/html", "Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}
NOW_THERE = after(0)
JSON = {"Content-Type": "application/json"}
ALERT = {"name": "MachineOutOfSpec", "subject": "m1"}


@dataclass
class Plant:
    """A server over a store in which an alert fires."""

    spine: Spine
    folder: Path
    people: People = field(default_factory=lambda: parse("\n".join(
        line_of(name, role, token) for name, (token, role) in TOKENS.items()
    )))  # fmt: skip
    now: datetime = NOW_THERE

    def __post_init__(self) -> None:
        row = {
            **ALERT, "severity": "critical", "summary": "m1 is bad", "since": after(0), "fired_at": after(0),
            "team": "operators", "line": "l",
        }  # fmt: skip
        with self.spine.store.write() as connection:
            connection.execute(t.alert.insert().values(row))

    def _alarms(self) -> Alarms:
        by = self.spine.all(t.alert, "acknowledged_by")[0]
        return Alarms((Alarm("MachineOutOfSpec", "m1", "critical", "operators", "m1 is bad", "", after(0), by, False),))

    def _handle(self, wish: Wish, person: Person, request: str) -> Entry:
        return handle(self.spine.store, wish, person, self.now, request)

    def client(self) -> TestClient:
        shown = PeopleViews(self._alarms, lambda: self.people, self._handle, lambda: self.now)
        return TestClient(make_app(views(self.folder / "reports", people=shown)), follow_redirects=False)

    def entries(self) -> int:
        return len(self.spine.all(t.audit, "id"))


@pytest.fixture
def plant(spine: Spine, tmp_path: Path) -> Plant:
    return Plant(spine, tmp_path)


def log_in(client: TestClient, name: str = "ann") -> httpx.Response:
    return client.post("/alarms/log-in", data={"token": TOKENS[name][0]}, headers=BROWSER)


def form(client: TestClient, action: str) -> dict[str, str]:
    """The fields of the form for an action, as the page has them."""
    page = client.get("/alarms", headers=BROWSER).text
    for text in re.findall(r'<form[^>]*action="/alarms/act".*?</form>', page, re.S):
        fields = {unescape(n): unescape(v) for n, v in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text)}
        if fields["action"] == action:
            return fields
    raise AssertionError(f"the page has no form to {action}")


def api(client: TestClient, wanted: dict[str, str], key: str = "k" * 16, **headers: str) -> httpx.Response:
    given = {"Authorization": f"Bearer {TOKENS['ann'][0]}", "Idempotency-Key": key, **headers}
    return client.post("/api/alerts/act", json=wanted, headers=given)


def test_from_the_log_in_to_the_record_and_out_again(plant: Plant) -> None:
    client = plant.client()
    before = client.get("/alarms", headers=BROWSER).text
    assert "1 fire, 1 wait for somebody" in before
    assert "/alarms/act" not in before
    answer = log_in(client)
    assert (answer.status_code, answer.headers["location"]) == (303, "/alarms")
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/alarms"} <= set(cookie.split("; "))
    fields = form(client, "acknowledge")
    done = client.post("/alarms/act", data={**fields, "note": "on my way"}, headers=BROWSER)
    assert done.status_code == 303
    assert plant.spine.all(t.audit, "actor", "role", "via", "action") == [("ann", "engineer", "page", "acknowledge")]
    page = client.get("/alarms", headers=BROWSER).text
    assert "by ann" in page
    assert "Logged in as ann, engineer" in page
    client.post("/alarms/log-out", data={"key": fields["key"]}, headers=BROWSER)
    assert "Logged in" not in client.get("/alarms", headers=BROWSER).text


def test_a_program_acts_with_a_token_and_is_taken_once(plant: Plant) -> None:
    client = plant.client()
    first = api(client, {"action": "note", "note": "seen", **ALERT})
    assert (first.status_code, first.json()["entry"]) == (200, 1)
    again = api(client, {"action": "note", "note": "seen", **ALERT})
    assert (again.status_code, again.json()["error"]) == (
        409,
        "this request was taken already; send another with a new id",
    )
    shelved = api(client, {"action": "shelve", "note": "known", "hours": "2", **ALERT}, "l" * 16)
    assert shelved.status_code == 200
    assert plant.spine.all(t.shelf, "until") == [after(120)]


REFUSED: dict[str, tuple[dict[str, str], dict[str, str], int, str]] = {
    "no token": ({}, {"Authorization": ""}, 401, "bearer token"),
    "a wrong token": ({}, {"Authorization": "Bearer x"}, 401, "bearer token"),
    "another scheme": ({}, {"Authorization": f"Basic {TOKENS['ann'][0]}"}, 401, "bearer token"),
    "no id of the request": ({}, {"Idempotency-Key": ""}, 400, "Idempotency-Key"),
    "an odd id": ({}, {"Idempotency-Key": "k" * 15 + "\x7f"}, 400, "Idempotency-Key"),
    "a form": ({}, {"Content-Type": "text/plain"}, 415, "application/json"),
    "an unknown action": ({"action": "delete"}, {}, 400, "action: expected one of"),
    "an unknown alert": ({"subject": "m9"}, {}, 400, "no alert"),
    "hours that are none": ({"action": "shelve", "hours": "-1"}, {}, 400, "whole number of hours"),
    "too long": ({"action": "shelve", "hours": "169", "note": "x"}, {}, 400, "at most 168 h"),
    "no reason": ({"action": "shelve", "hours": "1"}, {}, 400, "why it is shelved"),
    "more than one line": ({"action": "note", "note": "a\nb"}, {}, 400, "one line"),
    "too much": ({"action": "note", "note": "x" * 9000}, {}, 413, "at most 8192 bytes"),
    "nothing to unshelve": ({"action": "unshelve"}, {}, 409, "is not shelved"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_program_may_not(case: str, plant: Plant) -> None:
    changed, headers, status, sentence = REFUSED[case]
    answer = api(plant.client(), {"action": "acknowledge", **ALERT, **changed}, **headers)
    assert (answer.status_code, sentence in answer.json()["error"]) == (status, True), answer.text
    assert plant.entries() == 0


def test_an_operator_may_not_shelve_what_is_critical(plant: Plant) -> None:
    client = plant.client()
    answer = api(
        client, {"action": "shelve", "note": "x", "hours": "1", **ALERT}, Authorization=f"Bearer {TOKENS['otto'][0]}"
    )
    assert (answer.status_code, plant.entries()) == (403, 0)


@pytest.mark.slow
def test_two_hundred_forged_replayed_cross_site_and_oversized_requests_are_not_taken(plant: Plant) -> None:
    client, attacker, rng = plant.client(), plant.client(), random.Random(5)
    log_in(client)
    good = form(client, "acknowledge")
    assert client.post("/alarms/act", data=good, headers=BROWSER).status_code == 303
    note = {**form(client, "note"), "note": "x"}
    taken = plant.entries()
    stolen = {"Cookie": f"gatewatch_session={client.cookies['gatewatch_session']}"}
    wrongs: list[Callable[[], httpx.Response]] = [
        lambda: client.post("/alarms/act", data=good, headers=BROWSER),  # replayed
        lambda: client.post("/alarms/act", data=note, headers={**BROWSER, "Origin": "https://evil.example"}),
        lambda: client.post("/alarms/act", data=note, headers={**BROWSER, "Origin": "null"}),
        lambda: client.post("/alarms/act", data=note, headers={**BROWSER, "Sec-Fetch-Site": "cross-site"}),
        lambda: client.post("/alarms/act", data=note, headers={"Accept": "text/html"}),  # no Origin
        lambda: client.post("/alarms/act", data={**note, "key": rng.randbytes(32).hex()}, headers=BROWSER),
        lambda: client.post("/alarms/act", data={k: v for k, v in note.items() if k != "key"}, headers=BROWSER),
        lambda: client.post("/alarms/act", data={**note, "request": ""}, headers=BROWSER),
        lambda: client.post("/alarms/act", data={**note, "note": "x" * 9000}, headers=BROWSER),
        lambda: client.post("/alarms/act", content=rng.randbytes(200), headers=BROWSER),
        lambda: client.post("/alarms/act", content=b"key=a&key=b", headers=BROWSER),
        lambda: client.get("/alarms/act", params=note, headers=BROWSER),
        lambda: attacker.post("/alarms/act", data=note, headers=BROWSER),  # no session
        lambda: attacker.post("/alarms/act", data=note, headers={**BROWSER, "Cookie": f"gatewatch_session={rng}"}),
        lambda: attacker.post("/alarms/act", data={**note, "key": "0"}, headers={**BROWSER, **stolen}),
        lambda: attacker.post("/alarms/log-in", data={"token": rng.randbytes(32).hex()}, headers=BROWSER),
        lambda: api(attacker, {"action": "note", **ALERT}, Authorization=f"Bearer {rng.randbytes(32).hex()}"),
        lambda: attacker.post("/api/alerts/act", content=rng.randbytes(99), headers=JSON),
    ]  # fmt: skip
    for n in range(200):
        answer = wrongs[n % len(wrongs)]()
        assert answer.status_code in (400, 401, 403, 405, 409, 413, 415), (n % len(wrongs), answer.status_code)
    assert plant.entries() == taken == 1


def test_a_removed_line_ends_a_session_and_so_does_time(plant: Plant) -> None:
    client = plant.client()
    log_in(client)
    assert "Logged in" in client.get("/alarms", headers=BROWSER).text
    plant.now = after(0) + LASTS
    assert "Logged in" not in client.get("/alarms", headers=BROWSER).text
    log_in(client)
    plant.people = parse(line_of("ann", Role.ADMIN, TOKENS["ann"][0]))
    assert "Logged in" not in client.get("/alarms", headers=BROWSER).text, "another role is another person"


def test_wrong_tokens_are_slowed_down() -> None:
    now = [NOW]
    token = new_token()
    people = People({digest_of(token): Known("ann", Role.ADMIN)})
    sessions = Sessions(lambda: people, lambda: now[0])
    assert [sessions.log_in(str(n)) for n in range(TRIES)] == [None] * TRIES
    assert sessions.log_in(token) is None
    now[0] += timedelta(minutes=1)
    assert sessions.log_in(token) is not None


@pytest.mark.parametrize("line", ["ann", "ann boss sha256:" + "0" * 64, "ann admin hunter2-hunter2", "a b c d"])
def test_a_line_that_is_none_is_said_and_never_shown(line: str) -> None:
    (problem,) = parse(f"# people\n\n{line}").problems
    assert problem.startswith("line 3: ")
    assert "hunter2" not in problem


def test_what_alertmanager_silences_is_told_again_only_there(tmp_path: Path) -> None:
    shown = Alarms((), (Shelved("SensorStuck", "m1", NOW, "bob", "new bearings", "in Alertmanager"),))
    client = TestClient(make_app(views(tmp_path / "reports", people=PeopleViews(lambda: shown, lambda: None))))
    page = client.get("/alarms", headers=BROWSER).text
    assert page.count("in Alertmanager") == 1
    assert all(text in page for text in ("bob", "new bearings"))


def test_whatever_stands_in_an_alert_the_page_is_safe(tmp_path: Path) -> None:
    alarm = Alarm(EVIL, EVIL, "critical", EVIL, EVIL, EVIL, NOW, EVIL, False)
    shown = Alarms(
        (alarm,), (Shelved(EVIL, EVIL, NOW, EVIL, EVIL),), (Done(1, NOW, EVIL, "admin", "note", EVIL, EVIL),)
    )
    people = PeopleViews(lambda: shown, lambda: None)
    client = TestClient(make_app(views(tmp_path / "reports", people=people)))
    page = client.get("/alarms", headers=BROWSER)
    assert page.status_code == 200
    assert "<script" not in page.text
    assert "no server.people_file" in page.text
    assert client.get("/alarms?format=json").json()["firing"][0]["subject"] == EVIL.replace("\ud800", "?")

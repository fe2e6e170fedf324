"""Alertmanager's webhook: who may post, what is refused in a sentence, and that repeats change nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from server_samples import views
from spine_kit import T0, Spine, after

from monitor.plant.plant import Plant
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.web import webhook
from monitor.web.server import make_app

TOKEN = "let-me-in"
JOBS = ("pull:parts", "write_back")
SUBJECTS = {"Watchdog": "site", "JobFailing": "write_back"}
Post = Callable[..., Any]
on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
"""For what is refused before it reaches a database; the last test of them tries all at once on both."""


@pytest.fixture
def stack(spine: Spine) -> Plant:
    """The small plant, its alerts evaluated by Prometheus."""
    alerts = spine.plant.alerts.model_copy(update={"webhook_token": TOKEN})
    return spine.plant.model_copy(update={"profile": "stack", "alerts": alerts})


@pytest.fixture
def post(spine: Spine, stack: Plant, tmp_path: Path) -> Post:
    """Posts a body as Alertmanager does; the answer."""

    here: dict[str, Any] = {}
    made = views(
        tmp_path,
        refusal=lambda authorization, size: webhook.refusal(here["plant"], authorization, size),
        receive=lambda content: webhook.receive(spine.store, here["plant"], JOBS, content, here["now"]),
    )
    client = TestClient(make_app(made))

    def send(body: Any, token: str = f"Bearer {TOKEN}", now: datetime = T0, plant: Plant = stack) -> Any:
        here.update(plant=plant, now=now)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return client.post("/webhook/alertmanager", content=content, headers={"Authorization": token})

    return send


def alert(starts: float, ends: float | None = None, name: str = "SourceStopped", **changes: Any) -> dict[str, Any]:
    """One alert of a body, as Prometheus and Alertmanager write it."""
    labels = {
        "alertname": name, "condition": "breach", "subject": SUBJECTS.get(name, "parts"), "severity": "critical",
        "team": "platform", "job": "gatewatch", "instance": "gw:9464",
    }  # fmt: skip
    values: dict[str, Any] = {
        "status": "firing" if ends is None else "resolved", "labels": labels,
        "annotations": {"summary": "source parts cannot be read", "value": "1"},
        "startsAt": _go(after(starts)), "endsAt": "0001-01-01T00:00:00Z" if ends is None else _go(after(ends)),
        "generatorURL": "http://prometheus:9090/graph", "fingerprint": "ab12",
    }  # fmt: skip
    values["labels"] = labels | changes.pop("labels", {})
    return values | changes


def _go(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.123456789Z")


def body(*alerts: Any) -> dict[str, Any]:
    return {"version": "4", "status": "firing", "receiver": "gatewatch", "truncatedAlerts": 0, "alerts": list(alerts)}


def episodes(store: Store) -> list[tuple[Any, ...]]:
    """Name, state, and the minutes at which each fired and ended."""
    a = t.alert.c
    with store.read() as connection:
        rows = connection.execute(t.alert.select().where(a.name != "Watchdog").order_by(a.id)).all()

    def minute(at: datetime | None) -> int | None:
        return None if at is None else round((at - T0) / timedelta(minutes=1))

    return [(r.name, r.state, minute(r.fired_at), minute(r.ended_at)) for r in rows]


def test_a_firing_alert_is_an_episode_with_all_that_the_embedded_evaluation_would_write(
    post: Post, spine: Spine
) -> None:
    assert post(body(alert(0))).json() == {"taken": 1, "ignored": 0, "refused": 0, "errors": []}
    with spine.store.read() as connection:
        (row,) = connection.execute(t.alert.select()).all()
    assert (row.name, row.subject, row.condition, row.state) == ("SourceStopped", "parts", "breach", "firing")
    assert (row.team, row.severity, row.value, row.limit) == ("platform", "critical", 1.0, 0.5)
    assert (row.origin, row.seen_at) == ("prometheus", T0)
    assert row.summary == "source parts cannot be read"
    labels = {"alert": "SourceStopped", "subject": "parts", "severity": "critical", "team": "platform"}
    assert spine.tally("gatewatch_alerts_opened_total", **labels) == 1


HISTORIES: dict[str, tuple[list[dict[str, Any]], list[tuple[Any, ...]]]] = {
    "a resolve ends it": (
        [body(alert(0)), body(alert(0, 5))], [("SourceStopped", "resolved", 0, 5)],
    ),
    "whatever is told twice changes nothing": (
        [body(alert(0)), body(alert(0)), body(alert(0, 5)), body(alert(0, 5))], [("SourceStopped", "resolved", 0, 5)],
    ),
    "a firing one that comes late, after its end, is no new episode": (
        [body(alert(0)), body(alert(0, 5)), body(alert(0))], [("SourceStopped", "resolved", 0, 5)],
    ),
    "a resolve that comes late ends no newer episode": (
        [body(alert(0)), body(alert(0, 5)), body(alert(9)), body(alert(0, 5))],
        [("SourceStopped", "resolved", 0, 5), ("SourceStopped", "firing", 9, None)],
    ),
    "Prometheus restarted and fires it again while it fires": (
        [body(alert(0)), body(alert(7)), body(alert(7, 9))], [("SourceStopped", "resolved", 0, 9)],
    ),
    "a resolve of what was never told is nothing": ([body(alert(0, 5))], []),
    "a group mixes firing and resolved": (
        [body(alert(0)), body(alert(0, 5), alert(6, name="JobFailing"))],
        [("SourceStopped", "resolved", 0, 5), ("JobFailing", "firing", 6, None)],
    ),
    "two of one rule in one post are one after the other": (
        [body(alert(0), alert(0, 5), alert(7))],
        [("SourceStopped", "resolved", 0, 5), ("SourceStopped", "firing", 7, None)],
    ),
    "a repeat of an episode that ended in the same post is no new one": (
        [body(alert(0), alert(0, 5), alert(0))], [("SourceStopped", "resolved", 0, 5)],
    ),
    "alerts of others are left out": (
        [body(alert(0, name="NodeDown"), alert(0, name="NodeDown", startsAt="noon"))], [],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("bodies", "expected"), HISTORIES.values(), ids=HISTORIES)
def test_histories(bodies: list[dict[str, Any]], expected: list[tuple[Any, ...]], post: Post, spine: Spine) -> None:
    for n, one in enumerate(bodies):
        assert post(one, now=after(10 + n)).status_code == 200
    assert episodes(spine.store) == expected


def test_what_alertmanager_forgot_in_a_restart_is_over_when_it_repeats_all_but_that(post: Post, spine: Spine) -> None:
    post(body(alert(0), alert(0, name="JobFailing")), now=after(0))
    for minute in (30, 61):
        post(body(alert(0, name="JobFailing")), now=after(minute))
        assert episodes(spine.store)[0][1] == "firing", "Alertmanager itself may be down"
        post(body(alert(0, name="Watchdog")), now=after(minute))
    assert episodes(spine.store) == [("SourceStopped", "resolved", 0, 61), ("JobFailing", "firing", 0, None)]
    post(body(alert(0)), now=after(70))
    assert episodes(spine.store)[-1] == ("SourceStopped", "firing", 0, None), "it was not over after all"


def test_an_embedded_pending_row_begins_to_fire(post: Post, spine: Spine) -> None:
    row = {"name": "SourceStopped", "subject": "parts", "severity": "critical", "summary": "s", "since": T0}
    with spine.store.write() as connection:
        connection.execute(t.alert.insert(), [{**row, "state": "pending", "fired_at": None}])
    post(body(alert(3)))
    assert episodes(spine.store) == [("SourceStopped", "firing", 3, None)]


REFUSED: dict[str, tuple[Any, int, str]] = {
    "no JSON": (b"alerts=1", 400, "not JSON"),
    "not UTF-8": (b"\xff\xfe", 400, "not JSON"),
    "nested beyond reason": (b"[" * 100_000, 400, "not JSON"),
    "another version": ({"version": "3", "alerts": []}, 400, "version 4"),
    "a list": ([], 400, "version 4"),
    "no alerts": ({"version": "4"}, 400, "'alerts' is not a list"),
    "too much": (b" " * (webhook.MAX_BYTES + 1), 413, "at most"),
    "too many": (body(*[{}] * (webhook.MAX_ALERTS + 1)), 413, "expected at most 5000; set max_alerts"),
}


@on_sqlite
@pytest.mark.parametrize(("content", "status", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_body_of_alertmanager_is_refused_whole(
    content: Any, status: int, words: str, post: Post, spine: Spine
) -> None:
    answer = post(content)
    assert answer.status_code == status
    assert words in answer.json()["error"]
    assert spine.all(t.alert) == []


def _labels(**labels: Any) -> dict[str, Any]:
    return alert(0, labels=labels)


BAD: dict[str, tuple[Any, str, str]] = {
    "a text": ("boo", "malformed", "is not an object"),
    "null": (None, "malformed", "is not an object"),
    "a list": ([[]], "malformed", "is not an object"),
    "labels that are no texts": (_labels(subject=1), "malformed", "labels is not an object of strings"),
    "no labels": (alert(0) | {"labels": None}, "malformed", "labels is not an object of strings"),
    "annotations that are no texts": (alert(0, annotations={"value": 1}), "malformed", "annotations"),
    "no such status": (alert(0, status="odd"), "malformed", "status is neither"),
    "a status that is a list": (alert(0, status=["firing"]), "malformed", "status is neither"),
    "no such condition": (_labels(condition="odd"), "condition", "condition is not breach"),
    "absent, where that is no condition": (_labels(condition="absent"), "condition", "condition is not breach"),
    "no time": (alert(0, startsAt="noon"), "time", "startsAt is not a time"),
    "a time that is a number": (alert(0, startsAt=1e9), "time", "startsAt is not a time"),
    "a time without offset": (alert(0, startsAt="2026-03-02T06:00:00"), "time", "startsAt is not a time"),
    "an end that is no time": (alert(0, 5, endsAt=None), "time", "endsAt is not a time"),
    "the year 9999": (alert(0, startsAt="9999-12-31T23:59:59Z"), "time", "between 2000 and now"),
    "the year 9999, west": (alert(0, startsAt="9999-12-31T23:59:59-01:00"), "time", "startsAt is not a time"),
    "the year 1": (alert(0, 5, endsAt="0001-01-01T00:00:00Z"), "time", "between 2000 and now"),
    "an end in the year 9999": (alert(0, 5, endsAt="9999-01-01T00:00:00Z"), "time", "between 2000 and now"),
    "two days ahead": (alert(2 * 24 * 60), "time", "between 2000 and now"),
    "no subject": (_labels(subject=""), "subject", "the plant has no source ''"),
    "another kind's subject": (_labels(subject="m1"), "subject", "the plant has no source 'm1'"),
    "a job that is none": (alert(0, name="JobFailing", labels={"subject": "dig"}), "subject", "no job 'dig'"),
    "a step that is none": (alert(0, name="DataDrift", labels={"subject": "m1"}), "subject", "no step 'm1'"),
    "markup": (_labels(subject="<script>alert(1)</script>"), "subject", "no source '<script>"),
    "3,000 characters": (_labels(subject="x" * 3000), "subject", "x" * 60 + "'"),
    "a surrogate": (_labels(subject="parts\ud800"), "subject", "'parts\\ud800'"),
    "NUL": (_labels(subject="parts\0"), "subject", "'parts\\x00'"),
    "a line break": (_labels(subject="parts\nERROR all is lost"), "subject", "'parts\\nERROR"),
}  # fmt: skip


@on_sqlite
@pytest.mark.parametrize(("entry", "reason", "words"), BAD.values(), ids=BAD)
def test_one_bad_alert_is_refused_and_counted_and_the_others_are_taken(
    entry: Any, reason: str, words: str, post: Post, spine: Spine, caplog: pytest.LogCaptureFixture
) -> None:
    answer = post(body(alert(0), entry, alert(0, name="JobFailing")), now=after(9))
    told = answer.json()
    assert (answer.status_code, told["taken"], told["ignored"], told["refused"]) == (200, 2, 0, 1)
    assert words in told["errors"][0]
    assert len(told["errors"][0]) < 200
    assert [name for name, *_ in episodes(spine.store)] == ["SourceStopped", "JobFailing"]
    assert spine.tally("gatewatch_webhook_refused_alerts_total", reason=reason) == 1
    assert words in caplog.text
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("content", [body(*(one for one, *_ in BAD.values()))], ids=["every bad one"])
def test_the_reasons_are_few_and_the_answer_is_short(content: Any, post: Post, spine: Spine) -> None:
    answer = post(content, now=after(9))
    assert (answer.json()["refused"], len(answer.json()["errors"])) == (len(BAD), 5)
    assert spine.all(t.alert) == []
    reasons = {row.labels["reason"]: row.value for row in spine.all(t.tally) if "webhook" in row.name}
    assert reasons == Counter(reason for _, reason, _ in BAD.values())


def test_an_unknown_machine_is_a_subject_once_a_row_has_named_it(post: Post, spine: Spine) -> None:
    posted = [
        alert(5, name="UnknownMachineOrStep", labels={"subject": subject})
        for subject in ("readings/m7", "readings/m8", "others")
    ]
    spine.reading("m7", after(1), 5.0)
    spine.run(spine.pull("readings"), after(4))
    told = post(body(*posted), now=after(9)).json()
    assert (told["taken"], told["refused"]) == (2, 1)
    assert "the plant has no name 'readings/m8'" in told["errors"][0]


def test_a_raw_control_character_does_not_refuse_the_others(post: Post) -> None:
    content = json.dumps(body(alert(0), _labels(subject="MARK"))).encode().replace(b"MARK", b"a\x00b\x01")
    assert (post(content).json()["taken"], post(content).json()["refused"]) == (1, 1)


def test_what_left_the_plant_while_it_fired_can_end(post: Post, spine: Spine, stack: Plant) -> None:
    post(body(alert(0)))
    smaller = stack.model_copy(update={"sources": {k: v for k, v in stack.sources.items() if k != "parts"}})
    assert post(body(alert(3)), plant=smaller).json()["taken"] == 1
    assert post(body(alert(0, 5)), now=after(9), plant=smaller).json()["taken"] == 1
    assert episodes(spine.store) == [("SourceStopped", "resolved", 0, 5)]
    assert post(body(alert(7)), now=after(9), plant=smaller).json()["refused"] == 1


def _many(plant: Plant, number: int) -> tuple[Plant, list[dict[str, Any]]]:
    sources = {f"s{n}": plant.sources["parts"] for n in range(number)}
    return plant.model_copy(update={"sources": sources}), [alert(0, labels={"subject": name}) for name in sources]


@pytest.mark.slow
def test_many_alerts_are_taken_a_few_at_a_time(post: Post, spine: Spine, stack: Plant) -> None:
    plant, alerts = _many(stack, webhook.CHUNK * 2 + 1)
    commits: list[int] = []
    written = [0]

    @sa.event.listens_for(spine.store.engine, "before_cursor_execute")
    def _(_c: Any, _cur: Any, statement: str, *_: Any) -> None:
        written[0] += statement.startswith("INSERT INTO alert")

    @sa.event.listens_for(spine.store.engine, "commit")
    def _(_c: Any) -> None:
        commits.append(written[0])
        written[0] = 0

    assert post(body(*alerts), plant=plant).json()["taken"] == len(alerts)
    assert max(commits) == webhook.CHUNK
    assert sum(commits) == len(alerts) == len(episodes(spine.store))


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)  # PostgreSQL counts no steps; the queries are the same
def test_the_cost_of_a_post_does_not_grow_with_history(post: Post, spine: Spine) -> None:
    """Counted in steps of SQLite's virtual machine."""
    steps = [0]

    @sa.event.listens_for(spine.store.engine, "checkout")
    def _(connection: Any, *_: Any) -> None:
        connection.set_progress_handler(lambda: steps.__setitem__(0, steps[0] + 1), 10)

    def cost(minute: float) -> int:
        steps[0] = 0
        assert post(body(alert(minute), alert(minute, minute + 1)), now=after(minute + 2)).json()["taken"] == 2
        return steps[0]

    cost(-50_000)
    few = cost(0)
    row = {
        "name": "SourceStopped", "subject": "parts", "severity": "critical", "summary": "s", "state": "resolved",
        "seen_at": None,
    }  # fmt: skip
    rows = [
        row
        | {"since": after(-n), "fired_at": after(-n), "ended_at": after(-n)}
        | ({"subject": f"x{n}"} if n % 2 else {})
        for n in range(3000, 0, -1)
    ]
    with spine.store.write() as connection:
        connection.execute(t.alert.insert(), rows)
    assert cost(10) < few * 1.5


@pytest.mark.parametrize("token", ["", "Bearer ", "Bearer wrong", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN} "])
def test_without_the_token_nothing_is_taken(token: str, post: Post, spine: Spine) -> None:
    answer = post(body(alert(0)), token=token)
    assert answer.status_code == 401
    assert TOKEN not in answer.text
    assert spine.all(t.alert) == []


def test_an_embedded_plant_says_that_it_evaluates_itself(post: Post, spine: Spine) -> None:
    answer = post(body(alert(0)), plant=spine.plant)
    assert answer.status_code == 409
    assert "profile is embedded" in answer.json()["error"]
    assert spine.all(t.alert) == []


def test_a_value_that_is_no_number_is_none(post: Post, spine: Spine) -> None:
    post(body(alert(0, annotations={"value": "NaN"})))
    assert spine.all(t.alert, "value") == [None]

"""Alertmanager's webhook: who may post, what is refused in a sentence, and that repeats change nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from server_samples import views
from spine_kit import T0, Spine, after

from monitor.plant.plant import Plant
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.web import webhook
from monitor.web.server import make_app

TOKEN = "let-me-in"
Post = Callable[..., Any]


@pytest.fixture
def stack(spine: Spine) -> Plant:
    """The small plant, its alerts evaluated by Prometheus."""
    alerts = spine.plant.alerts.model_copy(update={"webhook_token": TOKEN})
    return spine.plant.model_copy(update={"profile": "stack", "alerts": alerts})


@pytest.fixture
def post(spine: Spine, stack: Plant, tmp_path: Path) -> Post:
    """Posts a body as Alertmanager does; the answer."""

    def send(body: Any, token: str = f"Bearer {TOKEN}", now: datetime = T0, plant: Plant = stack) -> Any:
        made = views(
            tmp_path,
            refusal=lambda authorization, size: webhook.refusal(plant, authorization, size),
            receive=lambda content: webhook.receive(spine.store, plant, content, now),
        )
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return TestClient(make_app(made)).post(
            "/webhook/alertmanager", content=content, headers={"Authorization": token}
        )

    return send


def alert(starts: float, ends: float | None = None, name: str = "SourceStopped", **changes: Any) -> dict[str, Any]:
    """One alert of a body, as Prometheus and Alertmanager write it."""
    labels = {
        "alertname": name, "condition": "breach", "subject": "parts", "severity": "critical", "team": "platform",
        "job": "gatewatch", "instance": "gw:9464",
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
    assert post(body(alert(0))).json() == {"taken": 1, "ignored": 0}
    with spine.store.read() as connection:
        (row,) = connection.execute(t.alert.select()).all()
    assert (row.name, row.subject, row.condition, row.state) == ("SourceStopped", "parts", "breach", "firing")
    assert (row.team, row.severity, row.value, row.limit) == ("platform", "critical", 1.0, 0.5)
    assert (row.origin, row.seen_at) == ("prometheus", T0)
    assert row.summary == "source parts cannot be read"
    assert spine.tally("gatewatch_alerts_opened_total", alert="SourceStopped", severity="critical") == 1


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
    "alerts of others are left out": (
        [body(alert(0, name="NodeDown"), alert(0, labels={"condition": "odd"}), alert(0, labels={"subject": ""}))], [],
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
    "an alert that is a text": (body("boo"), 400, "alerts[0] is not an object"),
    "labels that are no texts": (body(alert(0, labels={"subject": 1})), 400, "alerts[0].labels"),
    "no such status": (body(alert(0, status="odd")), 400, "alerts[0].status"),
    "no time": (body(alert(0, startsAt="noon")), 400, "alerts[0].startsAt"),
    "a time without offset": (body(alert(0, startsAt="2026-03-02T06:00:00")), 400, "alerts[0].startsAt"),
    "an end that is no time": (body(alert(0, 5, endsAt=None)), 400, "alerts[0].endsAt"),
    "too much": (b" " * (webhook.MAX_BYTES + 1), 413, "at most"),
}


@pytest.mark.parametrize(("content", "status", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_body_of_alertmanager_is_refused_whole(
    content: Any, status: int, words: str, post: Post, spine: Spine
) -> None:
    answer = post(content)
    assert answer.status_code == status
    assert words in answer.json()["error"]
    assert spine.all(t.alert) == []


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

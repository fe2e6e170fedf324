"""The routes of subjects and runbooks, and the status line: what is not in the plant is 404, old data look old."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

import httpx
import pytest
from fastapi.testclient import TestClient
from server_samples import EVIL, NOW, snapshot, views

from exporters.metrics.shared.snapshot import AlertRow
from monitor.errors import StoreError, StoreReason
from monitor.reports.handover import since_of
from monitor.web.parts import PartViews
from monitor.web.server import make_app

BROWSER = {"Accept": "text/html"}
HOSTILE = (
    "gone",
    "../../etc/passwd",
    "%2e%2e%2fetc",
    "F1/../F1",
    "/F1",
    "F1%00",
    "<b>",
    EVIL.replace("\ud800", ""),
)


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., httpx.Response]:
    def get(path: str, headers: dict[str, str] | None = None, **changes: Any) -> httpx.Response:
        client = TestClient(make_app(views(tmp_path / "reports", **changes)), follow_redirects=False)
        return client.get(path, headers=BROWSER if headers is None else headers)

    return get


Ask = Callable[..., httpx.Response]


@pytest.mark.parametrize("name", ["F1", "forging", "shape", "mes", "pull:mes", "north"])
def test_what_the_plant_has_has_a_page(ask: Ask, name: str) -> None:
    answer = ask(f"/subjects/{name}")
    assert answer.status_code == 200
    assert f"<h1>{name}</h1>" in answer.text
    assert '<meta http-equiv="refresh" content="60">' in answer.text


def test_a_name_with_a_slash_that_an_alert_knows_has_a_page(ask: Ask) -> None:
    row = AlertRow("UnknownMachineOrStep", "mes/<b>", "warning", EVIL, NOW, None)
    answer = ask(f"/subjects/{quote('mes/<b>', safe='')}", snapshot=lambda: snapshot(alerts=(row,)))
    assert answer.status_code == 200
    assert "<h1>mes/&lt;b&gt;</h1>" in answer.text


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(
    ("path", "sentence"), [("subjects", "The plant has no machine"), ("runbooks", "There is no runbook")]
)
def test_a_name_that_there_is_not_is_404_with_a_sentence(ask: Ask, path: str, sentence: str, name: str) -> None:
    answer = ask(f"/{path}/{quote(name, safe='')}", {})
    assert answer.status_code == 404
    assert answer.text.startswith(sentence)
    assert answer.text.count("\n") == 1
    page = ask(f"/{path}/{quote(name, safe='')}")
    assert (page.status_code, "<b>" in page.text, "<script" in page.text) == (404, False, False)
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_runbook_is_shown_and_listed(ask: Ask) -> None:
    assert "<h1>SensorDead</h1>" in ask("/runbooks/SensorDead").text
    assert 'href="/runbooks/SensorDead"' in ask("/runbooks/").text
    assert 'http-equiv="refresh"' not in ask("/runbooks/SensorDead").text


@pytest.mark.parametrize(
    "path", ["/reports/", "/parts/B7", "/runbooks/SensorDead", "/subjects/F1", "/holds", "/parts/gone"]
)
def test_every_page_begins_with_the_status(ask: Ask, path: str) -> None:
    body = ask(path).text.partition("<main>")[2]
    assert body.startswith(
        '<p class="status bad old" role="status"><a href="/">DATA IS OLD: job pull:mes has not run since'
    )
    assert ".status.old ~ * .chip.ok {" in ask(path).text, "nothing is shown as well"


@pytest.mark.parametrize("path", ["/reports/", "/parts/B7", "/subjects/F1", "/"])
def test_without_the_store_a_page_says_so_first_and_is_loaded_again(ask: Ask, path: str) -> None:
    def down(*_: Any) -> NoReturn:
        raise StoreError("store s.db: locked", StoreReason.LOCKED)

    answer = ask(path, snapshot=down)
    assert "NO DATA: the store cannot be read" in answer.text.partition("<main>")[2][:120]
    assert ('http-equiv="refresh"' in answer.text) == (answer.status_code == 503)
    assert "no alert" not in answer.text


def test_the_screen_of_a_line_is_shown_even_without_the_store(ask: Ask) -> None:
    def down(*_: Any) -> NoReturn:
        raise StoreError("store s.db: locked", StoreReason.LOCKED)

    for changes, status in (({}, 200), ({"snapshot": down}, 503)):
        answer = ask("/andon/blades", **changes)
        assert answer.status_code == status
        assert "NO DATA" in answer.text
        assert '<meta http-equiv="refresh" content="10">' in answer.text
        style = answer.text.partition("<style>")[2].partition("</style>")[0]
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("line", HOSTILE)
def test_a_line_that_there_is_not_is_404_with_a_sentence(ask: Ask, line: str) -> None:
    answer = ask(f"/andon/{quote(line, safe='')}", {})
    assert (answer.status_code, answer.text.startswith("The plant has no line")) == (404, True)


def test_a_handover_is_given_as_it_is_asked_for(ask: Ask) -> None:
    asked: list[str] = []

    def since(text: str) -> dict[str, object]:
        asked.append(text)
        since_of(text, NOW)
        return PartViews().handover(text)

    parts = PartViews(handover=since)
    assert "No recommendation was overridden." in ask("/handover", parts=parts).text
    assert ask("/handover?since=12h&format=json", parts=parts).json()["opened"] == []
    assert ask("/handover?since=%3Cb%3E", parts=parts).status_code == 400
    assert ask("/handover?format=xml", parts=parts).status_code == 400
    assert asked == ["", "12h", "<b>"]


@pytest.mark.parametrize("name", ["gone", "", "..", "../../etc/passwd", "<b>", "\0"])
def test_a_lot_that_there_is_not_is_404_with_a_sentence(ask: Ask, name: str) -> None:
    answer = ask(f"/lots?name={quote(name, safe='')}", {})
    assert (answer.status_code, answer.text.startswith("No newer part is of lot ")) == (404, True)


def test_a_lot_is_found_by_path_and_by_query(ask: Ask) -> None:
    parts = PartViews(lot=lambda name: EMPTY_LOT | {"lot": name})
    for path in ("/lots/L%2F9", "/lots?name=L/9"):
        assert "<h1>Lot L/9</h1>" in ask(path, parts=parts).text
    assert ask("/lots/L9?format=json", parts=parts).json()["lot"] == "L9"
    assert ask("/lots/L9?format=xml", parts=parts).status_code == 400


EMPTY_LOT: dict[str, Any] = {
    "lot": "", "count": 0, "first": "2026-03-02T12:00:00Z", "last": "2026-03-02T12:00:00Z", "parts": [],
    "decisions": [], "outcomes": {}, "dispositions": {},
}  # fmt: skip

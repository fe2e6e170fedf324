"""The HTTP server: what each path answers, whatever is asked and whatever is broken behind it."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

import httpx
import passport_rows as made
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from server_samples import EVIL, NOW, known, plant, snapshot, views
from waits import HANGS

from exporters.metrics.shared.metric import Bounds
from exporters.metrics.shared.snapshot import MetricsSnapshot
from exporters.pages.parts import top_at
from exporters.pages.passport import part_page
from monitor.errors import MonitorError, StoreError, StoreReason
from monitor.reports.part.lists import page_size, wanted_of
from monitor.reports.passport import passport
from monitor.store.database import tables as t
from monitor.web.parts import PartViews
from monitor.web.server import make_app, serve

TOP = top_at(snapshot(), Bounds(plant()))
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., httpx.Response]:
    def get(path: str, headers: dict[str, str] | None = None, **changes: Any) -> httpx.Response:
        client = TestClient(make_app(views(tmp_path / "reports", **changes)), follow_redirects=False)
        return client.get(path, headers=headers or {})

    return get


Ask = Callable[..., httpx.Response]


def raising(error: Exception) -> Callable[..., Any]:
    def raise_it(*_: Any) -> NoReturn:
        raise error

    return raise_it


class Page(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    ],
    ids=["the text format by default", "OpenMetrics where it is asked for"],
)
def test_metrics(ask: Ask, accept: str, content_type: str) -> None:
    answer = ask("/metrics", {"Accept": accept})
    assert answer.headers["content-type"].startswith(content_type)
    assert 'gatewatch_gate_decisions_total{gate="shape",reason="out_of_spec",verdict="scrap"} 17.0' in answer.text


def test_health_needs_no_store(ask: Ask) -> None:
    answer = ask("/healthz", snapshot=raising(StoreError("down", StoreReason.UNREACHABLE)))
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("ready", "status", "problems"),
    [
        (list, 200, []),
        (lambda: ["no lease", "no model"], 503, ["no lease", "no model"]),
        (raising(StoreError("store s.db is locked", StoreReason.LOCKED)), 503, ["store s.db is locked"]),
    ],
    ids=["ready", "not ready, with every reason", "a store that is down is a reason"],
)
def test_readiness(ask: Ask, ready: Callable[[], list[str]], status: int, problems: list[str]) -> None:
    answer = ask("/readyz", ready=ready)
    assert (answer.status_code, answer.json()) == (status, {"ready": not problems, "problems": problems})


@pytest.mark.parametrize(
    "error",
    [
        StoreError("store s.db: locked; wait", StoreReason.LOCKED),
        sa.exc.OperationalError("SELECT secret", {}, Exception("boom")),
    ],
    ids=["a store error", "an error of the library"],
)
@pytest.mark.parametrize("accept", ["", "application/openmetrics-text"], ids=["text", "OpenMetrics"])
def test_metrics_are_told_without_the_store_as_far_as_they_can(ask: Ask, error: Exception, accept: str) -> None:
    answer = ask("/metrics", {"Accept": accept}, snapshot=raising(error))
    assert answer.status_code == 200
    names = {line.partition("{")[0].partition(" ")[0] for line in answer.text.splitlines() if line[0] != "#"}
    assert "\ngatewatch_store_writable 0.0\n" in answer.text
    assert '\ngatewatch_store_unwritable{site="north"} 1.0\n' in answer.text
    assert "process_open_fds" in names
    assert not [name for name in names if name.startswith(("gatewatch_job", "gatewatch_alerting_works"))]
    assert "secret" not in answer.text


def test_metrics_of_a_store_that_can_only_be_read_say_so(ask: Ask) -> None:
    for writable in (True, False):
        text = ask("/metrics", snapshot=lambda writable=writable: snapshot(store_writable=writable)).text
        assert f"\ngatewatch_store_writable {float(writable)}\n" in text
        assert f'\ngatewatch_store_unwritable{{site="north"}} {float(not writable)}\n' in text
        assert ("gatewatch_alerting_works{" in text) == writable, "the alert that always fires must stop"
        assert "gatewatch_gate_decisions_total{" in text


@pytest.mark.parametrize("path", ["/", "/parts/B7", "/parts?serial=B7"])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (StoreError("store s.db: locked; wait", StoreReason.LOCKED), "store s.db: locked; wait"),
        (sa.exc.OperationalError("SELECT secret", {}, Exception("boom")), "The store could not be read"),
    ],
    ids=["a store error says what to do", "an error of the library is not shown"],
)
@pytest.mark.parametrize("headers", [BROWSER, {}, {"Accept": "application/json"}], ids=["browser", "any", "JSON"])
def test_a_store_that_is_down_is_503_with_a_sentence(
    ask: Ask, path: str, error: Exception, told: str, headers: dict[str, str]
) -> None:
    answer = ask(path, headers, snapshot=raising(error), passport=raising(error))
    assert answer.status_code == 503
    assert told in answer.text
    assert "Traceback" not in answer.text
    assert "secret" not in answer.text


def test_the_overview_shows_what_stands_where(ask: Ask) -> None:
    text = Page(ask("/", BROWSER).text).text
    for told in ("north", "SourceStopped", "m 3", "17", "4 of 100", "412.5 against 400", "overdue", "1 dead"):
        assert told in text
    for told in (
        "1.625",
        "hardness",
        "3.25 of 6.5",
        "0.4375",
        "F1/R1: mae 9.25 of 8",
        "4.75 of 6.5",
        "(not to be believed: covariate_shift, ",
        "19 rows are missing in",
    ):
        assert told in text
    assert "platform" in text
    assert not [name for name in ("Ended", "OnlyPending", "Watchdog") if name in text]


def test_the_overview_never_calls_silence_ok(ask: Ask) -> None:
    assert Page(ask("/", BROWSER).text).text.count("no fresh finding") == 1
    assert Page(ask("/", BROWSER, snapshot=lambda: MetricsSnapshot(at=NOW)).text).text.count("no fresh finding") == 2
    assert "none: every part is held" in ask("/", BROWSER, snapshot=lambda: MetricsSnapshot(at=NOW)).text


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/parts/B7",
        "/parts/gone",
        "/reports/",
        "/parts",
        "/holds",
        "/subjects/F1",
        "/subjects/gone",
        "/runbooks/",
        "/runbooks/SensorDead",
        "/runbooks/gone",
    ],
)
def test_a_page_runs_no_script_and_asks_nobody_else(ask: Ask, path: str) -> None:
    answer = ask(path, BROWSER)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    for name, attributes in Page(answer.text).elements:
        assert name not in ("script", "img", "iframe", "object", "base")
        assert not [key for key in attributes if key.startswith("on") or key == "style"]
        assert not (attributes.get("href") or "").startswith(("http", "//", "javascript"))


@pytest.mark.parametrize("serial", ["B/7", "a//b", "/a", "Ü ä", "100%", "?x=1#y", "'\"", "<b>", "a\\b"])
def test_any_serial_is_found_by_path_and_by_form_and_links_to_itself(ask: Ask, serial: str) -> None:
    page = ask(f"/parts/{quote(serial, safe='')}", BROWSER)
    assert html.escape(f"Part {serial}") in page.text
    (link,) = [a["href"] for name, a in Page(page.text).elements if name == "a" and "format=json" in (a["href"] or "")]
    assert ask(str(link)).json()["serial"] == serial
    assert ask(f"/parts?serial={quote(serial, safe='')}&format=json").json() == known(serial)


@pytest.mark.parametrize("serial", ["..", ".", "../../etc/passwd", "a\nb", " B7 "])
def test_a_serial_that_no_path_carries_is_found_by_the_form(ask: Ask, serial: str) -> None:
    assert ask(f"/parts?serial={quote(serial, safe='')}&format=json").json()["serial"] == serial


@pytest.mark.parametrize(
    ("query", "accept", "kind"),
    [
        ("", "application/json", "application/json"),
        ("", "text/html,application/json;q=0.5", "text/html; charset=utf-8"),
        ("", "", "text/html; charset=utf-8"),
        ("?format=json", "text/html", "application/json"),
        ("?format=html", "application/json", "text/html; charset=utf-8"),
    ],
)
def test_a_part_is_given_as_it_is_asked_for(ask: Ask, query: str, accept: str, kind: str) -> None:
    assert ask(f"/parts/B7{query}", {"Accept": accept}).headers["content-type"] == kind


@pytest.mark.parametrize("path", ["/parts/gone", "/parts?serial=gone", "/parts/"])
def test_an_unknown_part_is_404_with_a_sentence(ask: Ask, path: str) -> None:
    answer = ask(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/plain; charset=utf-8")
    assert answer.text.startswith("Nothing is known about part ")


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(), max_size=30) | st.just(EVIL))
@pytest.mark.slow
def test_no_text_of_the_data_becomes_an_element(text: str) -> None:
    found = known(text)
    assert found is not None
    page = part_page(found, TOP)
    page.encode()
    benign = part_page(known("x") or {}, TOP)
    assert [name for name, _ in Page(page).elements] == [name for name, _ in Page(benign).elements]


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    root = tmp_path / "reports"
    (root / "drift").mkdir(parents=True)
    (root / "drift" / "ä 1.html").write_text("<script>1</script>")
    (root / "a.json").write_text("{}")
    (root / ".hidden.html").write_text("hidden")
    (root / "model.pt").write_text("weights")
    (tmp_path / "secret.txt").write_text("secret")
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    (root / "folder").symlink_to(tmp_path)
    return root


def test_the_list_links_every_report_and_nothing_else(ask: Ask, reports: Path) -> None:
    elements = Page(ask("/reports/", BROWSER).text).elements
    links = [str(a["href"]) for name, a in elements if name == "a" and str(a["href"]).startswith("/reports/")]
    links.remove("/reports/")
    assert links == ["/reports/a.json", "/reports/drift/%C3%A4%201.html"]
    assert [ask(link).status_code for link in links] == [200, 200]


def test_a_report_runs_in_an_origin_of_its_own(ask: Ask, reports: Path) -> None:
    answer = ask("/reports/drift/%C3%A4%201.html", BROWSER)
    assert answer.text == "<script>1</script>"
    assert answer.headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none'")
    assert "allow-same-origin" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    ["../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt", "drift/../../secret.txt", "link.txt", "folder/secret.txt",
     "/etc/passwd", "%2fetc%2fpasswd", ".hidden.html", "model.pt", "drift", "missing.html", "%00", "a.json%00"],
)  # fmt: skip
def test_nothing_outside_the_reports_is_served(ask: Ask, reports: Path, path: str) -> None:
    answer = ask(f"/reports/{path}")
    assert answer.status_code == 404
    assert "secret" not in answer.text


def test_without_a_folder_of_reports_the_list_is_empty(ask: Ask) -> None:
    assert "No report has been written yet." in ask("/reports/", BROWSER).text


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_no_page_of_the_framework_is_served(ask: Ask, path: str) -> None:
    assert ask(path).status_code == 404


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Any]:
    served = serve(make_app(views(tmp_path)), "127.0.0.1", 0)
    yield served
    served.stop()


def test_a_real_server_answers_head_and_get_at_a_free_port(listening: Any) -> None:
    url = f"http://127.0.0.1:{listening.port}"
    with httpx.Client(base_url=url, trust_env=False) as client:
        assert client.get("/metrics").content.endswith(b"\n")
        assert client.head("/healthz").status_code == 200
        assert client.post("/parts/B7").status_code == 405
        assert client.get("/parts/a%2Fb%3F?format=json").json()["serial"] == "a/b?"


def test_a_port_in_use_is_one_sentence(listening: Any, tmp_path: Path) -> None:
    with pytest.raises(MonitorError, match=rf"cannot listen on 127.0.0.1 port {listening.port}: .*server.port") as told:
        serve(make_app(views(tmp_path)), "127.0.0.1", listening.port)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(("host", "port"), [("no such host", 0), ("127.0.0.1", 70_000)])
def test_an_impossible_address_is_one_sentence(tmp_path: Path, host: str, port: int) -> None:
    with pytest.raises(MonitorError, match="cannot listen"):
        serve(make_app(views(tmp_path)), host, port)


@pytest.mark.slow
def test_it_ends_even_while_a_request_hangs(tmp_path: Path) -> None:
    entered, release = threading.Event(), threading.Event()

    def hang() -> MetricsSnapshot:
        entered.set()
        release.wait(HANGS)
        return snapshot()

    served = serve(make_app(views(tmp_path, snapshot=hang)), "127.0.0.1", 0)
    with socket.create_connection(("127.0.0.1", served.port)) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert entered.wait(HANGS)
        served.stop()
        assert not release.is_set(), "the request still hangs"
        release.set()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", served.port), timeout=1)


@pytest.mark.slow
def test_the_passport_of_a_real_store_is_shown(ask: Ask, new_store: Path, tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{shutil.copy(new_store, tmp_path)}", poolclass=sa.NullPool)
    made.fill(engine)

    def read(serial: str) -> dict[str, Any] | None:
        with engine.connect() as connection:
            return passport(connection, serial)

    answer = ask("/parts/B%2F7", BROWSER, passport=read)
    assert "gate shape at forging, visit 1: scrap (out_of_spec)" in Page(answer.text).text
    assert json.dumps(ask("/parts/B%2F7?format=json", passport=read).json()) == json.dumps(read("B/7"))


@pytest.mark.parametrize("path", ["/parts", "/holds", "/parts?serial="])
@pytest.mark.parametrize("headers", [BROWSER, {"Accept": "application/json"}], ids=["browser", "JSON"])
def test_lists_are_given_as_they_are_asked_for(ask: Ask, path: str, headers: dict[str, str]) -> None:
    answer = ask(path, headers)
    assert answer.status_code == 200
    if headers is BROWSER:
        assert "No " in Page(answer.text).text
    else:
        assert answer.json() in ({"decisions": [], "next": None}, {"holds": [], "overdue": 0})


def test_a_list_is_asked_for_with_its_filters(ask: Ask) -> None:
    asked: list[Any] = []

    def listed(given: Any) -> dict[str, object]:
        asked.append(dict(given))
        return {"decisions": [], "next": None}

    page = ask("/parts?verdict=hold&gate=b%26c&after=x&other=1", BROWSER, parts=PartViews(listed=listed))
    assert asked == [{"verdict": "hold", "gate": "b&c", "reason": "", "since": "", "after": "x", "limit": ""}]
    assert "b&amp;c" in page.text
    assert ">shape</a>" in page.text, "the gates of the plant can be chosen"


@pytest.mark.parametrize(
    "query",
    [
        "verdict=maybe",
        "reason=%3Cb%3E",
        "since=yesterday",
        "after=%00",
        "after=%D9%A3",
        "limit=0",
        "limit=1001",
        "limit=ten",
        "limit=-1",
        "format=xml",
    ],
)
@pytest.mark.parametrize("headers", [BROWSER, {}], ids=["browser", "any"])
def test_a_list_that_cannot_be_is_400_with_a_sentence(ask: Ask, query: str, headers: dict[str, str]) -> None:
    def listed(given: Any) -> dict[str, object]:
        wanted_of(given)
        page_size(given)
        raise AssertionError

    answer = ask(f"/parts?{query}", headers, parts=PartViews(listed=listed))
    assert answer.status_code == 400
    assert "expected" in answer.text
    assert "<b>" not in answer.text or answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("path", ["/holds?format=xml", "/parts/B7?format=", "/parts?serial=B7&format=pdf"])
def test_a_form_that_no_page_has_is_400_with_a_sentence(ask: Ask, path: str) -> None:
    answer = ask(path)
    assert (answer.status_code, "expected one of html, json" in answer.text) == (400, True)


def test_a_serial_number_is_found_with_blanks_around_it(ask: Ask) -> None:
    found = ask(
        "/parts?serial=%20B7%20&format=json", passport=lambda serial: {"serial": serial} if serial == "B7" else None
    )
    assert found.json() == {"serial": "B7"}


def test_the_style_of_a_part_is_let_through_by_its_policy(ask: Ask) -> None:
    for path in ("/parts/B7", "/parts", "/holds"):
        answer = ask(path, BROWSER)
        style = answer.text.partition("<style>")[2].partition("</style>")[0]
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]


def test_a_map_is_asked_of_the_gate_that_judged_the_picture(ask: Ask) -> None:
    views = PartViews(picture_map=lambda arrival, name, gate: PNG if (arrival, name, gate) == (7, "top", "g") else None)
    assert ask("/pictures?arrival=7&name=top&map=g", parts=views).content == PNG
    assert ask("/pictures?arrival=7&name=top&map=h", parts=views).status_code == 404


def _page_of_rows(text: str, new_store: Path, folder: Path) -> str:
    """The page of a part of which every text in the store is `text`."""
    folder.mkdir()
    engine = sa.create_engine(f"sqlite:///{shutil.copy(new_store, folder)}", poolclass=sa.NullPool)
    named = {"serial": text, "step": text, "machine": text, "lot": text, "recipe": text, "source": text}
    said = {"gate": text, "reason": text, "verdict": text, "on_hold": text, "characteristic": text, "model": text}
    costs = [{"action": text, "correction": text, "cost": 1.0}]
    steps = [made.part_step(n, n, **named | ({} if n == 2 else {"serial": f"{text}{n}"})) for n in (1, 2, 3)]
    rows = {
        t.part_step: steps,
        t.decision: [made.decision(9, serial=text, step=text, inputs={text: 2}, arrival=2, costs=costs, **said)],
        t.outcome: [made.outcome(20, serial=text, characteristic=text)],
        t.disposition: [made.disposition(30, serial=text, disposition=text)],
        t.outbox: [made.outbox(1, subject=text, error=text, status="dead",
                               payload={"serial": text, "step": text, "visit": 1})],
    }  # fmt: skip
    made.fill(engine, rows)
    with engine.connect() as connection:
        return part_page(passport(connection, text) or {}, TOP)


def test_no_text_of_the_store_becomes_an_element(new_store: Path, tmp_path: Path) -> None:
    evil = _page_of_rows(EVIL.replace("\ud800", ""), new_store, tmp_path / "evil")
    benign = _page_of_rows("x", new_store, tmp_path / "benign")
    assert evil.count("alert(1)") > 20
    assert [name for name, _ in Page(evil).elements] == [name for name, _ in Page(benign).elements]


PNG = b"\x89PNG\r\n\x1a\nof a part"


def test_a_part_shows_its_pictures_which_the_server_sends(ask: Ask) -> None:
    details = {"arrival": 7, "pictures": ['side "a"', "top"], "step": "forging"}
    step = {"at": "2026-03-02T12:00:00.000Z", "kind": "part_step", "summary": "passed", "details": details}
    asked: list[tuple[int, str]] = []

    def picture(arrival: int, name: str) -> bytes | None:
        asked.append((arrival, name))
        return PNG if arrival == 7 else None

    page = ask("/parts/B7", BROWSER, passport=lambda serial: {"serial": serial, "events": [step]})
    assert "img-src 'self' data:;" in page.headers["content-security-policy"]
    sources = [attributes["src"] or "" for name, attributes in Page(page.text).elements if name == "img"]
    for source in sources:
        sent = ask(source, BROWSER, picture=picture)
        assert (sent.status_code, sent.content, sent.headers["content-type"]) == (200, PNG, "image/png")
        assert sent.headers["x-content-type-options"] == "nosniff"
    assert asked == [(7, 'side "a"'), (7, "top")]


@pytest.mark.parametrize(
    "query",
    ["", "?arrival=8&name=top", "?arrival=-1&name=top", "?arrival=7&name=%00", "?arrival=9999999999999999999&name=top"],
)
def test_a_picture_that_is_none_is_not_found(ask: Ask, query: str) -> None:
    answer = ask(
        f"/pictures{query}", BROWSER, picture=lambda arrival, name: PNG if arrival == 7 and name == "top" else None
    )
    assert answer.status_code == 404
    assert "There is no such picture" in answer.text

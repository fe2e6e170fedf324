"""The page of a part and the lists of parts: as committed, in order, with nothing of the data as an element."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from browser_kit import EVIL, needs_chromium, opened, title
from hypothesis import given, settings
from hypothesis import strategies as st
from page_samples import Page

from exporters.html.html import Html
from exporters.pages.clock import Clock
from exporters.pages.handover import handover_page
from exporters.pages.interval import interval_figure
from exporters.pages.lists import holds_page, list_url, parts_page
from exporters.pages.lot import lot_page
from exporters.pages.parts import Top, reports_page
from exporters.pages.passport import part_page
from exporters.pages.status import Level, Status

GOLDEN = Path(__file__).parents[1] / "golden" / "parts"
NOW = datetime(2026, 3, 2, 13, tzinfo=UTC)
AT = "2026-03-02T12:00:00.000Z"
TOP = Top(Clock(NOW, "Europe/Berlin"), Status("no alert", Level.GOOD))


def outcome(text: str = "resonance", value: float = 1281.5) -> dict[str, Any]:
    return {"characteristic": text, "value": value, "name": None, "at": AT, "inside": False}


def decision(text: str = "coating", **changes: Any) -> dict[str, Any]:
    """A decision of a passport that has everything; every text of the data is `text`."""
    values: dict[str, Any] = {
        "gate": text, "step": text, "visit": 2, "at": AT, "decided_at": AT, "verdict": "correct",
        "reason": "reworkable", "on_hold": "", "sentence": f"correct: {text}", "todo": f"Rework the part by {text}.",
        "correction": text, "characteristic": text, "earlier_decisions": 1, "by": "model", "predicted": 1282.0,
        "lower": 1274.0, "upper": 1290.0, "unit": "Hz", "coverage": 0.9,
        "specification": {"lower": 1225.0, "target": 1250.0, "upper": 1275.0, "unit": "Hz",
                          "rework": {"below": 0.0, "above": 30.0}},
        "classes": None, "expected_cost": 99.05,
        "alternatives": [{"action": "correct", "correction": text, "name": text, "cost": 99.05, "chosen": True,
                          "ruled_out": None},
                         {"action": "continue", "correction": "", "name": "continue", "cost": 28176.2,
                          "chosen": False, "ruled_out": None},
                         {"action": "correct", "correction": text, "name": f"set {text}", "cost": None,
                          "chosen": False, "ruled_out": f"no setting of {text}"}],
        "currency": "USD",
        "inputs": [{"name": text, "value": 1.5, "unit": "mm", "visit": 1, "at": AT},
                   {"name": "gone", "value": None, "unit": "", "visit": None, "at": None}],
        "model": {"name": text, "version": "3", "digest": "abc", "trained_at": AT, "trained_on": 900,
                  "in_force_since": AT, "metrics": {}},
        "picture": {"arrival": 7, "name": text, "gate": text, "map": True}, "waits": None,
        "sent": [{"channel": "mes", "status": "sent", "sent_at": AT, "created_at": AT, "error": None, "attempts": 1}],
        "dispositions": [{"disposition": text, "step": text, "at": AT}], "outcomes": [outcome(text)],
    }  # fmt: skip
    return values | changes


def of_classes(text: str = "inspection") -> dict[str, Any]:
    """A hold of a gate of classes that waits for too long."""
    classes = [{"name": text, "means": "continue", "probability": 0.829},
               {"name": "runs", "means": "correct", "probability": 0.171}]  # fmt: skip
    return decision(
        text, verdict="hold", reason="uncertain", on_hold="inspect", specification=None, classes=classes,
        expected_cost=None, alternatives=[], correction=None, predicted=0.171, lower=0.171, upper=0.171, unit="",
        waits={"waits": True, "due": AT, "overdue": True}, outcomes=[], dispositions=[], earlier_decisions=0, visit=1,
    )  # fmt: skip


def neighbour(text: str) -> dict[str, Any]:
    return {"serial": text, "visit": 1, "at": AT, "gate": text, "verdict": "hold", "reason": "uncertain",
            "outcome": outcome(text), "disposition": text}  # fmt: skip


def passport(text: str = "B7") -> dict[str, Any]:
    """A passport of which every text of the data is `text`."""
    details = {"arrival": 7, "pictures": [text], text: [text, {text: 1.0}], "verdict": "hold"}
    near = {"step": text, "visit": 1, "at": AT, "by": "machine", "name": text, "before": [neighbour(text)],
            "after": [neighbour(text), neighbour(text)]}  # fmt: skip
    return {
        "serial": text, "decisions": [of_classes(text), decision(text)], "neighbours": [near],
        "events": [{"at": AT, "kind": "part_step", "summary": text, "details": details}],
    }  # fmt: skip


def listing(text: str = "B7") -> dict[str, Any]:
    row = {**{name: decision(text)[name] for name in ("step", "visit", "gate", "at", "decided_at", "verdict", "reason",
                                                      "on_hold", "unit", "predicted", "lower", "upper")},
           "serial": text, "outcome": outcome(text), "disposition": text}  # fmt: skip
    return {"decisions": [row, row | {"predicted": None}], "next": f"{AT}~7"}


def holds(text: str = "B7") -> dict[str, Any]:
    row = {"serial": text, "step": text, "visit": 1, "gate": text, "reason": "uncertain", "on_hold": "inspect",
           "at": AT, "decided_at": AT, "due": "2026-03-02T12:30:00.000Z", "overdue": True}  # fmt: skip
    return {"holds": [row, row | {"due": None, "overdue": False}], "overdue": 1}


def shift(text: str = "B7") -> dict[str, Any]:
    alert = {"name": text, "subject": text, "severity": "warning", "line": text, "team": text, "summary": text,
             "cause": text, "since": AT, "ended_at": None}  # fmt: skip
    row = {
        "serial": text,
        "step": text,
        "gate": text,
        "verdict": "scrap",
        "reason": text,
        "disposition": text,
        "at": AT,
    }
    return {"since": AT, "until": AT, "shift": text, "opened": [alert], "closed": [alert | {"ended_at": AT}],
            "stands": [alert, alert], "parts": 7, "held": [{"gate": text, "reason": text, "parts": 7}],
            "dispositions": 3, "overridden": [row]}  # fmt: skip


def lot(text: str = "B7") -> dict[str, Any]:
    part = {"serial": text, "step": text, "visit": 1, "machine": text, "at": AT, "gate": text, "verdict": "hold",
            "reason": "uncertain", "outcome": outcome(text), "disposition": text}  # fmt: skip
    bare = {"gate": None, "verdict": None, "reason": None, "outcome": None, "disposition": None, "machine": ""}
    return {"lot": text, "count": 3, "first": AT, "last": AT, "parts": [part, part | bare],
            "decisions": [{"gate": text, "verdict": "hold", "parts": 2}], "outcomes": {"outside": 1},
            "dispositions": {text: 1}}  # fmt: skip


PAGES = {
    "lot": lambda text: lot_page(lot(text), TOP),
    "handover": lambda text: handover_page(shift(text), text, TOP),
    "part": lambda text: part_page(passport(text), TOP),
    "parts": lambda text: parts_page(listing(text), {"gate": text, "since": text}, [text, "forging"], TOP),
    "holds": lambda text: holds_page(holds(text), TOP),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_committed(name: str) -> None:
    text, file = PAGES[name]("B7").partition("<body>")[2], GOLDEN / f"{name}.html"
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), "if meant: UPDATE_GOLDEN=1 pytest, then look at the difference"


@pytest.mark.parametrize("name", PAGES)
@settings(max_examples=20, deadline=None)
@given(text=st.text(st.characters(), min_size=1, max_size=20) | st.just(EVIL))
def test_no_text_of_the_data_becomes_an_element(name: str, text: str) -> None:
    page = PAGES[name](text)
    page.encode()
    assert [tag for tag, _ in Page(page).elements] == [tag for tag, _ in Page(PAGES[name]("x")).elements]


@needs_chromium
@pytest.mark.process
def test_a_browser_does_not_run_the_data(tmp_path: Path) -> None:
    for name, make in PAGES.items():
        file = tmp_path / f"{name}.html"
        file.write_text(make(EVIL), encoding="utf-8")
        assert title(opened(file, tmp_path)) != "ran"


def test_a_part_begins_with_why_and_what_to_do() -> None:
    text = Page(part_page(passport(), TOP)).text
    order = ("hold", "overdue", "gate B7", "correct: B7", "To do:", "wanted 90 %", "decided 2 times", "recommended",
             "28,176", "Parts before and after", "Inputs", "History")  # fmt: skip
    places = [text.index(word) for word in order[4:]]
    assert places == sorted(places)
    assert all(word in text for word in order)


def test_a_part_links_its_neighbours_and_the_other_pages() -> None:
    found = Page(part_page(passport("a/ü&b"), TOP)).links()
    assert {"/", "/parts", "/holds", "/reports/"} <= set(found)
    assert found.count("/parts?serial=a%2F%C3%BC%26b") == 3


def test_a_part_without_decisions_says_so() -> None:
    assert "No gate has decided on this part." in part_page({"serial": "x", "events": []}, TOP)


def test_pictures_and_maps_are_asked_of_the_server() -> None:
    sources = [a["src"] for name, a in Page(part_page(passport("a b"), TOP)).elements if name == "img"]
    assert sources[:2] == ["/pictures?arrival=7&name=a%20b", "/pictures?arrival=7&name=a%20b&map=a%20b"]


FIGURES: dict[str, tuple[Mapping[str, Any], tuple[str, ...]]] = {
    "an interval above": (
        decision(), ("upper 1275", "rework to 1305", "1282 (1274 to 1290) Hz", "outcome 1281.5 Hz outside"),
    ),
    "without an upper limit": (
        decision(specification=decision()["specification"] | {"upper": None}), ("lower 1225", "1282 (1274 to 1290) Hz"),
    ),
    "a point": (decision(lower=1282.0, upper=1282.0, outcomes=[]), ("1282 (1282 to 1282) Hz",)),
    "classes": (of_classes(), ("82.9 %", "wanted 90 %")),
}  # fmt: skip


@pytest.mark.parametrize(("one", "words"), FIGURES.values(), ids=FIGURES)
def test_a_figure_has_its_numbers(one: Mapping[str, Any], words: tuple[str, ...]) -> None:
    figure = interval_figure(one)
    assert isinstance(figure, Html)
    for word in words:
        assert word in Page(figure).text


@pytest.mark.parametrize("missing", ["lower", "specification"])
def test_without_an_interval_or_its_limits_nothing_is_drawn(missing: str) -> None:
    assert interval_figure(decision(**{missing: None})) is None


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e9, 1e9), min_size=5, max_size=5))
def test_nothing_is_drawn_outside_the_picture(values: list[float]) -> None:
    lower, value, upper = sorted(values[:3])
    low, high = sorted(values[3:])
    spec = {"lower": low, "target": None, "upper": high, "unit": "", "rework": {"below": 1.0, "above": 0.0}}
    figure = interval_figure(decision(lower=lower, predicted=value, upper=upper, specification=spec))
    assert figure is not None
    for name, attributes in Page(figure).elements:
        for key in ("x", "x1", "x2", "cx"):
            if key in attributes:
                assert -1 <= float(attributes[key] or 0) <= 461, (name, attributes)


def test_a_list_has_links_that_filter_and_go_on() -> None:
    page = Page(parts_page(listing(), {"verdict": "hold", "reason": "uncertain", "after": "x"}, ["a", "b&c"], TOP))
    asked = [parse_qs(urlsplit(link).query) for link in page.links() if link.startswith("/parts?")]
    assert {"verdict": ["scrap"]} in asked, "another verdict has other reasons"
    assert {"verdict": ["hold"], "reason": ["uncertain"], "gate": ["b&c"]} in asked
    assert {"verdict": ["hold"], "reason": ["uncertain"], "after": [f"{AT}~7"]} in asked
    assert {"verdict": ["hold"], "reason": ["uncertain"]} in asked, "back to the newest"
    current = [attributes for _, attributes in page.elements if "aria-current" in attributes]
    assert len(current) == 3
    assert list_url({"verdict": "", "gate": ""}) == "/parts"


def test_overdue_holds_are_marked() -> None:
    text = Page(holds_page(holds(), TOP)).text
    assert "2 waiting, 1 overdue" in text
    assert "30 min ago" in text
    assert "no time set" in text


def test_the_list_has_reports_by_kind_the_newest_first_and_a_page_before_its_data() -> None:
    names = [
        "report-2026-03-02T0500Z.html", "drift/form/20260301T060000Z.html", "drift/form/20260302T060000Z.html",
        "drift/form/20260302T060000Z.json", "plant/daily-2026-02-28-0600.html", "plant/daily-2026-03-01-0600.html",
        "plant/weekly-2026-02-23-0600.html", "other/notes.txt",
    ]  # fmt: skip
    page = reports_page(names, TOP)
    assert re.findall(r'href="/reports/([^"]+)"', page) == [
        "plant/daily-2026-03-01-0600.html", "plant/daily-2026-02-28-0600.html", "plant/weekly-2026-02-23-0600.html",
        "report-2026-03-02T0500Z.html", "drift/form/20260302T060000Z.html", "drift/form/20260302T060000Z.json",
        "drift/form/20260301T060000Z.html", "other/notes.txt",
    ]  # fmt: skip
    assert re.findall(r"<h2>([^<]+)</h2>", page) == ["Daily", "Weekly", "On demand", "Drift of form", "other"]


CHOSEN = {
    "a plant without shifts": (None, "", ["8h", "12h", "24h", "7d"], "8h"),
    "a plant with shifts": ("early", "", ["shift early", "8h", "12h", "24h", "7d"], "shift early"),
    "another period": ("early", "24h", ["shift early", "8h", "12h", "24h", "7d"], "24h"),
}


@pytest.mark.parametrize(("name", "given_", "offered", "chosen"), CHOSEN.values(), ids=CHOSEN)
def test_a_handover_offers_its_periods(name: str | None, given_: str, offered: list[str], chosen: str) -> None:
    page = handover_page(shift() | {"shift": name}, given_, TOP)
    (line,) = re.findall(r'<dl class="filters">.*?</dl>|<section><dl.*?</dl>', page)
    assert re.findall(r"<a [^>]*>([^<]+)</a>", line) == offered
    assert re.findall(r'aria-current="true"[^>]*>([^<]+)</a>', line) == [chosen]

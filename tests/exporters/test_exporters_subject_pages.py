"""The pages of machines, steps, gates, sources and runbooks, and the status line on top of every page."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from browser_kit import EVIL
from exporters_samples import before
from hypothesis import given, settings
from hypothesis import strategies as st
from page_samples import GRAFANA, Page, alert, fresh, of_plant, top

from alerting.alerts import runbooks as stored
from exporters.html.markdown import markdown
from exporters.metrics.shared.snapshot import CursorRow
from exporters.pages.andon import andon_page
from exporters.pages.clock import Clock
from exporters.pages.index import index_page
from exporters.pages.status import status_of
from exporters.pages.subjects.page import subject_page
from exporters.pages.subjects.runbook import runbook_page, runbooks_page

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "pages"


def subject(name: str, text: str = "hot") -> str:
    seen, bounds = fresh(text), of_plant()
    page = subject_page(name, seen, bounds, top(seen))
    assert page is not None
    return page


def runbook(text: str) -> str:
    return runbook_page("SensorDead", f"# SensorDead\n\n{text}\n", ("SensorDead",), fresh(text), top())


def screen(text: str, **changes: Any) -> str:
    alerts = alert(text=text), *(alert(f"Other{n}", "C1", text, severity="warning") for n in range(7))
    return andon_page("blades", fresh(text, **{"alerts": alerts, **changes}), of_plant())


PAGES: dict[str, Callable[[str], str]] = {
    "overview": lambda text: index_page(fresh(text), of_plant(), top()),
    "machine": lambda text: subject("F1", text),
    "machine_without_data": lambda text: subject("C1", text),
    "step": lambda text: subject("forging", text),
    "gate": lambda text: subject("shape", text),
    "source": lambda text: subject("historian", text),
    "job": lambda text: subject("pull:historian", text),
    "andon": screen,
    "andon_without_data": lambda text: screen(text, store_writable=False),
    "runbook": lambda text: runbook_page("SensorDead", stored.runbooks()["SensorDead"], (), fresh(text), top()),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_committed(name: str) -> None:
    text, file = PAGES[name]("hot").partition("<body>")[2], GOLDEN / f"{name}.html"
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), "if meant: UPDATE_GOLDEN=1 pytest, then look at the difference"


@pytest.mark.parametrize("name", PAGES)
@settings(max_examples=10, deadline=None)
@given(text=st.text(st.characters(), min_size=1, max_size=20) | st.just(EVIL))
@pytest.mark.slow
def test_no_text_of_the_data_becomes_an_element(name: str, text: str) -> None:
    page = PAGES[name](text)
    page.encode()
    assert [tag for tag, _ in Page(page).elements] == [tag for tag, _ in Page(PAGES[name]("x")).elements]


def test_what_only_an_alert_knows_has_a_page_and_nothing_else_has() -> None:
    assert EVIL not in subject(f"mes/{EVIL}", EVIL)
    seen = fresh()
    for name in ("gone", "", "..", "F1/", "blades", "SensorDead", EVIL):
        assert subject_page(name, seen, of_plant(), top()) is None


def test_a_machine_shows_its_sensor_between_its_limits_and_where_to_look_further() -> None:
    page = Page(subject("F1"))
    for told in ("412.5", "300", "400", "run, since 10:00"):
        assert told in page.text
    links = page.links()
    assert {"/subjects/forging", "/subjects/shape", "/runbooks/MachineOutOfSpec"} <= set(links)
    assert f"{GRAFANA}d/gatewatch-machine?var-machine=F1" in links
    assert "SensorStuck" not in page.text, "a pending alert is none yet"


def test_a_sensor_without_fresh_finding_has_no_data() -> None:
    page = Page(subject("C1"))
    assert "no data" in page.text
    assert "No fresh finding" in page.text
    assert " ok" not in page.text


def test_a_machine_of_which_nothing_came_for_long_says_since_when() -> None:
    seen = fresh()
    old = replace(seen, board=tuple(row._replace(at=before(days=84)) for row in seen.board))
    pages = [index_page(old, of_plant(), top(old))]
    pages += [subject_page(name, old, of_plant(), top(old)) or "" for name in ("F1", "forging")]
    assert all("84 d ago" in Page(page).text for page in pages)


def test_without_a_grafana_nothing_leads_there() -> None:
    assert "Grafana" not in str(subject_page("F1", fresh(), of_plant(server={}), top()))


STATUSES: dict[str, tuple[dict[str, Any], str, str]] = {
    "nothing is wrong": ({"alerts": ()}, "good", "no alert; newest part 3 min ago"),
    "no part yet": ({"alerts": (), "newest_parts": {}}, "poor", "no alert; no part has come yet"),
    "one alert": (
        {"alerts": (alert(severity="warning"),)}, "poor",
        "1 alert, warning: MachineOutOfSpec F1 since 12:40 (11:40 UTC)",
    ),
    "the worst of several": (
        {"alerts": (alert("DataDrift", severity="warning", since=before(hours=30)), alert())}, "bad",
        "2 alerts, the worst critical: MachineOutOfSpec F1 since 12:40 (11:40 UTC)",
    ),
    "pending and past ones are none": (
        {"alerts": (alert(state="pending"), alert(ended_at=before(hours=1)), alert("Watchdog"))}, "good",
        "no alert; newest part 3 min ago",
    ),
    "a source without new rows": (
        {"alerts": (), "cursors": (CursorRow("p", "historian", "", before(seconds=4)),
                                   CursorRow("p", "mes", "", before(hours=30)))}, "bad",
        "DATA IS OLD: source mes has no new row since 2026-03-01 07:00 (06:00 UTC); no alert",
    ),
    "a job that hangs": (
        {"jobs": (fresh().jobs[0]._replace(last_slot=before(hours=2)),)}, "bad",
        "DATA IS OLD: job pull:historian has not run since 11:00 (10:00 UTC); 3 alerts, the worst critical",
    ),
    "a store that takes no writes": (
        {"alerts": (), "store_writable": False}, "bad", "DATA IS OLD: the store cannot be written; no alert",
    ),
    "a store that cannot be read": (
        {"alerts": (), "store_readable": False}, "bad", "NO DATA: the store cannot be read",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "level", "words"), STATUSES.values(), ids=STATUSES)
def test_the_status_line(changes: dict[str, Any], level: str, words: str) -> None:
    seen = fresh(**changes)
    status = status_of(seen, of_plant(), Clock(seen.at, "Europe/Berlin"))
    assert (status.level, status.text.startswith(words)) == (level, True), status.text
    assert bool(status.old) == (level == "bad" and status.text.startswith(("DATA IS OLD", "NO DATA")))


def test_the_overview_begins_with_the_status_and_links_what_it_names() -> None:
    page = Page(PAGES["overview"]("hot"))
    level, text = page.status
    assert (level, text.startswith("3 alerts, the worst critical: MachineOutOfSpec F1 since")) == ("bad", True)
    assert {"/subjects/F1", "/subjects/forging", "/subjects/shape", "/subjects/mes", "/runbooks/DataDrift"} <= set(
        page.links()
    )
    again = [attributes["content"] for _, attributes in page.elements if attributes.get("http-equiv") == "refresh"]
    assert again == ["60"]


def test_the_screen_of_a_hall_says_what_where_since_when_and_what_to_do() -> None:
    text = Page(screen("hot")).text
    for told in ("blades", "Hot", "F1 at forging · critical since 12:40, 20 min ago", "Do: Check the named sensor"):
        assert told in text
    assert text.count("Also Other") == 2
    assert "and 4 more" in text
    assert "UTC" not in text, "a clock in the hall shows one time"


@pytest.mark.parametrize(
    ("changes", "head", "more"),
    [
        ({"alerts": ()}, "No alert", "Newest part 3 min ago"),
        ({"alerts": (alert(line="discs"), alert("Watchdog"))}, "No alert", "Newest part 3 min ago"),
        ({"alerts": (), "newest_parts": {}}, "NO DATA", "No part of this line has come yet."),
        ({"store_writable": False}, "NO DATA", "The store cannot be written. Call plant IT."),
        ({"store_readable": False, "alerts": ()}, "NO DATA", "The store cannot be read. Call plant IT."),
        ({"jobs": ()}, "NO DATA", "Job pull:historian has not run at all."),
    ],
)  # fmt: skip
def test_a_screen_without_new_data_says_so_and_never_that_all_is_well(
    changes: dict[str, Any], head: str, more: str
) -> None:
    page = Page(screen("hot", **changes))
    heads = re.findall("<h2>([^<]*)</h2>", page.raw)
    assert heads[0] == head
    assert more in re.sub("<[^>]*>", " ", page.raw).replace("  ", " ")
    assert ("No alert" in heads) == (head == "No alert")
    assert '<meta http-equiv="refresh" content="10">' in page.raw


def test_times_are_of_the_plant_with_utc_beside_them() -> None:
    clock = Clock(before(), "America/New_York")
    assert clock.text(before(hours=8)) == "2026-03-01 23:00 (04:00 UTC)"
    assert clock.exact(before()) == "2026-03-02 07:00:00 EST (2026-03-02 12:00:00 UTC)"
    assert [clock.ago_text(before() - timedelta(seconds=s)) for s in (0, 119, 7199, 172799, 172800)] == [
        "0 s ago", "119 s ago", "120 min ago", "48 h ago", "2 d ago",
    ]  # fmt: skip


def test_the_runbooks_of_the_package_are_those_of_the_docs() -> None:
    text = (ROOT / "alerting" / "generated" / "runbooks.md").read_text(encoding="utf-8")
    assert text == stored.document(ROOT / "docs" / "runbooks"), "not current; run make generate"


@pytest.mark.parametrize("name", stored.runbooks())
def test_every_runbook_is_shown_whole(name: str) -> None:
    text = stored.runbooks()[name]
    assert text.startswith(f"# {name}\n")
    page = Page(runbook_page(name, text, stored.runbooks(), fresh(), top()))
    for heading in ("Meaning", "Impact", "Diagnosis", "Mitigation", "Tuning", "first action"):
        assert heading in page.text
    assert not [mark for mark in ("](", "**", "```", "| --", "|--") if mark in page.text]
    assert not [link for link in page.links() if link.endswith(".md")]


def test_the_list_links_every_runbook() -> None:
    links = Page(runbooks_page(list(stored.runbooks()), top())).links()
    assert {f"/runbooks/{name}" for name in stored.runbooks()} <= set(links)


MARKDOWN = {
    "paragraphs": ("a\nb\n\nc", "<p>a b</p><p>c</p>"),
    "headings": ("# A\n## B `c`", "<h1>A</h1><h2>B <code>c</code></h2>"),
    "a list": ("- a\n  b\n- **c**", "<ul><li>a b</li><li><strong>c</strong></li></ul>"),
    "a numbered list": ("1. a\n2. *b*", "<ol><li>a</li><li><em>b</em></li></ol>"),
    "a list after text": ("a\n- b", "<p>a</p><ul><li>b</li></ul>"),
    "code": ("```yaml\na: <b>\n\n# c\n```\nd", "<pre><code>a: &lt;b&gt;\n\n# c</code></pre><p>d</p>"),
    "code without an end": ("```\na", "<pre><code>a</code></pre>"),
    "links": ("[a](B.md) [c](../d.md)", '<p><a href="/B.md">a</a> c</p>'),
    "a table": (
        "|a|b|\n|-|-|\n|`c`||",
        '<div class="wide"><table><thead><tr><th scope="col">a</th><th scope="col">b</th></tr></thead><tbody><tr>'
        '<td data-head="a"><span><code>c</code></span></td><td data-head="b"></td></tr></tbody></table></div>',
    ),
    "a table without rows": ("|-|", '<p class="muted"></p>'),
    "an element": ("<b>`<i>`", "<p>&lt;b&gt;<code>&lt;i&gt;</code></p>"),
}


@pytest.mark.parametrize(("text", "wanted"), MARKDOWN.values(), ids=MARKDOWN)
def test_markdown(text: str, wanted: str) -> None:
    assert "".join(markdown(text, lambda target: f"/{target}" if target[0] != "." else None)) == wanted


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("ab`*|-#[]()<>&\n 1."), max_size=60))
def test_any_markdown_is_shown_without_elements_of_its_own(text: str) -> None:
    known = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "pre", "code", "strong", "em", "a", "div",
             "table", "thead", "tbody", "tr", "th", "td", "span"}  # fmt: skip
    assert {name for name, _ in Page("".join(markdown(text, lambda target: None))).elements} <= known

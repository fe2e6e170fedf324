"""The report as text: against a golden file, whatever the data says, and within bounds of size."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_samples import END, START, gate, machine, report, sensor

from exporters.report.machines import MOST_CHARTS
from exporters.report.page import report_page
from exporters.report.values import PlantReport

GOLDEN = Path(__file__).parents[1] / "golden" / "report" / "report.html"
EVIL = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>&\ud800"
EMPTY = PlantReport("north", START, END, "")
VOID = {"meta", "link", "input", "br"}


class Page(HTMLParser):
    """Elements, text, and whether every element that was opened was closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_whole_page_is_as_committed() -> None:
    text = report_page(report()).replace("><", ">\n<")
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8"), "if meant: UPDATE_GOLDEN=1 pytest, then look at the difference"


@pytest.mark.parametrize("given", [EMPTY, replace(EMPTY, gates=(replace(gate(""), verdicts=(), decided=()),))])
def test_where_nothing_happened_every_section_says_so(given: PlantReport) -> None:
    page = Page(report_page(given))
    for said in ("No alert fired.", "No step was judged", "No retraining was requested.", "No version was trained"):
        assert said in page.text
    assert "Injected faults" not in page.text


def test_every_picture_has_a_title_and_says_what_it_shows_and_stands_beside_a_table() -> None:
    page = Page(report_page(report()))
    pictures = [(n, attrs) for n, (tag, attrs) in enumerate(page.elements) if tag == "svg" and "role" in attrs]
    assert len(pictures) > 8
    for n, _ in pictures:
        assert [tag for tag, _ in page.elements[n + 1 : n + 3]] == ["title", "desc"]
    assert sum(tag == "table" for tag, _ in page.elements) >= 10
    assert page.open == []


def test_ids_are_used_once_and_every_link_leads_to_one() -> None:
    page = Page(report_page(report()))
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = {attrs["href"] for tag, attrs in page.elements if tag == "a"}
    assert links == {f"#{name}" for name in ids if not str(name).startswith("gate-")}


def test_the_truth_stands_beside_what_was_found_only_where_it_is_known() -> None:
    told = report_page(report())
    assert "2 of 3 faults were detected" in told
    assert "DataDrift, after 1 h 15 min" in told
    assert "MachineOutOfSpec, 2 h before it exceeds the limit" in told
    assert "not detected by the alert meant for it" in told
    assert "What the decisions cost" in told
    assert "Which steps matter" in told
    real = report_page(report(faults=False))
    assert not any(words in real for words in ("were detected", "What the decisions cost", "Which steps matter"))


def shape(page: Page) -> list[tuple[str, frozenset[str]]]:
    return [(tag, frozenset(attrs)) for tag, attrs in page.elements]


@settings(max_examples=20, deadline=None)
@given(st.one_of(st.just(EVIL), st.text(st.characters(exclude_categories=()), min_size=1, max_size=12)))
@pytest.mark.slow
def test_no_text_of_the_data_makes_an_element_or_an_attribute(text: str) -> None:
    page = Page(report_page(report(text)).encode("utf-8").decode("utf-8"))
    assert shape(page) == shape(Page(report_page(report("x"))))
    assert not [tag for tag, _ in page.elements if tag in ("script", "img", "iframe", "object")]
    assert page.open == []


def test_the_text_itself_is_shown() -> None:
    page = Page(report_page(report(" <b>&")))
    assert "temperature of F1 is 336, limit 335 <b>&" in page.text


@pytest.mark.slow
def test_a_large_plant_makes_no_large_file_and_what_is_wrong_is_drawn_first() -> None:
    many = tuple(sensor("", f"s{n}") for n in range(40))
    machines = tuple(replace(machine(""), name=f"M{n}", sensors=many, breaches=()) for n in range(40))
    ill = replace(machine(""), name="last")
    text = report_page(replace(report(), machines=(*machines, ill)))
    assert len(text) < 3_000_000
    assert f"{40 * 40 + 3 - MOST_CHARTS} sensors without a breach are in the tables only" in text
    assert "<title>temperature of last</title>" in text


@pytest.mark.parametrize("length", [timedelta(minutes=7), timedelta(hours=3), timedelta(days=400)])
def test_any_length_of_time_has_ticks_but_not_too_many(length: timedelta) -> None:
    given = replace(report(), start=END - length)
    page = Page(report_page(given))
    labels = [attrs for tag, attrs in page.elements if tag == "text"]
    assert 10 < len(labels) < 400


PLACES = ("x", "y", "x1", "x2", "y1", "y2", "width", "height", "d", "viewbox")


def test_numbers_that_are_not_finite_do_not_reach_the_pictures() -> None:
    odd = replace(sensor(""), buckets=(sensor("").buckets[0]._replace(maximum=float("inf"), mean=float("nan")),))
    page = Page(report_page(replace(report(), machines=(replace(machine(""), sensors=(odd,)),))))
    drawn = [str(attrs[place]) for _, attrs in page.elements for place in PLACES if place in attrs]
    assert len(drawn) > 100
    assert not [text for text in drawn if "nan" in text or "inf" in text]


def test_of_classes_claims_are_drawn_as_a_reliability_diagram() -> None:
    of_classes = replace(gate(""), classes=(("good", "continue"), ("bad", "scrap")))
    page = Page(report_page(replace(report(), gates=(of_classes,))))
    assert "Share of parts that were not good, over the probability that was claimed" in page.text
    assert "Share of outcomes in each tenth" not in page.text

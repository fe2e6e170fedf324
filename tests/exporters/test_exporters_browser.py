"""Hostile text in a report, opened by a real browser; and the same text in a page that does run it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browser_kit import EVIL, needs_chromium, opened, title
from report_samples import report

from exporters.report.page import report_page

pytestmark = [needs_chromium, pytest.mark.process]


def shown(text: str, folder: Path) -> str:
    """The document as the browser has it after it loaded the text as a file."""
    file = folder / "page.html"
    file.write_text(text, encoding="utf-8")
    return opened(file, folder)


def test_the_browser_runs_the_text_where_it_is_not_escaped(tmp_path: Path) -> None:
    page = f"<!doctype html><html><head><title>still</title></head><body><p>{EVIL}</p></body></html>"
    assert title(shown(page, tmp_path)) == "ran"


def test_escaping_alone_keeps_it_from_running(tmp_path: Path) -> None:
    page = report_page(report(EVIL))
    without = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    assert without != page
    assert title(shown(without, tmp_path)).startswith("north")


def test_the_policy_of_the_page_alone_keeps_it_from_running(tmp_path: Path) -> None:
    page = report_page(report()).replace("<main>", f"<main><p>{EVIL}</p>")
    assert title(shown(page, tmp_path)).startswith("north")


def test_the_policy_lets_the_stylesheet_through(tmp_path: Path) -> None:
    page = report_page(report())
    styled = shown(page, tmp_path)
    assert "Content-Security-Policy" in styled
    # Colours come from the stylesheet alone: without it a shape has no fill of its own.
    assert not re.search(r'\sstyle="', page)

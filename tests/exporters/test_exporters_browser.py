"""Hostile text in a report, opened by a real browser; and the same text in a page that does run it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from report_samples import report

from exporters.report.page import report_page

EVIL = "</script><script>document.title='ran'</script><img src=x onerror=\"document.title='ran'\">"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [pytest.mark.skipif(CHROMIUM is None, reason="chromium is not on PATH"), pytest.mark.process]


def opened(text: str, folder: Path) -> str:
    """The document as the browser has it after it loaded the text as a file."""
    file = folder / "page.html"
    file.write_text(text, encoding="utf-8")
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", f"--user-data-dir={folder / 'profile'}",
        "--virtual-time-budget=2000", "--dump-dom", file.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def title(document: str) -> str:
    found = re.search(r"<title>(.*?)</title>", document, re.DOTALL)
    assert found is not None
    return found.group(1)


def test_the_browser_runs_the_text_where_it_is_not_escaped(tmp_path: Path) -> None:
    page = f"<!doctype html><html><head><title>still</title></head><body><p>{EVIL}</p></body></html>"
    assert title(opened(page, tmp_path)) == "ran"


def test_escaping_alone_keeps_it_from_running(tmp_path: Path) -> None:
    page = report_page(report(EVIL))
    without = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    assert without != page
    assert title(opened(without, tmp_path)).startswith("north")


def test_the_policy_of_the_page_alone_keeps_it_from_running(tmp_path: Path) -> None:
    page = report_page(report()).replace("<main>", f"<main><p>{EVIL}</p>")
    assert title(opened(page, tmp_path)).startswith("north")


def test_the_policy_lets_the_stylesheet_through(tmp_path: Path) -> None:
    page = report_page(report())
    styled = opened(page, tmp_path)
    assert "Content-Security-Policy" in styled
    # Colours come from the stylesheet alone: without it a shape has no fill of its own.
    assert not re.search(r'\sstyle="', page)

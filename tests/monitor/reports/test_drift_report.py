"""Evidently's report: rendered by a child that ends in time, kept, and harmless in a browser whatever the data says."""

from __future__ import annotations

import importlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from browser_kit import EVIL, needs_chromium, opened, title
from fork_kit import ended, forked
from warm_kit import fork_training

from detectors.window import evidently_report
from monitor.errors import MonitorError
from monitor.jobs.report import report_cause
from monitor.model import Window
from monitor.reports import drift as drift_report
from monitor.reports.drift import KEPT_REPORTS, ReportRequest, last_report_at, write_report
from monitor.web.server import report_files
from monitor.windows.drift import Frozen, Pair

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
pytestmark = pytest.mark.process


def window(rows: int, seed: int, evil: str = "odd") -> Window:
    """Parts with two features of ordinary names, one of a hostile one, one constant and one without a value."""
    rng = np.random.default_rng(seed)
    values = np.column_stack(
        [rng.standard_normal((rows, 3)), np.full(rows, 7.0), np.full(rows, np.nan), 1e-6 * rng.standard_normal(rows)]
    )
    names = ("a", "b", evil, "fixed", "gone", "tiny")
    groups = tuple((f"m{i % 2}", evil if i % 3 else "r1") for i in range(rows))
    return Window(
        "form", "form", names, values, np.arange(rows, dtype=np.int64), np.arange(rows, dtype=np.int64), groups
    )


def order(evil: str = "odd", now: datetime = NOW) -> ReportRequest:
    frozen = Frozen(3, NOW - 30 * HOUR, "", window(200, 1, evil))
    findings = [{"feature": "a", "method": "wasserstein", "value": 0.1, "limit": 0.7, "status": "ok"}]
    return ReportRequest("form", Pair(window(60, 2, evil), frozen), findings, now, "test")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of windows whose column and recipe are called like an attack, by a child with its own interpreter."""
    return write_report(tmp_path_factory.mktemp("reports"), order(EVIL), lambda: None)


def test_the_report_is_there_as_page_and_as_data(hostile: Path) -> None:
    data = json.loads(hostile.with_suffix(".json").read_text(encoding="utf-8"))
    assert (data["step"], data["reference_version"], data["window_rows"], data["cause"]) == ("form", 3, 60, "test")
    assert data["left_out"] == {"fixed": "constant in the reference", "gone": "without a value"}
    told = {m["config"].get("column"): m["config"].get("threshold") for m in data["evidently"]["metrics"]}
    assert told["a"] == 0.7
    assert {"machine", "recipe"} <= set(told)
    assert any(str(name).startswith("tiny x 1e") for name in told)
    page = hostile.read_text(encoding="utf-8")
    assert "<h1>Drift of form: the newest 60 parts against reference version 3, 2026-03-02 06:00 UTC</h1>" in page


def test_the_server_lists_it(hostile: Path) -> None:
    root = hostile.parents[2]
    assert [p.relative_to(root).as_posix() for p in report_files(root)] == [
        "drift/form/20260302T060000Z.html", "drift/form/20260302T060000Z.json",
    ]  # fmt: skip
    assert last_report_at(root, "form", NOW) == NOW
    assert last_report_at(root, "coat", NOW) is None


def test_hostile_text_is_in_the_page_only_as_a_picture_of_itself(hostile: Path) -> None:
    page = hostile.read_text(encoding="utf-8")
    assert "document.title='ran'" not in page
    assert "\\uff1c\\uff0fscript\\uff1e" in page


@needs_chromium
def test_hostile_text_does_not_run_in_a_browser(hostile: Path, tmp_path: Path) -> None:
    document = opened(hostile, tmp_path)
    assert title(document).startswith("Drift of form")
    assert "Data Drift" in document or "Dataset Drift" in document, "the charts were not drawn"


@pytest.fixture(scope="module")
def imported() -> None:
    """Evidently, which takes seconds to import: once for the children that are forked."""
    importlib.import_module("evidently.presets")


def _render_as_it_is(file: Path) -> None:
    evidently_report.inert = lambda text: text
    made = evidently_report.render(window(200, 1, EVIL), window(60, 2, EVIL), {}, "still")
    file.write_text(made.html, encoding="utf-8")


@pytest.mark.soak
@needs_chromium
def test_the_browser_runs_it_where_evidently_writes_it_as_it_is(imported: None, tmp_path: Path) -> None:
    file = tmp_path / "raw.html"
    assert ended(forked(lambda: _render_as_it_is(file))) == 0
    assert title(opened(file, tmp_path)) == "ran"


def test_only_the_newest_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rendered(_module: str, folder: Path, *_: object) -> None:
        for name in ("report.html", "report.json"):
            (folder / name).write_text("{}", encoding="utf-8")

    monkeypatch.setattr(drift_report, "render", rendered)
    for i in range(KEPT_REPORTS + 3):
        write_report(tmp_path, order(now=NOW + i * HOUR), lambda: None)
    files = sorted(p.name for p in (tmp_path / "drift" / "form").iterdir())
    assert len(files) == 2 * KEPT_REPORTS
    assert files[0] == "20260302T090000Z.html"


def test_a_report_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(MonitorError, match="took longer than 0 s"):
        write_report(tmp_path, order(), lambda: None, timedelta(0))
    assert list(tmp_path.rglob("*.html")) == []


def test_a_beat_that_raises_ends_the_child(tmp_path: Path) -> None:
    def over() -> None:
        raise MonitorError("over")

    with pytest.raises(MonitorError, match="over"):
        write_report(tmp_path, order(), over)
    assert list(tmp_path.rglob("*.html")) == []


@pytest.mark.soak
def test_a_child_that_fails_is_told_with_its_last_word(
    imported: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork_training(monkeypatch)
    broken = window(60, 2)
    bad = Window("form", "form", ("gone",), np.full((60, 1), np.nan), broken.at, broken.arrivals, ())
    frozen = Frozen(1, NOW, "", bad)
    with pytest.raises(MonitorError, match="could not be rendered: "):
        write_report(tmp_path, ReportRequest("form", Pair(bad, frozen), [], NOW, "test"), lambda: None)


def test_a_step_without_a_reference_has_no_report(tmp_path: Path) -> None:
    with pytest.raises(MonitorError, match="no reference yet"):
        write_report(tmp_path, ReportRequest("form", Pair(window(60, 2), None), [], NOW, "test"), lambda: None)


DAY = timedelta(days=1)
DUE = {
    "never made, on a schedule": (None, None, DAY, "schedule"),
    "never made, no schedule": (None, None, None, None),
    "never made, drifting": (None, NOW - HOUR, None, "drift"),
    "made a while ago, drifting since": (NOW - 3 * HOUR, NOW - HOUR, DAY, "drift"),
    "made since the drift began": (NOW - 2 * HOUR, NOW - 3 * HOUR, DAY, None),
    "made just now, drifting since": (NOW - HOUR / 2, NOW - HOUR / 4, DAY, None),
    "made a day ago": (NOW - DAY, None, DAY, "schedule"),
    "made a day ago, no schedule": (NOW - DAY, None, None, None),
}


@pytest.mark.parametrize(("last", "drifting", "every", "expected"), DUE.values(), ids=DUE)
def test_when_a_report_is_due(
    last: datetime | None, drifting: datetime | None, every: timedelta | None, expected: str | None
) -> None:
    assert report_cause(NOW, last, drifting, every) == expected

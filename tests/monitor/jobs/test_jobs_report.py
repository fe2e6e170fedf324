"""The job that renders Evidently's reports: what it renders, once, and with which windows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from drift_kit import SMALL, OneModel, job, parts
from spine_kit import Spine

from monitor.jobs import report
from monitor.jobs.report import ReportJob
from monitor.reports.drift import ReportRequest
from monitor.store.database.database import Store


@pytest.fixture
def spine(store: Store, tmp_path: Path) -> Iterator[Spine]:
    """The small plant with a small reference."""
    made = Spine(tmp_path, store, SMALL)
    yield made
    made.close()


@pytest.fixture
def ordered(monkeypatch: pytest.MonkeyPatch) -> list[ReportRequest]:
    """What was to be rendered; the pages are empty."""
    orders: list[ReportRequest] = []

    def written(reports: Path, order: ReportRequest, _beat: Any) -> Path:
        orders.append(order)
        page = reports / "drift" / order.step / f"{order.now:%Y%m%dT%H%M%SZ}.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.touch()
        return page

    monkeypatch.setattr(report, "write_report", written)
    return orders


@pytest.mark.slow
def test_a_step_is_rendered_on_schedule_and_when_it_begins_to_drift(
    spine: Spine, ordered: list[ReportRequest], tmp_path: Path
) -> None:
    drift, reports = job(spine), ReportJob(spine.store, spine.plant, OneModel(), tmp_path / "reports")  # type: ignore[arg-type]
    now = parts(spine, 200)
    spine.run(reports, now)
    assert ordered == [], "nothing was judged yet"
    spine.run(drift, now)
    assert [spine.run(reports, now + timedelta(minutes=m)).rows for m in (0, 5, 70)] == [1, 0, 0]
    later = parts(spine, 30, 300, change=lambda rows: rows + 5)
    spine.run(drift, later)
    assert [spine.run(reports, later + timedelta(minutes=m)).rows for m in (0, 70)] == [1, 0]
    spine.run(reports, later + timedelta(days=1))
    assert [o.cause for o in ordered] == ["schedule", "drift", "schedule"]
    assert {o.step for o in ordered} == {"form"}
    frozen = ordered[1].pair.reference
    assert frozen is not None
    assert frozen.window.names == ordered[1].pair.current.names == ("a", "b", "c", "d", "prediction")
    assert {f["feature"] for f in ordered[1].findings if f["status"] == "breach"} >= {"", "a", "prediction"}

"""The snapshot of the store that metrics and pages are made of."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import passport_rows as made
import pytest
import sqlalchemy as sa
from passport_rows import NOW, at

from alerting.quality.figures import AlarmQuality
from exporters.metrics.shared.snapshot import (
    AlertRow,
    BoardRow,
    CursorRow,
    GateRow,
    JobRow,
    MetricsSnapshot,
    OutboxRow,
    TallyRow,
)
from monitor.store.database import tables as t
from monitor.store.metrics import metrics_snapshot
from monitor.store.watching.details import RECENT_DECISIONS

FORCE = {"gate": "a", "model": "m", "version": "3", "digest": "d", "since": at(-9), "changes": 2}


@pytest.fixture
def engine(store_url: str) -> Iterator[sa.Engine]:
    return sa.create_engine(store_url, poolclass=sa.NullPool)


def seen(engine: sa.Engine, rows: dict[sa.Table, list[dict[str, Any]]]) -> MetricsSnapshot:
    made.fill(engine, rows)
    with engine.connect() as connection:
        return metrics_snapshot(connection, NOW)


def alert(name: str, ended: float | None) -> dict[str, Any]:
    ended_at = None if ended is None else at(ended)
    return {
        "name": name, "subject": "s", "severity": "warning", "summary": "w", "since": at(-9999), "ended_at": ended_at
    }  # fmt: skip


def test_an_empty_store_is_an_empty_snapshot(engine: sa.Engine) -> None:
    shot = seen(engine, {})
    assert shot == MetricsSnapshot(at=NOW, store_bytes=shot.store_bytes, quality=AlarmQuality())
    assert shot.store_bytes is not None
    assert shot.store_bytes > 10_000


def test_jobs_cursors_tallies_and_plant_files_are_told_as_stored(engine: sa.Engine) -> None:
    job = {
        "name": "pull", "last_slot": at(-1), "last_started_at": at(-1), "last_success_at": None, "result": "failure",
        "duration_seconds": 0.5, "rows": 7, "lag_seconds": None, "missed_slots": 2, "runs": 4, "failures": 1,
        "error": "why",
    }  # fmt: skip
    cursor = {"job": "pull", "source": "mes", "partition": "", "position": at(-2), "updated_at": NOW}
    tally = {"name": "gatewatch_x_total", "labels": {"b": "1", "a": "2"}, "value": 3.0}
    files = [{"digest": d, "content": "", "since": at(m)} for d, m in (("old", -60), ("new", -30))]
    shot = seen(engine, {t.job: [job], t.cursor: [cursor], t.tally: [tally], t.plant_file: files})
    assert shot.jobs == (JobRow("pull", 4, 1, 2, 7, at(-1), None, 0.5, None, "why", "failure"),)
    assert shot.cursors == (CursorRow("pull", "mes", "", at(-2)),)
    assert shot.tallies == (TallyRow("gatewatch_x_total", {"a": "2", "b": "1"}, 3.0),)
    assert (shot.plant_digest, shot.store_since) == ("new", at(-60))


def test_gates_with_a_model_and_gates_that_only_decided_are_told(engine: sa.Engine) -> None:
    held = {"gate": "b", "verdict": "hold", "reason": "no_model", "predicted": None, "lower": None, "upper": None}
    decisions = [
        made.decision(1, gate="a", serial="1"),
        made.decision(3, gate="a", serial="2", lower=0.0, upper=1.0),
        made.decision(2, serial="3", **held),
    ]
    shot = seen(engine, {t.decision: decisions, t.model_in_force: [FORCE]})
    assert shot.gates == (
        GateRow("a", "m", "3", "d", at(-9), 2, 2, 0, 0.75, at(3), 2),
        GateRow("b", "", "", "", None, 0, 0, 0, None, at(2), 0, "no_model"),
    )


def test_a_gate_is_judged_by_its_newest_decisions_only(engine: sa.Engine) -> None:
    old = [made.decision(-n, gate="a", serial=f"old{n}", verdict="hold") for n in range(200, 220)]
    new = [made.decision(-n, gate="a", serial=f"new{n}") for n in range(RECENT_DECISIONS)]
    (gate,) = seen(engine, {t.decision: old + new}).gates
    assert (gate.recent, gate.holds) == (RECENT_DECISIONS, 0)


def test_of_the_outbox_what_waits_and_what_is_dead_is_counted(engine: sa.Engine) -> None:
    statuses = ["sent", "pending", "pending", "dead"]
    rows = [made.outbox(i, status=status, created_at=at(i)) for i, status in enumerate(statuses)]
    assert seen(engine, {t.outbox: rows}).outbox == (OutboxRow("mes", 2, 1, at(1)),)


def test_the_board_is_told_whole(engine: sa.Engine) -> None:
    row = {name: value for name, value in made.finding(-1).items() if name != "arrival"}
    board = (BoardRow("limits", "high", "F1", "temperature", at(-1), "breach", 412.5, 400.0, ("temperature",)),)
    assert seen(engine, {t.board: [row]}).board == board


def test_the_newest_episode_of_an_alert_is_told_until_a_day_after_its_end(engine: sa.Engine) -> None:
    day = timedelta(days=1) / timedelta(minutes=1)
    rows = [alert("Back", -60), alert("Back", None), alert("Over", -60), alert("Old", -day)]
    assert seen(engine, {t.alert: rows}).alerts == (
        AlertRow("Back", "s", "warning", "w", at(-9999), None),
        AlertRow("Over", "s", "warning", "w", at(-9999), at(-60)),
    )


def test_an_older_episode_that_ended_later_is_not_the_newest(engine: sa.Engine) -> None:
    day = timedelta(days=1) / timedelta(minutes=1)
    # Two processes with clocks apart: the newest of the alert is over for longer than it is told.
    ended = (("breach", -60), ("breach", -day), ("absent", -60))
    rows = [{**alert("Twice", minutes), "condition": condition} for condition, minutes in ended]
    (row,) = seen(engine, {t.alert: rows}).alerts
    assert (row.name, row.condition) == ("Twice", "absent")


def test_a_scrape_reads_alerts_by_index(new_store: Path, tmp_path: Path) -> None:
    shutil.copy(new_store, tmp_path / "s.db")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 's.db'}", poolclass=sa.NullPool)
    asked: list[tuple[str, Any]] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *given: asked.append((given[2], given[3])))
    seen(engine, {t.alert: [alert(f"A{n}", -n) for n in range(50)]})
    queries = [one for one in asked if one[0].startswith("SELECT") and "FROM alert" in one[0]]
    first, *others = sorted(queries, key=lambda one: "ORDER BY alert.id" not in one[0])
    assert "LIMIT" in first[0], "the first alert alone, by the primary key"
    plans = []
    with engine.connect() as connection:
        for query, given in others:
            plans.append([row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", given)])
    assert len(plans) == 2, "newest episodes, and alarms of a week"
    for plan in plans:
        assert [step for step in plan if step.startswith("SCAN")] == [], plan
        assert any("ix_alert_ended_at" in step for step in plan)
    assert any("ix_alert_episodes" in step for plan in plans for step in plan)

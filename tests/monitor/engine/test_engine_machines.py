"""An engine finds about machines what the single process finds that replays the same history, row by row."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from engine_kit import ENGINE_WRITES, REJECT, lines, raw_table, replay_jobs, stored
from plant_kit import QUICK, START, make_plant

from monitor.engine.local import run_site
from monitor.engine.pieces.backfill import Backfill, Part
from monitor.engine.pieces.timing import Span
from monitor.errors import UsageError
from monitor.plant.file.load import load
from monitor.plant.plant import Plant

pytestmark = pytest.mark.own_process

HOURS = 4.0
JOBS = ("pull:historian", "pull:machine_states", "detect:")
SOURCES = ("historian", "machine_states")
EARLY = ("detectors.warmup_rows=120", "detectors.settle_rows=40", "detectors.warmup=10m")
MACHINES = frozenset({Part.MACHINES})
SPAN = Span(START, START + timedelta(hours=HOURS))


def as_it_comes(historian: sqlite3.Connection) -> None:
    """Nothing is changed."""


def late_and_corrected(historian: sqlite3.Connection) -> None:
    """Rows and states that are posted late, posted again, corrected, ahead of the clock, or cannot be read."""
    chance = random.Random(5)
    rows = [row for (row,) in historian.execute("SELECT rowid FROM TREND_WIDE ORDER BY rowid")]

    def some(count: int) -> list[tuple[int]]:
        return [(row,) for row in chance.sample(rows, count)]

    change = historian.executemany
    for minutes in (3, 20, 40, 100):
        change(f"UPDATE TREND_WIDE SET POSTED = POSTED + {minutes * 60_000} WHERE rowid = ?", some(25))
    columns = ", ".join(row[1] for row in historian.execute("PRAGMA table_info(TREND_WIDE)"))
    corrected = columns.replace("POSTED", "POSTED + 45000").replace("V3", "V3 * 1.5")
    change(f"INSERT INTO TREND_WIDE ({columns}) SELECT {corrected} FROM TREND_WIDE WHERE rowid = ?", some(60))
    again = columns.replace("POSTED", "POSTED + 90000")
    change(f"INSERT INTO TREND_WIDE ({columns}) SELECT {again} FROM TREND_WIDE WHERE rowid = ?", some(60))
    contrary = columns.replace("V1", "V1 + 1")
    change(f"INSERT INTO TREND_WIDE ({columns}) SELECT {contrary} FROM TREND_WIDE WHERE rowid = ?", some(5))
    change("UPDATE TREND_WIDE SET V2 = 'broken' WHERE rowid = ?", some(20))
    change("UPDATE TREND_WIDE SET V4 = NULL WHERE rowid = ?", some(200))
    change("UPDATE TREND_WIDE SET TS = POSTED + 14400000 WHERE rowid = ?", some(4))
    change("UPDATE TREND_WIDE SET TS = NULL WHERE rowid = ?", some(4))
    change("UPDATE EQUIP_STATE SET POSTED = POSTED + 2400000 WHERE rowid % 5 = ?", [(0,)])


HISTORIES = (as_it_comes, late_and_corrected)
PLANTS: dict[str, Sequence[str]] = {
    "each by itself": (),
    "one borrows": ("machines.mill-2.like=mill-1", "machines.forge-2.like=forge-1"),
    "no posting times": ("sources.historian.available_at=", "sources.historian.delay=50s"),
    "two minutes": ("sources.historian.every=2m", "sources.machine_states.every=5m"),
}


def found(plant: Plant, span: Span = SPAN) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    tables = {name: raw_table(plant, name, "demo") for name in SOURCES}
    for name, table in run_site(Backfill.of(plant, "", span, MACHINES), tables):
        rows.setdefault(name, []).extend(table.to_pylist())
    return rows


@pytest.mark.parametrize(
    "history",
    [pytest.param(one, marks=[pytest.mark.soak] * (one is not late_and_corrected)) for one in HISTORIES],
    ids=lambda h: h.__name__,
)
@pytest.mark.parametrize(
    "settings",
    [pytest.param(PLANTS[name], id=name, marks=[pytest.mark.soak] * (name == "two minutes")) for name in PLANTS],
)
@pytest.mark.slow
def test_the_single_process_finds_the_same(
    history: Callable[[sqlite3.Connection], None], settings: Sequence[str], tmp_path: Path
) -> None:
    file = make_plant(tmp_path, HOURS)
    with closing(sqlite3.connect(tmp_path / "historian.db")) as historian, historian:
        history(historian)
    overrides = (*QUICK, *EARLY, *settings)
    replay_jobs(file, overrides, START, START + timedelta(hours=HOURS), JOBS)
    plant = load(file, overrides).plant
    rows = found(plant)
    for table, columns in ENGINE_WRITES.items():
        theirs = stored(plant, table, columns)
        assert lines(rows[table], columns) == theirs, table
        assert theirs, table
    refused = [line for line in stored(plant, "rejects", REJECT) if json_source(line) in SOURCES]
    # A row without the time by which rows are read is found by reconciliation, which is not replayed here.
    undated = 'historian", "no_time' if "sources.historian.available_at=" in settings else "nothing"
    # The quarantine has a row once that a source has twice.
    assert {line for line in lines(rows["rejects"], REJECT) if undated not in line} == set(refused)
    counts = {(row["source"], row["outcome"]): 0 for row in rows["counts"]}
    for row in rows["counts"]:
        counts[row["source"], row["outcome"]] += row["rows"]
    if history is late_and_corrected and undated == "nothing":
        assert min(counts["historian", o] for o in ("accepted", "corrected", "seen", "too_late")) > 0


def json_source(line: str) -> str:
    return line.split('"')[1]


@pytest.mark.slow
def test_a_table_without_a_column_is_refused(tmp_path: Path) -> None:
    plant = load(make_plant(tmp_path, 0.1), QUICK).plant
    table: pa.Table = raw_table(plant, "historian", "demo").drop_columns(["V3"])
    with pytest.raises(UsageError, match=r"'historian' has no column 'V3'; it has EQUIP, POSTED"):
        list(run_site(Backfill.of(plant, "", Span(), MACHINES), {"historian": table}))

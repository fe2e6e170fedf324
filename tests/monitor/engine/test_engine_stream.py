"""Rows that come in batches are judged as a backfill judges them, whatever the batches; what is carried is text."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from engine_kit import FINDING, lines, raw_table
from plant_kit import QUICK, START, make_plant

from monitor.engine.local import run_site
from monitor.engine.pieces.backfill import Backfill, Part
from monitor.engine.pieces.carried import Carried, judge_more
from monitor.engine.pieces.packing import Parcel, by_source
from monitor.engine.pieces.timing import Span
from monitor.plant.file.load import load

pytestmark = pytest.mark.own_process

HOURS = 6.0
SOURCES = ("historian", "machine_states")
EARLY = ("detectors.warmup_rows=120", "detectors.settle_rows=40", "detectors.warmup=10m")
SETTINGS = {"each by itself": (), "one borrows": ("machines.mill-2.like=mill-1", "machines.forge-2.like=forge-1")}


def in_batches(work: Backfill, tables: dict[str, pa.Table], minutes: float) -> list[dict[str, Any]]:
    """The findings where rows come in the order of posting, some minutes at a time."""
    carried: dict[str, str] = {}
    found: list[dict[str, Any]] = []
    posted = tables["historian"].column("POSTED")
    at, last = pc.min(posted).as_py(), max(pc.max(table.column("POSTED")).as_py() for table in tables.values())
    before = 0
    while before < last:
        pieces: dict[str, list[Parcel]] = {}
        for source, table in tables.items():
            column = table.column("POSTED")
            new = table.filter(pc.and_(pc.greater(column, before), pc.less_equal(column, at)))
            for parcel in work.parcels(source, new) if new.num_rows else ():
                pieces.setdefault(parcel.unit, []).append(parcel)
        for unit, parcels in pieces.items():
            state = Carried.restore(carried[unit]) if unit in carried else Carried()
            state, results = judge_more(work.plant, work.machines, unit, state, by_source(parcels), work.span)
            carried[unit] = state.save()
            found += [row for table in results.tables("demo").values() for row in table.to_pylist()]
        before, at = at, int(at + minutes * 60_000)
    return found


@pytest.mark.parametrize("minutes", [pytest.param(17.0, marks=pytest.mark.soak), 240.0])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.slow
def test_batches_find_what_a_backfill_finds(settings: tuple[str, ...], minutes: float, tmp_path: Path) -> None:
    loaded = load(make_plant(tmp_path, HOURS), (*QUICK, *EARLY, *settings))
    tables = {name: raw_table(loaded.plant, name, "demo") for name in SOURCES}
    # The last slot that is past when the last row comes.
    whole = Span(START, START + timedelta(hours=HOURS - 0.5))
    expected = [
        row
        for name, table in run_site(Backfill.of(loaded.plant, "", whole, frozenset({Part.MACHINES})), tables)
        if name == "findings"
        for row in table.to_pylist()
    ]
    work = Backfill.of(loaded.plant, "", Span(START), frozenset({Part.MACHINES}))
    found = in_batches(work, tables, minutes)
    assert len(expected) > 50
    assert lines(found, FINDING) == lines(expected, FINDING)


def test_a_state_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="of another version; begin the stream anew"):
        Carried.restore('{"version": 0}')
    assert Carried.restore(Carried(5).save()) == Carried(5)

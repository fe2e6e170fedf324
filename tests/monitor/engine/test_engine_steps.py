"""An engine decides and finds about steps what the single process does with the same models in force, row by row."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine_kit import FINDING, lines, raw_table, replay_jobs, stored_rows
from plant_kit import NO_TRAINING, QUICK, START, copied
from taught_kit import HOURS, taught, without_rows

from inference.registry import Registry
from monitor.engine.local import run_site
from monitor.engine.pieces.backfill import Backfill, Part
from monitor.engine.pieces.given_models import models_in_force
from monitor.engine.pieces.results import TABLES, decision_cells
from monitor.engine.pieces.timing import Span
from monitor.plant.file.load import LoadedPlant, load
from monitor.runtime.app import make_registry
from monitor.store.database.schema import open_existing

pytestmark = pytest.mark.own_process

JOBS = ("pull:mes", "pull:inspection", "pull:visual", "pull:final", "pull:dispositions", "drift", "performance")
OVERRIDES = (*QUICK, *NO_TRAINING)
DECISION = tuple(name for name in TABLES["decisions"].names if name != "site")
SPAN = Span(START, START + timedelta(hours=HOURS))


def found(loaded: LoadedPlant) -> dict[str, list[dict[str, Any]]]:
    registry: Registry = make_registry(loaded.plant)
    store = open_existing(loaded.plant.store.url)
    try:
        models = models_in_force(store, registry)
    finally:
        store.close()
    assert {given.version.gate for given in models} >= {"forging", "machining", "coating"}
    work = Backfill.of(loaded.plant, loaded.digest, SPAN, frozenset({Part.STEPS}), models)
    rows: dict[str, list[dict[str, Any]]] = {}
    for name, table in run_site(work, {name: raw_table(loaded.plant, name, "demo") for name in work.sources()}):
        rows.setdefault(name, []).extend(table.to_pylist())
    return rows


@pytest.mark.process
def test_the_single_process_decides_and_finds_the_same(tmp_path: Path) -> None:
    file = without_rows(copied(taught(), tmp_path / "plant"))
    loaded = load(file, OVERRIDES)
    rows = found(loaded)
    replay_jobs(file, OVERRIDES, START, START + timedelta(hours=HOURS), JOBS)
    decisions, findings = stored_rows(loaded.plant)
    assert lines(rows["decisions"], DECISION) == lines(map(dict, map(decision_cells, decisions)), DECISION)
    assert len({row["reason"] for row in rows["decisions"]}) > 2
    assert {row["gate"] for row in rows["decisions"]} >= {"forging", "machining", "coating"}
    theirs = lines((f for f in findings if f["detector"] not in ("limits", "anomaly")), FINDING)
    assert lines(rows["findings"], FINDING) == theirs
    assert theirs

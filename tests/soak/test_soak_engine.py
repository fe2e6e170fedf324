"""Plants with the same models in force: a backfill of all is what as many processes store.

Without an engine, and on two workers of plain Spark where it is installed.
"""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine_kit import ENGINE_WRITES, FINDING, HAS_SPARK, lines, replay_jobs, stored, stored_rows, write_lake
from plant_kit import NO_TRAINING, QUICK, START, copied, make_plant
from taught_kit import keep, taught, without_rows

from monitor.engine.lake import open_table
from monitor.engine.pieces.backfill import Backfill
from monitor.engine.pieces.given_models import models_in_force
from monitor.engine.pieces.results import TABLES, decision_cells
from monitor.engine.pieces.timing import Span
from monitor.engine.running import run
from monitor.plant.file.load import load
from monitor.plant.plant import Plant
from monitor.runtime.app import make_registry
from monitor.store.database.schema import open_existing

FULL = "GATEWATCH_FULL" in os.environ
"""As `make engine` runs it; else a sixth of it."""
ENGINES = ("local", "local[2]") if HAS_SPARK else ("local",)
HOURS = 72.0 if FULL else 24.0
SEEDS = (11, 12, 13, 14) if FULL else (11, 12)
JOBS = ("pull:", "detect:", "drift", "performance")
OVERRIDES = (*QUICK, *NO_TRAINING)
DECISION = tuple(name for name in TABLES["decisions"].names if name not in ("site", "plant_digest"))


def _plant(folder: Path, seed: int, hours: float) -> Path:
    """A plant of its own history with the models of the taught one, and nothing else in its store."""
    file = without_rows(copied(taught(), folder))
    for database in ("mes.db", "historian.db"):
        (folder / database).unlink()
    other = make_plant(folder / "other", hours, seed=seed)
    for database in ("mes.db", "historian.db"):
        shutil.move(other.parent / database, folder / database)
    return keep(file, OVERRIDES)


def _of(site: str, results: Path, table: str) -> list[dict[str, Any]]:
    return [row for row in open_table(str(results), table).to_table().to_pylist() if row["site"] == site]


def agreed(folder: Path, hours: float, seeds: tuple[int, ...]) -> dict[str, tuple[int, int]]:
    """Replay every plant, backfill all from one lake, and compare; by plant the findings and decisions stored."""
    end = START + timedelta(hours=hours)
    files = {f"seed-{seed}": _plant(folder / f"seed-{seed}", seed, hours) for seed in seeds}
    for site, file in files.items():
        plant = load(file, OVERRIDES).plant
        write_lake(plant, folder / "raw", [site])
    loaded = load(next(iter(files.values())), OVERRIDES)
    store = open_existing(loaded.plant.store.url)
    models = models_in_force(store, make_registry(loaded.plant))
    store.close()
    work = Backfill.of(loaded.plant, loaded.digest, Span(START, end), models=models)
    for engine in ENGINES:
        run(work, engine, str(folder / "raw"), str(folder / engine), "parquet")
    found: dict[str, tuple[int, int]] = {}
    for site, file in files.items():
        replay_jobs(file, OVERRIDES, START, end, JOBS)
        plant = load(file, OVERRIDES).plant
        for engine in ENGINES:
            found[site] = compare(plant, site, folder / engine)
    return found


def compare(plant: Plant, site: str, judged: Path) -> tuple[int, int]:
    """Compare what a plant stored with what an engine wrote of it; how many findings and decisions it stored."""
    for table, columns in ENGINE_WRITES.items():
        if table not in ("findings", "board"):
            assert lines(_of(site, judged, table), columns) == stored(plant, table, columns), (site, table)
    decisions, findings = stored_rows(plant)
    theirs = lines(map(dict, map(decision_cells, decisions)), DECISION)
    assert lines(_of(site, judged, "decisions"), DECISION) == theirs, site
    assert lines(_of(site, judged, "findings"), FINDING) == lines(findings, FINDING), site
    return len(findings), len(decisions)


@pytest.mark.soak
@pytest.mark.process
@pytest.mark.own_process
@pytest.mark.timeout(3600)
def test_plants_are_what_as_many_processes_store(tmp_path: Path) -> None:
    found = agreed(tmp_path, HOURS, SEEDS)
    print(ENGINES, found)
    assert all(findings > 100 and decisions > 300 for findings, decisions in found.values())

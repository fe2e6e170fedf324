"""A gate that may have the paint set otherwise, replayed with models of its own, in pages of two sizes."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plant_kit import copied, ready_to_train, run_replay
from warm_kit import fork_training, warm_up

from monitor.gate_models.rederive import recompute_decisions, stored_plants
from monitor.plant.file.load import load
from monitor.runtime.app import make_registry
from monitor.store.database.schema import open_existing
from monitor.store.rows.decisions import StoredDecision, all_decisions

pytestmark = pytest.mark.process
START = datetime(2026, 3, 2, 6, tzinfo=UTC)
PARTS = 200
PLANT = """
version: 1
site: site
steps: {press: {line: l}, paint: {line: l}}
machines: {m1: {step: press}, booth: {step: paint}}
characteristics: {width: {specs: [{since: "2020-01-01T00:00:00Z", lower: -4, upper: 4}]}}
gates:
  press: {step: press, characteristic: width, model: width, kind: ensemble, covariates: [force, heat],
          training: {min_outcomes: 80},
          costs: {escape: 1000, scrap: 400, inspection: 100},
          adjustments: {paint.thickness: {plan: 10, low: 8, high: 12, step: 0.25, cost: 1}}}
sources:
  press:
    {kind: part_steps, url: "sqlite:///mes.db", table: PRESS, serial: SN, step: OP, lot: LOT,
     at: {column: AT, epoch: s}, every: 10m, values: {force: FORCE, heat: HEAT}}
  paint:
    {kind: part_steps, url: "sqlite:///mes.db", table: PAINT, serial: SN, step: OP, lot: LOT,
     at: {column: AT, epoch: s}, every: 10m, values: {thickness: THICKNESS}}
  gauge:
    {kind: outcomes, url: "sqlite:///mes.db", table: WIDTH, serial: SN, characteristic: width, value: VALUE,
     at: {column: AT, epoch: s}, every: 10m}
performance: {every: 1h}
drift: {every: 1h}
alerts: {every: 10m}
notify: {every: 10m}
"""
TABLES = """
CREATE TABLE PRESS (SN TEXT, OP TEXT, LOT TEXT, AT INTEGER, FORCE, HEAT);
CREATE TABLE PAINT (SN TEXT, OP TEXT, LOT TEXT, AT INTEGER, THICKNESS);
CREATE TABLE WIDTH (SN TEXT, VALUE, AT INTEGER);
"""


def _made(folder: Path) -> Path:
    """A part a minute is pressed and ten minutes later painted; its width follows force, heat and the paint."""
    folder.mkdir(parents=True)
    force, heat, paint, noise = np.random.default_rng(5).normal(size=(4, PARTS))
    thickness = 10 + 0.7 * paint
    width = 2 * force + heat + 1.5 * (thickness - 10) + 0.2 * noise
    made = sqlite3.connect(folder / "mes.db")
    with made:
        made.executescript(TABLES)
        for i in range(PARTS):
            at = int((START + timedelta(minutes=i)).timestamp())
            part = (f"P{i:04d}", f"L{i // 10}")
            made.execute("INSERT INTO PRESS VALUES (?, 'press', ?, ?, ?, ?)", (*part, at, force[i], heat[i]))
            made.execute("INSERT INTO PAINT VALUES (?, 'paint', ?, ?, ?)", (*part, at + 600, thickness[i]))
            made.execute("INSERT INTO WIDTH VALUES (?, ?, ?)", (part[0], width[i], at + 1200))
    made.close()
    (folder / "plant.yaml").write_text(PLANT, encoding="utf-8")
    return ready_to_train(folder / "plant.yaml")


def _lived(plant: Path, *overrides: str) -> Path:
    warm_up()
    with pytest.MonkeyPatch.context() as patch:
        fork_training(patch)
        failed = run_replay(plant, PARTS / 60 + 1, overrides, START)
    assert [slot.error for slot in failed] == []
    return plant


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _made(tmp_path_factory.mktemp("adjusting") / "empty").parent


@pytest.fixture(scope="module")
def plant(empty: Path) -> Path:
    return _lived(copied(empty, empty.parent / "whole"))


def _decided(plant: Path) -> dict[str, StoredDecision]:
    store = open_existing(load(plant).plant.store.url)
    with store.read() as connection:
        found = {row.serial: row for row in all_decisions(connection)}
    store.close()
    return found


def _without_times(found: dict[str, StoredDecision]) -> dict[str, Any]:
    names = ("model_digest", "predicted", "lower", "upper", "verdict", "reason", "costs", "adjustment")
    return {serial: [getattr(row, name) for name in names] for serial, row in found.items()}


def test_parts_get_adjustments_that_do_what_the_paint_does(plant: Path) -> None:
    adjusted = [row for row in _decided(plant).values() if row.adjustment]
    assert len(adjusted) > 10
    assert {row.reason for row in adjusted} == {"adjustable"}
    for row in adjusted:
        assert row.adjustment is not None
        assert row.predicted is not None
        (move,) = row.adjustment["moves"]
        does = (row.adjustment["predicted"] - row.predicted) / (move["to"] - 10)
        assert does == pytest.approx(1.5, abs=0.3)
        assert -4 <= row.adjustment["lower"] <= row.adjustment["upper"] <= 4


def test_every_decision_is_made_again(plant: Path) -> None:
    loaded = load(plant).plant
    store = open_existing(loaded.store.url)
    again = list(recompute_decisions(store, stored_plants(store, plant.parent).__getitem__, make_registry(loaded)))
    store.close()
    assert len(again) == PARTS
    assert [one for one in again if not one.matches] == []


@pytest.mark.soak
def test_pages_of_seven_rows_give_the_same_adjustments(plant: Path, empty: Path) -> None:
    split = _lived(copied(empty, empty.parent / "split"), "store.batch_rows=7")
    assert _without_times(_decided(split)) == _without_times(_decided(plant))

"""A gate that knows what the first gate predicted beside one that does not, both knowing which booth painted the part:
replayed, in pages of two sizes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from plant_kit import copied, ready_to_train, run_replay
from warm_kit import fork_training, warm_up

from monitor.gate_models.rederive import recompute_decisions, stored_plants
from monitor.plant.file.load import load
from monitor.runtime.app import make_registry
from monitor.store.database import tables as t
from monitor.store.database.schema import open_existing

pytestmark = pytest.mark.process
START = datetime(2026, 3, 2, 6, tzinfo=UTC)
PARTS = 360
PLANT = """
version: 1
site: site
steps: {press: {line: l}, paint: {line: l}, dry: {line: l}}
machines: {m1: {step: press}, booth1: {step: paint}, booth2: {step: paint}, oven: {step: dry}}
characteristics:
  width: {specs: [{since: "2020-01-01T00:00:00Z", lower: -9, upper: 9}]}
  gloss: {specs: [{since: "2020-01-01T00:00:00Z", lower: -9, upper: 9}]}
gates:
  gloss: {step: paint, characteristic: gloss, model: gloss, kind: ensemble, covariates: [dust],
          categories: [machine], predictions: [width], training: {min_outcomes: 180}}
  blind: {step: dry, characteristic: gloss, model: blind, kind: ensemble, covariates: [paint.dust],
          categories: [paint.machine], training: {min_outcomes: 180}}
  width: {step: press, characteristic: width, model: width, kind: ensemble, covariates: [force, heat],
          training: {min_outcomes: 60}}
sources:
  press:
    {kind: part_steps, url: "sqlite:///mes.db", table: PRESS, serial: SN, step: OP, lot: LOT, machine: MACHINE,
     at: {column: AT, epoch: s}, every: 10m, values: {force: FORCE, heat: HEAT}}
  paint:
    {kind: part_steps, url: "sqlite:///mes.db", table: PAINT, serial: SN, step: OP, lot: LOT, machine: MACHINE,
     at: {column: AT, epoch: s}, every: 10m, values: {dust: DUST}}
  gauge:
    {kind: outcomes, url: "sqlite:///mes.db", table: WIDTH, serial: SN, characteristic: width, value: VALUE,
     at: {column: AT, epoch: s}, every: 10m}
  lamp:
    {kind: outcomes, url: "sqlite:///mes.db", table: GLOSS, serial: SN, characteristic: gloss, value: VALUE,
     at: {column: AT, epoch: s}, every: 10m}
performance: {every: 1h}
drift: {every: 1h}
alerts: {every: 10m}
notify: {every: 10m}
"""
TABLES = """
CREATE TABLE PRESS (SN TEXT, OP TEXT, LOT TEXT, MACHINE TEXT, AT INTEGER, FORCE, HEAT);
CREATE TABLE PAINT (SN TEXT, OP TEXT, LOT TEXT, MACHINE TEXT, AT INTEGER, DUST);
CREATE TABLE WIDTH (SN TEXT, VALUE, AT INTEGER);
CREATE TABLE GLOSS (SN TEXT, VALUE, AT INTEGER);
"""
BOOTH = 2.0
LATE = PARTS - 100
"""The parts from this number on are those that all are judged by."""


def _made(folder: Path) -> Path:
    """A part a minute is pressed and ten minutes later painted; its gloss follows its width, the dust and the booth."""
    folder.mkdir(parents=True)
    force, heat, dust, noise = np.random.default_rng(5).normal(size=(4, PARTS))
    width = np.sin(2 * force) + heat + 0.05 * noise
    booth = np.random.default_rng(6).integers(1, 3, PARTS)
    gloss = 1.5 * width + 0.4 * dust + BOOTH * booth + 0.1 * np.roll(noise, 1)
    made = sqlite3.connect(folder / "mes.db")
    with made:
        made.executescript(TABLES)
        for i in range(PARTS):
            at = int((START + timedelta(minutes=i)).timestamp())
            part = (f"P{i:04d}", f"L{i // 20}")
            made.execute("INSERT INTO PRESS VALUES (?, 'press', ?, 'm1', ?, ?, ?)", (*part, at, force[i], heat[i]))
            made.execute(
                "INSERT INTO PAINT VALUES (?, 'paint', ?, ?, ?, ?)", (*part, f"booth{booth[i]}", at + 600, dust[i])
            )
            made.execute("INSERT INTO PAINT VALUES (?, 'dry', ?, 'oven', ?, ?)", (*part, at + 660, None))
            made.execute("INSERT INTO WIDTH VALUES (?, ?, ?)", (part[0], width[i], at + 1200))
            made.execute("INSERT INTO GLOSS VALUES (?, ?, ?)", (part[0], gloss[i], at + 1800))
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
    return _made(tmp_path_factory.mktemp("earlier") / "empty").parent


@pytest.fixture(scope="module")
def plant(empty: Path) -> Path:
    return _lived(copied(empty, empty.parent / "with"))


def _decided(plant: Path, gate: str) -> Sequence[Any]:
    store = open_existing(load(plant).plant.store.url)
    d, o = t.decision.c, t.outcome.c
    query = sa.select(t.decision, o.value).where(
        d.gate == gate, o.serial == d.serial, o.characteristic == d.characteristic, d.predicted.is_not(None)
    )
    with store.read() as connection:
        rows = connection.execute(query.order_by(d.serial)).all()
    store.close()
    return rows


def _error(rows: Sequence[Any]) -> float:
    late = [abs(row.predicted - row.value) for row in rows if row.serial >= f"P{LATE:04d}"]
    assert len(late) == PARTS - LATE
    return float(np.mean(late))


def test_with_the_earlier_prediction_it_errs_less_than_without(plant: Path) -> None:
    without = _error(_decided(plant, "blind"))
    assert without > 1.0, "what the width does to the gloss is nearly all"
    assert _error(_decided(plant, "gloss")) < 0.5 * without


def test_it_learns_what_the_booth_does(plant: Path) -> None:
    assert _error(_decided(plant, "gloss")) < BOOTH / 4, "half of the difference, where it is not known"


def test_every_decision_is_made_again(plant: Path) -> None:
    loaded = load(plant).plant
    store = open_existing(loaded.store.url)
    again = list(recompute_decisions(store, stored_plants(store, plant.parent).__getitem__, make_registry(loaded)))
    store.close()
    assert len(again) == 3 * PARTS
    assert [one for one in again if not one.matches] == []


@pytest.mark.soak
def test_pages_of_thirty_one_rows_give_the_same_models_and_decisions(plant: Path, empty: Path) -> None:
    split = _lived(copied(empty, empty.parent / "split"), "store.batch_rows=31")  # make test splits that of adjustments
    for gate in ("width", "gloss", "blind"):
        whole, cut = _decided(plant, gate), _decided(split, gate)
        assert len(whole) >= PARTS - LATE
        same = ("serial", "model_digest", "predicted", "lower", "upper", "verdict", "reason")
        assert [[getattr(row, n) for n in same] for row in cut] == [[getattr(row, n) for n in same] for row in whole]

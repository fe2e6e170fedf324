"""A made plant with a leak test that parts pass or fail and a surface of three classes, on a SQLite MES."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
PLANT = """
version: 1
site: site
steps: {press: {line: l, on_hold: inspect}, paint: {line: l}}
machines: {m1: {step: press}, m2: {step: press}, booth: {step: paint}}
characteristics:
  leak: {pass_fail: scrap}
  surface:
    classes:
      none: {value: 0, means: continue}
      scratch: {value: 1, means: correct}
      crack: {value: 4, means: scrap}
gates:
  leak: {step: press, characteristic: leak, model: leak, kind: classifier, covariates: [force, heat, wear],
         training: {min_outcomes: 300, takes: 20m, every: 30m},
         retraining: {cooldown: 1h, min_new_outcomes: 50, holdout_rows: 60}}
  surface: {step: paint, characteristic: surface, model: surface, kind: classifier, profile: [press.force],
            covariates: [dust, flow], coverage: 0.8, training: {min_outcomes: 300, takes: 20m, every: 30m}}
performance: {every: 1h}
drift: {every: 1h}
sources:
  press:
    {kind: part_steps, url: "sqlite:///mes.db", table: PRESS, serial: SN, step: OP, lot: LOT, machine: MACHINE,
     at: {column: AT, epoch: s}, every: 10m, values: {force: FORCE, heat: HEAT, wear: WEAR}}
  paint:
    {kind: part_steps, url: "sqlite:///mes.db", table: PAINT, serial: SN, step: OP, lot: LOT, machine: MACHINE,
     at: {column: AT, epoch: s}, every: 10m, values: {dust: DUST, flow: FLOW}}
  leak_test:
    {kind: outcomes, url: "sqlite:///mes.db", table: LEAK, serial: SN, characteristic: leak,
     value: {column: RESULT, codes: {OK: 0, NOK: 1}}, at: {column: AT, epoch: s}, every: 10m}
  inspection:
    {kind: outcomes, url: "sqlite:///mes.db", table: SURFACE, serial: SN, characteristic: surface,
     value: {column: FOUND, codes: {none: 0, scratch: 1, crack: 4, blister: 9}}, at: {column: AT, epoch: s}, every: 10m}
write_back:
  {url: "sqlite:///mes.db", table: ADVICE, every: 10m,
   columns: {site: SITE, serial: SN, step: OP, visit: PASS, revision: REV, recommendation: ADVICE, confidence: SURE,
             predicted: VALUE}}
"""
_TABLES = """
CREATE TABLE PRESS (SN TEXT, OP TEXT, LOT TEXT, MACHINE TEXT, AT INTEGER, FORCE, HEAT, WEAR);
CREATE TABLE PAINT (SN TEXT, OP TEXT, LOT TEXT, MACHINE TEXT, AT INTEGER, DUST, FLOW);
CREATE TABLE LEAK (SN TEXT, RESULT TEXT, AT INTEGER);
CREATE TABLE SURFACE (SN TEXT, FOUND TEXT, AT INTEGER);
CREATE TABLE ADVICE (SITE, SN, OP, PASS, REV, ADVICE, SURE, VALUE, UNIQUE (SITE, SN, OP, PASS, REV));
"""
CLASSES = ("none", "scratch", "crack")
OUTCOME_AFTER = timedelta(minutes=30)


def make_plant(folder: Path, parts: int, seed: int = 3) -> Path:
    """The plant file, and an MES with a part a minute that is pressed and ten minutes later painted.

    Force and heat make a part leak; dust and the force make scratches and cracks. In the last third, heat works the
    other way round. Every 97th surface was found to be something that the plant file does not know.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    force, heat, wear, dust, flow = rng.normal(size=(5, parts)).round(4)
    turned = np.where(np.arange(parts) < 2 * parts // 3, 1.0, -1.0)
    leaks = rng.random(parts) < 1 / (1 + np.exp(4.0 - 3.0 * force - 3.0 * heat * turned))
    odds = np.stack([np.zeros(parts), 4.0 * dust - 3.0, 4.0 * force - 5.0], axis=1)
    shares = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
    surface = (rng.random(parts)[:, None] > np.cumsum(shares, axis=1)).sum(axis=1)
    made = sqlite3.connect(folder / "mes.db")
    with made:
        made.executescript(_TABLES)
        for i in range(parts):
            at = int((START + timedelta(minutes=i)).timestamp())
            serial, lot, later = f"P{i:05d}", f"L{i // 20}", at + 600
            found = "blister" if i % 97 == 96 else CLASSES[surface[i]]
            known = later + int(OUTCOME_AFTER.total_seconds())
            made.execute(
                "INSERT INTO PRESS VALUES (?,?,?,?,?,?,?,?)",
                (serial, "press", lot, f"m{1 + i % 2}", at, force[i], heat[i], wear[i]),
            )
            made.execute(
                "INSERT INTO PAINT VALUES (?,?,?,?,?,?,?)", (serial, "paint", lot, "booth", later, dust[i], flow[i])
            )
            made.execute("INSERT INTO LEAK VALUES (?,?,?)", (serial, "NOK" if leaks[i] else "OK", known))
            made.execute("INSERT INTO SURFACE VALUES (?,?,?)", (serial, found, known))
    made.close()
    file = folder / "plant.yaml"
    file.write_text(PLANT, encoding="utf-8")
    return file

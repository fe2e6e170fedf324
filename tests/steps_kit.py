"""A made plant of four steps, of which two matter, with a store that holds its parts and outcomes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from monitor.store.database import tables as t
from monitor.store.database.database import Store

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
OUTCOME_AFTER = timedelta(hours=3)
PLANT = """
version: 1
site: north
store: {url: "sqlite:///gatewatch.db"}
steps: {press: {line: l}, wash: {line: l}, paint: {line: l}, pack: {line: l}}
characteristics:
  width: {unit: mm, specs: [{since: "2026-01-01T00:00:00Z", lower: 8, upper: 12}]}
  leak: {pass_fail: scrap}
  colour: {unit: nm, specs: [{since: "2026-01-01T00:00:00Z", upper: 700}]}
gates:
  width: {step: press, characteristic: width, model: width, profile: [force, heat, speed, stroke]}
sources:
  mes:
    {kind: part_steps, url: "sqlite:///mes.db", table: PARTS, serial: SN, step: OP, at: {column: AT, epoch: s},
     values: {force: FORCE, heat: HEAT, speed: SPEED, stroke: STROKE, bath: BATH, dust: DUST}}
  test:
    {kind: outcomes, url: "sqlite:///mes.db", table: TEST, serial: SN, characteristic: width, value: MM,
     at: {column: AT, epoch: s}}
  leak_test:
    {kind: outcomes, url: "sqlite:///mes.db", table: LEAK, serial: SN, characteristic: leak, value: RESULT,
     at: {column: AT, epoch: s}}
"""


@dataclass(frozen=True)
class Made:
    """How many parts, of how many a lot (0: no lots), whether they have values, whether all widths are alike, and how
    many parts leak at most."""

    parts: int = 300
    lot_parts: int = 15
    values: bool = True
    alike: bool = False
    leaks: int = 1000


def make_plant(folder: Path, new_store: Path, made: Made | None = None) -> Path:
    """The plant file, beside a store with a part a minute. Force and dust make the width; heat makes a part leak."""
    made = made or Made()
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(new_store, folder / "gatewatch.db")
    store = Store(f"sqlite:///{folder}/gatewatch.db")
    parts, outcomes = _rows(made)
    with store.write() as connection:
        if parts:
            connection.execute(t.part_step.insert(), parts)
            connection.execute(t.outcome.insert(), outcomes)
    store.close()
    file = folder / "plant.yaml"
    file.write_text(PLANT, encoding="utf-8")
    return file


def _rows(made: Made) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    rng = np.random.default_rng(5)
    force, heat, speed, stroke, bath, dust, noise, chance = rng.normal(size=(8, made.parts)).round(4)
    width = (10 + 0.6 * force + 0.5 * dust + 0.5 * noise).round(4)
    leak = 2.0 * heat + chance > 2.0
    leak &= np.cumsum(leak) <= made.leaks
    parts: list[dict[str, Any]] = []
    outcomes: list[dict[str, Any]] = []
    for i in range(made.parts):
        press = {"force": force[i], "heat": heat[i], "speed": speed[i], "stroke": stroke[i]}
        values = {"press": press, "wash": {"bath": bath[i]}, "paint": {"dust": dust[i]}, "pack": {}}
        lot = f"L{i // made.lot_parts}" if made.lot_parts else ""
        serial, began = f"P{i:04d}", START + timedelta(minutes=i)
        for place, (step, found) in enumerate(values.items()):
            at = began + timedelta(minutes=20 * place)
            parts.append({
                "arrival": len(parts) + 1, "source": "mes", "serial": serial, "step": step, "visit": 1, "revision": 0,
                "at": at, "available_at": at, "machine": "", "recipe": "", "lot": lot,
                "values": found if made.values else {}, "digest": "d",
            })  # fmt: skip
        measured = began + OUTCOME_AFTER
        for name, value in (("width", 10.0 if made.alike else width[i]), ("leak", float(leak[i]))):
            outcomes.append({
                "arrival": 10**6 + len(outcomes), "source": "test", "serial": serial, "characteristic": name,
                "at": measured, "available_at": measured, "revision": 0, "value": value, "digest": "d",
            })  # fmt: skip
    return parts, outcomes

"""The plant of the soak: the demo plant with a second source of one machine, and with codes that nobody knew at first.

Every four hours the plant file is corrected by the codes of two new terminals, and what had been refused is tried
again. The rows are those of the demo: some move to another table, none is added.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from plant_kit import START, make_plant

from monitor.simulator.machines import SAMPLE_MS

MACHINE, CODE = "forge-1", "FP-01"
"""Half of its samples are the PLC's, in the wide table; half are of its bearings only, in a long one, 7 s later."""
BEARINGS = {"bearing_x": ("AX", "V3", "vibration_x"), "bearing_y": ("AY", "V4", "vibration_y")}
"""By sensor: its tag, the column that it comes from, and the demo's sensor."""
TERMINALS = ("mes.step.codes.COAT-{}=coating", f"condition.machine.codes.{CODE}-{{}}={MACHINE}")
"""What a correction adds to the plant file."""
CORRECTED = timedelta(hours=4)
UNKNOWN = timedelta(hours=1.5)
"""How long before its correction a terminal writes its own code."""
_LATER_MS = 7000

_CONDITION = {
    "kind": "readings", "url": "sqlite:///historian.db", "table": "BEARINGS", "late_by": "2m", "every": "30m",
    "machine": {"column": "EQUIP", "codes": {CODE: MACHINE}}, "value": "READING",
    "sensor": {"column": "TAG", "codes": {tag: sensor for sensor, (tag, _, _) in BEARINGS.items()}},
    "at": {"column": "TS", "epoch": "ms"}, "available_at": {"column": "POSTED", "epoch": "ms"},
}  # fmt: skip


def make_soak_plant(folder: Path, hours: float) -> Path:
    """The plant file, with the source databases filled with `hours` of history from START on."""
    plant = make_plant(folder, hours)
    config = yaml.safe_load(plant.read_text(encoding="utf-8"))
    sensors = config["machines"][MACHINE]["sensors"]
    sensors |= {name: sensors.pop(was) for name, (_, _, was) in BEARINGS.items()}
    config["sources"]["condition"] = _CONDITION
    plant.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    with closing(sqlite3.connect(folder / "historian.db")) as historian, historian:
        _split(historian)
        for number, (start, end) in _spells(hours).items():
            of_spell = (f"{CODE}-{number}", start.timestamp() * 1000, end.timestamp() * 1000)
            historian.execute("UPDATE BEARINGS SET EQUIP = ? WHERE POSTED >= ? AND POSTED < ?", of_spell)
    with closing(sqlite3.connect(folder / "mes.db")) as mes, mes:
        for number, (start, end) in _spells(hours).items():
            coats = "UPDATE WIP_HISTORY SET OPERATION = ? WHERE OPERATION = 'COAT' AND T_POSTED >= ? AND T_POSTED < ?"
            mes.execute(coats, (f"COAT-{number}", f"{start:%Y-%m-%d %H:%M}", f"{end:%Y-%m-%d %H:%M}"))
    return plant


def _split(historian: sqlite3.Connection) -> None:
    """Move every other sample of the machine to the long table, its bearings only."""
    historian.execute("CREATE TABLE BEARINGS (EQUIP TEXT, TAG TEXT, TS BIGINT, POSTED BIGINT, READING DOUBLE)")
    moved = f"FROM TREND_WIDE WHERE EQUIP = '{CODE}' AND TS / {SAMPLE_MS} % 2"
    for tag, column, _ in BEARINGS.values():
        later = f"TS + {_LATER_MS}, POSTED + {_LATER_MS}"
        historian.execute(f"INSERT INTO BEARINGS SELECT EQUIP, '{tag}', {later}, {column} {moved}")
    historian.execute(f"DELETE {moved}")
    historian.execute("CREATE INDEX IX_BEARINGS_POSTED ON BEARINGS (POSTED)")
    historian.execute("CREATE INDEX IX_BEARINGS_TS ON BEARINGS (TS)")


def corrections(hours: float) -> Iterator[tuple[datetime, datetime, tuple[str, ...]]]:
    """The spans [start, end) of the history in which one plant file is in force, and what it says more than the first.

    The last span ends with the history, which belongs to it.
    """
    end, known, start = START + timedelta(hours=hours), (), START
    for number, (_, corrected) in _spells(hours).items():
        yield start, corrected, known
        known += tuple(f"sources.{terminal.format(number)}" for terminal in TERMINALS)
        start = corrected
    yield start, end + timedelta(microseconds=1), known


def _spells(hours: float) -> Mapping[int, tuple[datetime, datetime]]:
    """When each pair of terminals writes codes of its own, up to its correction."""
    count = int(timedelta(hours=hours) / CORRECTED - 1e-9)
    ends = {number: START + number * CORRECTED for number in range(1, count + 1)}
    return {number: (end - UNKNOWN, end) for number, end in ends.items()}


def posted_readings(plant: Path, known: Mapping[str, Any], until: datetime) -> int:
    """Distinct machine readings of both tables that could be known by `until`, those of unknown machines left out."""
    machines = tuple(known)
    keys = (
        f"SELECT DISTINCT EQUIP, TS FROM TREND_WIDE WHERE POSTED <= ? AND EQUIP IN ({', '.join('?' * len(machines))})"
    )
    query = f"SELECT (SELECT count(*) FROM ({keys})) + (SELECT count(DISTINCT TS) FROM BEARINGS WHERE POSTED <= ?)"
    posted = int(until.timestamp() * 1000)
    with closing(sqlite3.connect(plant.parent / "historian.db")) as historian:
        return int(historian.execute(query, (posted, *machines, posted)).fetchone()[0])

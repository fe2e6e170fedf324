"""A small plant with a store made by an older version: its sources, and what is kept of it.

`tests/golden/older/revision_0002.tar.xz` holds the store and the gate's package as commit f55106f left them after
`replay plant.yaml --from 2026-03-02T06:00Z --to 2026-03-02T09:00Z` over `fill(folder)`, and what that commit decided
when it went on to 10:00Z: `decisions.json`, see `decided`.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import tarfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parents[2] / "golden" / "older"
START = datetime(2026, 3, 2, 6, tzinfo=UTC)
LEFT = START + timedelta(hours=3)
"""Up to here the older version ran."""
END = START + timedelta(hours=4)

_TABLES = """
CREATE TABLE PASSAGES (SN TEXT, STEP TEXT, VISIT INTEGER, MACHINE TEXT, RECIPE TEXT, LOT TEXT, AT TEXT,
                       P1 REAL, P2 REAL, P3 REAL, P4 REAL);
CREATE TABLE READINGS (MACHINE TEXT, RECIPE TEXT, AT TEXT, FORCE REAL);
CREATE TABLE THICKNESS (SN TEXT, MM REAL, AT TEXT);
CREATE TABLE ADVICE (SITE TEXT, SN TEXT, STEP TEXT, VISIT INTEGER, REV INTEGER, ADVICE TEXT, REASON TEXT,
                     UNIQUE (SITE, SN, STEP, VISIT, REV));
"""


def fill(folder: Path) -> None:
    """The plant's sources from START to END: a part a minute, its thickness after ten, a reading every five."""
    draw = random.Random(7)
    with closing(sqlite3.connect(folder / "mes.db")) as file, file:
        file.executescript(_TABLES)
        for minute in range(int((END - START) / timedelta(minutes=1))):
            at = START + timedelta(minutes=minute)
            profile = [round(10 + draw.gauss(0, 0.8), 3) for _ in range(4)]
            thickness = round(sum(profile) / 4 + draw.gauss(0, 0.1), 3)
            machine, lot = f"press-{1 + minute % 2}", f"L{minute // 30}"
            row = (f"S{minute:03}", "press", 1, machine, "R1", lot, _text(at), *profile)
            file.execute(f"INSERT INTO PASSAGES VALUES ({','.join('?' * len(row))})", row)
            file.execute(
                "INSERT INTO THICKNESS VALUES (?, ?, ?)", (row[0], thickness, _text(at + timedelta(minutes=10)))
            )
            if minute % 5 == 0:
                # The first press leaves its limits for good in the second hour.
                for name, shift in (("press-1", 15 if minute >= 90 else 0), ("press-2", 0)):
                    force = round(100 + shift + draw.gauss(0, 1), 2)
                    file.execute("INSERT INTO READINGS VALUES (?, ?, ?, ?)", (name, "R1", _text(at), force))


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")


def older_plant(folder: Path) -> Path:
    """The plant in a folder of its own, its store as the older version left it; its plant file."""
    folder.mkdir(parents=True)
    fill(folder)
    shutil.copy(GOLDEN / "plant.yaml", folder)
    with tarfile.open(GOLDEN / "revision_0002.tar.xz") as kept:
        kept.extractall(folder, filter="data")
    return folder / "plant.yaml"


def expected() -> list[list[Any]]:
    """What the older version decided from START to END, by part."""
    rows: list[list[Any]] = json.loads((GOLDEN / "decisions.json").read_text(encoding="utf-8"))
    return rows


def decided(store: Path) -> list[list[Any]]:
    """What a SQLite store holds of each decision that bears on the part, by part."""
    columns = "serial, gate, version, verdict, reason, on_hold, at"
    query = f"SELECT {columns}, round(predicted, 6), round(lower, 6) FROM decision ORDER BY serial"
    with closing(sqlite3.connect(store)) as file:
        return [list(row) for row in file.execute(query)]

"""Write the database of an unknown plant: three tables, German names, local times. The same file every time.

    python examples/werk/make.py werk.db

TEILE has a row for each passage of a part through an operation, MESSWERTE what two machines read each minute, PRUEFUNG
what the inspection found. A number of a refused part's press stands out, and three readings were typed by hand.
"""

from __future__ import annotations

import math
import sqlite3
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

_START = datetime(2026, 3, 2, 6)  # noqa: DTZ001 - local, as the plant writes it
"""The first shift, in the plant's local time."""
_PARTS = 60
_TABLES = """
CREATE TABLE TEILE (LFD_NR INTEGER PRIMARY KEY, SERIENNR TEXT, ARBEITSGANG TEXT, MASCHINE TEXT, CHARGE TEXT,
                    BUCHUNGSZEIT TEXT, KRAFT_KN REAL, WEG_MM REAL);
CREATE TABLE MESSWERTE (LFD_NR INTEGER PRIMARY KEY, MASCHINE TEXT, ZEITSTEMPEL TEXT, TEMP_C TEXT, DRUCK_BAR REAL);
CREATE TABLE PRUEFUNG (LFD_NR INTEGER PRIMARY KEY, SERIENNR TEXT, PRUEFZEIT TEXT, ERGEBNIS TEXT);
"""


def _wave(i: int, period: int) -> float:
    return math.sin(2 * math.pi * i / period)


def _text(at: datetime) -> str:
    return at.strftime("%d.%m.%Y %H:%M:%S")


def _is_bad(i: int) -> bool:
    return i % 24 == 17


def _parts() -> Iterator[tuple[object, ...]]:
    for i in range(_PARTS):
        serial, lot = f"T{i:05d}", f"CH-{i // 60:02d}"
        force = 210 + 4 * _wave(i, 31) + (18 if _is_bad(i) else 0)
        pressed = _START + timedelta(minutes=4 * i)
        yield serial, "0010", "PRESSE 1", lot, _text(pressed), round(force, 2), round(42 + 0.3 * _wave(i, 17), 3)
        yield serial, "0020", "OFEN 2", lot, _text(pressed + timedelta(minutes=2)), None, None


def _readings() -> Iterator[tuple[object, ...]]:
    for i in range(4 * _PARTS):
        at = _text(_START + timedelta(minutes=i))
        yield "PRESSE 1", at, f"{61 + 2 * _wave(i, 45):.1f}".replace(".", ","), round(180 + 3 * _wave(i, 30), 2)
        warm = "defekt" if i in (100, 200, 238) else f"{840 + 5 * _wave(i, 90):.1f}".replace(".", ",")
        yield "OFEN 2", at, warm, None


def _results() -> Iterator[tuple[object, ...]]:
    for i in range(_PARTS):
        yield f"T{i:05d}", _text(_START + timedelta(minutes=4 * i + 30)), "n.i.O." if _is_bad(i) else "i.O."


def make(file: Path) -> int:
    """Write the database; how many rows it has."""
    rows = {
        "TEILE (SERIENNR, ARBEITSGANG, MASCHINE, CHARGE, BUCHUNGSZEIT, KRAFT_KN, WEG_MM)": list(_parts()),
        "MESSWERTE (MASCHINE, ZEITSTEMPEL, TEMP_C, DRUCK_BAR)": list(_readings()),
        "PRUEFUNG (SERIENNR, PRUEFZEIT, ERGEBNIS)": list(_results()),
    }
    file.unlink(missing_ok=True)
    connection = sqlite3.connect(file)
    with connection:
        connection.executescript(_TABLES)
        for table, content in rows.items():
            connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(content[0]))})", content)
    connection.close()
    return sum(map(len, rows.values()))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/werk/make.py FILE")
    print(f"{sys.argv[1]}: {make(Path(sys.argv[1])):,} rows")

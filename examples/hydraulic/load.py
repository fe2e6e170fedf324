"""Load cycles of the UCI hydraulic test rig as the tables of a test bench.

    python examples/hydraulic/load.py DATA_DIR DATABASE_URL [--plant FILE]

A load cycle of a minute is a part, its eight curves of 60 values are arrays of the row of its step; checks follow, at
which gates predict the condition of valve, accumulator and pump. The conditions themselves are found out when the
rig is opened, two hours later. Cycles that follow each other under one setting are a lot. The data has no times: the
first cycle ended at 2024-01-01 00:01 UTC, each other one a minute later.
"""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:  # run as a script, the folder of this file stands there instead
    sys.path.insert(0, str(ROOT))

from examples.loading import Loaded, Trouble, run  # noqa: E402
from monitor.model import Floats  # noqa: E402

CURVES = ("TS1", "TS2", "TS3", "TS4", "VS1", "CE", "CP", "SE")
POINTS = 60
CONDITIONS = ("COOLER", "VALVE", "PUMP", "ACCU", "STABLE")
START = datetime(2024, 1, 1, tzinfo=UTC)
CYCLE = timedelta(minutes=1)
OPENED = timedelta(hours=2)
"""How long after the cycle its conditions can be read; the plant file declares the same."""
CHECKS = ("V", "P", "A")

metadata = sa.MetaData()
cycles = sa.Table(
    "RIG_CYCLE", metadata,
    sa.Column("CYCLE", sa.Text), sa.Column("LOT", sa.Text), sa.Column("STATION", sa.Text),
    sa.Column("ENDED", sa.DateTime, comment="UTC"),
    *(sa.Column(name, sa.Text, comment="JSON array, a value a second") for name in CURVES),
    sa.Index("IX_RIG_CYCLE_ENDED", "ENDED"),
)  # fmt: skip
conditions = sa.Table(
    "RIG_CONDITION", metadata,
    sa.Column("CYCLE", sa.Text), sa.Column("ENDED", sa.DateTime, comment="UTC"),
    sa.Column("VALVE", sa.Double, comment="%"), sa.Column("ACCU", sa.Double, comment="bar"),
    sa.Column("PUMP", sa.Text, comment="leakage: none, weak or severe"), sa.Index("IX_RIG_CONDITION_ENDED", "ENDED"),
)  # fmt: skip
LEAKAGE = ("none", "weak", "severe")


def load(folder: Path) -> Loaded:
    """Load cycles of the hydraulic test rig, a part a cycle."""
    curves = {name: _read(folder, name, POINTS) for name in CURVES}
    known = _read(folder, "profile", len(CONDITIONS))
    short = [name for name, rows in curves.items() if len(rows) != len(known)]
    if short:
        raise Trouble(f"{folder}: {short[0]} has {len(curves[short[0]])} cycles, but profile has {len(known)}")
    if not np.isin(known[:, 2], range(len(LEAKAGE))).all():
        raise Trouble(f"{folder}: profile holds a pump leakage that is not 0, 1 or 2")
    lots = np.concatenate([[0], np.cumsum((np.diff(known, axis=0) != 0).any(axis=1))]).tolist()
    made: list[dict[str, Any]] = []
    measured: list[dict[str, Any]] = []
    nothing = dict.fromkeys(CURVES)
    for i, (lot, row) in enumerate(zip(lots, known.tolist(), strict=True)):
        ended = (START + (i + 1) * CYCLE).replace(tzinfo=None)
        part = {"CYCLE": f"C{i + 1:05d}", "LOT": f"L{lot + 1:04d}"}
        arrays = {name: json.dumps(rows[i].tolist()) for name, rows in curves.items()}
        made.append({**part, "STATION": "RIG", "ENDED": ended, **arrays})
        later = ended + timedelta(seconds=1)
        made += [{**part, "STATION": check, "ENDED": later, **nothing} for check in CHECKS]
        found = {"VALVE": row[1], "ACCU": row[3], "PUMP": LEAKAGE[int(row[2])]}
        measured.append({"CYCLE": part["CYCLE"], "ENDED": later, **found})
    end = START + len(known) * CYCLE + OPENED + timedelta(minutes=10)
    return Loaded({cycles: made, conditions: measured}, START, end)


def _read(folder: Path, name: str, columns: int) -> Floats:
    """The rows of a file of numbers with tabs between them, plain or compressed."""
    path = next((p for p in (folder / f"{name}.txt.gz", folder / f"{name}.txt") if p.is_file()), None)
    if path is None:
        raise Trouble(f"{folder} holds no {name}.txt or {name}.txt.gz")
    try:
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        lines = text.decode("ascii").splitlines()
        rows = [[float(cell) for cell in line.split("\t")] for line in lines]
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise Trouble(f"{path}: no readable file of numbers with tabs between them ({error})") from None
    wrong = next((i for i, row in enumerate(rows) if len(row) != columns or not np.isfinite(row).all()), None)
    if not rows or wrong is not None:
        where = path if wrong is None else f"{path}:{wrong + 1}"
        raise Trouble(f"{where}: expected rows of {columns} numbers")
    return np.array(rows)


if __name__ == "__main__":
    sys.exit(run(Path(__file__).parent, load))

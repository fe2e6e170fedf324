"""Load the AI4I 2020 data as the tables of a milling shop.

    python examples/ai4i2020/load.py DATA_DIR DATABASE_URL [--plant FILE]

A row of the files is a part that was milled, with the state of the machine; whether the machine failed on it stands in
a table of its own, and can be read an hour later. The data has no times: the first part was milled at 2024-01-01
00:01 UTC, each other one a minute later, in the order of `UDI`. The columns of the modes of failure are not loaded.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:  # run as a script, the folder of this file stands there instead
    sys.path.insert(0, str(ROOT))

from examples.loading import Loaded, csv_files, read_columns, refuse, rows_of, run  # noqa: E402

NUMBER, PRODUCT, TYPE, FAILURE = "UDI", "Product ID", "Type", "Machine failure"
MEASURED = {
    "AIR_K": "Air temperature [K]", "PROCESS_K": "Process temperature [K]", "SPEED_RPM": "Rotational speed [rpm]",
    "TORQUE_NM": "Torque [Nm]", "WEAR_MIN": "Tool wear [min]",
}  # fmt: skip
TYPES = ("L", "M", "H")
RESULTS = ("OK", "NOK")
START = datetime(2024, 1, 1, tzinfo=UTC)
EACH = timedelta(minutes=1)
LATE = timedelta(hours=1)
"""How long after milling a result can be read; the plant file declares the same."""

metadata = sa.MetaData()
operations = sa.Table(
    "MILLING", metadata,
    sa.Column("PART", sa.Text), sa.Column("OPERATION", sa.Text), sa.Column("GRADE", sa.Text, comment="L, M or H"),
    *(sa.Column(name, sa.Double) for name in MEASURED),
    sa.Column("MILLED_AT", sa.DateTime, comment="UTC"), sa.Index("IX_MILLING_MILLED_AT", "MILLED_AT"),
)  # fmt: skip
results = sa.Table(
    "RESULT", metadata,
    sa.Column("PART", sa.Text), sa.Column("FOUND", sa.Text, comment="OK or NOK"),
    sa.Column("MILLED_AT", sa.DateTime, comment="UTC"), sa.Index("IX_RESULT_MILLED_AT", "MILLED_AT"),
)  # fmt: skip


def load(folder: Path) -> Loaded:
    """Load the AI4I 2020 data, a part a row."""
    files, left_out = csv_files(folder, [NUMBER, PRODUCT, TYPE, FAILURE, *MEASURED.values()])
    frame = pd.concat([_read(path) for path in files], ignore_index=True)
    frame = frame.drop_duplicates(NUMBER).sort_values(NUMBER, ignore_index=True)
    milled_at = [(START + (i + 1) * EACH).replace(tzinfo=None) for i in range(len(frame))]
    part = {"PART": frame[PRODUCT], "MILLED_AT": milled_at}
    milled = {"OPERATION": "MILL-10", "GRADE": frame[TYPE], **{name: frame[MEASURED[name]] for name in MEASURED}}
    found = frame[FAILURE].map(lambda failed: RESULTS[int(failed)])
    end = START + len(frame) * EACH + LATE + timedelta(minutes=30)
    tables = {operations: part | milled, results: part | {"FOUND": found}}
    rows = {table: rows_of(pd.DataFrame(columns)) for table, columns in tables.items()}
    return Loaded(rows, START, end, left_out)


def _read(path: Path) -> pd.DataFrame:
    frame = read_columns(path, {PRODUCT, TYPE})
    refuse(path, frame[NUMBER], ~(frame[NUMBER] % 1 == 0), "a whole number")
    refuse(path, frame[PRODUCT], frame[PRODUCT].isna(), "the number of a product")
    refuse(path, frame[TYPE], ~frame[TYPE].isin(TYPES), "L, M or H")
    refuse(path, frame[FAILURE], ~frame[FAILURE].isin([0, 1]), "0 or 1")
    return frame


if __name__ == "__main__":
    sys.exit(run(Path(__file__).parent, load))

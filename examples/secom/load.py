"""Load entities of the UCI SECOM data as the tables of a wafer fab.

    python examples/secom/load.py DATA_DIR DATABASE_URL [--plant FILE]

A row of the files is a wafer that passed the process, with all its sensors in one column of bytes; its verdict
stands in a table of its own. The times are those of the files, not shifted.
"""

from __future__ import annotations

import sys
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
import yaml

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:  # run as a script, the folder of this file stands there instead
    sys.path.insert(0, str(ROOT))

from examples.loading import Loaded, Trouble, csv_files, read_csv, run  # noqa: E402

ROW, TIME, LABEL = "uci_row", "timestamp", "label"
SENSORS = tuple(f"s{i:03d}" for i in range(1, 591))
LATE = timedelta(days=1)
"""How long after the pass a verdict can be read; the plant file declares the same."""

metadata = sa.MetaData()
passes = sa.Table(
    "LOT_PASS", metadata,
    sa.Column("WAFER", sa.Text), sa.Column("ROUTE_STEP", sa.Integer), sa.Column("OUT_AT", sa.DateTime, comment="UTC"),
    sa.Column("TRACE", sa.LargeBinary, comment="float64, little-endian"), sa.Index("IX_LOT_PASS_OUT_AT", "OUT_AT"),
)  # fmt: skip
verdicts = sa.Table(
    "EOL_VERDICT", metadata,
    sa.Column("WAFER", sa.Text), sa.Column("VERDICT", sa.Integer, comment="-1 good, 1 bad"),
    sa.Column("OUT_AT", sa.DateTime, comment="UTC"), sa.Index("IX_EOL_VERDICT_OUT_AT", "OUT_AT"),
)  # fmt: skip


def load(folder: Path) -> Loaded:
    """Load entities of the SECOM data, a wafer a row."""
    files, left_out = csv_files(folder, [ROW, TIME, LABEL, *SENSORS])
    frame = pd.concat([_read(path) for path in files], ignore_index=True)
    frame = frame.drop_duplicates(ROW).sort_values([TIME, ROW], kind="stable", ignore_index=True)
    traces = frame[list(SENSORS)].to_numpy(dtype="<f8")
    rows: dict[sa.Table, list[dict[str, Any]]] = {passes: [], verdicts: []}
    for number, at, label, trace in zip(frame[ROW], frame[TIME], frame[LABEL], traces, strict=True):
        wafer, out_at = f"W{int(number):05d}", at.to_pydatetime()
        rows[passes].append({"WAFER": wafer, "ROUTE_STEP": 40, "OUT_AT": out_at, "TRACE": trace.tobytes()})
        rows[verdicts].append({"WAFER": wafer, "VERDICT": int(label), "OUT_AT": out_at})
    first, last = (frame[TIME].iloc[i].to_pydatetime().replace(tzinfo=UTC) for i in (0, -1))
    plant = yaml.safe_load((Path(__file__).parent / "plant.yaml").read_text(encoding="utf-8"))
    return Loaded(rows, first, last + LATE + timedelta(hours=12), left_out, {"sources": plant["sources"]})


def _read(path: Path) -> pd.DataFrame:
    frame = read_csv(path, TIME)
    for column, allowed in ((LABEL, frame[LABEL].isin([-1, 1])), (ROW, frame[ROW] % 1 == 0)):
        if not allowed.all():
            held = frame[column][np.flatnonzero(~allowed)[0]]
            raise Trouble(
                f"{path}: column {column!r} holds {held}; expected {'-1 or 1' if column == LABEL else 'a row number'}"
            )
    return frame


if __name__ == "__main__":
    sys.exit(run(Path(__file__).parent, load))

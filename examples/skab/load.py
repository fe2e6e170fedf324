"""Load runs of the Skoltech Anomaly Benchmark's water rig as the historian of a hall with many such rigs.

    python examples/skab/load.py DATA_DIR DATABASE_URL [--plant FILE]

Each file is a rig of its own; all runs are laid side by side, so that they start at the same instant. Files with the
columns `anomaly` and `changepoint` become the rigs A01, A02, ... in the order of their paths, files without become
R01, R02, ... The labels go to a table of their own, which the plant file does not name.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:  # run as a script, the folder of this file stands there instead
    sys.path.insert(0, str(ROOT))

from examples.loading import Loaded, csv_files, read_csv, run  # noqa: E402

START = datetime(2020, 3, 9, 9, 0, tzinfo=UTC)
"""When every run starts. The recordings were made one after the other; side by side they take one clock's time."""
TIME = "datetime"
TAGS = {
    "Accelerometer1RMS": "VIB_MOTOR_G", "Accelerometer2RMS": "VIB_PUMP_G", "Current": "MOTOR_A",
    "Pressure": "P_LOOP_BAR", "Temperature": "T_ENGINE_C", "Thermocouple": "T_FLUID_C", "Voltage": "MOTOR_V",
    "Volume Flow RateRMS": "FLOW_LPM",
}  # fmt: skip
"""The files' columns in the words of the hall's historian."""
LABELS = ("anomaly", "changepoint")

metadata = sa.MetaData()
samples = sa.Table(
    "TREND_SAMPLES", metadata,
    sa.Column("RIG", sa.Text), sa.Column("TAG", sa.Text), sa.Column("T_MS", sa.BigInteger, comment="ms since 1970"),
    sa.Column("VAL", sa.Double), sa.Index("IX_TREND_SAMPLES_T_MS", "T_MS"),
)  # fmt: skip
runs = sa.Table(
    "RUN_LOG", metadata,
    sa.Column("RIG", sa.Text), sa.Column("RECORDING", sa.Text), sa.Column("RECORDED_FROM", sa.Text),
    sa.Column("SECONDS", sa.Integer), sa.Column("LABELLED", sa.Boolean),
)  # fmt: skip
notes = sa.Table(
    "LAB_NOTES", metadata,
    sa.Column("RIG", sa.Text), sa.Column("T_MS", sa.BigInteger), sa.Column("FAULT", sa.Integer),
    sa.Column("CHANGE", sa.Integer),
)  # fmt: skip


def load(folder: Path) -> Loaded:
    """Load runs of the SKAB water rig, a rig a file."""
    files, left_out = csv_files(folder, [TIME, *TAGS], ";")
    frames = [(path, read_csv(path, TIME, ";")) for path in files]
    rows: dict[sa.Table, list[dict[str, Any]]] = {samples: [], runs: [], notes: []}
    counts = {True: 0, False: 0}
    longest = timedelta()
    for path, frame in frames:
        labelled = set(LABELS) <= set(frame)
        counts[labelled] += 1
        rig = f"{'A' if labelled else 'R'}{counts[labelled]:02d}"
        since = frame[TIME] - frame[TIME].iloc[0]
        longest = max(longest, since.iloc[-1].to_pytimedelta())
        at = int(START.timestamp()) * 1000 + since.dt.total_seconds().mul(1000).astype("int64")
        rows[samples] += _samples(rig, at, frame)
        rows[runs].append({
            "RIG": rig, "RECORDING": path.relative_to(folder).as_posix(), "RECORDED_FROM": str(frame[TIME].iloc[0]),
            "SECONDS": int(since.iloc[-1].total_seconds()), "LABELLED": labelled,
        })  # fmt: skip
        if labelled:
            faults, changes = (frame[name].fillna(0).astype(int) for name in LABELS)
            rows[notes] += [
                {"RIG": rig, "T_MS": t, "FAULT": f, "CHANGE": c} for t, f, c in zip(at, faults, changes, strict=True)
            ]
    # A historian writes in order of time, whatever the rig.
    rows[samples].sort(key=lambda row: row["T_MS"])
    return Loaded(rows, START, START + longest + timedelta(minutes=2), left_out, _plant(counts))


def _samples(rig: str, at: pd.Series[int], frame: pd.DataFrame) -> list[dict[str, Any]]:
    """One row a tag and second, as historians keep them; a second without a number has none."""
    columns = [(tag, frame[column].tolist()) for column, tag in TAGS.items()]
    return [
        {"RIG": rig, "TAG": tag, "T_MS": t, "VAL": values[i]}
        for i, t in enumerate(at.tolist())
        for tag, values in columns
        if values[i] == values[i]
    ]


def _plant(counts: dict[bool, int]) -> dict[str, Any]:
    """The machines of the plant file: as many as there are files."""
    import yaml

    committed = yaml.safe_load((Path(__file__).parent / "plant.yaml").read_text(encoding="utf-8"))
    machine = next(iter(committed["machines"].values()))
    names = [f"rig-{i:02d}" for i in range(1, counts[True] + 1)]
    names += [f"reference-{i:02d}" for i in range(1, counts[False] + 1)]
    sources = committed["sources"]
    sources["historian"]["machine"]["codes"] = {
        f"{'A' if name.startswith('rig') else 'R'}{name[-2:]}": name for name in names
    }
    return {"machines": dict.fromkeys(names, machine), "sources": sources}


if __name__ == "__main__":
    sys.exit(run(Path(__file__).parent, load))

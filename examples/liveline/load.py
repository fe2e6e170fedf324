"""Load the Liveline two-stage line as the tables of an extrusion plant.

    python examples/liveline/load.py DATA_DIR DATABASE_URL [--plant FILE]

A second is a part, its time the serial number; of two rows of one second the first counts. The combiner's row carries
what the part met on its way there; after it the part passes a gauge station for each measurement of stage 2, at which a
gate predicts that measurement. Gauge zeros stay zeros: the plant file says that they are no values. The times
are those of the files, not shifted.
"""

from __future__ import annotations

import sys
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import sqlalchemy as sa
import yaml

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:  # run as a script, the folder of this file stands there instead
    sys.path.insert(0, str(ROOT))

from examples.loading import Loaded, Trouble, csv_files, read_csv, rows_of, run  # noqa: E402

TIME = "time_stamp"
PLACES = tuple(f"{i:02d}" for i in range(15))
ZONE = ZoneInfo("America/Detroit")
MOST_MISSING = 0.3
"""A measurement that more than this share of the parts lacks gets no gate."""
WITHIN = 0.9
"""Share of the first third's measurements that the tolerance around the setpoint holds."""
AT_GAUGES = pd.Timedelta(milliseconds=500)
"""How long after the combiner a part reaches the gauges of stage 2, which measure it then."""
_VARIABLES = {
    "RawMaterialFeederParameter.U": "FEEDER", "Zone1Temperature.C": "ZONE1", "Zone2Temperature.C": "ZONE2",
    "MotorAmperage.U": "AMPS", "MotorRPM.C": "RPM", "MaterialPressure.U": "MELT_P", "MaterialTemperature.U": "MELT_T",
    "ExitZoneTemperature.C": "EXIT_ZONE",
}  # fmt: skip
_COOLING = {
    "4": {f"Temperature{i}.C": f"T{i}" for i in range(1, 6)} | {"Pressure.C": "PRESS", "ExitTemperature.U": "EXIT_T"},
    "5": {f"Temperature{i}.C": f"T{i}" for i in range(1, 7)} | {"ExitTemperature.U": "EXIT_T"},
}
_COMBINER = {"Temperature1.U": "T1", "Temperature2.U": "T2", "Temperature3.C": "T3"}
MACHINES: dict[str, dict[str, str]] = {
    **{f"EX{m}": {f"Machine{m}.{c}.Actual": v for c, v in _VARIABLES.items()} for m in "123"},
    "CB1": {f"FirstStage.CombinerOperation.{c}.Actual": v for c, v in _COMBINER.items()},
    **{f"CL{m}": {f"Machine{m}.{c}.Actual": v for c, v in _COOLING[m].items()} for m in "45"},
}  # fmt: skip
"""Machine and column of the trend to column of the files."""
MATERIAL = {f"Machine{m}.RawMaterial.Property{i}": f"EX{m}_MAT{i}" for m in "123" for i in "1234"}
AMBIENT = {f"AmbientConditions.Ambient{c}.U.Actual": f"AMB_{c[:3].upper()}" for c in ("Humidity", "Temperature")}
CONDITIONS = AMBIENT | MATERIAL | {c: f"{m}_{v}" for m, names in MACHINES.items() for c, v in names.items()}
"""What a part met on its way, to the columns of the MES."""


def measured(stage: int, place: str, what: str = "Actual") -> str:
    """A measurement's column of the files."""
    return f"Stage{stage}.Output.Measurement{int(place)}.U.{what}"


metadata = sa.MetaData()
operations = sa.Table(
    "OPERATION_LOG", metadata,
    sa.Column("PIECE", sa.Text), sa.Column("OP", sa.Text), sa.Column("DONE", sa.DateTime, comment="local time"),
    *(sa.Column(f"X{p}", sa.Double) for p in PLACES), *(sa.Column(name, sa.Double) for name in CONDITIONS.values()),
    sa.Index("IX_OPERATION_LOG_DONE", "DONE"),
)  # fmt: skip
trend = sa.Table(
    "MACHINE_TREND", metadata,
    sa.Column("UNIT", sa.Text), sa.Column("TS", sa.DateTime, comment="local time"),
    *(sa.Column(v, sa.Double) for v in dict.fromkeys(v for names in MACHINES.values() for v in names.values())),
    sa.Index("IX_MACHINE_TREND_TS", "TS"),
)  # fmt: skip
gauges = sa.Table(
    "FINAL_GAUGE", metadata,
    sa.Column("PIECE", sa.Text), sa.Column("TAKEN", sa.DateTime, comment="local time"),
    *(sa.Column(f"Y{p}", sa.Double) for p in PLACES), sa.Index("IX_FINAL_GAUGE_TAKEN", "TAKEN"),
)  # fmt: skip


def load(folder: Path) -> Loaded:
    """Load seconds of the Liveline line, a part a second."""
    outputs = [measured(s, p, w) for s in (1, 2) for p in PLACES for w in ("Actual", "Setpoint")]
    files, notes = csv_files(folder, [TIME, *CONDITIONS, *outputs])
    frame = pd.concat([read_csv(path, TIME) for path in files], ignore_index=True)
    frame = frame.sort_values(TIME, kind="stable", ignore_index=True)
    # A gauge shows micrometres; resampling left its zeros as numbers such as 1e-105.
    frame[outputs] = frame[outputs].round(3) + 0.0
    seconds = frame.drop_duplicates(TIME, ignore_index=True)
    if len(seconds) < len(frame):
        notes.append(f"{len(frame) - len(seconds)} rows left out, another one has their second")
    at, piece = seconds[TIME], seconds[TIME].dt.strftime("P%Y%m%d-%H%M%S")
    gated = [place for place in PLACES if _missing(seconds, place) <= MOST_MISSING]
    notes += [
        f"measurement {int(p)} of stage 2: {_missing(seconds, p):.0%} missing, so it gets no gate"
        for p in PLACES
        if p not in gated
    ]
    tables: dict[sa.Table, Any] = {
        operations: _operations(seconds, piece, at, gated),
        trend: _trend(seconds, at),
        gauges: _gauges(seconds, piece, at),
    }
    start, end = (at.iloc[i].to_pydatetime().replace(tzinfo=ZONE).astimezone(UTC) for i in (0, -1))
    return Loaded(tables, start, end + timedelta(minutes=3), notes, _plant(seconds, gated))


def _missing(frame: pd.DataFrame, place: str) -> float:
    values = frame[measured(2, place)]
    return float((values.isna() | (values == 0)).mean())


def _operations(
    frame: pd.DataFrame, piece: pd.Series[str], at: pd.Series[Any], gated: list[str]
) -> list[dict[str, Any]]:
    """The combiner's row of each part, and a row for each gauge station it reaches half a second later."""
    columns = {measured(1, p): f"X{p}" for p in PLACES} | CONDITIONS
    combined = frame[list(columns)].rename(columns=columns).assign(PIECE=piece, OP="110", DONE=at)
    stations = [pd.DataFrame({"PIECE": piece, "OP": f"G{p}", "DONE": at + AT_GAUGES}) for p in gated]
    both = pd.concat([combined, *stations], ignore_index=True).sort_values(["DONE", "OP"], kind="stable")
    return _plain(both, "DONE")


def _trend(frame: pd.DataFrame, at: pd.Series[Any]) -> list[dict[str, Any]]:
    parts = [frame[list(names)].rename(columns=names).assign(UNIT=unit, TS=at) for unit, names in MACHINES.items()]
    return _plain(pd.concat(parts, ignore_index=True).sort_values(["TS", "UNIT"], kind="stable"), "TS")


def _gauges(frame: pd.DataFrame, piece: pd.Series[str], at: pd.Series[Any]) -> list[dict[str, Any]]:
    columns = {measured(2, p): f"Y{p}" for p in PLACES}
    return _plain(frame[list(columns)].rename(columns=columns).assign(PIECE=piece, TAKEN=at + AT_GAUGES), "TAKEN")


def _plain(frame: pd.DataFrame, time: str) -> list[dict[str, Any]]:
    return [row | {time: row[time].to_pydatetime()} for row in rows_of(frame)]


def _plant(frame: pd.DataFrame, gated: list[str]) -> dict[str, Any]:
    """The sections of the plant file that follow from the data: stations, specifications, gates and their outcomes."""
    plant = yaml.safe_load((Path(__file__).parent / "plant.yaml").read_text(encoding="utf-8"))
    gate = next(iter(plant["gates"].values()))
    outcome = next(source for source in plant["sources"].values() if source["kind"] == "outcomes")
    station = next(step for name, step in plant["steps"].items() if name.startswith("gauge"))
    others = {name: source for name, source in plant["sources"].items() if source["kind"] != "outcomes"}
    others["mes"]["step"]["codes"] = {"110": "combining", **{f"G{p}": f"gauge-{p}" for p in gated}}
    steps = {name: step for name, step in plant["steps"].items() if not name.startswith("gauge")}
    gates, outcomes = {}, {}
    for p in gated:
        named = {"characteristic": f"y{p}"}
        gates[f"gauge-{p}"] = gate | named | {"step": f"gauge-{p}", "model": f"profile-y{p}"}
        outcomes[f"gauge-{p}"] = outcome | named | {"value": outcome["value"] | {"column": f"Y{p}"}}
    return {
        "steps": steps | {f"gauge-{p}": station for p in gated},
        "characteristics": {f"y{p}": {"unit": "mm", "specs": [_spec(frame, p)]} for p in gated},
        "gates": gates,
        "sources": others | outcomes,
    }


def _spec(frame: pd.DataFrame, place: str) -> dict[str, Any]:
    """The setpoint, and a tolerance that holds a given share of what the first third of the parts measured."""
    third = frame.iloc[: max(len(frame) // 3, 1)]
    actual = third[measured(2, place)]
    actual = actual[actual.notna() & (actual != 0)]
    target = float(frame[measured(2, place, "Setpoint")].iloc[0])
    if actual.empty:
        raise Trouble(f"measurement {int(place)} of stage 2 has no value in the first third; it gives no tolerance")
    tolerance = round(float((actual - target).abs().quantile(WITHIN)), 2)
    tolerance = max(tolerance, 0.01)
    low, high = round(target - tolerance, 2), round(target + tolerance, 2)
    return {"since": "2000-01-01T00:00:00Z", "lower": low, "target": target, "upper": high}


if __name__ == "__main__":
    sys.exit(run(Path(__file__).parent, load))

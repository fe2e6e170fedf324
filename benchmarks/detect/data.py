"""The public data sets as arrays: a folder of data sets in, rows in order of time out. Nothing is downloaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monitor.model import Floats

Flags = NDArray[np.bool_]
SKAB_SENSORS = (
    "Accelerometer1RMS", "Accelerometer2RMS", "Current", "Pressure", "Temperature", "Thermocouple", "Voltage",
    "Volume Flow RateRMS",
)  # fmt: skip
TEP_LEFT_OUT = (3, 9, 15)
"""Faults that no published method finds reliably; the literature leaves them out."""
HYDRAULIC_SENSORS = ("TS1", "TS2", "TS3", "TS4", "VS1", "CE", "CP", "SE")


@dataclass(frozen=True, slots=True)
class Run:
    """A labelled run of SKAB: values (rows, 8), times in s (rows,), and what the labels say of each row."""

    name: str
    values: Floats
    at: Floats
    anomalous: Flags
    changed: Flags


@dataclass(frozen=True, slots=True)
class Series:
    """A series of NAB: values (rows,), times in ns (rows,), and its labelled windows: first and last row, inclusive."""

    name: str
    values: Floats
    at: NDArray[np.int64]
    windows: tuple[tuple[int, int], ...]


def skab(folder: Path) -> list[Run]:
    """Every labelled run below `skab`, in order of name."""
    found = []
    for path in sorted(
        (folder / "skab").glob("*/*.csv"), key=lambda p: (p.parent.name, int(p.stem) if p.stem.isdigit() else -1)
    ):
        frame = pd.read_csv(path, sep=";")
        if "anomaly" not in frame:
            continue
        at = pd.to_datetime(frame["datetime"]).to_numpy().astype("datetime64[ns]").astype(np.int64) / 1e9
        values = frame[list(SKAB_SENSORS)].to_numpy(dtype=np.float64)
        anomalous, changed = (frame[name].to_numpy() > 0 for name in ("anomaly", "changepoint"))
        found.append(Run(f"{path.parent.name}/{path.stem}", values, at, anomalous, changed))
    return found


def nab(folder: Path) -> list[Series]:
    """Every series below `nab`."""
    windows = json.loads((folder / "nab" / "labels" / "combined_windows.json").read_text(encoding="utf-8"))
    return [_series(folder / "nab" / "data" / name, name, marked) for name, marked in sorted(windows.items())]


def _series(path: Path, name: str, windows: list[list[str]]) -> Series:
    frame = pd.read_csv(path, parse_dates=["timestamp"])
    at = frame["timestamp"].to_numpy()
    rows = tuple(
        (
            int(np.searchsorted(at, np.datetime64(first), side="left")),
            int(np.searchsorted(at, np.datetime64(last), side="right")) - 1,
        )
        for first, last in windows
    )
    times = at.astype("datetime64[ns]").astype(np.int64)
    return Series(name, frame["value"].to_numpy(dtype=np.float64), times, rows)


def nab_weights(folder: Path, profile: str = "standard") -> Mapping[str, float]:
    """What each outcome weighs in a profile of NAB: tpWeight, fpWeight, fnWeight."""
    profiles: Any = json.loads((folder / "nab" / "config" / "profiles.json").read_text(encoding="utf-8"))
    weights: Mapping[str, float] = profiles[profile]["CostMatrix"]
    return weights


def tep(folder: Path, number: int, test: bool) -> Floats:
    """A run of the Tennessee Eastman process, rows of 3 minutes by 52 variables."""
    rows = np.loadtxt(folder / "tep" / f"d{number:02d}{'_te' * test}.dat.gz")
    return rows.T if rows.shape[0] == 52 else rows  # d00.dat is stored the other way round


def tep_faults(folder: Path) -> list[int]:
    """The faults whose test run is present, but those left out."""
    numbers = sorted(int(path.name[1:3]) for path in (folder / "tep").glob("d*_te.dat.gz"))
    return [number for number in numbers if number and number not in TEP_LEFT_OUT]


def engines(folder: Path) -> list[Floats]:
    """Each engine of C-MAPSS FD001 from its first cycle to its failure: (cycles, 21 sensors)."""
    rows = np.loadtxt(folder / "cmapss" / "train_FD001.txt.gz")
    return [rows[rows[:, 0] == unit, 5:] for unit in np.unique(rows[:, 0])]


def hydraulic(folder: Path) -> tuple[Floats, Floats]:
    """The rig's cycles: the mean of each of the eight 1 Hz curves (cycles, 8), and the profile (cycles, 5)."""
    place = folder / "hydraulic"
    curves = np.stack([np.loadtxt(place / f"{name}.txt.gz").mean(axis=1) for name in HYDRAULIC_SENSORS], axis=1)
    return curves, np.loadtxt(place / "profile.txt.gz")

"""Control charts beside drift: how often a healthy window is called shifted, and how many shifted ones are found.

`python -m benchmarks bench_charts`: processes whose values are alike in lots, wander, are skewed or coarse, each with a
reference of 500 values and windows of 60; then simulated plants, judged once an hour, ten healthy days and the faults
of the script. Parameters were chosen on seeds from 1000 on; `--first` says others.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.bench_performance import frame
from detectors.charts.charts import ControlCharts
from detectors.window.drift import FeatureDrift
from monitor.model import Finding, Floats, Status, Window
from monitor.simulator.faults import DEFAULT_SCRIPT
from monitor.simulator.history import History, simulate

REFERENCE, WINDOW, WINDOWS = 500, 60, 20
_LOT = 40
_HOUR = 3_600_000_000_000
Random = np.random.Generator


def lots(rng: Random, rows: int, between: float) -> Floats:
    """Values of lots of 40, whose means have a standard deviation of `between` times that within a lot."""
    offset, means = int(rng.integers(_LOT)), rng.standard_normal(rows // _LOT + 2)
    return between * np.repeat(means, _LOT)[offset : offset + rows] + rng.standard_normal(rows)


def wandering(rng: Random, rows: int, memory: float) -> Floats:
    """A stationary process in which a value keeps so much of the one before."""
    values = np.empty(rows)
    values[0] = rng.standard_normal() / np.sqrt(1 - memory**2)
    for i in range(1, rows):
        values[i] = memory * values[i - 1] + rng.standard_normal()
    return values


PROCESSES: Mapping[str, Callable[[Random, int], Floats]] = {
    "independent": lambda rng, rows: rng.standard_normal(rows),
    "lots, means half as wide": lambda rng, rows: lots(rng, rows, 0.5),
    "lots, means as wide": lambda rng, rows: lots(rng, rows, 1.0),
    "lots, means three times as wide": lambda rng, rows: lots(rng, rows, 3.0),
    "memory 0.5": lambda rng, rows: wandering(rng, rows, 0.5),
    "memory 0.9": lambda rng, rows: wandering(rng, rows, 0.9),
    "exponential": lambda rng, rows: rng.exponential(size=rows),
    "Student's t, 4 degrees": lambda rng, rows: rng.standard_t(4, size=rows),
    "two machines in turns": lambda rng, rows: (-1.0) ** np.arange(rows) + 0.5 * rng.standard_normal(rows),
    "whole sigmas": lambda rng, rows: np.round(rng.standard_normal(rows)),
}


def one_process(make: Callable[[Random, int], Floats], seed: int) -> Counter[str]:
    """By method and shift, in standard deviations of the reference, in how many of the windows it is in breach."""
    values = make(np.random.default_rng(seed), REFERENCE + WINDOWS * WINDOW)
    before = values[:REFERENCE]
    told: Counter[str] = Counter()
    detectors = (ControlCharts(), FeatureDrift())
    for place in range(REFERENCE, len(values), WINDOW):
        for shift in (0, 1, 2):
            now = _window(values[place : place + WINDOW] + shift * before.std())
            found = [f for d in detectors for f in d.judge(_window(before), now) if f.feature]
            told.update(f"{f.method} {shift}" for f in found if f.status is Status.BREACH)
    return told


def _window(values: Floats) -> Window:
    places = np.arange(len(values), dtype=np.int64)
    return Window("step", "step", ("value",), values[:, None], places * _HOUR, places)


def processes(first: int, seeds: int) -> dict[str, dict[str, float]]:
    """The share of windows in breach, by process, method and shift."""
    told: dict[str, dict[str, float]] = {}
    for name, make in PROCESSES.items():
        found = sum((one_process(make, seed) for seed in range(first, first + seeds)), Counter[str]())
        told[name] = {
            f"{method} {shift}": round(found[f"{method} {shift}"] / (seeds * WINDOWS), 5)
            for method in ("rule_1", "cusum", "wasserstein")
            for shift in (0, 1, 2)
        }
    return told


_STEPS = {"FORG": "forging", "MACH": "machining", "COAT": "coating"}
_PROFILE = [f"P{i:02d}" for i in range(1, 31)]
_MEASURED = {
    "FORG": [*_PROFILE, "HARDNESS_HRC"], "MACH": ["STOCK_UM", "RA_TXT", "WEAR_UM"], "COAT": ["COAT_UM", "CURE_F"],
}  # fmt: skip


def looks(history: History) -> Iterator[tuple[str, float, Sequence[Finding]]]:
    """At every hour from the start on, what is found of each step: step, hour, findings."""
    steps = frame(history, "WIP_HISTORY").drop_duplicates(["SN", "OPERATION", "PASS_NO"])
    steps = steps.assign(posted=pd.to_datetime(steps["T_POSTED"])).sort_values("posted", kind="stable")
    steps[_PROFILE] = steps[_PROFILE].replace(0, np.nan)
    start = pd.Timestamp(history.start).tz_localize(None)
    for code, names in _MEASURED.items():
        rows = steps[steps["OPERATION"] == code]
        whole, posted = _of_rows(rows, names), rows["posted"].to_numpy()
        first = max(REFERENCE, int(np.searchsorted(posted, start.to_numpy(), side="right")))
        reference, detectors = _cut(whole, first - REFERENCE, first), (ControlCharts(), FeatureDrift())
        for hour in range(round((history.end - history.start) / timedelta(hours=1))):
            end = int(np.searchsorted(posted, (start + pd.Timedelta(hours=hour)).to_numpy(), side="right"))
            if end > first:
                now = _cut(whole, end - WINDOW, end)
                yield _STEPS[code], float(hour), [f for d in detectors for f in d.judge(reference, now)]


def _of_rows(rows: pd.DataFrame, names: Sequence[str]) -> Window:
    values = rows[list(names)].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    at = rows["posted"].to_numpy().astype("datetime64[ns]").astype(np.int64)
    groups = tuple(zip(rows["EQUIP"].astype(str), rows["RECIPE_ID"].astype(str), strict=True))
    return Window("step", "step", tuple(names), values, at, np.arange(len(rows)), groups)


def _cut(window: Window, first: int, end: int) -> Window:
    part = slice(first, end)
    return replace(
        window, values=window.values[part], at=window.at[part], arrivals=window.arrivals[part],
        groups=window.groups[part],
    )  # fmt: skip


def episodes(history: History) -> dict[str, list[str]]:
    """By detector each start of a breach of a step as a whole, where the hour before it had none."""
    told: dict[str, list[str]] = {}
    before: dict[tuple[str, str], bool] = {}
    for step, hour, found in looks(history):
        for f in found:
            if not f.feature:
                breach = f.status is Status.BREACH
                if breach and not before.get((step, f.detector)):
                    told.setdefault(f.detector, []).append(f"{step} {hour:g} h: {', '.join(f.causes[:3])}")
                before[step, f.detector] = breach
    return told


def noticed(history: History) -> dict[str, dict[str, float | None]]:
    """Of each fault of the process, by detector, the hours until its step as a whole is in breach."""
    start = history.start
    told: dict[str, dict[str, float | None]] = {}
    seen = list(looks(history))
    for fault in history.truth["faults"]:
        if fault["step"] not in _STEPS.values() or fault["kind"] not in ("step_offset", "lot_shift", "wrong_recipe"):
            continue
        begins, ends = ((datetime.fromisoformat(fault[k]) - start) / timedelta(hours=1) for k in ("start", "end"))
        here = [(h, f) for s, h, fs in seen if s == fault["step"] and begins <= h <= ends + 2 for f in fs]
        told[fault["kind"]] = {
            name: next((round(h - begins, 1) for h, f in here if f.detector == name and f.causes), None)
            for name in ("chart", "drift")
        }
    return told


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--plants", type=int, default=10)
    given = parser.parse_args()
    plants = range(given.first, given.first + given.plants)
    told: dict[str, Any] = {
        "processes": processes(given.first, given.seeds),
        "healthy_plants": {seed: episodes(simulate(seed, days=10, faults=())) for seed in plants},
        "faults": {seed: noticed(simulate(seed, days=6, faults=DEFAULT_SCRIPT)) for seed in plants},
    }
    sys.stdout.write(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()

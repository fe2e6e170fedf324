"""The limits of the gates' performance on simulated plants: silence on healthy ones, time to notice the concept change.

`python -m benchmarks bench_performance` trains both gates of the demo plant on the commissioning parts of each seed and
judges their predictions at every hour, ten days without a fault and six with the script. No store, no jobs: the same
detector on the same windows. `--first SEED` takes other seeds; the chance was chosen on 1000 to 1009.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from detectors.window.performance import COLUMNS, Performance
from inference.models.fitting import NAIVE_WINDOW, held_out
from inference.models.kind import TrainingData, TrainingSettings
from inference.training import train
from monitor.jobs.performance import REFERENCE_ROWS
from monitor.model import Status, Window
from monitor.simulator.faults import DEFAULT_SCRIPT, FaultKind
from monitor.simulator.history import History, simulate
from monitor.simulator.tables import PROFILE_COLUMNS

_WINDOW = 60
_GATES = {"forging": "FORG", "coating": "COAT"}
_COVARIATES = {"FORG": ["HARDNESS_HRC"], "MACH": ["STOCK_UM", "RA_TXT", "WEAR_UM"], "COAT": ["COAT_UM", "CURE_F"]}


def frame(history: History, table: str) -> pd.DataFrame:
    """A table of the simulated databases."""
    rows = history.rows_of(table)
    return pd.DataFrame(list(rows.rows), columns=[c.name for c in rows.table.columns])


def parts(history: History, gate: str) -> tuple[pd.DataFrame, list[str]]:
    """A row a part with an outcome: inputs, when it was decided on, outcome, when that was known; the inputs' names."""
    steps = frame(history, "WIP_HISTORY").drop_duplicates(["SN", "OPERATION", "PASS_NO"])
    last = {code: rows.drop_duplicates("SN", keep="last").set_index("SN") for code, rows in steps.groupby("OPERATION")}
    found = last["FORG"][list(PROFILE_COLUMNS)].replace(0, np.nan)
    if gate == "coating":
        for code, names in _COVARIATES.items():
            found = found.join(last[code][names].apply(pd.to_numeric, errors="coerce"))
        found = found.join(last["COAT"]["IMG"].map(_spread).rename("surface"))
    inputs = list(found.columns)
    own = last[_GATES[gate]]
    found = found.join(own[["EQUIP", "RECIPE_ID"]])
    found["decided"] = pd.to_datetime(own["T_POSTED"]).dt.ceil("15min")
    outcomes = frame(history, "FINAL_TEST").drop_duplicates("SN", keep="last").set_index("SN")
    found["outcome"], found["known"] = outcomes["FREQ_HZ"], pd.to_datetime(outcomes["POSTED_AT"])
    return found.dropna(subset=[*inputs, "decided", "outcome"]).sort_values("decided"), inputs


def _spread(picture: bytes | None) -> float:
    return np.nan if picture is None else float(np.frombuffer(picture, np.uint8)[-64 * 64 :].std())


def predicted(history: History, gate: str) -> tuple[Window, pd.DataFrame]:
    """The model's reference, and what it says of the parts of the days, in order of their outcomes."""
    found, inputs = parts(history, gate)
    start = pd.Timestamp(history.start).tz_localize(None)
    early = found["known"] <= start
    rows, target = found.loc[early, inputs].to_numpy(float), found.loc[early, "outcome"].to_numpy(float)
    settings = TrainingSettings(tuple(inputs), len(PROFILE_COLUMNS), 0.9, 400, 1)
    said = (
        train(TrainingData(rows, target, list(found.index[early])), settings)
        .model()
        .predict(found[inputs].to_numpy(float))
    )
    for name, value in (("predicted", "value"), ("lower", "lower"), ("upper", "upper")):
        found[name] = [getattr(p, value) for p in said]
    found["naive"] = _naive(found)
    found["inside"] = [p.distance <= p.distance_limit for p in said]
    before = found[early].copy()
    counts = np.zeros(len(before), dtype=bool)
    counts[held_out(list(before.index))] = True
    before.loc[~(counts & before["inside"].to_numpy()), "outcome"] = np.nan
    days = found[(found["decided"] > start) & found["inside"]].sort_values("known")
    return _window(before.tail(REFERENCE_ROWS)), days


def _naive(found: pd.DataFrame) -> list[float]:
    ordered = found.sort_values("known")
    known, values = ordered["known"].to_numpy(), ordered["outcome"].to_numpy()
    ends = np.searchsorted(known, found["decided"].to_numpy(), side="right")
    return [float(np.median(values[max(0, end - NAIVE_WINDOW) : end])) if end else np.nan for end in ends]


def _window(rows: pd.DataFrame) -> Window:
    at = rows["known"].astype("int64").to_numpy()
    groups = tuple(zip(rows["EQUIP"], rows["RECIPE_ID"], strict=True))
    return Window("gate", "step", COLUMNS, rows[list(COLUMNS)].to_numpy(float), at, np.arange(len(rows)), groups)


def looks(history: History, gate: str) -> Iterator[tuple[float, Mapping[str, tuple[Status, float | None]]]]:
    """At every hour from the start on, what is found of the gate as a whole: status and value by method."""
    reference, days = predicted(history, gate)
    detector, known = Performance(_WINDOW), days["known"].to_numpy()
    start = pd.Timestamp(history.start).tz_localize(None)
    for hour in range(round((history.end - history.start) / timedelta(hours=1))):
        end = int(np.searchsorted(known, (start + pd.Timedelta(hours=hour)).to_numpy(), side="right"))
        found = detector.judge(reference, _window(days.iloc[max(0, end - _WINDOW) : end]))
        yield hour, {f.method: (f.status, f.value) for f in found}


def one(seed: int) -> dict[str, Any]:
    """A seed: the highest worst ratio without a fault, what was in breach then, and when the change was noticed."""
    change = next(f for f in DEFAULT_SCRIPT if f.kind is FaultKind.CONCEPT_CHANGE).start_offset / timedelta(hours=1)
    healthy, faulty = simulate(seed, days=10, faults=()), simulate(seed, days=6)
    told: dict[str, Any] = {"seed": seed}
    for gate in _GATES:
        quiet = [found for _, found in looks(healthy, gate)]
        told[gate] = {
            "healthy_worst_ratio": round(max(f["worst_ratio"][1] or 0.0 for f in quiet), 2),
            "healthy_breaches": sum(f[m][0] is Status.BREACH for f in quiet for m in ("worst_ratio", "skill")),
            "hours_to_notice": next(
                (h - change for h, f in looks(faulty, gate) if h >= change and f["worst_ratio"][0] is Status.BREACH),
                None,
            ),
        }
    return told


def main() -> None:
    """Print a line of JSON for all seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    found = [one(seed) for seed in range(given.first, given.first + given.seeds)]
    sys.stdout.write(json.dumps({"seeds": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()

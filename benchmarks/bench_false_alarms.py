"""The default detectors on healthy machines and on worn, stuck and dead sensors: false alarms a day, time to detect.

`python -m benchmarks bench_false_alarms` takes the readings of simulated plants straight to the detectors: ten seeds
of five healthy days, and the faults of the script on as many. `--first SEED` takes other seeds; parameters were chosen
on 1000 to 1009, what the docs report is of 2000 to 2009.
"""

from __future__ import annotations

import argparse
import json
import sys
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from monitor.detection import CHANGE, CONDITION
from monitor.model import Finding, MachineBatch, MachineState, Status
from monitor.pipeline.detectors import detectors_of
from monitor.plant.file.load import parse
from monitor.plant.plant import Plant
from monitor.simulator.faults import DEFAULT_SCRIPT
from monitor.simulator.history import History, simulate
from monitor.simulator.machines import MACHINE_CODES, MACHINES, SENSORS, STATE_CODES, STATES

DAYS = 5.0
_ROWS = 1000
_MACHINE = dict(zip(MACHINE_CODES, MACHINES, strict=True))
_STATE = dict(zip(STATE_CODES, STATES, strict=True))


def demo_plant() -> Plant:
    """The demo plant's file."""
    return parse(files("monitor.simulator").joinpath("plant.yaml").read_text(encoding="utf-8"), Path()).plant


def batches(history: History) -> Iterator[MachineBatch]:
    """The readings of every machine in order of posting, each once, with recipe and what the machine did."""
    since: dict[str, list[tuple[datetime, MachineState]]] = {}
    for code, state, at, _ in history.rows_of("EQUIP_STATE").rows:
        since.setdefault(_MACHINE[code], []).append((datetime.fromisoformat(at), _STATE[state]))
    rows: dict[str, dict[int, tuple[Any, ...]]] = {}
    for row in history.rows_of("TREND_WIDE").rows:
        if row[0] in _MACHINE:
            rows.setdefault(_MACHINE[row[0]], {}).setdefault(row[2], row)
    for machine, known in rows.items():
        changes = sorted(since[machine])
        for start in range(0, len(known), _ROWS):
            yield _batch(machine, list(known.values())[start : start + _ROWS], changes)


def _batch(
    machine: str, rows: Sequence[tuple[Any, ...]], changes: Sequence[tuple[datetime, MachineState]]
) -> MachineBatch:
    times = [at for at, _ in changes]
    states = []
    for row in rows:
        place = bisect_right(times, datetime.fromtimestamp(row[2] / 1000, UTC))
        states.append(changes[place - 1][1] if place else MachineState.UNKNOWN)
    values = np.array([[np.nan if v is None else v for v in row[4:]] for row in rows], dtype=np.float64)
    at = np.array([row[2] for row in rows], dtype=np.int64) * 1_000_000
    return MachineBatch(machine, SENSORS, at, values, states, [row[1] for row in rows])


def breaches(history: History, plant: Plant) -> list[Finding]:
    """Every start of a breach that the default detectors report; `condition` and `change` call nobody."""
    detectors = {machine: detectors_of(plant, machine) for machine in plant.machines}
    states = {machine: [d.start() for d in found] for machine, found in detectors.items()}
    started: list[Finding] = []
    for batch in batches(history):
        for i, detector in enumerate(detectors[batch.machine]):
            states[batch.machine][i], found = detector.observe(states[batch.machine][i], batch)
            started += [f for f in found if f.status is Status.BREACH]
    return started


def healthy(seed: int, plant: Plant, days: float = DAYS) -> list[Finding]:
    """Every breach of a plant without a fault that calls a person."""
    return _calls(breaches(simulate(seed, days=days, faults=()), plant))


def _calls(started: Sequence[Finding]) -> list[Finding]:
    return [f for f in started if f.method not in (CHANGE, CONDITION)]


def faulty(seed: int, plant: Plant) -> tuple[list[dict[str, Any]], list[Finding]]:
    """Each fault with the hours to the first breach of its machine by each method, and the breaches outside all faults.

    A breach of the machine within a day after the fault is its echo; a fault of the process is no fault of a sensor.
    """
    history = simulate(seed, days=DAYS, faults=DEFAULT_SCRIPT)
    started = breaches(history, plant)
    told: list[dict[str, Any]] = []
    for fault in history.truth["faults"]:
        begins, ends = datetime.fromisoformat(fault["start"]), datetime.fromisoformat(fault["end"])
        mine = [f for f in started if f.subject == fault["subject"] and begins <= f.at < ends + timedelta(days=1)]
        first: dict[str, float] = {}
        for f in mine:
            first.setdefault(f"{f.detector}.{f.method}", round((f.at - begins) / timedelta(hours=1), 2))
        told.append({"kind": fault["kind"], "subject": fault["subject"], "hours": first})
        started = [f for f in started if f not in mine]
    return told, _calls(started)


def summary(first: int, seeds: int) -> Mapping[str, Any]:
    """The figures over some seeds."""
    plant = demo_plant()
    quiet = {seed: healthy(seed, plant) for seed in range(first, first + seeds)}
    runs = [faulty(seed, plant) for seed in range(first, first + seeds)]
    hours: dict[str, list[float]] = {}
    for told, _ in runs:
        for fault in told:
            for method, taken in fault["hours"].items():
                hours.setdefault(f"{fault['kind']} {method}", []).append(taken)
    return {
        "seeds": [first, first + seeds - 1],
        "healthy_days": DAYS * seeds,
        "false_alarms_a_day": round(sum(map(len, quiet.values())) / (DAYS * seeds), 3),
        "false_alarms": [_told(seed, f) for seed, found in quiet.items() for f in found],
        "hours_to_detect": {
            what: {"found": len(taken), "of": seeds, "median": median(taken), "longest": max(taken)}
            for what, taken in sorted(hours.items())
        },
        "outside_any_fault": dict(
            Counter(f"{f.detector}.{f.method}" for _, started in runs for f in started).most_common()
        ),
    }


def _told(seed: int, f: Finding) -> str:
    return f"{seed} {f.subject} {f.at:%d %H:%M} {f.detector}.{f.method} {f.feature or ','.join(f.causes)}"


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    sys.stdout.write(json.dumps(summary(given.first, given.seeds), indent=1) + "\n")


if __name__ == "__main__":
    main()

"""What a gate's error will be, estimated before outcomes, beside what it was; and whether the light told the truth.

`python -m benchmarks bench_before_outcomes`: a simulated line whose noise depends on an input, a gate of kind
`ensemble` trained on the first parts, outcomes `DELAY` parts late, judged every `EVERY` parts. No store, no jobs: the
same detector on the same windows. Scenarios: nothing changes (`kept`); an input moves gradually within what was known,
towards more noise (`moved`); an input jumps out of it (`out`); an input is missing (`missing`); what follows from
unchanged inputs changes (`changed`), which no test of inputs can see. Seeds 0 to 19; `--first 1000` takes those that
parameters were chosen on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from detectors.window.before_outcomes import COLUMNS, TOLERANCE, BeforeOutcomes, Light
from inference.models.kind import TrainingData, TrainingSettings
from inference.training import train
from monitor.detection import ESTIMATE_LIGHT, ESTIMATED_COVERAGE, ESTIMATED_ERROR
from monitor.model import Floats, Prediction, Window

TRAINED, PARTS, CHANGE, DELAY, EVERY = 600, 2400, 1200, 240, 20
"""Parts that the model is fitted to, parts after them, when something changes, how late outcomes are, between looks."""
JUDGED, KNOWN = 400, 1000
"""As `monitor.windows.before_outcomes`."""
INPUTS = tuple(f"form.x{i}" for i in range(6))
SCENARIOS = ("kept", "moved", "out", "missing", "changed")
BAR_GREEN, BAR_PARTS = 0.9, 100
LOT = 40


@dataclass(frozen=True)
class Line:
    """Inputs (parts, inputs) as they are measured, and outcomes (parts,)."""

    inputs: Floats
    outcome: Floats


def line(seed: int, scenario: str) -> Line:
    """The parts that the model is trained on, and those after them. Half of an input's variance is the lot's."""
    rng = np.random.default_rng(seed)
    rows = TRAINED + PARTS
    lots = np.repeat(rng.standard_normal((rows // LOT + 1, len(INPUTS))), LOT, axis=0)[:rows]
    inputs = np.sqrt(0.5) * lots + np.sqrt(0.5) * rng.standard_normal((rows, len(INPUTS)))
    inputs[:, 3:] = rng.standard_normal((rows, 3))
    noise = rng.standard_normal(rows)
    after = np.arange(rows) - TRAINED - CHANGE
    if scenario == "moved":
        inputs[:, 3] += np.clip(after / 600, 0.0, 1.0)
    if scenario == "out":
        inputs[after >= 0, 3] += 4.0
    outcome = 2 * inputs[:, 0] + np.sin(inputs[:, 1]) + 0.5 * inputs[:, 2] * inputs[:, 4]
    outcome += np.exp(0.4 * inputs[:, 3]) * noise
    if scenario == "changed":
        outcome += np.where(after >= 0, 1.5 * inputs[:, 5] + 1.0, 0.0)
    if scenario == "missing":
        inputs[after >= 0, 0] = np.nan
    return Line(inputs, outcome)


def columns(said: Sequence[Prediction | None], inputs: Floats, outcome: Floats) -> Floats:
    """The columns of windows, as the job makes them."""
    rows = np.full((len(said), len(COLUMNS)), np.nan)
    for i, p in enumerate(said):
        if p is not None and np.isfinite(p.value):
            y = outcome[i]
            rows[i] = [p.value, (p.upper - p.lower) / 2, p.distance / p.distance_limit, abs(p.value - y),
                       float(not p.lower <= y <= p.upper)]  # fmt: skip
    return np.column_stack([rows, inputs])


def window(values: Floats) -> Window:
    """A window of the gate."""
    at = np.arange(len(values), dtype=np.int64)
    return Window("gate", "form", (*COLUMNS, *INPUTS), values, at, at)


def looks(seed: int, scenario: str) -> list[dict[str, float]]:
    """At every look: parts since the change, the light, and the estimates beside what became true."""
    made = line(seed, scenario)
    serials = [f"P{i}" for i in range(TRAINED)]
    lots = [f"L{i // LOT}" for i in range(TRAINED)]
    data = TrainingData(made.inputs[:TRAINED], made.outcome[:TRAINED], serials, lots)
    trained = train(data, TrainingSettings(INPUTS, 0, 0.9, 0, 1, max_missing=0.34), "ensemble")
    held = trained.contents.held_out
    said = {} if held is None else dict(zip(held.serials, held.predictions, strict=True))
    before = columns([said.get(s) for s in serials], made.inputs[:TRAINED], made.outcome[:TRAINED])
    rest = made.inputs[TRAINED:]
    after = columns(trained.model().predict(rest), rest, made.outcome[TRAINED:])
    counts = np.isfinite(after[:, 0]) & (after[:, 2] <= 1)
    found = []
    for end in range(DELAY, PARTS + 1, EVERY):
        known = after[: end - DELAY][counts[: end - DELAY]][-JUDGED:]
        new = after[end - DELAY : end]
        hidden = new.copy()
        hidden[:, 3:5] = np.nan
        found.append(look(np.concatenate([before, known])[-KNOWN:], hidden, new[counts[end - DELAY : end]], end))
    return found


def look(known: Floats, hidden: Floats, truth: Floats, end: int) -> dict[str, float]:
    """One judgement beside the truth."""
    judged = {f.method: f for f in BeforeOutcomes().judge(window(known), window(hidden))}
    error, coverage = (judged[m].value for m in (ESTIMATED_ERROR, ESTIMATED_COVERAGE))
    return {
        "since": end - CHANGE,
        "light": judged[ESTIMATE_LIGHT].value or 0.0,
        "ratio": (error or np.nan) / float(truth[:, 3].mean()) if len(truth) else np.nan,
        "coverage": (coverage or np.nan) - (1 - float(truth[:, 4].mean())) if len(truth) else np.nan,
    }


def told(runs: Mapping[int, Sequence[Mapping[str, float]]], scenario: str) -> dict[str, Any]:
    """A scenario over all seeds; where something breaks, after how many parts each seed's light was red."""
    every = [one for run in runs.values() for one in run]
    summary: dict[str, Any] = {"looks": len(every)}
    for light in Light:
        summary[f"{light.name.lower()}_share"] = _share(sum(o["light"] == light for o in every), len(every))
    summary |= right(every)
    if scenario in ("out", "missing", "changed"):
        reds = [
            next((o["since"] for o in run if o["since"] > 0 and o["light"] == Light.RED), None) for run in runs.values()
        ]
        summary["parts_to_red"] = reds
        summary["red_within_100_parts"] = sum(red is not None and red <= BAR_PARTS for red in reds)
    return summary


def right(every: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """How often a green light was right, and how far its coverage was off."""
    green = [one for one in every if one["light"] == Light.GREEN]
    off = [abs(one["coverage"]) for one in green]
    return {
        "green_within_15_percent": _share(sum(abs(one["ratio"] - 1) <= TOLERANCE for one in green), len(green)),
        "green_coverage_error_points_p90": round(100 * float(np.quantile(off, 0.9)), 1) if off else None,
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None


def main() -> None:
    """Print the figures beside their bars, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=20)
    given = parser.parse_args()
    seeds = range(given.first, given.first + given.seeds)
    runs = {name: {seed: looks(seed, name) for seed in seeds} for name in SCENARIOS}
    testable = [one for name in SCENARIOS if name != "changed" for run in runs[name].values() for one in run]
    every = [one for of in runs.values() for run in of.values() for one in run]
    found = {name: told(of, name) for name, of in runs.items()}
    shares = {"all_but_changed": right(testable), "all": right(every)}
    bars = {
        "green_within_15_percent": {
            "bar": BAR_GREEN,
            **{name: share["green_within_15_percent"] for name, share in shares.items()},
        },
        "red_within_100_parts": {
            "bar": given.seeds,
            **{name: found[name]["red_within_100_parts"] for name in ("out", "missing")},
        },
    }
    sys.stdout.write(
        json.dumps({"first_seed": given.first, "seeds": given.seeds, "bars": bars, **found}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()

"""A drift round of 50 steps x 20 features x 10,000 rows, beside Evidently's DataDriftPreset on the same data.

Beside it, `numpy.sort` of the same windows; the same with machines, recipes and lots; and a round of 500 steps x 60
features as a plant has them by default: references of 500 rows, windows of 60. First rounds, which work the limits out,
later ones and sorts take turns, and medians are stated.

`python -m benchmarks.bench_drift` takes some minutes, nearly all of it in Evidently's report. `--preset-steps 5` gives
Evidently the first five steps only; its seconds for all 50 are then scaled, and the JSON says so. Reference and
window hold 10,000 rows each. The values of both are compared on every step that both judged.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from detectors.shared.wasserstein import wasserstein
from detectors.window.drift import FeatureDrift
from monitor.model import Finding, Status, Window

_MINUTE = 60_000_000_000
Pair = tuple[Window, Window]


def _window(step: int, rows: int, features: int, shift: float) -> Window:
    """Parts of one step: every feature partly shared by lots of 40, each at a level and scale of its own."""
    rng = np.random.default_rng([step, int(shift * 1000)])
    lots = np.repeat(rng.standard_normal((rows // 40 + 1, features)), 40, axis=0)[:rows]
    values = 50.0 + step + np.arange(1, features + 1) * (0.5 * lots + rng.standard_normal((rows, features)) + shift)
    name, index = f"step-{step:02d}", np.arange(rows, dtype=np.int64)
    return Window(name, name, tuple(f"f{i:02d}" for i in range(features)), values, index * _MINUTE, index)


def _labelled(window: Window) -> Window:
    """With two machines by turns, campaigns of two recipes, and lots of 40."""
    rows = range(len(window))
    groups = tuple((f"press-{i % 2}", f"recipe-{i // 200 % 2}") for i in rows)
    return replace(window, groups=groups, lots=tuple(f"L{i // 40}" for i in rows))


def _judged(detector: FeatureDrift, pairs: Sequence[Pair]) -> dict[str, list[Finding]]:
    return {before.subject: list(detector.judge(before, now)) for before, now in pairs}


def _rounds(pairs: Sequence[Pair], rounds: int) -> tuple[dict[str, Any], dict[str, list[Finding]]]:
    """Medians of the seconds of first rounds, later rounds and sorts of the windows; and the findings by step."""
    seconds: dict[str, list[float]] = {}
    found: dict[str, list[Finding]] = {}
    for _ in range(rounds):
        detector = FeatureDrift()
        for name in ("first_round", "round"):
            took, found = _seconds(partial(_judged, detector, pairs))
            seconds.setdefault(name, []).append(took)
        seconds.setdefault("sort", []).append(_seconds(lambda: [np.sort(now.values, axis=0) for _, now in pairs])[0])
    first, later, sort = (statistics.median(seconds[name]) for name in ("first_round", "round", "sort"))
    return {
        "first_round_seconds": round(first, 3), "round_seconds": round(later, 3), "sort_seconds": round(sort, 3),
        "round_by_sort": round(later / sort, 2), "first_by_later": round(first / later, 1),
    }, found  # fmt: skip


def _plant(steps: int, features: int, rounds: int) -> dict[str, Any]:
    """Rounds of a plant with the defaults of `drift`."""
    pairs = [
        (_labelled(_window(i, 500, features, 0.0)), _labelled(_window(i, 60, features, 0.02))) for i in range(steps)
    ]
    sizes = {"steps": steps, "features": features, "reference_rows": 500, "window_rows": 60}
    return {**sizes, **_rounds(pairs, rounds)[0]}


def _seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def _preset(reference: Window, current: Window) -> dict[str, float]:
    """What a user of Evidently runs: the preset's result as data, by feature."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    definition = DataDefinition(numerical_columns=list(reference.names))
    frames = [pd.DataFrame(w.values, columns=list(w.names)) for w in (current, reference)]
    sets = [Dataset.from_pandas(frame, data_definition=definition) for frame in frames]
    told = Report([DataDriftPreset()]).run(*sets).dict()["metrics"]
    return {m["config"]["column"]: float(m["value"]) for m in told if "column" in m["config"]}


def _distances(found: Mapping[str, list[Finding]]) -> dict[tuple[str, str], float]:
    return {
        (step, f.feature): f.value
        for step, findings in found.items()
        for f in findings
        if f.method == "wasserstein" and f.value is not None
    }


def measure(steps: int = 50, features: int = 20, rows: int = 10_000, rounds: int = 3, preset_steps: int = 50) -> Any:
    """Seconds of rounds without and with labels, of those of a plant, and of Evidently's preset."""
    warnings.simplefilter("ignore")
    pairs = [(_window(i, rows, features, 0.0), _window(i, rows, features, 0.02 * (i % 5))) for i in range(steps)]
    # Imports are paid once a process: Evidently's is stated by itself, SciPy's left out.
    import_seconds, _ = _seconds(lambda: importlib.import_module("evidently"))
    wasserstein(np.array([0.0, 1.0]), np.array([0.0]))
    ours, found = _rounds(pairs, rounds)
    labelled = _rounds([(_labelled(before), _labelled(now)) for before, now in pairs], rounds)[0]
    timed = [_seconds(partial(_preset, *pair)) for pair in pairs[:preset_steps]]
    theirs = {
        (before.subject, name): v for (before, _), (_, t) in zip(pairs, timed, strict=False) for name, v in t.items()
    }
    mine = _distances(found)
    # Evidently's preset takes another statistic for references of up to 1,000 rows.
    apart = [abs(mine[key] - value) / max(abs(value), 1e-300) for key, value in theirs.items() if rows > 1000]
    measured = sum(seconds for seconds, _ in timed)
    preset = measured / len(timed) * steps
    return {
        "benchmark": "drift", "steps": steps, "features": features, "rows": rows, "rounds": rounds,
        **ours, "labelled": labelled, "plant": _plant(500, 60, rounds),
        "import_seconds": round(import_seconds, 2), "preset_steps_measured": len(timed),
        "preset_seconds_measured": round(measured, 1), "preset_seconds_for_all_steps": round(preset, 1),
        "preset_seconds_are_scaled": len(timed) < steps, "ratio": round(ours["round_seconds"] / preset, 5),
        "values_compared": len(apart), "largest_relative_difference": max(apart, default=None),
        "breaches": sum(f.status is Status.BREACH for findings in found.values() for f in findings if f.feature),
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--features", type=int, default=20)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--preset-steps", type=int, default=50)
    a = parser.parse_args()
    sys.stdout.write(json.dumps(measure(a.steps, a.features, a.rows, a.rounds, a.preset_steps), indent=2) + "\n")

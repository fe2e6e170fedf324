"""The ensemble on simulated lines: its error on parts nobody trained on, against its best input and a flat model.

`python -m benchmarks bench_models_ensemble`: 20 seeds, 900 and 300 parts, and 900 with a fifth of every block missing.
The flat model is boosted trees on the same columns. `--first SEED` takes other seeds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from typing import Any

import lightgbm
import numpy as np

from benchmarks.lines import INPUTS, NOISE, SETTINGS, line
from inference.models.kind import TrainingData
from inference.training import train
from monitor.model import Floats

FRESH = 1500
_FLOOR = NOISE * float(np.sqrt(2 / np.pi))
"""The mean absolute error of who knows all but the noise."""


def alone(learnt: TrainingData, judged: TrainingData, name: str) -> float:
    """Mean absolute error of a straight line in one input; the mean outcome where it is missing."""
    x, new = learnt.table[:, INPUTS.index(name)], judged.table[:, INPUTS.index(name)]
    there = ~np.isnan(x)
    slope, constant = np.polyfit(x[there], learnt.target[there], 1)
    guess = np.where(np.isnan(new), learnt.target.mean(), constant + slope * np.nan_to_num(new))
    return float(np.abs(judged.target - guess).mean())


def flat(learnt: TrainingData, judged: TrainingData) -> float:
    """Mean absolute error of boosted trees on the same columns."""
    options = {
        "objective": "l2", "learning_rate": 0.03, "num_leaves": 8, "min_data_in_leaf": 10, "feature_fraction": 0.7,
        "bagging_fraction": 0.8, "bagging_freq": 1, "verbosity": -1, "num_threads": 1, "seed": 1,
    }  # fmt: skip
    booster = lightgbm.train(options, lightgbm.Dataset(learnt.table, learnt.target, params=options), 300)
    return float(np.abs(judged.target - np.asarray(booster.predict(judged.table))).mean())


def one(parts: int, seed: int, missing: float) -> dict[str, float]:
    """The figures of one line."""
    whole = line(parts + FRESH, seed)
    data = whole.missing(missing, seed) if missing else whole.data
    early = np.arange(len(data)) < parts
    learnt, judged = data.at(early), data.at(~early)
    began = time.perf_counter()
    trained = train(learnt, replace(SETTINGS, max_missing=0.99 if missing else 0.0), "ensemble")
    taught, model = time.perf_counter(), trained.model()
    answers = model.predict(judged.table)
    judged_in = time.perf_counter() - taught
    value = np.array([a.value for a in answers])
    inside = np.mean([a.lower <= y <= a.upper for a, y in zip(answers, judged.target.tolist(), strict=True)])
    error = float(np.abs(judged.target - value).mean())
    best = min(alone(learnt, judged, name) for name in INPUTS if name != "recipe")
    trees = flat(learnt, judged)
    quality = trained.metrics.quality
    return {
        "error": error, "best_input": best, "below_best_input": 1 - error / best,
        "of_the_gap": (best - error) / (best - _FLOOR), "claimed_below_flat_line": quality["gain_over_flat"],
        "flat_trees": trees, "below_flat": 1 - error / trees, "coverage": float(inside),
        "claimed_below_best_input": quality["gain_over_best_input"], "claimed_mae": quality["mae"],
        "out_of_distribution": float(np.mean([a.distance > a.distance_limit for a in answers])),
        "training_seconds": taught - began, "parts_a_second": len(answers) / judged_in,
    }  # fmt: skip


def over(first: int, seeds: int, parts: int, missing: float = 0.0) -> dict[str, Any]:
    """Mean over the seeds, and the worst seed."""
    found = [one(parts, seed, missing) for seed in range(first, first + seeds)]
    table: dict[str, Floats] = {name: np.array([each[name] for each in found]) for name in found[0]}
    return {
        "mean": {name: round(float(values.mean()), 4) for name, values in table.items()},
        "least_below_best_input": round(float(table["below_best_input"].min()), 4),
        "seeds_better_than_flat": int((table["below_flat"] > 0).sum()),
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=20)
    given = parser.parse_args()
    found = {
        "noise_floor": round(_FLOOR, 4),
        "parts_900": over(given.first, given.seeds, 900),
        "parts_300": over(given.first, given.seeds, 300),
        "parts_900_a_fifth_missing": over(given.first, given.seeds, 900, missing=0.2),
    }
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

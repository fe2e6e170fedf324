"""The ranking of steps on simulated lines with four decoys: true steps found, decoys found, seconds; and on SECOM.

`python -m benchmarks bench_steps`: 20 seeds of 2,000 parts, with the shape measured first as on the demo's line, and
last, where the other steps explain 1 to 5 % each; as many with an outcome that wanders; lines on which everything
wanders by itself; and how much the handling of drift costs where nothing drifts. SECOM is one block of columns, and
ten blocks in the order of the columns (`GATEWATCH_DATA`, `../shared/data`). Parameters were chosen on seeds from 1000
on. `--first SEED` takes other seeds.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd

from benchmarks.step_lines import AS_BUILT, DECOYS, SHAPE_LAST, line_parts, only_wandering, true_gains
from inference.steps import drift, ranking
from inference.steps.parts import LineParts, StepBlock
from inference.steps.ranking import rank
from monitor.model import Floats

PARTS = 2000
LEAST = 0.01
"""The true gain from which a step has to be found."""
WANDER_HZ = 10.0
"""As much as all else together."""
_SECOM = Path(os.environ.get("GATEWATCH_DATA", "../shared/data")) / "secom" / "secom_first75.csv.gz"
_DAY = 86_400.0


def lines(first: int, seeds: int, order: Sequence[str], wander: float = 0.0) -> dict[str, Any]:
    """How often each true step is found, and how many decoys are, over the seeds."""
    began = time.perf_counter()
    found = [rank(line_parts(seed, PARTS, order, wander)) for seed in range(first, first + seeds)]
    seconds = (time.perf_counter() - began) / seeds
    gains = true_gains(order)
    steps = {step: [ranking.gains[i] for ranking in found] for i, step in enumerate(order)}
    true = {
        step: {
            "true_gain": round(gains[step], 4),
            "mean_gain": round(float(np.mean([gain.gain for gain in steps[step]])), 4),
            "found_in": sum(gain.matters for gain in steps[step]),
        }
        for step in order
        if step not in DECOYS
    }
    decoys = {step: sum(gain.matters for gain in steps[step]) for step in order if step in DECOYS}
    return {
        "seeds": [first, first + seeds - 1], "true_steps": true, "decoys": decoys,
        "least_found": min(row["found_in"] for row in true.values() if row["true_gain"] >= LEAST),
        "decoys_found_ratio": round(sum(decoys.values()) / (seeds * len(decoys)), 4),
        "seconds_a_ranking": round(seconds, 2),
    }  # fmt: skip


def wandering_alone(first: int, seeds: int) -> dict[str, Any]:
    """How often steps are found where everything wanders by itself; taken as it is, and as it is done here."""
    found: dict[str, Any] = {}
    for name, classes in (("number", False), ("pass_fail", True)):
        lines = [only_wandering(seed, PARTS, classes) for seed in range(first, first + seeds)]
        claimed = [gain.matters for line in lines for gain in rank(line).gains]
        with mock.patch.object(drift, "QUIETER", 0.0), mock.patch.object(ranking, "known_before", _nothing):
            naive = [gain.matters for line in lines for gain in rank(line).gains]
        found[name] = {"found_ratio": round(float(np.mean(claimed)), 4), "naive": round(float(np.mean(naive)), 4)}
    return found


def _nothing(parts: LineParts) -> Floats:
    return np.full((len(parts), max(parts.classes, 1)), np.nan)


def cost_of_drift(first: int, seeds: int) -> Mapping[str, float]:
    """The share of the outcome's loss that all steps together explain on a stationary line, with and without it."""
    whole = {}
    for name, quieter in (("with", drift.QUIETER), ("without", 0.0)):
        with mock.patch.object(drift, "QUIETER", quieter):
            rankings = [rank(line_parts(seed, PARTS, AS_BUILT)) for seed in range(first, first + seeds)]
        left = [min(gain.loss for gain in ranking.gains) / ranking.loss for ranking in rankings]
        whole[name] = round(1 - float(np.mean(left)), 4)
    return whole


def secom(blocks: int) -> dict[str, Any]:
    """The gains of blocks of SECOM's columns, in their order, for pass or fail."""
    frame = pd.read_csv(_SECOM)
    at = pd.to_datetime(frame["timestamp"]).astype("int64").to_numpy() / 1e9
    order = np.argsort(at, kind="stable")
    sensors = frame[[name for name in frame.columns if name[0] == "s" and name[1:].isdigit()]]
    values, failed = sensors.to_numpy(dtype=np.float64)[order], (frame["label"] == 1).to_numpy(dtype=np.float64)[order]
    parts = [
        StepBlock(f"columns {chosen[0] + 1} to {chosen[-1] + 1}", list(sensors.columns[chosen]), values[:, chosen])
        for chosen in np.array_split(np.arange(values.shape[1]), blocks)
    ]
    began = time.perf_counter()
    found = rank(LineParts(parts, failed, [""] * len(failed), at[order], at[order] + _DAY, 2))
    return {
        "parts": found.parts, "failed": int(failed.sum()), "log_loss_before": round(found.loss, 4),
        "steps": {
            gain.step: {
                "gain": round(gain.gain, 4), "p": round(gain.p, 4), "q": round(gain.q, 4), "matters": gain.matters,
            }
            for gain in found.gains
        },
        "seconds": round(time.perf_counter() - began, 2),
    }  # fmt: skip


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=20)
    given = parser.parse_args()
    found: dict[str, Any] = {
        "bars": {"least_found": round(0.95 * given.seeds), "decoys_found_ratio": 0.10},
        "shape_last": lines(given.first, given.seeds, SHAPE_LAST),
        "as_built": lines(given.first, given.seeds, AS_BUILT),
        "shape_last_wandering": lines(given.first, given.seeds, SHAPE_LAST, WANDER_HZ),
        "wandering_alone": wandering_alone(given.first, given.seeds),
        "explained_where_nothing_drifts": cost_of_drift(given.first, min(given.seeds, 5)),
    }
    if _SECOM.exists():
        found |= {"secom_one_block": secom(1), "secom_ten_blocks": secom(10)}
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

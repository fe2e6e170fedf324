"""The classifier on three tables: pass/fail of ai4i2020 by time, kinds of defect of steel_plates, pass/fail of secom.

`python -m benchmarks bench_models_table`: the variable GATEWATCH_DATA names the folder of the data sets. On ai4i2020
the last quarter is predicted by a model of the first three; on the others every part by a model of other parts.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from inference.models.kind import TrainingData, TrainingSettings
from inference.models.tables.class_losses import log_losses
from inference.models.tables.class_quality import auroc, known_rates, quality, reliability
from inference.training import TrainedModel, train
from monitor.model import Floats

_AI4I = (
    "Type", "Air temperature [K]", "Process temperature [K]", "Rotational speed [rpm]", "Torque [Nm]",
    "Tool wear [min]",
)  # fmt: skip
_RESAMPLES = 2000


def settings(inputs: tuple[str, ...], classes: tuple[str, ...], good: str, **more: Any) -> TrainingSettings:
    """The defaults of every table."""
    return TrainingSettings(inputs, 0, 0.9, 0, 1, max_missing=more.get("max_missing", 0.0), classes=classes, good=good,
                            categories=more.get("categories", {}))  # fmt: skip


def data_of(rows: Floats, target: Floats) -> TrainingData:
    """Parts in the order of the rows."""
    return TrainingData(rows, target.astype(np.float64), [str(i) for i in range(len(rows))])


class Ai4i(NamedTuple):
    """A model of the first three quarters of ai4i2020, the rows and machine failures of all, where the last begins.

    `seconds`: how long training took.
    """

    trained: TrainedModel
    chosen: TrainingSettings
    seconds: float
    rows: Floats
    target: Floats
    cut: int


def ai4i_trained(folder: Path) -> Ai4i:
    """Machine failures by order, from type, temperatures, speed, torque and wear."""
    table = pd.read_csv(folder / "ai4i2020" / "ai4i2020_udi_1-7500.csv.gz")
    table["Type"] = pd.Categorical(table["Type"], categories=["H", "L", "M"]).codes
    rows, target = table[list(_AI4I)].to_numpy(np.float64), table["Machine failure"].to_numpy(np.float64)
    cut = len(rows) * 3 // 4
    chosen = settings(_AI4I, ("good", "failure"), "good", categories={"Type": ("H", "L", "M")})
    began = time.perf_counter()
    trained = train(data_of(rows[:cut], target[:cut]), chosen, "classifier")
    return Ai4i(trained, chosen, time.perf_counter() - began, rows, target, cut)


def ai4i(folder: Path) -> dict[str, Any]:
    """Machine failure of the last quarter, by a model of the first three."""
    trained, chosen, seconds, rows, target, cut = ai4i_trained(folder)
    answers = trained.model().predict(rows[cut:])
    guess = np.array([one.probabilities for one in answers])
    truth = target[cut:]
    rate = known_rates(target, 2, (np.arange(len(rows)) >= cut).astype(np.intp))[0][cut:]
    brier = np.square(rate[:, 1] - truth).mean()
    return {
        "training": _told(trained.metrics.numbers(), seconds),
        "last_quarter": {
            **quality(guess, truth, chosen),
            "failures": int(truth.sum()),
            "auroc_interval": _interval(guess[:, 1], truth > 0),
            "brier_skill": float(1 - np.square(guess[:, 1] - truth).mean() / brier),
            "skill": float(1 - log_losses(guess, truth).sum() / log_losses(rate, truth).sum()),
            "out_of_distribution": float(np.mean([one.distance > one.distance_limit for one in answers])),
            "reliability": reliability(guess[:, 1], truth > 0),
        },
    }


def steel(folder: Path) -> dict[str, Any]:
    """Seven kinds of defect, out of fold; the rows are shuffled, since the file is sorted by kind."""
    table = pd.read_csv(next((folder / "steel_plates").glob("*.csv*")))
    order = np.random.default_rng(0).permutation(len(table))
    classes = tuple(sorted(table["Fault"].unique()))
    inputs = tuple(name for name in table.columns if name != "Fault")
    target = table["Fault"].map({name: i for i, name in enumerate(classes)}).to_numpy(np.float64)
    began = time.perf_counter()
    rows = table[list(inputs)].to_numpy(np.float64)
    trained = train(data_of(rows[order], target[order]), settings(inputs, classes, ""), "classifier")
    few = {}
    for count in (40, 100, 300):
        learnt, judged = order[:count], order[count:]
        small = train(data_of(rows[learnt], target[learnt]), settings(inputs, classes, ""), "classifier")
        guess = np.array([one.probabilities for one in small.model().predict(rows[judged])])
        rate = known_rates(target[learnt], len(classes), np.arange(count) % 5)[0][-1]
        loss = log_losses(guess, target[judged]).sum()
        naive = log_losses(np.tile(rate, (len(judged), 1)), target[judged]).sum()
        few[count] = {"claimed_skill": small.metrics.skill, "skill": float(1 - loss / naive)}
    return {"training": _told(trained.metrics.numbers(), time.perf_counter() - began), "few_parts": few}


def secom(folder: Path) -> dict[str, Any]:
    """Pass or fail of 590 sensors, out of fold in order of time: no skill is to be claimed."""
    table = pd.read_csv(folder / "secom" / "secom_first75.csv.gz")
    inputs = tuple(name for name in table.columns if name[0] == "s" and name[1:].isdigit())
    target = (table["label"] == 1).to_numpy(np.float64)
    began = time.perf_counter()
    chosen = settings(inputs, ("pass", "fail"), "pass", max_missing=0.5)
    trained = train(data_of(table[list(inputs)].to_numpy(np.float64), target), chosen, "classifier")
    return {"training": _told(trained.metrics.numbers(), time.perf_counter() - began)}


def _told(numbers: dict[str, float], seconds: float) -> dict[str, float]:
    return {**{name: round(value, 4) for name, value in numbers.items()}, "seconds": round(seconds, 1)}


def _interval(score: Floats, positive: np.ndarray[Any, np.dtype[np.bool_]]) -> list[float]:
    """95 % of the bootstrap."""
    rng = np.random.default_rng(0)
    drawn = (rng.integers(0, len(score), len(score)) for _ in range(_RESAMPLES))
    return np.quantile([auroc(score[i], positive[i]) for i in drawn], [0.025, 0.975]).tolist()


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("GATEWATCH_DATA", "../shared/data"))
    parser.add_argument("--only", choices=("ai4i2020", "steel_plates", "secom"))
    given = parser.parse_args()
    every = {"ai4i2020": ai4i, "steel_plates": steel, "secom": secom}
    found = {name: make(given.data) for name, make in every.items() if given.only in (None, name)}
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

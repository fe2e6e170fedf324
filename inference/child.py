"""Training in a child process: `python -m inference.child PARENT KIND...`, then one folder per line on standard input.

The kinds are warmed up before the first folder arrives. With `--second-core` before them a training may use two cores.

A folder holds `job.json`, `data.npz` and, for a kind that judges pictures, these as files; the child leaves `package`
and `result.json`: the package's digests and metrics, or the error text and its reason.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inference.kinds import load_kind
from inference.levels import find_levels, one_level
from inference.models.fitting import MIN_PARTS, check_count
from inference.models.kind import Times, TrainingData, TrainingSettings
from inference.packaging import save
from inference.pictures import written_pictures
from inference.training import train
from monitor.errors import ModelError
from monitor.processes import SECOND_CORE, serve, use_second_core

FEWEST_LOTS = 10
"""With fewer, parts are split by time alone: nothing could be said of a new lot."""


def train_and_package(folder: Path) -> dict[str, Any]:
    """Train on the folder's data and package the model; returns what the parent records."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    with np.load(folder / "data.npz", allow_pickle=False) as data:
        rows, target, context = data["rows"], data["target"], data["context"]
        pictures = written_pictures(folder)
        serials, lots = ([str(value) for value in data[name]] for name in ("serials", "lots"))
        times, weights = Times(data["passed"], data["available"]), data["weights"]
        planned = data.get("planned")
    named = {name: tuple(job["settings"][name]) for name in ("inputs", "classes")}
    settings = TrainingSettings(**job["settings"] | named)
    check_count(len(serials), "parts", MIN_PARTS)
    # A class has no level that could shift.
    levels = one_level(len(target)) if settings.classes else find_levels(context, target, lots, settings.seed)
    data = TrainingData(
        rows if pictures is None else pictures, target, serials, groups_of(lots, serials), times, planned,
        weights if (weights != 1).any() else None,
    )  # fmt: skip
    trained = train(data, settings, job["kind"], None if settings.classes else levels.adjustment)
    digest = save(trained, folder / "package")
    metrics = {name: float(value) for name, value in trained.metrics.numbers().items()}
    metrics |= {"level_changes": float(levels.changes), "newest_level_rows": float(levels.newest.sum())}
    return {"digest": digest, "data_digest": trained.data_digest, "metrics": metrics}


def groups_of(lots: Sequence[str], serials: Sequence[str]) -> list[str]:
    """What the parts share: their lots, where there are enough to be split; a part of no lot stands alone."""
    named = [f"lot {lot}" if lot else f"part {serial}" for lot, serial in zip(lots, serials, strict=True)]
    return named if len(set(named)) >= FEWEST_LOTS else []


def run_job(folder: Path) -> None:
    """Do the folder's job and write its result atomically."""
    try:
        result = train_and_package(folder)
    except ModelError as exc:
        result = {"error": str(exc), "reason": exc.reason.value}
    part = folder / "result.part"
    part.write_text(json.dumps(result), encoding="utf-8")
    part.rename(folder / "result.json")


if __name__ == "__main__":
    for name in sys.argv[2:]:
        if name == SECOND_CORE:
            use_second_core()
        else:
            load_kind(name).warm_up()
    serve(run_job)

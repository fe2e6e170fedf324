"""Training in a process of its own: `python -m inference.child FOLDER PARENT`, the parent by its process id.

FOLDER holds `job.json` and `data.npz`; the child leaves `result.json`: the registered version with its digests and
metrics, or the sentence and reason why there is none. It dies with the process that started it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from monitor.errors import ModelError
from monitor.processes import die_with_parent


def train_and_register(folder: Path) -> dict[str, Any]:
    """Train on the folder's data, package, cache and, if wanted, register in MLflow; what the parent records."""
    from inference.levels import find_levels
    from inference.packaging import save
    from inference.registry import Registry
    from inference.training import train

    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    with np.load(folder / "data.npz", allow_pickle=False) as data:
        rows, target, context = data["rows"], data["target"], data["context"]
        serials, lots = ([str(word) for word in data[name]] for name in ("serials", "lots"))
    levels = find_levels(context, target, lots, job["seed"])
    trained = train(
        rows, target, serials, tuple(job["inputs"]), job["profile_count"], job["coverage"], job["epochs"], job["seed"],
        job["max_missing"], job["line"], levels.lift,
    )  # fmt: skip
    digest = save(trained, folder / "package")
    artifacts = None if job["artifacts"] is None else Path(job["artifacts"])
    registry = Registry(job["tracking_uri"], artifacts, job["experiment"], Path(job["cache"]))
    metrics = {name: float(value) for name, value in asdict(trained.metrics).items()}
    metrics |= {"level_changes": float(levels.changes), "newest_level_rows": float(levels.newest.sum())}
    if not job["register"]:
        registry.cache_put(folder / "package", job["model"], digest)
        return {"version": "", "digest": digest, "data_digest": trained.data_digest, "metrics": metrics}
    params = {"epochs": job["epochs"], "seed": job["seed"], "coverage": job["coverage"]}
    tags = {"gate": job["gate"], "data_digest": trained.data_digest, "digest": digest}
    version = registry.register(job["model"], folder / "package", metrics, params, tags)
    registry.cache_put(folder / "package", job["model"], digest)
    return {"version": version, "digest": digest, "data_digest": trained.data_digest, "metrics": metrics}


def main() -> None:
    """Run the job of the folder named on the command line."""
    folder = Path(sys.argv[1])
    die_with_parent(int(sys.argv[2]))
    try:
        result = train_and_register(folder)
    except ModelError as exc:
        result = {"error": str(exc), "reason": exc.reason.value}
    part = folder / "result.part"
    part.write_text(json.dumps(result), encoding="utf-8")
    part.rename(folder / "result.json")


if __name__ == "__main__":
    main()

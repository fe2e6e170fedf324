"""Starting the training child and reading what it leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from monitor.errors import ModelError, ModelReason
from monitor.failpoints import reach
from monitor.gate_models.training_set import TrainingSet
from monitor.plant.gates import GateConfig
from monitor.plant.running import MlflowConfig

_POLL_SECONDS = 1.0


def train_in_child(
    name: str,
    gate: GateConfig,
    mlflow: MlflowConfig,
    data: TrainingSet,
    beat: Callable[[], None],
    register: bool = True,
) -> dict[str, Any]:
    """Train, register and cache a version: {version, digest, data_digest, metrics}. ModelError with the reason.

    Without `register` it is only trained and cached, and no version is given: importing MLflow into a new process
    takes longer than the training.

    `beat` is called about once a second while the child works; what it raises ends the child.
    """
    with tempfile.TemporaryDirectory(prefix="gatewatch-train-") as place:
        folder = Path(place)
        job = {
            "gate": name, "model": gate.model, "inputs": list(gate.inputs()), "profile_count": len(gate.profile),
            "coverage": gate.coverage, "epochs": gate.training.epochs, "seed": gate.training.seed,
            "max_missing": gate.max_missing, "line": gate.profile_kind == "line",
            "tracking_uri": mlflow.tracking_uri, "artifacts": mlflow.artifacts, "experiment": mlflow.experiment,
            "cache": mlflow.cache, "register": register,
        }  # fmt: skip
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        serials, lots = (np.array(words, dtype=np.str_) for words in (data.serials, data.lots))
        np.savez(
            folder / "data.npz", rows=data.rows, target=data.target, context=data.context, serials=serials, lots=lots
        )
        log = folder / "log.txt"
        with log.open("wb") as output:
            child = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "inference.child", str(folder), str(os.getpid())],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            reach("during_training")
            _wait(child, beat)
        return _result(name, folder / "result.json", log)


def _wait(child: subprocess.Popen[bytes], beat: Callable[[], None]) -> None:
    try:
        while True:
            try:
                child.wait(_POLL_SECONDS)
            except subprocess.TimeoutExpired:
                beat()
            else:
                return
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


def _result(name: str, file: Path, log: Path) -> dict[str, Any]:
    if not file.exists():
        last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] or ["it left no output"]
        raise ModelError(f"gate {name!r}: training ended without a result: {last[0]}", ModelReason.CORRUPT)
    result: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if "error" in result:
        raise ModelError(f"gate {name!r}: {result['error']}", ModelReason(result["reason"]))
    return result

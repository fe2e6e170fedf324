"""Training of the gates' models in a child process, so that only the child imports the training libraries."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from inference.models.categories import to_levels
from inference.models.kind import TrainingSettings
from inference.pictures import write_pictures
from inference.tracking.datasets import TrainedOn
from monitor.errors import ModelError, ModelReason
from monitor.failpoints import reach
from monitor.gate_models.training_set import TrainingSet
from monitor.plant.gates import GateConfig
from monitor.processes import SECOND_CORE, Worker


@dataclass(frozen=True, slots=True)
class TrainedPackage:
    """A package in the cache: its digest, the digest of its training set, and its metrics."""

    digest: str
    data_digest: str
    metrics: Mapping[str, float]


class PackageRegistry(Protocol):
    """The cache and registry of packages. `register` raises ModelError if MLflow is down."""

    def cache_path(self, model_name: str, digest: str) -> Path:
        """The path of a package in the cache."""

    def put_in_cache(self, folder: Path, model_name: str, digest: str) -> Path:
        """Put a package into the cache; returns its folder there."""

    def register(
        self,
        model_name: str,
        package_folder: Path,
        metrics: Mapping[str, float],
        params: Mapping[str, object],
        tags: Mapping[str, str],
        data: TrainedOn | None = None,
    ) -> str:
        """Register a package and say what it was trained on; returns its version."""


class Trainer:
    """Trains models in a child process, one at a time, and hands their packages to the registry.

    With `keep_alive` the child waits for the next training instead of ending: a replay trains every few seconds, and
    the child's imports take longer than a training, and it has two cores, because the replay waits for it. A service
    trains every few days and saves the memory. `kinds` are those that the plant's gates use.
    """

    def __init__(self, registry: PackageRegistry, keep_alive: bool, kinds: Collection[str]) -> None:
        self._registry = registry
        self._keep_alive = keep_alive
        self._worker = Worker("inference.child", [*([SECOND_CORE] if keep_alive else []), *sorted(kinds)])

    def start(self) -> None:
        """Start the child, which imports its libraries while this process continues."""
        self._worker.start()

    def train(self, name: str, gate: GateConfig, data: TrainingSet, beat: Callable[[], None]) -> TrainedPackage:
        """Train a model of gate `name` and put it into the cache; ModelError with the reason.

        `beat` is called about once a second while the child works; an exception in it ends the child.
        """
        with tempfile.TemporaryDirectory(prefix="gatewatch-train-") as directory:
            folder = Path(directory)
            write_job(folder, gate, data)
            self._worker.start()
            reach("during_training")
            try:
                self._worker.work(folder, beat)
                trained = self._result(name, folder / "result.json")
                self._registry.put_in_cache(folder / "package", gate.model, trained.digest)
                return trained
            finally:
                if not self._keep_alive:
                    self._worker.stop()

    def register(
        self, gate: GateConfig, trained: TrainedPackage, tags: Mapping[str, str], data: TrainedOn | None = None
    ) -> str:
        """Register a trained package, say what it was trained on; returns its version. ModelError if MLflow is down."""
        params = {
            "kind": gate.kind, "epochs": gate.training.epochs, "seed": gate.training.seed, "coverage": gate.coverage
        }  # fmt: skip
        tags = {**tags, "data_digest": trained.data_digest, "digest": trained.digest}
        folder = self._registry.cache_path(gate.model, trained.digest)
        return self._registry.register(gate.model, folder, trained.metrics, params, tags, data)

    def close(self) -> None:
        """End the child."""
        self._worker.stop()

    def _result(self, name: str, file: Path) -> TrainedPackage:
        if not file.exists():
            last = self._worker.last_stderr_line or "it left no output"
            raise ModelError(f"gate {name!r}: training ended without a result: {last}", ModelReason.CORRUPT)
        result = json.loads(file.read_text(encoding="utf-8"))
        if "error" in result:
            raise ModelError(f"gate {name!r}: {result['error']}", ModelReason(result["reason"]))
        return TrainedPackage(**result)


def _classes(data: TrainingSet) -> dict[str, Any]:
    """The settings of a characteristic with classes: their names, and the good one, where a single one is good."""
    if data.classes is None:
        return {}
    good = [name for name, is_good in zip(data.classes.names, data.classes.good, strict=True) if is_good]
    return {"classes": data.classes.names, "good": good[0] if len(good) == 1 else ""}


def write_job(folder: Path, gate: GateConfig, data: TrainingSet) -> None:
    """Write the settings and data for `inference.child` into a folder."""
    settings = TrainingSettings(
        gate.inputs(), len(gate.profile), gate.coverage, gate.training.epochs, gate.training.seed,
        gate.max_missing, gate.profile_kind == "line", data.categories, **_classes(data),
    )  # fmt: skip
    job = {"kind": gate.kind, "settings": asdict(settings)}
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    serials, lots = (np.array(values, dtype=np.str_) for values in (data.serials, data.lots))
    times, planned = data.times, dict[str, Any]()
    if not isinstance(data.rows, np.ndarray):
        rows = write_pictures(folder, data.rows.contents())
    else:
        rows = to_levels(data.rows, gate.inputs(), data.categories)
        if data.fitted is not None:
            planned = {"planned": rows}
            rows = to_levels(data.fitted, gate.inputs(), data.categories)
    np.savez(
        folder / "data.npz", rows=rows, target=data.target, context=data.context, serials=serials, lots=lots,
        passed=times.passed, available=times.available, weights=np.array(data.weights or [1.0] * len(data)),
        **planned,
    )  # fmt: skip

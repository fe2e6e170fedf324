"""Training of the gates' models in a process of its own, which alone needs what training imports."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from inference.models.kind import TrainingSettings
from monitor.errors import ModelError, ModelReason
from monitor.failpoints import reach
from monitor.gate_models.training_set import TrainingSet
from monitor.plant.gates import GateConfig
from monitor.processes import Worker


@dataclass(frozen=True, slots=True)
class TrainedPackage:
    """A package in the cache: its digest, the digest of its training set, and what was measured on it."""

    digest: str
    data_digest: str
    metrics: Mapping[str, float]


class PackageRegistry(Protocol):
    """Where packages are kept and registered. `register` may raise ModelError: MLflow may be down."""

    def cached(self, model_name: str, digest: str) -> Path:
        """Where the cache keeps a package."""

    def cache_put(self, folder: Path, model_name: str, digest: str) -> Path:
        """Put a package into the cache; its folder there."""

    def register(
        self,
        model_name: str,
        package_folder: Path,
        metrics: Mapping[str, float],
        params: Mapping[str, object],
        tags: Mapping[str, str],
    ) -> str:
        """Register a package; its version."""


class Trainer:
    """Trains models in a child process, one at a time, and hands their packages to the registry.

    With `stays` the child waits for the next training instead of ending: a replay trains every few seconds, and the
    child's imports take longer than a training. A service trains every few days, and the memory is better used.
    `kinds` are those that the plant's gates use.
    """

    def __init__(self, registry: PackageRegistry, stays: bool, kinds: Collection[str]) -> None:
        self._registry = registry
        self._stays = stays
        self._worker = Worker("inference.child", sorted(kinds))

    def start(self) -> None:
        """Let the child import what it needs while this process goes on."""
        self._worker.start()

    def train(self, name: str, gate: GateConfig, data: TrainingSet, beat: Callable[[], None]) -> TrainedPackage:
        """Train a model of gate `name` and put it into the cache; ModelError with the reason.

        `beat` is called about once a second while the child works; what it raises ends the child.
        """
        with tempfile.TemporaryDirectory(prefix="gatewatch-train-") as place:
            folder = Path(place)
            write_job(folder, gate, data)
            self._worker.start()
            reach("during_training")
            try:
                self._worker.work(folder, beat)
                trained = self._result(name, folder / "result.json")
                self._registry.cache_put(folder / "package", gate.model, trained.digest)
                return trained
            finally:
                if not self._stays:
                    self._worker.stop()

    def register(self, gate: GateConfig, trained: TrainedPackage, tags: Mapping[str, str]) -> str:
        """Register a trained package and return its version; ModelError where MLflow cannot be asked."""
        params = {
            "kind": gate.kind, "epochs": gate.training.epochs, "seed": gate.training.seed, "coverage": gate.coverage
        }  # fmt: skip
        tags = {**tags, "data_digest": trained.data_digest, "digest": trained.digest}
        folder = self._registry.cached(gate.model, trained.digest)
        return self._registry.register(gate.model, folder, trained.metrics, params, tags)

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


def write_job(folder: Path, gate: GateConfig, data: TrainingSet) -> None:
    """Write what `inference.child` is to train on into a folder."""
    settings = TrainingSettings(
        gate.inputs(), len(gate.profile), gate.coverage, gate.training.epochs, gate.training.seed,
        gate.max_missing, gate.profile_kind == "line",
    )  # fmt: skip
    job = {"kind": gate.kind, "settings": asdict(settings)}
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    serials, lots = (np.array(words, dtype=np.str_) for words in (data.serials, data.lots))
    np.savez(folder / "data.npz", rows=data.rows, target=data.target, context=data.context, serials=serials, lots=lots)

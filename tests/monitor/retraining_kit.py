"""The small plant with a champion in force whose outcomes changed, and a training that is done by the test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from spine_kit import Spine, after

from monitor.errors import ModelError, ModelReason
from monitor.gate_models.in_force import ModelsInForce
from monitor.gate_models.retraining import Retraining
from monitor.gate_models.training_child import TrainedPackage, Trainer
from monitor.gate_models.training_set import TrainingSet
from monitor.jobs.retraining import RetrainingJob
from monitor.model import Floats, Prediction
from monitor.ports import GateModel
from monitor.store.database import tables as t
from monitor.store.models import versions
from monitor.store.models.versions import Version

RULES = """training: {min_outcomes: 40, takes: 20m},
         retraining: {cooldown: 2h, daily_limit: 3, min_new_outcomes: 40, holdout_rows: 30}}"""
CHANGES = {"training: {min_outcomes: 40, takes: 20m}}": RULES}
LIVE = 100.0
"""Minutes after the start at which the champion is in force."""


@dataclass(frozen=True)
class LevelModel:
    """Predicts the sum of its inputs and a level, to within 3."""

    level: float = 0.0
    digest: str = "level 0"
    inputs: tuple[str, ...] = ("form.a", "form.b", "form.c", "form.d")
    needed: tuple[str, ...] = ("form.a", "form.b", "form.c", "form.d")
    max_missing: float = 0.0
    skill: float = 0.5
    coverage: float = 0.9

    def predict(self, rows: Floats) -> Sequence[Prediction]:
        return [Prediction(v, v - 3, v + 3, 0.1, 1.0) for v in (rows.sum(axis=1) + self.level).tolist()]


@dataclass
class Mlflow:
    """A registry that is up or down and remembers what it was told."""

    down: bool = False
    champions: list[str] = field(default_factory=list)
    challengers: list[str] = field(default_factory=list)
    registered: dict[str, Mapping[str, str]] = field(default_factory=dict)
    judged: dict[str, tuple[bool, Mapping[str, float], Mapping[str, str]]] = field(default_factory=dict)

    def _asked(self) -> None:
        if self.down:
            raise ModelError("MLflow does not answer", ModelReason.UNREACHABLE)

    def cache_path(self, model_name: str, digest: str) -> Path:
        return Path(digest)

    def put_in_cache(self, folder: Path, model_name: str, digest: str) -> Path:
        return Path(digest)

    def load(self, model_name: str, digest: str) -> GateModel:
        return LevelModel(float(digest.split()[1]), digest)

    def held_out(self, model_name: str, digest: str) -> None:
        """Its models say nothing of parts held out."""

    def fetch(self, model_name: str, version: str, digest: str) -> Path:
        self._asked()
        return Path(digest)

    def register(self, model_name: str, package_folder: Path, metrics: Any, params: Any, tags: Any, data: Any) -> str:
        self._asked()
        known = [v for v, told in self.registered.items() if told["digest"] == str(package_folder)]
        version = known[0] if known else str(len(self.registered) + 2)
        self.registered[version] = tags
        return version

    def set_challenger(self, model_name: str, version: str) -> None:
        self._asked()
        self.challengers.append(version)

    def set_champion(self, model_name: str, version: str) -> None:
        self._asked()
        self.champions.append(version)

    def record_comparison(self, model_name: str, version: str, approved: bool, metrics: Any, tags: Any) -> None:
        self._asked()
        self.judged[version] = (approved, metrics, tags)


class Changed:
    """Parts whose outcome lies `level` above what the champion says from part `change` on."""

    def __init__(self, spine: Spine, monkeypatch: pytest.MonkeyPatch, simulated: bool = True) -> None:
        self.spine = spine
        self.mlflow = Mlflow()
        self.level = 8.0
        """Of the next challenger."""
        self.trained: list[TrainingSet] = []
        self.while_training: Callable[[], object] = lambda: None
        self.made = 0
        self.models = ModelsInForce(spine.store, self.mlflow)
        trainer = Trainer(self.mlflow, keep_alive=False, kinds=["shape"])
        monkeypatch.setattr(trainer, "train", self._train)
        self.job = RetrainingJob(Retraining(spine.store, spine.plant, self.models, self.mlflow, trainer, simulated))

    def _train(self, name: str, gate: Any, data: TrainingSet, beat: Callable[[], None]) -> TrainedPackage:
        self.trained.append(data)
        self.while_training()
        beat()
        return TrainedPackage(f"level {self.level}", "d", {"skill": 0.5})

    def champion(self) -> None:
        """Version 1, trained before every part."""
        version = Version("form", "w", "1", "level 0", after(1), after(1), "d", 40, {"skill": 0.5})
        versions.record_version(self.spine.store, None, version)
        with self.spine.store.read() as connection:
            row = versions.list_versions(connection, "form")[0]
        assert versions.put_in_force(self.spine.store, None, "form", row, 0, after(2))

    def degraded(self) -> None:
        """A champion, and eighty parts of which the newest forty lie 8 above what it says."""
        self.champion()
        self.parts(40, 0.0, LIVE - 20)
        self.parts(40, 8.0)

    def parts(self, count: int, level: float, at: float = LIVE, lots: int = 4) -> None:
        """So many parts with their outcomes, known at a minute; what is no level is a wobble of the part."""
        names = [f"P{self.made + i:04d}" for i in range(count)]
        first, lot = self.made, self.made // 10
        self.made += count
        self.spine.rows(
            "PARTS",
            *(
                (name, "form", 1, f"L{lot + i * lots // count}", after(at), after(at), float(first + i), 1.0, 1.0, 1.0)
                for i, name in enumerate(names)
            ),
        )
        wobble = [((i * 7) % 11 - 5) / 3 for i in range(count)]
        self.spine.rows("OUTCOMES", *((n, first + i + 3.0 + level + wobble[i], after(at)) for i, n in enumerate(names)))
        for source in ("parts", "outcomes"):
            self.spine.run(self.spine.pull(source), after(at + 5))

    def alert(self, at: float, name: str = "ModelDegraded", since: float | None = None) -> int:
        """Let an alert on the gate fire; its number."""
        row = {
            "name": name, "subject": "form", "severity": "warning", "summary": "s", "state": "firing",
            "since": after(at if since is None else since), "fired_at": after(at),
        }  # fmt: skip
        with self.spine.store.write() as connection:
            return int(connection.execute(t.alert.insert().values(**row)).inserted_primary_key[0])

    def quiet(self, at: float) -> None:
        """The alerts are over."""
        with self.spine.store.write() as connection:
            connection.execute(t.alert.update().values(ended_at=after(at), state="resolved"))

    def run(self, minute: float) -> int:
        """A slot of the job."""
        return self.spine.run(self.job, after(minute)).rows

    @property
    def requests(self) -> list[tuple[Any, ...]]:
        """Key, state and reason of every request."""
        return self.spine.all(t.retraining, "key", "state", "reason")

    @property
    def in_force(self) -> tuple[str, int]:
        """Version and number of changes."""
        (row,) = self.spine.all(t.model_in_force)
        return row.version, row.changes

    def at(self, minute: float) -> datetime:
        """The instant."""
        return after(minute)

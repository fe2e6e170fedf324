"""A gate's model: trained when there are outcomes enough, in force when it is ready, MLflow or not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from spine_kit import Cache, Spine, SumModel, after

from monitor.errors import FencedError, ModelError, ModelReason
from monitor.gate_models.in_force import ModelsInForce
from monitor.gate_models.training_child import TrainedPackage, Trainer
from monitor.gate_models.training_set import TrainingSet, training_set
from monitor.jobs.models import ModelJob
from monitor.model import Reason
from monitor.ports import GateModel
from monitor.store.database import tables as t
from monitor.store.models import versions
from monitor.store.models.versions import Version

TAKES = timedelta(minutes=20)


class Mlflow:
    """A registry that is up or down and remembers what it was asked."""

    def __init__(self) -> None:
        self.down = False
        self.champions: list[str] = []
        self.fetched: list[str] = []
        self.cache: set[str] = set()

    def _asked(self) -> None:
        if self.down:
            raise ModelError("MLflow does not answer", ModelReason.UNREACHABLE)

    def held_out(self, model_name: str, digest: str) -> None:
        """Its models say nothing of parts held out."""

    def fetch(self, model_name: str, version: str, digest: str) -> Path:
        self._asked()
        self.fetched.append(version)
        self.cache.add(digest)
        return Path("cache")

    def set_champion(self, model_name: str, version: str) -> None:
        self._asked()
        self.champions.append(version)

    def cache_path(self, model_name: str, digest: str) -> Path:
        return Path(digest)

    def put_in_cache(self, folder: Path, model_name: str, digest: str) -> Path:
        self.cache.add(digest)
        return Path(digest)

    def register(self, model_name: str, package_folder: Path, metrics: Any, params: Any, tags: Any, data: Any) -> str:
        """Version 1 for the package `digest 1`; it answers also while the alias cannot be set."""
        return package_folder.name.split()[-1]

    def load(self, model: str, digest: str) -> GateModel:
        """From the local cache; never asks the server."""
        if digest not in self.cache:
            raise ModelError("not in the cache", ModelReason.NOT_FOUND)
        return SumModel(digest=digest)


class Plant:
    """The small plant with a registry and a training that takes no time."""

    def __init__(self, spine: Spine, monkeypatch: pytest.MonkeyPatch, simulated: bool = True) -> None:
        self.spine = spine
        self.mlflow = Mlflow()
        self.models = ModelsInForce(spine.store, self.mlflow)
        trainer = Trainer(self.mlflow, keep_alive=False, kinds=["shape"])
        monkeypatch.setattr(trainer, "train", self._train)
        self.job = ModelJob(spine.store, spine.plant, "form", self.models, self.mlflow, trainer, simulated)
        self.trained: list[TrainingSet] = []
        self.while_training: Callable[[], object] = lambda: None

    def _train(self, name: str, gate: Any, data: TrainingSet, beat: Callable[[], None]) -> TrainedPackage:
        self.trained.append(data)
        self.while_training()
        beat()
        digest = f"digest {len(self.trained)}"
        self.mlflow.cache.add(digest)
        return TrainedPackage(digest, "d", {"skill": 0.5})

    def outcomes(self, parts: int) -> None:
        """Parts that were formed, and what became of them."""
        for n in range(parts):
            self.spine.part(f"P{n:03d}", after(n / 60), a=float(n))
        self.spine.rows("OUTCOMES", *((f"P{n:03d}", 30.0 + n, after(5)) for n in range(parts)))
        for source in ("parts", "outcomes"):
            self.spine.run(self.spine.pull(source), after(10))

    def run(self, now: datetime) -> int:
        """A slot of the job; how many parts it trained on."""
        return self.spine.run(self.job, now).rows

    @property
    def used(self) -> tuple[str, Reason | None]:
        """The version in force and why it cannot be used, if so."""
        found = self.models.for_gates(["form"])["form"]
        return found.version, found.refused


@pytest.fixture
def plant(spine: Spine, monkeypatch: pytest.MonkeyPatch) -> Plant:
    return Plant(spine, monkeypatch)


def test_without_outcomes_enough_nothing_is_trained(plant: Plant) -> None:
    plant.outcomes(39)
    assert plant.run(after(15)) == 0
    assert plant.trained == []
    assert plant.used == ("", Reason.NO_MODEL)


def test_outcomes_that_are_not_known_yet_do_not_count(plant: Plant) -> None:
    plant.outcomes(40)
    assert plant.run(after(4)) == 0
    assert plant.run(after(15)) == 40


def test_under_a_simulated_clock_training_takes_its_declared_time(plant: Plant) -> None:
    plant.outcomes(40)
    assert plant.run(after(15)) == 40
    for minute in (20, 34):
        plant.run(after(minute))
        assert plant.used == ("", Reason.NO_MODEL)
    plant.run(after(35))
    assert plant.used == ("1", None)
    assert plant.mlflow.champions == ["1"]
    (row,) = plant.spine.all(t.model_in_force)
    assert (row.since, row.changes, row.mirrored) == (after(35), 1, 1)
    assert plant.spine.all(t.model_version, "status", "trained_at", "rows") == [("in_force", after(15), 40)]
    assert len(plant.trained) == 1


def test_in_real_time_a_version_is_in_force_when_it_is_trained(spine: Spine, monkeypatch: pytest.MonkeyPatch) -> None:
    plant = Plant(spine, monkeypatch, simulated=False)
    plant.outcomes(40)
    plant.run(after(15))
    assert plant.used == ("1", None)


def test_with_mlflow_down_the_version_is_in_force_and_the_alias_follows_later(plant: Plant) -> None:
    plant.outcomes(40)
    plant.run(after(15))
    plant.mlflow.down = True
    plant.run(after(40))
    assert plant.used == ("1", None)
    assert plant.spine.all(t.model_in_force, "mirrored") == [0]
    plant.run(after(50))
    plant.mlflow.down = False
    plant.run(after(60))
    assert plant.mlflow.champions == ["1"]
    assert plant.spine.all(t.model_in_force, "mirrored") == [1]
    plant.run(after(70))
    assert plant.mlflow.champions == ["1"]


def test_with_mlflow_down_the_gate_decides_from_the_cache(plant: Plant) -> None:
    plant.outcomes(40)
    for minute in (15, 40):
        plant.run(after(minute))
    plant.mlflow.down = True
    plant.spine.used = ModelsInForce(plant.spine.store, plant.mlflow).for_gates(["form"])["form"]
    plant.spine.part("NEW", after(45))
    plant.spine.run(plant.spine.pull("parts"), after(50))
    assert ("NEW", "continue", "1") in plant.spine.all(t.decision, "serial", "verdict", "version")


def test_a_cache_that_was_lost_is_mended_as_soon_as_mlflow_answers(plant: Plant) -> None:
    plant.outcomes(40)
    for minute in (15, 40):
        plant.run(after(minute))
    plant.mlflow.cache.clear()
    plant.models.retry("form")
    plant.mlflow.down = True
    with pytest.raises(ModelError, match="does not answer"):
        plant.run(after(50))
    assert plant.used == ("1", Reason.NO_MODEL)
    plant.mlflow.down = False
    plant.run(after(60))
    assert plant.used == ("1", None)
    assert plant.mlflow.fetched == ["1"]


def test_a_training_that_another_process_overtook_leaves_no_version(plant: Plant) -> None:
    plant.outcomes(40)

    def taken_over() -> None:
        with plant.spine.store.write() as connection:
            connection.execute(t.lease.update().values(holder="another", fence=t.lease.c.fence + 1))

    plant.while_training = taken_over
    with pytest.raises(FencedError):
        plant.run(after(15))
    assert plant.spine.all(t.model_version) == []


def test_a_failed_training_is_tried_again(plant: Plant) -> None:
    plant.outcomes(40)

    def fails() -> None:
        raise ModelError("out of memory", ModelReason.CORRUPT)

    plant.while_training = fails
    with pytest.raises(ModelError):
        plant.run(after(15))
    plant.while_training = lambda: None
    assert plant.run(after(25)) == 40


def _version(number: str, minute: float) -> Version:
    return Version("form", "w", number, f"digest {number}", after(minute), after(minute), "d", 40, {"skill": 0.5})


def test_only_one_of_two_changes_is_made(spine: Spine) -> None:
    for number in ("1", "2", "3"):
        versions.record_version(spine.store, None, _version(number, float(number)))
    with spine.store.read() as connection:
        first, second, third = versions.list_versions(connection, "form")
    put = versions.put_in_force
    assert put(spine.store, None, "form", first, 0, after(5))
    assert not put(spine.store, None, "form", second, 0, after(6))
    assert put(spine.store, None, "form", second, 1, after(7))
    assert not put(spine.store, None, "form", third, 1, after(8))
    (row,) = spine.all(t.model_in_force)
    assert (row.version, row.changes, row.since) == ("2", 2, after(7))
    assert spine.all(t.model_version, "version", "status") == [("1", "retired"), ("2", "in_force"), ("3", "ready")]


def test_a_model_that_does_not_verify_is_bad_until_it_changes(spine: Spine) -> None:
    asked: list[str] = []

    def load(model: str, digest: str) -> GateModel:
        asked.append(digest)
        if digest == "digest 1":
            raise ModelError("wrong digest", ModelReason.CORRUPT)
        return SumModel(digest=digest)

    in_use = ModelsInForce(spine.store, Cache(load))
    for number, changes in (("1", 0), ("2", 1)):
        versions.record_version(spine.store, None, _version(number, 1))
        with spine.store.read() as connection:
            row = next(v for v in versions.list_versions(connection, "form") if v.version == number)
        assert versions.put_in_force(spine.store, None, "form", row, changes, after(2))
        found = [in_use.for_gates(["form"])["form"].refused for _ in range(2)]
        assert found == [Reason.BAD_MODEL if number == "1" else None] * 2
    assert asked == ["digest 1", "digest 2"]


def test_the_training_set_is_frozen_by_its_instant(plant: Plant) -> None:
    plant.outcomes(45)
    gate, store, ages = plant.spine.plant.gates["form"], plant.spine.store, plant.spine.plant.max_ages()
    with store.read() as connection:
        before = training_set(connection, gate, ages, after(15))
    plant.spine.part("LATER", after(16))
    plant.spine.rows("OUTCOMES", ("LATER", 1.0, after(20)), ("P000", 99.0, after(20)))
    for source in ("parts", "outcomes"):
        plant.spine.run(plant.spine.pull(source), after(25))
    with store.read() as connection:
        again, later = (training_set(connection, gate, ages, at) for at in (after(15), after(25)))
    assert again.serials == before.serials
    assert again.target.tolist() == before.target.tolist()
    assert [later.serials[0], later.target[0], later.serials[-1]] == ["P000", 99.0, "LATER"]
    assert len(later.serials) == 46


def test_the_newest_parts_are_trained_on_however_often_their_outcomes_were_corrected(plant: Plant) -> None:
    plant.outcomes(45)
    gate = plant.spine.plant.gates["form"]
    few = gate.model_copy(update={"training": gate.training.model_copy(update={"max_rows": 40})})
    plant.spine.rows("OUTCOMES", *((f"P{n:03d}", 500.0, after(6)) for n in range(25, 45)))
    plant.spine.run(plant.spine.pull("outcomes"), after(12))
    with plant.spine.store.read() as connection:
        found = training_set(connection, few, plant.spine.plant.max_ages(), after(15))
    assert len(found.serials) == 40
    assert found.target.tolist().count(500.0) == 20


def test_an_outcome_trains_the_passage_that_it_was_measured_after(plant: Plant) -> None:
    """Bad parts are measured, reworked, and not measured again yet: the reworked passage has no outcome."""
    spine, gate = plant.spine, plant.spine.plant.gates["form"]
    for n in range(3):
        spine.part(f"R{n}", after(1), a=90.0 + n)
        spine.rows("OUTCOMES", (f"R{n}", 130.0 + n, after(10)))
        spine.part(f"R{n}", after(20), visit=2, a=10.0 + n)
    spine.rows("OUTCOMES", ("R2", 52.0, after(40)))
    spine.part("EARLY", after(30))
    spine.rows("OUTCOMES", ("EARLY", 40.0, after(29)))  # measured before it passed: it waits
    for source in ("parts", "outcomes"):
        spine.run(spine.pull(source), after(60))
    with spine.store.read() as connection:
        data = training_set(connection, gate, spine.plant.max_ages(), after(60))
    inputs = dict(zip(data.serials, data.rows[:, 0].tolist(), strict=True))
    assert inputs == {"R0": 90.0, "R1": 91.0, "R2": 12.0}
    assert dict(zip(data.serials, data.target.tolist(), strict=True)) == {"R0": 130.0, "R1": 131.0, "R2": 52.0}


def test_an_outcome_too_large_to_compute_with_that_is_stored_already_is_left_out(plant: Plant) -> None:
    """An earlier version took it in; it would make every sum over the outcomes infinite."""
    plant.outcomes(45)
    with plant.spine.store.write() as connection:
        connection.execute(t.outcome.update().where(t.outcome.c.serial == "P007").values(value=1.797e308))
    gate = plant.spine.plant.gates["form"]
    with plant.spine.store.read() as connection:
        data = training_set(connection, gate, plant.spine.plant.max_ages(), after(15))
    assert len(data) == 44
    assert "P007" not in data.serials

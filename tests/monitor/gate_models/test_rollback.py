"""Going back to the version before: one transaction, whatever MLflow does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from retraining_kit import CHANGES, LIVE, Changed
from spine_kit import Spine, after

from monitor.errors import ModelError, ModelReason, UsageError
from monitor.gate_models.rollback import roll_back
from monitor.ports import GateModel
from monitor.store.database import tables as t
from monitor.store.database.database import Store

NOW = LIVE + 15


@pytest.fixture
def spine(store: Store, tmp_path: Path) -> Iterator[Spine]:
    made = Spine(tmp_path, store, CHANGES)
    yield made
    made.close()


@pytest.fixture
def plant(spine: Spine, monkeypatch: pytest.MonkeyPatch) -> Changed:
    """Version 2 was put in force in place of version 1."""
    made = Changed(spine, monkeypatch)
    made.degraded()
    made.alert(NOW)
    for minute in (NOW, NOW + 20):
        made.run(minute)
    assert made.in_force == ("2", 2)
    return made


def back(plant: Changed, to: str | None = None, minute: float = NOW + 30) -> tuple[str, str]:
    return roll_back(plant.spine.store, plant.mlflow, "form", to, after(minute))


@pytest.mark.slow
def test_the_version_before_is_in_force_again_and_it_is_on_record(plant: Changed) -> None:
    assert back(plant) == ("2", "1")
    assert plant.in_force == ("1", 3)
    assert plant.spine.all(t.model_version, "version", "status") == [("1", "in_force"), ("2", "retired")]
    row = plant.spine.all(t.retraining)[-1]
    assert (row.state, row.reason, row.champion, row.challenger) == ("rolled_back", "by_a_person", "2", "1")
    assert plant.mlflow.champions == ["2", "1"]


@pytest.mark.slow
def test_twice_goes_forth_again_and_a_version_can_be_named(plant: Changed) -> None:
    back(plant)
    assert back(plant, minute=NOW + 31) == ("1", "2")
    assert back(plant, "1", NOW + 32) == ("2", "1")


@pytest.mark.slow
def test_with_mlflow_down_it_works_from_the_cache_and_the_alias_follows_later(plant: Changed) -> None:
    plant.mlflow.down = True
    back(plant)
    assert plant.in_force == ("1", 3)
    assert plant.spine.all(t.model_in_force, "mirrored") == [0]


@pytest.mark.slow
def test_a_package_that_is_nowhere_changes_nothing(plant: Changed, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(model: str, digest: str) -> GateModel:
        raise ModelError("not in the cache", ModelReason.NOT_FOUND)

    monkeypatch.setattr(plant.mlflow, "load", missing)
    plant.mlflow.down = True
    with pytest.raises(ModelError, match="does not answer"):
        roll_back(plant.spine.store, plant.mlflow, "form", None, after(NOW + 30))
    assert plant.in_force == ("2", 2)


@pytest.mark.slow
def test_the_next_alert_does_not_undo_it_at_once(plant: Changed) -> None:
    plant.quiet(NOW + 25)
    back(plant)
    plant.alert(NOW + 31)
    plant.run(NOW + 35)
    assert plant.requests[-1][1:] == ("queued", "cooling_down")


WRONG = {
    "a version that is unknown": ("9", "was never in force; allowed: 1, 2"),
    "the version in force": ("2", "is already in force"),
}


@pytest.mark.parametrize(("version", "words"), WRONG.values(), ids=WRONG)
@pytest.mark.slow
def test_what_cannot_be_gone_back_to(plant: Changed, version: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        back(plant, version)


def test_a_first_version_has_none_before(spine: Spine, monkeypatch: pytest.MonkeyPatch) -> None:
    plant = Changed(spine, monkeypatch)
    with pytest.raises(UsageError, match="has no model in force"):
        back(plant)
    plant.champion()
    with pytest.raises(UsageError, match="no version was in force before"):
        back(plant)

"""Real processes, killed by SIGKILL at every named point: nothing is lost, nothing is doubled."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from fork_kit import ended, forked
from once_kit import ONE_GATE, replay_whole
from plant_kit import QUICK, advice, contents, copied
from taught_kit import first_hour
from warm_kit import warm_up

from monitor.failpoints import NAMES

pytestmark = pytest.mark.process

DURING_WORK = {
    "after_read": "after_read:9",
    "after_inference": "after_inference:6",
    "before_commit": "before_commit:12",
    "after_commit": "after_commit:12",
    "after_mes_accepted": "after_mes_accepted:2",
    "during_alert_change": "during_alert_change",
}
AROUND_NOTIFICATIONS = ("before_notification_sent", "after_notification_sent")
"""In test_once_notifications.py."""
DURING_BULLETINS = ("during_bulletin",)
"""In test_once_bulletins.py."""
AROUND_THE_LAKE = ("after_lake_fixed", "after_lake_written", "after_lake_recorded")
"""In test_once_lake.py."""
DURING_RETRAINING = ("during_comparison",)
"""In tests/monitor/gate_models/test_retraining_kills.py, with training and promotion once more."""
DURING_FIRST_HOUR = ("during_training", "during_promotion")
AS_BEFORE_THE_COMMIT = {"after_read", "after_inference"}
"""Kills that leave what one before the commit leaves."""


def test_every_failpoint_is_killed_at_here() -> None:
    elsewhere = (*AROUND_NOTIFICATIONS, *DURING_RETRAINING, *DURING_BULLETINS, *AROUND_THE_LAKE)
    assert sorted([*DURING_WORK, *DURING_FIRST_HOUR, *elsewhere]) == sorted(NAMES)


@pytest.mark.parametrize(
    "point", [pytest.param(point, marks=[pytest.mark.soak] * (point in AS_BEFORE_THE_COMMIT)) for point in DURING_WORK]
)
def test_killed_while_working_it_goes_on_as_if_nothing_had_happened(
    point: str, trained: Path, undisturbed: Path, whole: dict[str, Any], tmp_path: Path
) -> None:
    plant = copied(trained, tmp_path / "plant")
    pid = forked(lambda: replay_whole(plant), {"GATEWATCH_FAILPOINT": DURING_WORK[point]})
    assert ended(pid) == -signal.SIGKILL
    assert ended(forked(lambda: replay_whole(plant))) == 0
    again = contents(plant)
    assert len(whole["decisions"]) > 20
    assert len(whole["readings"]) > 1000
    for table in whole:
        assert again[table] == whole[table], f"{table} differs after a kill {point}"
    assert advice(plant) == advice(undisturbed)
    assert len(advice(plant)) == len(whole["decisions"])


@pytest.mark.parametrize("point", [pytest.param(DURING_FIRST_HOUR[0], marks=pytest.mark.soak), DURING_FIRST_HOUR[1]])
def test_killed_in_training_or_promotion_exactly_one_version_is_in_force(
    point: str, untrained: Path, trained: Path, tmp_path: Path
) -> None:
    warm_up()
    plant = copied(untrained, tmp_path / "plant")
    work = lambda: first_hour(plant, ONE_GATE)  # noqa: E731
    assert ended(forked(work, {"GATEWATCH_FAILPOINT": point})) == -signal.SIGKILL
    assert ended(forked(work)) == 0
    assert _of_forging(plant) == _of_forging(trained / "plant.yaml")
    assert len(_of_forging(plant)) > 10
    assert _versions(plant) == {"forging": 1, "machining": 0, "coating": 0, "inspection": 0}


def _of_forging(plant: Path) -> list[str]:
    return [decision for decision in contents(plant)["decisions"] if json.loads(decision)[4] == "forging"]


def _versions(plant: Path) -> dict[str, int]:
    """By gate how many versions are in force and load from the cache."""

    from monitor.gate_models.in_force import ModelsInForce
    from monitor.plant.file.load import load
    from monitor.runtime.app import make_registry
    from monitor.store.database.schema import open_existing

    found = load(plant, QUICK).plant
    store = open_existing(found.store.url)
    models = ModelsInForce(store, make_registry(found))
    usable = {gate: int(used.model is not None) for gate, used in models.for_gates(found.gates).items()}
    store.close()
    return usable

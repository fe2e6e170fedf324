"""A process killed while it retrains: one version in force that loads, one request, and the same end as undisturbed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from fork_kit import ended, forked
from plant_kit import ready_to_train
from retraining_kit import CHANGES
from spine_kit import Spine, after
from warm_kit import fork_training, warm_up

from monitor.gate_models.in_force import ModelsInForce
from monitor.gate_models.registry import put_in_force, train_version
from monitor.gate_models.retraining import Retraining
from monitor.gate_models.training_child import Trainer
from monitor.jobs.retraining import RetrainingJob
from monitor.plant.plant import Plant
from monitor.runtime.app import make_registry
from monitor.scheduling.job import Run
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.leases import acquire
from monitor.store.database.schema import open_store
from monitor.store.models import versions

pytestmark = pytest.mark.process

KILLS = ("during_training", "during_comparison", "during_promotion")
CHANGE, NOW = 60, 120
"""Minutes: the rig begins to read 8 too much; the alert fires."""


@pytest.fixture
def degraded(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plant]:
    """A plant with a champion trained before its outcomes changed, and a firing alert."""
    store = open_store(store_url)
    changes = dict(CHANGES)
    changes[next(iter(changes))] = CHANGES[next(iter(changes))].replace("takes: 20m", "takes: 20m, epochs: 30")
    spine = Spine(tmp_path, store, changes)
    _parts(spine, 120, 0.0, CHANGE - 30, "A")
    ready_to_train(tmp_path / "plant.yaml")
    warm_up()
    registry = make_registry(spine.plant)
    fork_training(monkeypatch)
    trainer = Trainer(registry, keep_alive=False, kinds=["shape"])
    train_version(store, spine.plant, trainer, "form", after(CHANGE), after(CHANGE), None)
    with store.read() as connection:
        (row,) = versions.list_versions(connection, "form")
    assert put_in_force(store, registry, None, "form", row, 0, after(CHANGE))
    _parts(spine, 100, 8.0, CHANGE + 10, "B")
    with store.write() as connection:
        connection.execute(
            t.alert.insert().values(
                name="ModelDegraded", subject="form", severity="warning", summary="s", state="firing",
                since=after(NOW), fired_at=after(NOW),
            )
        )  # fmt: skip
    yield spine.plant
    spine.close()
    store.close()


def _parts(spine: Spine, count: int, level: float, minute: float, lot: str) -> None:
    rng = np.random.default_rng(count)
    values = rng.normal(10, 3, (count, 4)).round(3).tolist()
    times = [after(minute + 9 * i / count) for i in range(count)]
    spine.rows(
        "PARTS",
        *((f"{lot}{i:03d}", "form", 1, f"{lot}{i // 10}", times[i], times[i], *row) for i, row in enumerate(values)),
    )
    noise = rng.normal(0, 1, count).tolist()
    spine.rows(
        "OUTCOMES", *((f"{lot}{i:03d}", row[0] + row[1] + level + noise[i], times[i]) for i, row in enumerate(values))
    )
    for source in ("parts", "outcomes"):
        spine.run(spine.pull(source), after(minute + 15))


def _retrain(plant: Plant, url: str) -> None:
    """Two slots, in a process of its own: one that trains, one at which the challenger is ready."""
    store = Store(url)
    registry = make_registry(plant)
    trainer = Trainer(registry, keep_alive=True, kinds=["shape"])
    job = RetrainingJob(Retraining(store, plant, ModelsInForce(store, registry), registry, trainer, simulated=True))
    lease = acquire(store, job.name, "this process", 600)
    assert lease is not None
    for minute in (NOW, NOW + 20):
        job.run(Run(after(minute), after(minute), lease, lambda: None, lambda: False))
    trainer.close()
    store.close()


def _state(url: str) -> dict[str, list[Any]]:
    store = Store(url)
    r, v, f = t.retraining.c, t.model_version.c, t.model_in_force.c
    with store.read() as connection:
        found = {
            "requests": connection.execute(
                sa.select(r.key, r.state, r.reason, r.data_digest, r.champion, r.challenger)
            ),
            "versions": connection.execute(sa.select(v.version, v.digest, v.status).order_by(v.version)),
            "in force": connection.execute(sa.select(f.version, f.digest, f.changes)),
        }
        plain = {name: [tuple(row) for row in rows] for name, rows in found.items()}
    store.close()
    return plain


@pytest.mark.parametrize("point", [*(pytest.param(p, marks=pytest.mark.soak) for p in KILLS[:2]), KILLS[2]])
def test_killed_while_retraining_it_ends_as_if_nothing_had_happened(
    point: str, degraded: Plant, store_url: str
) -> None:
    assert ended(forked(lambda: _retrain(degraded, store_url), {"GATEWATCH_FAILPOINT": point})) == -signal.SIGKILL
    (before,) = _state(store_url)["in force"]
    assert (before[0], before[2]) == ("1", 1)
    _loads(degraded, store_url)
    assert ended(forked(lambda: _retrain(_another_holder(degraded, store_url), store_url))) == 0
    found = _state(store_url)
    assert [row[:3] for row in found["requests"]] == [("ModelDegraded:form:1:1", "promoted", "better")]
    assert [(row[0], row[2]) for row in found["versions"]] == [("1", "retired"), ("2", "in_force")]
    assert [(row[0], row[2]) for row in found["in force"]] == [("2", 2)]
    assert found["in force"][0][1] == found["versions"][1][1]
    _loads(degraded, store_url)
    registered = make_registry(degraded).versions("w")
    assert [(v.version, v.status, v.aliases) for v in registered] == [
        ("1", "approved", ("previous",)), ("2", "approved", ("champion",)),
    ]  # fmt: skip


def _another_holder(plant: Plant, url: str) -> Plant:
    """The killed process holds its lease until it runs out."""
    store = Store(url)
    with store.write() as connection:
        connection.execute(t.lease.update().values(expires_at=0))
    store.close()
    return plant


def _loads(plant: Plant, url: str) -> None:
    store = Store(url)
    used = ModelsInForce(store, make_registry(plant)).for_gates(["form"])["form"]
    store.close()
    assert used.model is not None

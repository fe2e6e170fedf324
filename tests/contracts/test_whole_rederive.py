"""What the store recorded is enough to make every finding and every decision again; a changed row is noticed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from plant_kit import QUICK, START, copied, run_replay
from whole_kit import WHOLE, agreed, opened

from monitor.gate_models import rederive
from monitor.gate_models.rederive import Recomputed
from monitor.jobs.detect import Asked
from monitor.model import Finding
from monitor.plant.file.load import load
from monitor.runtime.app import make_registry
from monitor.runtime.forgetting import forget_baseline
from monitor.store.database import tables as t

pytestmark = pytest.mark.process
WARM = (*QUICK, "detectors.warmup_rows=100", "store.snapshot_rows=40")
"""Machines have their baselines after 50 minutes."""
MACHINE = "forge-1"

Change = Callable[[sa.Connection], Any]


def _again(plant: Path) -> list[Recomputed]:
    loaded = load(plant, QUICK)
    with opened(plant) as store:
        plants = rederive.stored_plants(store, plant.parent)
        registry = make_registry(loaded.plant)
        return list(rederive.recompute_decisions(store, plants.__getitem__, registry))


def _line(arrival: int, f: Finding) -> tuple[Any, ...]:
    return (arrival, f.detector, f.method, f.subject, f.feature, f.at, f.status.value, f.value, f.limit, list(f.causes))


def _findings(plant: Path, overrides: Sequence[str] = QUICK) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Those of machines stored, and those made again in recorded arrival order."""
    f = t.finding.c
    columns = (f.arrival, f.detector, f.method, f.subject, f.feature, f.at, f.status, f.value, f["limit"], f.causes)
    found = load(plant, overrides).plant
    with opened(plant) as store:
        again = [_line(a, x) for m in found.machines for a, x in rederive.recompute_findings(store, found, m)]
        with store.read() as connection:
            stored = [
                tuple(r) for r in connection.execute(sa.select(*columns).where(f.detector.in_(("limits", "anomaly"))))
            ]
    return sorted(stored, key=repr), sorted(again, key=repr)


def test_every_decision_is_made_again_from_its_recorded_inputs(whole_run: Path) -> None:
    again = _again(whole_run)
    assert len(again) > 15
    assert {one.recomputed[0] for one in again} > {"hold"}
    assert [one for one in again if not one.matches] == []
    for one in again:
        if one.stored[2] is not None:
            assert one.recomputed[2] == pytest.approx(one.stored[2], abs=1e-6)


def test_replay_in_recorded_arrival_order_equals_what_was_found_live(whole_run: Path) -> None:
    stored, again = _findings(whole_run)
    assert stored
    assert again == stored


def _judged(connection: sa.Connection) -> Any:
    d = t.decision
    query = sa.select(d).where(d.c.predicted.is_not(None)).order_by(d.c.arrival)
    return connection.execute(query).first()


def _one_decision(**values: Any) -> Change:
    def change(connection: sa.Connection) -> Any:
        row = _judged(connection)
        d = t.decision
        connection.execute(d.update().where(d.c.arrival == row.arrival).values(**values))
        return (row.serial, row.step, row.visit, row.revision)

    return change


def _one_prediction(connection: sa.Connection) -> Any:
    row, d = _judged(connection), t.decision
    connection.execute(d.update().where(d.c.arrival == row.arrival).values(predicted=row.predicted + 1e-5))
    return (row.serial, row.step, row.visit, row.revision)


def _one_measurement(connection: sa.Connection) -> Any:
    row, p = _judged(connection), t.part_step
    values = connection.execute(sa.select(p.c["values"]).where(p.c.arrival == row.arrival)).scalar_one()
    changed = {**values, "p15": values["p15"] + 0.05}
    connection.execute(p.update().where(p.c.arrival == row.arrival).values({"values": changed}))
    return (row.serial, row.step, row.visit, row.revision)


TAMPERED: dict[str, Change] = {
    "a verdict was changed": _one_decision(verdict="scrap"),
    "a reason was changed": _one_decision(reason="uncertain"),
    "a prediction moved by 0.00001": _one_prediction,
    "an interval moved": _one_decision(lower=1.0),
    "a distance was changed": _one_decision(distance=99.0),
    "a measured profile was changed": _one_measurement,
    "its measurement was deleted": lambda connection: _without_inputs(connection),
}


def _without_inputs(connection: sa.Connection) -> Any:
    row, p = _judged(connection), t.part_step
    connection.execute(p.delete().where(p.c.arrival == row.arrival))
    return (row.serial, row.step, row.visit, row.revision)


@pytest.mark.parametrize("change", TAMPERED.values(), ids=TAMPERED)
def test_a_changed_row_is_named(change: Change, whole_run: Path, tmp_path: Path) -> None:
    plant = copied(whole_run.parent, tmp_path / "plant")
    with opened(plant) as store, store.write() as connection:
        key = change(connection)
    named = [one.key for one in _again(plant) if not one.matches]
    assert key in named
    # A measurement is also an input of the part's later gates.
    assert {(one[0], one[2:]) for one in named} == {(key[0], key[2:])}


def test_a_changed_reading_shows_in_the_findings(whole_run: Path, tmp_path: Path) -> None:
    plant = copied(whole_run.parent, tmp_path / "plant")
    with opened(plant) as store, store.write() as connection:
        r = t.reading
        rows = connection.execute(sa.select(r).where(r.c.state == "run").order_by(r.c.arrival)).all()
        machine = rows[-1].machine
        last = [row for row in rows if row.machine == machine][-20:]
        for row in last:
            values = {sensor: value * 100 for sensor, value in row.values.items()}
            connection.execute(r.update().where(r.c.arrival == row.arrival).values({"values": values}))
    stored, again = _findings(plant)
    assert again != stored


@pytest.fixture(scope="module")
def half_way(with_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The history up to the middle, with states saved often."""
    plant = copied(with_models, tmp_path_factory.mktemp("half") / "plant")
    assert run_replay(plant, 1.0, (*QUICK, "store.snapshot_rows=40")) == []
    return plant.parent


def _deleted(connection: sa.Connection) -> None:
    connection.execute(t.detector_state.delete())


def _spoilt(connection: sa.Connection) -> None:
    """Each in another way: text that is no state, and states of an older version."""
    texts = itertools.cycle(["{}", "[]", '{"version": 1, "tra', "null", None])
    for row in connection.execute(sa.select(t.detector_state)).all():
        older = json.dumps({**row.state, "version": row.state["version"] - 1})
        change = sa.text("UPDATE detector_state SET state = :text WHERE detector = :detector AND subject = :subject")
        values = {"text": next(texts) or older, "detector": row.detector, "subject": row.subject}
        assert connection.execute(change, values).rowcount == 1


def _of_one_detector(connection: sa.Connection) -> None:
    name = connection.execute(sa.select(sa.func.min(t.detector_state.c.detector))).scalar_one()
    connection.execute(t.detector_state.delete().where(t.detector_state.c.detector == name))


LOST: dict[str, Change] = {
    "as they were saved": lambda connection: None,
    "all were lost": _deleted,
    "those of one detector were lost": _of_one_detector,
    "each was spoilt in another way": _spoilt,
}
IN_SOAK = {"all were lost", "those of one detector were lost"}


@pytest.mark.parametrize(
    "change",
    [pytest.param(change, marks=pytest.mark.soak if name in IN_SOAK else (), id=name) for name, change in LOST.items()],
)
def test_detector_states_are_rebuilt_from_history(
    change: Change, half_way: Path, whole_run: Path, tmp_path: Path
) -> None:
    plant = copied(half_way, tmp_path / "plant")
    with opened(plant) as store, store.write() as connection:
        change(connection)
    assert run_replay(plant, WHOLE) == []
    whole, again = agreed(whole_run), agreed(plant)
    for what in ("findings", "board", "windows", "states of detectors"):
        assert again[what] == whole[what], f"{what} differ"


@pytest.fixture(scope="module")
def warmed(with_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The history up to the middle, with baselines."""
    plant = copied(with_models, tmp_path_factory.mktemp("warmed") / "plant")
    assert run_replay(plant, 1.5, WARM) == []
    return plant.parent


@pytest.fixture(scope="module", params=[None, "running"], ids=["a machine", "a recipe"])
def forgetful(request: pytest.FixtureRequest, warmed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The history up to the middle, where what was learnt of one machine, or of the recipe that runs, was forgotten."""
    plant = copied(warmed, tmp_path_factory.mktemp("forgetful") / "plant")
    loaded = load(plant, WARM).plant
    with opened(plant) as store:
        recipe = None
        if request.param:
            with store.read() as connection:
                query = sa.select(t.reading.c.recipe).where(t.reading.c.machine == MACHINE)
                recipe = connection.execute(query.order_by(t.reading.c.at.desc()).limit(1)).scalar_one()
        forget_baseline(store, loaded, Asked(MACHINE, recipe, "new bearing", ""), START + timedelta(hours=1.5))
    return plant.parent


def test_what_was_forgotten_stays_forgotten_and_is_made_again(forgetful: Path, tmp_path: Path) -> None:
    saved, lost = copied(forgetful, tmp_path / "saved"), copied(forgetful, tmp_path / "lost")
    with opened(lost) as store, store.write() as connection:
        _deleted(connection)
    for plant in (saved, lost):
        assert run_replay(plant, WHOLE, WARM) == []
    stored, again = _findings(lost, WARM)
    assert again == stored
    assert [line for line in stored if line[:2] == (0, "anomaly") and line[3] == MACHINE and line[6] == "cannot_judge"]
    ours, theirs = agreed(lost), agreed(saved)
    for what in ("findings", "board", "windows", "states of detectors"):
        assert ours[what] == theirs[what], f"{what} differ"


def test_states_are_json_text_with_a_version(whole_run: Path) -> None:
    with opened(whole_run) as store, store.read() as connection:
        texts = connection.execute(sa.text("SELECT state FROM detector_state")).scalars().all()
    assert len(texts) >= 6
    assert all(json.loads(text)["version"] >= 1 for text in texts)

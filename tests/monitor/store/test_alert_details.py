"""What the summary of an alert adds, and the newest rows that the index page names; on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from spine_kit import T0, Spine

from alerting.specs.roster import BY_NAME
from monitor.plant.plant import Plant
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert_new
from monitor.store.watching.details import detail_of
from monitor.store.watching.newest import newest_outcomes, newest_parts


def on_board(machine: str, **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "detector": "limits", "method": "limit", "subject": machine, "feature": "heat", "at": T0, "status": "breach",
        "value": 75.0, "limit": 60.0, "causes": ["heat"], "step": "form",
    }  # fmt: skip
    return row | changes


def with_sensor(plant: Plant, unit: str) -> Plant:
    machine = plant.machines["m1"]
    sensor = next(iter(machine.sensors.values()))
    sensors = {"heat": sensor.model_copy(update={"unit": unit})}
    return plant.model_copy(update={"machines": {"m1": machine.model_copy(update={"sensors": sensors})}})


BELOW = on_board("m1", feature="a", value=-3.0, limit=0.0)
DETAILS = {
    "a value with its unit": ([on_board("m1")], "degC", "heat is 75 degC, limit 60"),
    "a sensor without a unit": ([on_board("m1", value=0.123456789, limit=1)], "", "heat is 0.123457, limit 1"),
    "a sensor that is gone from the plant file": ([on_board("m1", feature="old")], "K", "old is 75, limit 60"),
    "two sensors": ([on_board("m1"), BELOW], "K", "a is -3, limit 0, heat is 75 K, limit 60"),
    "a sensor that is fine is not named": ([on_board("m1", status="ok")], "K", ""),
}


@pytest.mark.parametrize(("rows", "unit", "told"), DETAILS.values(), ids=DETAILS)
def test_a_machine_out_of_spec_tells_value_unit_and_limit(
    rows: list[dict[str, object]], unit: str, told: str, spine: Spine
) -> None:
    with spine.store.write() as connection:
        insert_new(connection, t.board, rows)
    with spine.store.read() as connection:
        assert detail_of(connection, BY_NAME["MachineOutOfSpec"], "m1", with_sensor(spine.plant, unit)) == told


def test_the_newest_part_and_outcome_are_told_by_their_own_time(spine: Spine) -> None:
    with spine.store.read() as connection:
        assert newest_parts(connection, T0) == newest_outcomes(connection, T0) == {}
    part = {"source": "s", "step": "form", "visit": 1, "revision": 0, "available_at": T0, "machine": "", "recipe": "",
            "lot": "", "values": {}, "digest": ""}  # fmt: skip
    outcome = {"source": "s", "characteristic": "width", "at": T0, "revision": 0, "value": 1.0, "digest": ""}
    with spine.store.write() as connection:
        for n, minutes in enumerate((5, 3, 90), start=1):
            at = T0 + timedelta(minutes=minutes)
            insert_new(connection, t.part_step, [{**part, "arrival": n, "serial": f"P{n}", "at": at}])
            insert_new(connection, t.outcome, [{**outcome, "arrival": 10 + n, "serial": f"P{n}", "available_at": at}])
    with spine.store.read() as connection:
        now = T0 + timedelta(hours=1)
        assert newest_parts(connection, now) == {"form": T0 + timedelta(minutes=5)}
        assert newest_outcomes(connection, now) == {"width": T0 + timedelta(minutes=5)}


def test_only_a_measured_value_is_told_beside_its_limit() -> None:
    flags = {"MachineOutOfSpec", "SensorDead", "SourceStopped", "JobFailing", "ModelWithoutSkill", "MachineUnwatched"}
    measured = {"HoldRateHigh", "DataDrift", "ModelDegraded", "SourceStale", "ReconciliationGap", "DeadLetters"}
    assert {name for name in flags | measured if BY_NAME[name].measured} == measured

"""What the summary of an alert adds, and the newest rows that the index page names; on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from spine_kit import T0, Spine

from alerting.alerts.evaluator import AlertState, Change, Key
from alerting.notifications.languages.headline import headline
from alerting.notifications.languages.sentences import shipped
from alerting.specs.roster import BY_NAME
from monitor.plant.plant import Plant
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert_new
from monitor.store.metrics import metrics_snapshot
from monitor.store.watching.alerts import save_changes
from monitor.store.watching.details import details_of
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
    "a value with its unit": ([on_board("m1")], "degC", "m1 heat 75 degC, high limit 60"),
    "a sensor without a unit": ([on_board("m1", value=0.123456789, limit=1)], "", "m1 heat 0.1235, low limit 1"),
    "a sensor that is gone from the plant file": ([on_board("m1", feature="old")], "K", "m1 old 75, high limit 60"),
    "two sensors": ([on_board("m1"), BELOW], "K", "m1 a -3, low limit 0; heat 75 K, high limit 60"),
    "a sensor that is fine is not named": (
        [on_board("m1", status="ok")],
        "K",
        "machine m1 runs outside its operating limits",
    ),
    "no number": ([on_board("m1", value=None)], "K", "machine m1 runs outside its operating limits: heat"),
}


@pytest.mark.parametrize(("rows", "unit", "told"), DETAILS.values(), ids=DETAILS)
def test_a_machine_out_of_spec_tells_value_unit_and_limit(
    rows: list[dict[str, object]], unit: str, told: str, spine: Spine
) -> None:
    with spine.store.write() as connection:
        insert_new(connection, t.board, rows)
    with spine.store.read() as connection:
        spec, plant = BY_NAME["MachineOutOfSpec"], with_sensor(spine.plant, unit)
        details = details_of(connection, spec, "m1", plant, 1.0, 0.5)
    assert headline(shipped("en"), spec.name, "breach", "m1", details) == told


READINGS = {
    "HoldRateHigh": (0.82, 0.5, "82 % of the newest 0 decisions are holds, limit 50 %"),
    "OutcomesMissing": (400000.0, 259200.0, "no outcome for 4.6 d, allowed 3 d"),
    "DeadLetters": (3.0, 0.0, "3 messages were given up, none should be"),
    "JobFailing": (1.0, 0.5, ""),
    "MachineOutOfSpec": (1.0, 0.5, ""),
}


@pytest.mark.parametrize("name", READINGS)
def test_a_value_is_told_in_words_and_never_that_of_a_yes_or_no(name: str, spine: Spine) -> None:
    value, limit, told = READINGS[name]
    with spine.store.read() as connection:
        details = details_of(connection, BY_NAME[name], "g", spine.plant, value, limit)
    assert "; ".join(shipped("en").detail(name, detail) for detail in details) == told


def test_the_age_of_a_stale_source_is_told_in_hours(spine: Spine) -> None:
    name, source = next((name, source) for name, source in spine.plant.sources.items())
    changed = {**spine.plant.sources, name: source.model_copy(update={"stale_after": timedelta(hours=2)})}
    with spine.store.read() as connection:
        plant = spine.plant.model_copy(update={"sources": changed})
        (said,) = details_of(connection, BY_NAME["SourceStale"], name, plant, 2.6, 1.0)
    assert shipped("en").detail("SourceStale", said) == "the newest row is 5.2 h old, allowed 2 h"


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


def test_the_snapshot_says_it_without_numbers_that_change(spine: Spine) -> None:
    spec = BY_NAME["MachineOutOfSpec"]
    change = Change(Key(spec.name, "breach", "m1"), None, AlertState(T0, T0, None, 1.0, 0.5))
    with spine.store.write() as connection:
        insert_new(connection, t.board, [on_board("m1"), on_board("m1", feature="b", status="ok")])
        plant = with_sensor(spine.plant, "degC")
        save_changes(connection, [change], {spec.name: spec}, plant, T0, "embedded")
    with spine.store.read() as connection:
        (row,) = metrics_snapshot(connection, T0).alerts
    assert row.summary == "m1 heat 75 degC, high limit 60"
    assert row.text == "m1 heat, high limit 60 degC"

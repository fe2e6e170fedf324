"""The demo's plant file says of the simulator's tables what is true of them."""

import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from monitor.model import RejectReason
from monitor.plant.file.contradictions import cross_check
from monitor.plant.file.load import load
from monitor.simulator import line
from monitor.simulator.feed import Feed
from monitor.simulator.history import simulate
from monitor.simulator.inspection import FINISH_CODES
from monitor.simulator.machines import CHANNELS, INSPECTION, MACHINE_STEP, MACHINES, SENSORS, STEPS
from monitor.simulator.surface import FINISHES
from monitor.simulator.tables import historian, mes
from monitor.simulator.truth import FINISH, RESONANCE
from monitor.sources.transports import open_source

PLANT_FILE = Path(str(files("monitor.simulator") / "plant.yaml"))
START = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
QUARANTINED = {
    "mes": {RejectReason.NOT_A_NUMBER: "text_in_number", RejectReason.UNKNOWN_MACHINE: "unknown_machine_parts"},
    "historian": {RejectReason.UNKNOWN_MACHINE: "unknown_machine_readings"},
}


@pytest.fixture(scope="module")
def plant():
    return load(PLANT_FILE).plant


def test_the_plant_file_is_whole_and_free_of_contradictions(plant):
    assert cross_check(plant) == []


def test_its_machines_sensors_and_limits_are_the_simulators(plant):
    coating = STEPS.index("coating") + 1
    assert tuple(plant.steps) == (*STEPS[:coating], INSPECTION, *STEPS[coating:])
    assert tuple(plant.machines) == MACHINES
    for machine, step, channels in zip(MACHINES, MACHINE_STEP, CHANNELS, strict=True):
        assert plant.machines[machine].step == step
        assert plant.sensor_names(machine) == SENSORS
        limits = [(sensor.low, sensor.high) for sensor in plant.machines[machine].sensors.values()]
        assert limits == [(channel.low, channel.high) for channel in channels]


def test_its_specification_is_the_simulators(plant):
    spec = plant.characteristics["resonance"].spec_at(START)
    assert (spec.lower, spec.target, spec.upper) == (line.SPEC_LOWER_HZ, line.TARGET_HZ, line.SPEC_UPPER_HZ)
    gates = {name: gate for name, gate in plant.gates.items() if gate.characteristic == "resonance"}
    assert list(gates) == ["forging", "machining", "coating"]
    for gate in gates.values():
        assert (gate.rework.below, gate.rework.above) == (0.0, line.REWORK_ABOVE_HZ)


def test_its_finishes_are_the_simulators_with_the_codes_of_the_visual_check(plant):
    classes = {name: entry.value for name, entry in plant.characteristics["finish"].classes.items()}
    assert tuple(classes) == FINISHES
    assert plant.sources["visual_check"].value.codes == {FINISH_CODES[name]: value for name, value in classes.items()}
    assert set(plant.characteristics) == {RESONANCE, FINISH}


def test_each_gate_knows_what_was_measured_until_then(plant):
    assert plant.gates["forging"].inputs() == tuple(f"forging.p{i:02d}" for i in range(1, 31))
    milled = plant.gates["machining"]
    assert milled.kind == "ensemble"
    assert milled.inputs()[:30] == plant.gates["forging"].inputs()
    assert {name.partition(".")[0] for name in milled.inputs()[30:]} == {"forging", "machining"}
    assert plant.gates["inspection"].picture == ("coating", "surface")
    late = plant.gates["coating"].inputs()
    assert late[:30] == plant.gates["forging"].inputs()
    assert {name.partition(".")[0] for name in late[30:]} == {"forging", "machining", "coating"}


def test_write_back_names_columns_of_the_mes_under_a_unique_key(plant):
    table = mes.tables[plant.write_back.table]
    assert set(plant.write_back.columns.values()) == set(table.columns.keys())
    (unique,) = [c for c in table.constraints if isinstance(c, sa.UniqueConstraint)]
    key = [plant.write_back.columns[field] for field in ("site", "serial", "step", "visit", "revision")]
    assert [column.name for column in unique.columns] == key


@pytest.fixture(scope="module")
def history():
    return simulate(4, START, days=1.0, commissioning_parts=60)


@pytest.fixture(scope="module")
def fed(tmp_path_factory, history):
    """The plant beside databases that hold a day of rows: its relative URLs count from the file's folder."""
    file = Path(shutil.copy(PLANT_FILE, tmp_path_factory.mktemp("plant")))
    plant = load(file).plant
    with Feed(history, plant.sources["mes"].url, plant.sources["historian"].url) as feed:
        feed.create()
        feed.advance(history.last_posted)
    return plant


def read_all(plant, name, until):
    source = open_source(name, plant.sources[name], plant)
    page = source.read(None, until + timedelta(hours=1), 100_000)
    source.close()
    assert not page.more
    return page


@pytest.mark.parametrize(
    "name",
    [
        "mes",
        "inspection",
        "visual_check",
        "historian",
        "machine_states",
        "final_test",
        "dispositions",
    ],
)
@pytest.mark.slow
def test_the_product_reads_every_row_and_refuses_only_the_dirt(fed, history, name):
    assert_refuses_only_the_dirt(fed, history, name)


@pytest.mark.postgres
def test_postgresql_takes_the_same_rows(history, postgres_url):
    urls = [f"sources.{name}.url={postgres_url}" for name in ("mes", "historian")]
    plant = load(PLANT_FILE, urls).plant
    with Feed(history, postgres_url, postgres_url) as feed:
        feed.create()
        feed.advance(START)
        feed.advance(history.last_posted)
    for name in ("mes", "historian"):
        assert_refuses_only_the_dirt(plant, history, name)


def assert_refuses_only_the_dirt(plant, history, name):
    page = read_all(plant, name, history.last_posted)
    refused = Counter(reject.reason for reject in page.rejects)
    dirt = history.truth["dirt"]
    assert refused == {reason: dirt[kind] for reason, kind in QUARANTINED.get(name, {}).items()}
    assert len(page.frame) + len(page.rejects) == len(history.rows_of(plant.sources[name].table))


@pytest.mark.slow
def test_units_are_ours_after_reading(fed, history):
    page = read_all(fed, "mes", history.last_posted)
    values = {name: page.values[:, i] for i, name in enumerate(page.names)}
    for name, gauge in line.GAUGES.items():
        known = values[name][values[name] == values[name]]
        assert abs(known.mean() - gauge.level) < gauge.slope
        assert fed.sources["mes"].values[name].unit == gauge.unit
    points = np.stack([values[f"p{i:02d}"] for i in range(1, line.POINTS + 1)])
    assert np.nanmin(points) > 5.0  # the gauge's zeros are missing values, not measurements
    assert {"surface_mean", "surface_std", "surface_gradient"} <= set(values)


def test_every_mapped_table_is_one_of_the_simulators(plant):
    tables = {**mes.tables, **historian.tables}
    assert {source.table for source in plant.sources.values()} | {plant.write_back.table} == set(tables)

"""The demo's plant file says of the simulator's tables what is true of them."""

import re
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest
import sqlalchemy as sa
import yaml

from monitor.model import RejectReason
from monitor.plant import Plant
from monitor.simulator import line
from monitor.simulator.feed import Feed
from monitor.simulator.history import simulate
from monitor.simulator.machines import CHANNELS, MACHINE_STEP, MACHINES, SENSORS, STEPS
from monitor.simulator.tables import historian, mes
from monitor.sources import open_source

RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
START = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
QUARANTINED = {
    "mes": {RejectReason.NOT_A_NUMBER: "text_in_number", RejectReason.UNKNOWN_MACHINE: "unknown_machine_parts"},
    "historian": {RejectReason.UNKNOWN_MACHINE: "unknown_machine_readings"},
}


def numbers(text):
    first, last = RANGE.search(text).groups()
    return [str(i).zfill(len(first)) for i in range(int(first), int(last) + 1)]


def expand(node, number=""):
    """The file with its brace ranges written out: those of a key also in what stands below it."""
    if isinstance(node, str):
        return RANGE.sub(number, node) if number else node
    if isinstance(node, list):
        return [expand(item, n) for item in node for n in (numbers(item) if RANGE.search(str(item)) else [number])]
    if not isinstance(node, dict):
        return node
    out = {}
    for key, value in node.items():
        for n in numbers(key) if RANGE.search(str(key)) else [number]:
            out[expand(key, n)] = expand(value, n)
    return out


@pytest.fixture(scope="module")
def raw():
    return expand(yaml.safe_load((files("monitor.simulator") / "plant.yaml").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def plant(raw):
    return Plant.model_validate(raw)


def test_the_plant_file_is_whole_and_free_of_contradictions(plant):
    assert plant.cross_check() == []


def test_its_machines_sensors_and_limits_are_the_simulators(plant):
    assert tuple(plant.steps) == STEPS
    assert tuple(plant.machines) == MACHINES
    for machine, step, channels in zip(MACHINES, MACHINE_STEP, CHANNELS, strict=True):
        assert plant.machines[machine].step == step
        assert plant.sensor_names(machine) == SENSORS
        limits = [(sensor.low, sensor.high) for sensor in plant.machines[machine].sensors.values()]
        assert limits == [(channel.low, channel.high) for channel in channels]


def test_its_specification_is_the_simulators(plant):
    spec = plant.characteristics["resonance"].spec_at(START)
    assert (spec.lower, spec.target, spec.upper) == (line.SPEC_LOWER_HZ, line.TARGET_HZ, line.SPEC_UPPER_HZ)
    for gate in plant.gates.values():
        assert (gate.rework.below, gate.rework.above) == (0.0, line.REWORK_ABOVE_HZ)


def test_the_early_gate_knows_the_profile_alone_and_the_late_one_everything(plant):
    assert plant.gates["forging"].inputs() == tuple(f"forging.p{i:02d}" for i in range(1, 31))
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
def fed(tmp_path_factory, raw):
    """A day of rows in databases, the history, and the plant with its URLs there."""
    folder = tmp_path_factory.mktemp("plant")
    history = simulate(4, START, days=1.0, commissioning_parts=60)
    urls = {f"sqlite:///{name}.db": f"sqlite:///{folder}/{name}.db" for name in ("mes", "historian")}
    with Feed(history, *urls.values()) as feed:
        feed.create()
        feed.advance(history.last_posted)
    sources = {name: source | {"url": urls[source["url"]]} for name, source in raw["sources"].items()}
    return history, Plant.model_validate(raw | {"sources": sources})


@pytest.mark.parametrize("name", ["mes", "historian", "machine_states", "final_test", "dispositions"])
def test_the_product_reads_every_row_and_refuses_only_the_dirt(fed, name):
    history, plant = fed
    source = open_source(name, plant.sources[name], plant)
    page = source.read(None, history.last_posted + timedelta(hours=1), 100_000)
    source.close()
    refused = {}
    for reject in page.rejects:
        refused[reject.reason] = refused.get(reject.reason, 0) + 1
    dirt = history.truth["dirt"]
    assert refused == {reason: dirt[kind] for reason, kind in QUARANTINED.get(name, {}).items()}
    assert len(page.frame) + len(page.rejects) == len(history.rows_of(plant.sources[name].table))
    assert not page.more


def test_units_are_ours_after_reading(fed):
    history, plant = fed
    source = open_source("mes", plant.sources["mes"], plant)
    page = source.read(None, history.last_posted, 100_000)
    source.close()
    values = {name: page.values[:, i] for i, name in enumerate(page.names)}
    for name in ("hardness", "stock_removed", "roughness", "tool_wear", "coat_thickness", "cure_temperature"):
        known = values[name][values[name] == values[name]]
        gauge = line.GAUGES[name]
        assert abs(known.mean() - gauge.level) < 1.0 * gauge.slope
        assert plant.sources["mes"].values[name].unit == gauge.unit
    assert min(v[v > 0].min() for n, v in values.items() if n.startswith("p")) > 5.0
    assert {"surface_mean", "surface_std", "surface_gradient"} <= set(values)


def test_every_mapped_table_is_one_of_the_simulators(plant):
    tables = {**mes.tables, **historian.tables}
    assert {source.table for source in plant.sources.values()} | {plant.write_back.table} == set(tables)

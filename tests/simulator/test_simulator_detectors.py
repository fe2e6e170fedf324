"""What the default detectors make of simulated machines: each fault by the detector meant for it, and little else."""

from __future__ import annotations

import pytest

from benchmarks.bench_false_alarms import demo_plant, faulty, healthy
from monitor.simulator.faults import FaultKind

SEED = 3000
"""No parameter was chosen on it."""


@pytest.fixture(scope="module")
def told() -> dict[str, dict[str, float]]:
    """By kind of fault, the hours to the first breach of each method; '' holds what no fault explains."""
    faults, outside = faulty(SEED, demo_plant())
    hours = {fault["kind"]: fault["hours"] for fault in faults}
    return hours | {"": {f"{f.subject} {f.detector}.{f.method}": 0.0 for f in outside}}


MEANT = {
    FaultKind.STUCK_SENSOR: ("limits.stuck", 0.5),
    FaultKind.DEAD_SENSOR: ("limits.dead", 0.2),
    FaultKind.SLOW_WEAR: ("limits.limit", 32 / 1.8),  # hours until its level itself passes the limit
}


@pytest.mark.parametrize(
    ("kind", "meant"), MEANT.items(), ids=lambda value: value[0] if isinstance(value, tuple) else value
)
@pytest.mark.slow
def test_a_fault_of_a_sensor_is_found_by_the_detector_meant_for_it(
    kind: FaultKind, meant: tuple[str, float], told: dict[str, dict[str, float]]
) -> None:
    method, within = meant
    assert told[kind][method] < within


@pytest.mark.slow
def test_slow_wear_is_foretold(told: dict[str, dict[str, float]]) -> None:
    assert told[FaultKind.SLOW_WEAR]["anomaly.time_left"] < 32 / 1.8 - 2.0, (
        "hours before its level itself passes the limit"
    )


def test_a_fault_of_the_process_is_no_fault_of_a_sensor(told: dict[str, dict[str, float]]) -> None:
    assert [method for method in told[FaultKind.WRONG_RECIPE] if method.startswith("limits")] == []


def test_nothing_is_found_out_of_limits_stuck_or_dead_where_nothing_is(told: dict[str, dict[str, float]]) -> None:
    assert [name for name in told[""] if ".hst" not in name] == []


@pytest.mark.slow
def test_changeovers_breakdowns_and_pauses_are_no_finding_of_a_sensor_and_one_a_day_of_a_machine_at_most() -> None:
    found = healthy(SEED, demo_plant(), days=2.0)
    assert [f for f in found if f.detector == "limits"] == []
    assert len(found) <= 2

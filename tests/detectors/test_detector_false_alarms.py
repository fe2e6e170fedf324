"""How often the anomaly score calls a healthy machine anomalous, on seeds that no parameter was chosen on."""

from __future__ import annotations

import pytest
from detector_streams import ar1, batch_of

from benchmarks.bench_false_alarms import demo_plant, healthy
from detectors.stream.online import MachineAnomaly
from monitor.detection import CONDITION_ALARM
from monitor.model import Status

THREE_WEEKS = 3 * 7 * 2880


@pytest.mark.soak
def test_sixty_machine_weeks_of_health_give_at_most_four_false_alarms() -> None:
    breaches = []
    for seed in range(2000, 2020):
        values = ar1(seed, THREE_WEEKS, phi=(0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.9, 0.95, 0.95, 0.97)[seed % 10])
        detector = MachineAnomaly({f"s{i}": (None, None) for i in range(8)})
        _, findings = detector.observe(detector.start(), batch_of(values))
        calls = [finding for finding in findings if finding.method == CONDITION_ALARM]
        breaches += [(seed, finding.row) for finding in calls if finding.status is Status.BREACH]
    assert len(breaches) <= 4, breaches


@pytest.mark.soak
def test_fifty_days_of_healthy_simulated_plants_give_at_most_one_false_alarm_in_ten_days() -> None:
    plant = demo_plant()
    found = [(seed, f.subject, f.at, f.causes) for seed in range(2020, 2030) for f in healthy(seed, plant)]
    assert len(found) <= 5, found

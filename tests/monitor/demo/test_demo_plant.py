"""The demo's plant file: from when each gate decides, and what is not asked of a gate that decides later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.demo.run import _plant
from monitor.plant.gates import GateConfig

END = datetime(2026, 3, 6, tzinfo=UTC)


@pytest.mark.parametrize(("days", "pictures_from"), [(5.0, 4.0), (1.0, 0.0), (0.2, 0.0)])
def test_every_gate_decides_from_the_start_and_that_of_pictures_on_the_last_day(
    days: float, pictures_from: float, tmp_path: Path
) -> None:
    start = END - timedelta(days=days)
    plant = _plant(tmp_path, start, END, 9464).plant
    since = {name: gate.since for name, gate in plant.gates.items()}
    later = start + timedelta(days=pictures_from)
    assert since == {"forging": start, "machining": start, "coating": start, "inspection": later}
    change = plant.alerts.change.get("ModelDegraded")
    assert (change is not None and not change.absent) == (later > start)
    assert plant.alerts.every == timedelta(minutes=30)


def test_a_line_holds_numbers_and_pictures_by_three_kinds_of_model(tmp_path: Path) -> None:
    gates: dict[str, GateConfig] = _plant(tmp_path, END - timedelta(days=5), END, 9464).plant.gates
    kinds = {name: gate.kind for name, gate in gates.items()}
    assert kinds == {"forging": "shape", "machining": "ensemble", "coating": "shape", "inspection": "image"}

"""The demo's own series through Prometheus' engine: the alerts of the alert table, slot by slot."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from plant_kit import QUICK, make_plant, run_replay
from promtool_kit import STEP, promtool_says_the_same, tool
from recorded import Recorder

pytestmark = pytest.mark.process

SLOT = timedelta(minutes=30)


def compared(hours: float, seed: int, folder: Path) -> tuple[int, int, int]:
    """Replay the simulated plant and compare; how many slots, series and episodes."""
    tool("promtool")
    recorder = Recorder()
    plant = make_plant(folder / "plant", hours, seed=seed)
    failed = run_replay(plant, hours, QUICK, stop_at=recorder.stop_at)
    assert not failed, [slot.error for slot in failed]
    # A slot of the replay is a step of promtool, and every duration as much shorter.
    series, scale = recorder.series(), STEP / SLOT
    promtool_says_the_same(recorder.specs, series, recorder.firing(), folder, scale, pending=False)
    return len(recorder.slots), len(series), sum(row.fired_at is not None for row in recorder.rows)


@pytest.mark.soak
def test_two_days_of_the_demo_plant_give_the_alerts_of_the_table(tmp_path: Path) -> None:
    slots, series, episodes = compared(48.0, 1, tmp_path)
    print(f"{slots} slots, {series} series, {episodes} episodes: the same at every slot")
    assert slots >= 95
    assert episodes > 4

"""The whole demo, as a user starts it: every injected sensor fault is noticed, and how long it took is printed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

import pytest
from plant_kit import DEMO_END


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `gatewatch demo --json` prints."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "monitor.cli", "demo", "--end", DEMO_END, "--json"], cwd=tmp_path_factory.mktemp("demo"),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    print(f"gatewatch demo: {time.perf_counter() - began:.0f} s beside other tests")
    found: dict[str, Any] = json.loads(done.stdout)
    print("phases:", found["seconds"])
    return found


@pytest.mark.soak
def test_every_injected_sensor_fault_is_noticed(summary: dict[str, Any]) -> None:
    faults = [(machine, fault) for machine, facts in summary["machines"].items() for fault in facts["faults"]]
    assert {fault["kind"] for _, fault in faults} == {"slow_wear", "stuck_sensor", "dead_sensor"}
    missed = [f"{machine}: {f['kind']} of {f['sensor']}" for machine, f in faults if f["minutes_to_notice"] is None]
    assert not missed
    stray = {m: f["findings_without_a_fault"] for m, f in summary["machines"].items() if f["findings_without_a_fault"]}
    print("findings without a fault:", stray or "none")


@pytest.mark.soak
def test_every_recommendation_reached_the_mes(summary: dict[str, Any]) -> None:
    decided = sum(gate["decided"] for gate in summary["gates"].values())
    assert decided > 2000
    assert summary["recommendations"] == {"sent": decided}

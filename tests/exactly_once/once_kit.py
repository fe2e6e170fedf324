"""The replay that is killed, put to sleep and shared: the second hour of a plant whose gates have models."""

from __future__ import annotations

from pathlib import Path

from plant_kit import QUICK, START, run_replay
from taught_kit import HOURS

ONE_GATE = (*QUICK, *(f"gates.{gate}.training.min_outcomes=1000000" for gate in ("machining", "coating")))
"""Only the first gate gets a model."""
_ALERTS_END = "alerts.change.ModelDegraded.absent=false"
"""So that alerts change in the second hour too: those pending since the first end."""


def replay_whole(plant: Path) -> None:
    """Replay all of it; every slot must succeed."""
    failed = run_replay(plant, HOURS, (*QUICK, _ALERTS_END), START)
    assert not failed, [slot.error for slot in failed]

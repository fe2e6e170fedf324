"""Timing of the demo, by phase and by kind of work."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

_WORK = {
    "feed": "feed the sources",
    "pull": "pull and judge",
    "detect": "pull and judge",
    "drift": "drift and performance",
    "performance": "drift and performance",
    "attribution": "likely causes",
    "model": "train models",
    "retraining": "train models",
    "alerts": "alerts and notifications",
    "notify": "alerts and notifications",
    "write_back": "write back to the MES",
    "reconcile": "reconcile with the sources",
}
"""The kind of work of a job, by its name before the colon; other jobs are housekeeping."""
_HOUSEKEEPING = "reports and pruning"
FEED = "feed"
"""The simulator's part of the replay, which writes rows into the plant's databases."""


@dataclass(slots=True)
class Timing:
    """Wall seconds of each phase, printed to standard error when it ends, and of each kind of work in the replay."""

    phases: dict[str, float] = field(default_factory=dict)
    work: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    last_lap: float = 0.0

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time the block."""
        began = time.perf_counter()
        yield
        self.phases[name] = round(time.perf_counter() - began, 2)
        sys.stderr.write(f"{name}: {self.phases[name]:.1f} s\n")

    def lap(self, job: str) -> None:
        """Count the time since the last lap for this job, or for `FEED`."""
        now = time.perf_counter()
        self.work[_WORK.get(job.partition(":")[0], _HOUSEKEEPING)] += now - (self.last_lap or now)
        self.last_lap = now

    def as_data(self) -> dict[str, dict[str, float]]:
        """Phases in order, and work with the longest first."""
        longest_first = sorted(self.work.items(), key=lambda item: -item[1])
        return {"phases": dict(self.phases), "replay": {name: round(seconds, 2) for name, seconds in longest_first}}


def time_lines(seconds: Mapping[str, Mapping[str, float]], replay: str) -> list[str]:
    """A line for each phase; below the phase `replay` a line for each kind of work in it."""
    lines = []
    for phase, spent in seconds["phases"].items():
        lines.append(f"  {phase:<30}{spent:>7.1f}")
        if phase == replay:
            lines += [f"    {name:<28}{part:>7.1f}" for name, part in seconds["replay"].items()]
    return lines

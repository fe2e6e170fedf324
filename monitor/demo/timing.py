"""Where the time of a demo went."""

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
    "drift": "drift and performance",
    "performance": "drift and performance",
    "model": "train models",
    "retraining": "train models",
    "alerts": "alerts and notifications",
    "notify": "alerts and notifications",
    "write_back": "write back to the MES",
    "reconcile": "reconcile with the sources",
}
"""What a job is called here, by its name before a colon; the rest is housekeeping."""
_HOUSEKEEPING = "reports and pruning"
FEED = "feed"
"""The simulator's part of the replay: the rows that the plant's databases get."""


@dataclass(slots=True)
class Timing:
    """Wall seconds of each phase, reported on standard error as they end, and of the kinds of work in the replay."""

    phases: dict[str, float] = field(default_factory=dict)
    work: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    lapped: float = 0.0

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what happens inside."""
        began = time.perf_counter()
        yield
        self.phases[name] = round(time.perf_counter() - began, 2)
        sys.stderr.write(f"{name}: {self.phases[name]:.1f} s\n")

    def lap(self, job: str) -> None:
        """What went on since the last lap was a slot of this job, or `FEED`."""
        now = time.perf_counter()
        self.work[_WORK.get(job.partition(":")[0], _HOUSEKEEPING)] += now - (self.lapped or now)
        self.lapped = now

    def as_data(self) -> dict[str, dict[str, float]]:
        """Both, the work with the longest first."""
        longest_first = sorted(self.work.items(), key=lambda item: -item[1])
        return {"phases": dict(self.phases), "replay": {name: round(seconds, 2) for name, seconds in longest_first}}


def time_lines(seconds: Mapping[str, Mapping[str, float]], replay: str) -> list[str]:
    """A line for each phase; beneath the one called `replay` a line for each kind of work in it."""
    lines = []
    for phase, spent in seconds["phases"].items():
        lines.append(f"  {phase:<30}{spent:>7.1f}")
        if phase == replay:
            lines += [f"    {name:<28}{part:>7.1f}" for name, part in seconds["replay"].items()]
    return lines

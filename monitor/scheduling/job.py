"""What a job is to the runner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from monitor.store.database.leases import Lease


@dataclass(frozen=True, slots=True)
class Run:
    """One run: the slot it serves, the time it may know, the lease it writes under, and signs of life.

    `beat` renews the lease and raises FencedError when it is another's; `stopping` says that the process is to end:
    finish the transaction at hand and return.
    """

    slot: datetime
    now: datetime
    lease: Lease
    beat: Callable[[], None]
    stopping: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Result:
    """What a run did. `lag` is how far the newest row read lies behind the clock."""

    rows: int = 0
    lag: timedelta | None = None


@dataclass(frozen=True, slots=True)
class JobScope:
    """What of the plant a job is about, '' for what it is not about; one with a partition pulls it."""

    source: str = ""
    partition: str = ""
    gate: str = ""


WHOLE_PLANT = JobScope()
"""The scope of a job that is about no single source or gate."""


class Job(Protocol):
    """Work done once at each slot. Raises MonitorError for what a person can mend."""

    @property
    def name(self) -> str:
        """Its name; the lease and the metrics go by it."""

    @property
    def scope(self) -> JobScope:
        """What of the plant it is about."""

    @property
    def interval(self) -> timedelta:
        """Time between two slots."""

    def run(self, run: Run) -> Result:
        """Do the slot's work; everything it wrote is committed when it returns."""

    def forget(self) -> None:
        """Drop what is in memory: the last commit failed, or another process took over."""

"""The interface between jobs and the runner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from monitor.store.database.leases import Lease


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a job: its slot, the current time, the lease under which it writes, and two callbacks.

    `beat` renews the lease and raises FencedError if another process holds it. When `stopping` returns true the
    process is about to end: finish the current transaction and return.
    """

    slot: datetime
    now: datetime
    lease: Lease
    beat: Callable[[], None]
    stopping: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a run: rows processed, and the age of the newest row read (`lag`)."""

    rows: int = 0
    lag: timedelta | None = None


@dataclass(frozen=True, slots=True)
class JobScope:
    """The part of the plant that a job is about: source, partition or gate, '' for none; with a partition, it pulls."""

    source: str = ""
    partition: str = ""
    gate: str = ""


WHOLE_PLANT = JobScope()
"""The scope of a job that is about no single source or gate."""


class Job(Protocol):
    """Work to be done once for each slot. Raises MonitorError for failures that a person can fix."""

    @property
    def name(self) -> str:
        """The name, under which the lease and the metrics are kept."""

    @property
    def scope(self) -> JobScope:
        """The part of the plant it is about."""

    @property
    def interval(self) -> timedelta:
        """Time between two slots."""

    def run(self, run: Run) -> Result:
        """Do the work of a slot; all writes are committed when it returns."""

    def forget(self) -> None:
        """Drop all state in memory, because the last commit failed or another process took over."""

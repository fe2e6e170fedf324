"""Judging machines: the readings of all their sources, in order of time, once every source has been read past them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from monitor.errors import UsageError
from monitor.model import MachineBatch
from monitor.pipeline.feeds import PullFeed, detect_name, feeds_of, machine_groups
from monitor.pipeline.joining import Feed
from monitor.pipeline.machine_states import StateTimeline
from monitor.pipeline.machines import (
    MachineMemory,
    add_to_windows,
    borrow,
    judge,
    lenders,
    load_memory,
    start_anew,
    unjudged_batch,
)
from monitor.plant.plant import Plant
from monitor.scheduling.job import WHOLE_PLANT, Job, Result, Run
from monitor.scheduling.runner import Runner
from monitor.store import cursors
from monitor.store.commit import BatchWrite, commit
from monitor.store.database.database import Connection, Store
from monitor.store.database.leases import Lease
from monitor.store.database.statements import mark, tally_key
from monitor.store.jobs import PullProgress, pull_progress
from monitor.store.rows.forgotten import ForgottenBaseline
from monitor.store.rows.readings import (
    JudgedSpan,
    StoredReading,
    judged_until,
    last_arrival,
    readings_behind,
    readings_page,
    states_after,
)

_FAILED_INTERVALS = 3
"""A source that cannot be read is waited for this many intervals; then machines are judged without it."""


def detect_jobs(store: Store, plant: Plant) -> list[DetectJob]:
    """A job for each group of machines that the same pulls feed."""
    return [DetectJob(store, plant, feeds, machines) for feeds, machines in machine_groups(plant).items()]


def save_states(jobs: Iterable[Job], runner: Runner, now: datetime) -> None:
    """Save the states of the detectors, so that the next start has few rows to process again."""
    for job in jobs:
        if isinstance(job, DetectJob):
            lease = runner.lease(job)
            if lease is not None:
                job.save(now, lease)


class _News(NamedTuple):
    """Readings to judge, readings that are too late for that (not later than `after`), the newest arrival number among
    all rows, and whether there are more to judge."""

    page: Sequence[StoredReading]
    late: Sequence[StoredReading]
    after: datetime | None
    arrival: int
    more: bool


class Asked(NamedTuple):
    """A machine whose baseline is to start anew, that of one recipe if given; why, and who says so ('': unknown)."""

    machine: str
    recipe: str | None
    reason: str
    person: str


class DetectJob:
    """Runs the detectors of a group of machines, up to where all its sources have been read.

    Readings are judged in order of their time when rows may no longer be late: `late_by` after the newest pull.
    """

    def __init__(self, store: Store, plant: Plant, feeds: Sequence[PullFeed], machines: Sequence[str]) -> None:
        self.name = detect_name(feeds)
        self.scope = WHOLE_PLANT
        self.interval = min(feed.every for feed in feeds)
        self._store = store
        self._plant = plant
        self._feeds = tuple(feeds)
        # Who lends a baseline first, so that within a page it stands at least where the borrower does.
        self._machines = tuple(sorted(machines, key=lambda machine: (lenders(plant, machine), machine)))
        self._memory: dict[str, MachineMemory] = {}
        self._timeline = StateTimeline()

    def forget(self) -> None:
        """Drop the states in memory; the next run starts from the saved ones."""
        self._memory.clear()
        self._timeline = StateTimeline()

    def run(self, run: Run) -> Result:
        """Judge all readings that are complete, page after page; each is one commit."""
        rows = 0
        while not run.stopping():
            with self._store.read() as connection:
                news = self._news(connection, run.now)
                if not news.page and not news.late:
                    break
                write = BatchWrite(self.name, "", "", run.now, position=news.page[-1].at if news.page else None)
                batches = [*self._late(news, write), *self._judge(connection, news, write)]
                add_to_windows(connection, self._plant, batches, write)
            commit(self._store, run.lease, write)  # if it fails, the runner drops the states in memory
            rows += len(write.arrivals)
            if not news.more:
                break
        return Result(rows)

    def _news(self, connection: Connection, now: datetime) -> _News:
        """The oldest complete readings that were not judged yet, and those that came too late to be."""
        until = complete_until(self._feeds, pull_progress(connection, [feed.job for feed in self._feeds]), now)
        after = self._judged(connection)
        arrival = last_arrival(connection)
        late: Sequence[StoredReading] = ()
        if after is not None:
            behind = readings_behind(connection, self._machines, after, mark(connection, self.name), arrival)
            late = [row for row in behind if self._is_new(row)]
        if until is None or (after is not None and until <= after):
            return _News((), late, after, arrival, False)
        page, more = readings_page(connection, self._machines, after, until, arrival)
        return _News(page, late, after, arrival, more)

    def _is_new(self, row: StoredReading) -> bool:
        """Whether a late row says anything new: a value that a wide row lacked at first is a correction."""
        return not row.revision or not feeds_of(self._plant, row.machine).get(row.source, Feed()).sensors

    def _judged(self, connection: Connection) -> datetime | None:
        """Up to where the group has been judged; where no run is on record, up to where each of its machines has."""
        position = cursors.position(connection, self.name, "", "")
        if position is not None:
            return position
        judged = judged_until(connection, self._machines)
        return min(judged.values()) if len(judged) == len(self._machines) else None

    def _late(self, news: _News, write: BatchWrite) -> list[MachineBatch]:
        """Readings that their machine has been judged past: they count in the machine windows, and are told."""
        write.marks[self.name] = news.arrival
        for row in news.late:
            write.tallies[tally_key("gatewatch_readings_unjudged_total", source=row.source)] += 1
        return [unjudged_batch(self._plant, row) for row in news.late]

    def _judge(self, connection: Connection, news: _News, write: BatchWrite) -> list[MachineBatch]:
        """Judge the readings of a page; the results go into `write`."""
        if not news.page:
            return []
        self._timeline.learn(states_after(connection, self._timeline.arrival, news.arrival))
        batches = []
        place = {machine: number for number, machine in enumerate(self._machines)}
        in_order = sorted(news.page, key=lambda row: place[row.machine])
        for machine, group in groupby(in_order, key=lambda row: row.machine):
            memory = self._known(connection, machine)
            new = [row for row in group if memory.until is None or row.at > memory.until]
            if new:
                # Of a machine that was behind the others of its group, what came too late is left out for good.
                after = max((at for at in (memory.until, news.after) if at is not None), default=None)
                for part in self._borrow(connection, memory, new, write):
                    span = JudgedSpan(machine, part[-1].at, after, news.arrival)
                    batches.append(judge(self._plant, memory, part, self._timeline, span, write))
                    after = span.until
        self._timeline.forget_before(news.page[0].at)
        return batches

    def _known(self, connection: Connection, machine: str) -> MachineMemory:
        memory = self._memory.get(machine) or load_memory(connection, self._plant, machine)
        self._memory[machine] = memory
        return memory

    def _borrow(
        self, connection: Connection, memory: MachineMemory, new: Sequence[StoredReading], write: BatchWrite
    ) -> Iterator[Sequence[StoredReading]]:
        """The new readings in the parts in which they are judged: see `monitor.pipeline.machines.borrow`."""
        sister = self._plant.machines[memory.machine].like
        if sister not in self._machines or not memory.lacks_baseline():
            return iter([new])
        return borrow(memory, self._known(connection, sister), new, write, self._plant.store.snapshot_rows)

    def watches(self, machine: str) -> bool:
        """Whether it judges this machine."""
        return machine in self._machines

    def start_anew(self, asked: Asked, now: datetime, lease: Lease) -> ForgottenBaseline:
        """Forget what was learnt of a machine; UsageError if nothing was learnt of it, or not of this recipe."""
        self.forget()
        with self._store.read() as connection:
            memory = load_memory(connection, self._plant, asked.machine)
        known = memory.recipes()
        if memory.until is None or (asked.recipe is not None and asked.recipe not in known):
            raise UsageError(_not_learnt(asked, memory.until, known))
        forgotten = ForgottenBaseline(asked.machine, asked.recipe, memory.until, now, asked.reason, asked.person)
        write = BatchWrite(self.name, "", "", now)
        start_anew(memory, forgotten, write)
        commit(self._store, lease, write)
        return forgotten

    def save(self, now: datetime, lease: Lease) -> None:
        """Save the detectors' states, at a clean shutdown."""
        write = BatchWrite(self.name, "", "", now)
        for memory in self._memory.values():
            if memory.unsaved and memory.last is not None:
                write.states += memory.save(memory.last)
        if not write.is_empty():
            commit(self._store, lease, write)


def _not_learnt(asked: Asked, until: datetime | None, known: Sequence[str]) -> str:
    if until is None or not known:
        return f"machine {asked.machine!r}: nothing has been learnt of it yet, so there is no baseline to forget"
    names = ", ".join(map(repr, known))
    return f"recipe {asked.recipe!r}: nothing has been learnt of it on machine {asked.machine!r}, only of {names}"


def complete_until(feeds: Sequence[PullFeed], progress: Mapping[str, PullProgress], now: datetime) -> datetime | None:
    """The time up to which the readings of all feeds are complete; None if one has never been read.

    A feed that fails is waited for no longer than `_FAILED_INTERVALS` of its intervals.
    """
    ends: list[datetime] = []
    for feed in feeds:
        of_feed = progress.get(feed.job, PullProgress())
        read = [at for at in (of_feed.last_success_at, of_feed.position) if at is not None]
        if of_feed.failing:
            read.append(now - _FAILED_INTERVALS * feed.every)
        if not read:
            return None
        ends.append(min(max(read), now) - feed.lag)
    return min(ends)

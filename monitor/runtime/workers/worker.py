"""The worker's side: its own store, sources and leases, and the jobs that the service asks it to run.

It knows no models of gates and imports no library that trains or registers them.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import IO, NoReturn

from monitor.clock import WallClock
from monitor.errors import MonitorError
from monitor.jobs.detect import detect_jobs, save_states
from monitor.jobs.pulling.wiring import pull_jobs
from monitor.plant.sources import ReadingSource
from monitor.ports import Source
from monitor.processes import set_up
from monitor.runtime.workers.messages import Answer, Order, Task, Verb
from monitor.scheduling.clock_guard import ClockGuard
from monitor.scheduling.job import Job
from monitor.scheduling.runner import Runner, SlotOutcome
from monitor.sources.transports import open_source
from monitor.store.database.database import DatabaseError, Store
from monitor.store.database.schema import open_existing

log = logging.getLogger(__name__)

_THREADS = 8  # jobs mostly wait for a database; a slow source of one partition does not hold up another
_END_SECONDS = 2.5
"""Less than the service waits for the jobs that it has sent."""
_ORPHAN = 3
"""Exit code of a worker whose service is gone."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a worker works with."""

    store: Store
    sources: dict[str, Source]
    runner: Runner
    jobs: dict[str, Job]

    def close(self) -> None:
        """Save the states of the detectors, release leases and connections."""
        save_states(self.jobs.values(), self.runner, WallClock().now())
        self.runner.release_leases()
        for source in self.sources.values():
            source.close()
        self.store.close()


def make_bench(task: Task) -> Bench:
    """Open store and sources, wire the jobs of the task. A source is connected at its first slot."""
    loaded, clock = task.plant(), WallClock()
    plant = loaded.plant
    readings = {name: config for name, config in plant.sources.items() if isinstance(config, ReadingSource)}
    sources = {name: open_source(name, config, plant) for name, config in readings.items()}
    store = open_existing(plant.store.url)
    runner = Runner(store, clock, task.holder, plant.store.lease, ClockGuard(store, clock, plant.store.lease))
    jobs: list[Job] = [*pull_jobs(plant, loaded.digest, store, sources, dict), *detect_jobs(store, plant)]
    return Bench(store, sources, runner, {job.name: job for job in jobs if job.name in task.jobs})


class Worker:
    """Does what the service asks, several jobs at a time."""

    def __init__(self, bench: Bench, answers: IO[bytes]) -> None:
        self._bench = bench
        self._answers = answers
        self._answering = threading.Lock()
        self._runs: set[Future[None]] = set()
        self._jobs = ThreadPoolExecutor(_THREADS)
        self._leases = ThreadPoolExecutor(1)  # a lease is given back also while every thread runs a job

    def serve(self, orders: IO[bytes]) -> bool:
        """Take orders until one says to end; False, at once, if the service is gone."""
        self._say(Answer(0))
        while _is_whole(line := orders.readline()):
            order = Order.read(line)
            if order.verb is Verb.END:
                self._end()
                return True
            pool = self._jobs if order.verb is Verb.RUN else self._leases
            future = pool.submit(self._obey, order)
            self._runs.add(future)
            future.add_done_callback(self._runs.discard)
        return False

    def _obey(self, order: Order) -> None:
        job, outcome = self._bench.jobs[order.job], ""
        try:
            if self._bench.runner.stop.is_set():
                outcome = SlotOutcome.GIVEN_UP
            elif order.verb is Verb.GIVE_BACK:
                self._bench.runner.give_back(job)
            else:
                done = self._bench.runner.catch_up(job)
                outcome = "" if done is None else done.outcome
        except (MonitorError, DatabaseError) as exc:
            # The store cannot be used, so that the failure can only be logged.
            log.error("%s: %s", order.job, exc)
        finally:
            self._say(Answer(order.number, outcome))

    def _say(self, answer: Answer) -> None:
        with self._answering:
            self._answers.write(answer.line())

    def _end(self) -> None:
        """Let the jobs come to a stop; states are saved if they do so in time."""
        self._bench.runner.stop.set()
        if wait(set(self._runs), _END_SECONDS).not_done:
            log.warning("a worker ends although a job still waits for a database; its slot is run later")
            return
        try:
            self._bench.close()
        except (MonitorError, DatabaseError) as exc:
            log.error("%s", exc)


def work(orders: IO[bytes], answers: IO[bytes]) -> NoReturn:
    """Do a task, which is the first of the lines, then what is ordered; ends the process, whatever its threads do."""
    code = 1
    try:
        first = orders.readline()
        code = _serve(Task.read(first), orders, answers) if _is_whole(first) else _ORPHAN
    except Exception:
        log.exception("a worker fails unexpectedly")
    sys.stderr.flush()
    os._exit(code)


def _serve(task: Task, orders: IO[bytes], answers: IO[bytes]) -> int:
    set_up(task.log_level)
    try:
        worker = Worker(make_bench(task), answers)
    except (MonitorError, DatabaseError, OSError) as exc:
        answers.write(Answer(0, error=str(exc)).line())
        return MonitorError.exit_code
    return 0 if worker.serve(orders) else _ORPHAN


def _is_whole(line: bytes) -> bool:
    """Whether the service has sent the line to its end; else it is gone."""
    return line.endswith(b"\n")

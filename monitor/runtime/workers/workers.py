"""The worker processes of a service: which jobs they run, and how the others work beside them."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from monitor.errors import MonitorError
from monitor.jobs.pulling.pull import PullJob
from monitor.plant.file.load import LoadedPlant
from monitor.runtime.workers.messages import Task, Verb
from monitor.runtime.workers.process import WorkerProcess
from monitor.runtime.workers.turns import Turns
from monitor.runtime.workers.units import spread, units_of
from monitor.scheduling.job import Job
from monitor.scheduling.runner import Runner, SlotOutcome
from monitor.store.database.database import DatabaseError, Store
from monitor.store.database.leases import Lease, release_of_dead
from monitor.store.database.statements import add_counts, tally_key

log = logging.getLogger(__name__)

_END_SECONDS = 4.5
"""From `stop` on; jobs have three seconds of them, then the states of detectors are saved."""


class Workers:
    """Runs jobs in worker processes where the plant file has some, the others in this process.

    Before `start` there are no processes, and every job is run here. A job is run, or its lease used here, by one
    thread at a time.
    """

    def __init__(self, loaded: LoadedPlant, store: Store, runner: Runner) -> None:
        self._loaded = loaded
        self._store = store
        self._runner = runner
        self._processes: list[WorkerProcess] = []
        self._of: dict[str, WorkerProcess] = {}
        self._turns: dict[str, Turns] = {}
        self._until = 0.0

    def start(self) -> None:
        """Start the processes; their imports take some seconds, during which their jobs wait."""
        plant = self._loaded.plant
        for number, jobs in enumerate(spread(units_of(plant), plant.jobs.workers), 1):
            process = self._process(number, jobs)
            process.start()
            self._processes.append(process)
            self._turns |= {job: Turns() for job in jobs}
            self._of |= dict.fromkeys(jobs, process)

    def runs(self, job: str) -> bool:
        """Whether a worker runs this job."""
        return job in self._of

    def catch_up(self, job: Job) -> SlotOutcome | None:
        """Run the newest slot that is due, wherever the job is run; None if none is, or its worker said why not."""
        process = self._of.get(job.name)
        if process is None:
            done = self._runner.catch_up(job)
            return None if done is None else done.outcome
        with self._turns[job.name]:
            answer = process.ask(Verb.RUN, job.name)
        if answer is None:
            return SlotOutcome.ANOTHER_PROCESS
        return SlotOutcome(answer.outcome) if answer.outcome else None

    @contextmanager
    def lease_of(self, pull: PullJob) -> Iterator[Lease | None]:
        """The lease of a pull while nobody else pulls; None while another process holds it.

        A worker that runs the pull gives it back after the slot that it is at, and goes on afterwards.
        """
        process = self._of.get(pull.name)
        if process is None:
            with pull.lock:
                yield self._runner.lease(pull)
            return
        with self._turns[pull.name]:
            process.ask(Verb.GIVE_BACK, pull.name)
            try:
                yield self._runner.lease(pull)
            finally:
                self._runner.give_back(pull)

    def problems(self) -> list[str]:
        """A sentence for each worker that does not work."""
        return [process.problem for process in self._processes if process.problem is not None]

    def stop(self) -> None:
        """Tell the workers to end."""
        self._until = time.monotonic() + _END_SECONDS
        for process in self._processes:
            process.stop()

    def close(self) -> None:
        """Wait for their end; what takes too long is killed, which loses nothing."""
        if not self._until:
            self.stop()
        for process in self._processes:
            process.close(self._until)

    def _process(self, number: int, jobs: tuple[str, ...]) -> WorkerProcess:
        holder = f"{socket.gethostname()}:{os.getpid()}.{number}"
        task = Task.of(self._loaded, jobs, holder, log.getEffectiveLevel())
        return WorkerProcess(number, task, self._ended)

    def _ended(self, holder: str) -> None:
        """Let the leases of a worker that has ended be acquired at once, and count its end; if that fails, they run
        out."""
        try:
            release_of_dead(self._store, holder)
            with self._store.write() as connection:
                add_counts(connection, {tally_key("gatewatch_worker_restarts_total"): 1.0})
        except (MonitorError, DatabaseError) as exc:
            log.error("%s", exc)

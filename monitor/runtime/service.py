"""`gatewatch run`: the jobs at their slots and the HTTP server, until a signal ends them.

SIGTERM and SIGINT end everything within 5 seconds; SIGHUP reloads the plant file if it has no problems.
Interrupted work is abandoned or rolled back: its slot is run at the next start, or by another process.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from exporters.metrics.shared.snapshot import MetricsSnapshot
from monitor.clock import ClockWatch, WallClock
from monitor.delivery.direct import DirectNotifier
from monitor.errors import MonitorError, UsageError
from monitor.jobs.detect import DetectJob
from monitor.plant.file.load import LoadedPlant, difference, needs_restart
from monitor.runtime.app import App, bounds_of, make_app
from monitor.runtime.part_reader import PartReader
from monitor.runtime.people_reader import PeopleReader
from monitor.runtime.store_watch import StoreWatch
from monitor.scheduling.job import Job
from monitor.scheduling.runner import SlotOutcome
from monitor.scheduling.slots import SlotTrigger, due
from monitor.store.database.database import DatabaseError
from monitor.store.database.statements import TallyKey, add_counts, set_gauges, tally_key
from monitor.store.metrics import metrics_snapshot
from monitor.store.rounds import end_rounds
from monitor.web import webhook
from monitor.web.server import RunningServer, Views, serve
from monitor.web.server import make_app as make_server

log = logging.getLogger(__name__)

_THREADS = 8  # jobs mostly wait for a database; at the start all of them are due at once
_WAITING_THREADS = 64  # each waits for a job that a worker process runs
_POLL_SECONDS = 0.5
"""A signal that comes just before the main thread begins to wait, or to another thread, does not end the wait."""
_WORKERS = "workers"
_CLOCK_TOLERANCE = timedelta(seconds=1)
_SHUTDOWN_SECONDS = 3.0
_AFTER_PULLS = timedelta(seconds=5)


class Service:
    """A process that runs a plant: scheduler, jobs, server."""

    def __init__(
        self, app: App, reload: Callable[[], LoadedPlant], reports: Path, feed: Callable[[], object] | None = None
    ) -> None:
        self._app = app
        self._reload_plant = reload
        self._feed = feed
        self._reports = reports
        self._app_lock = threading.Lock()
        self._feed_lock = threading.Lock()
        self._running: Counter[str] = Counter()
        # A signal may arrive anywhere in the main thread; this queue's put, unlike an Event's set, is reentrant.
        self._signals: SimpleQueue[int] = SimpleQueue()
        self._ending = False
        self._clock_watch = ClockWatch(app.clock, _CLOCK_TOLERANCE)
        self._store_watch = StoreWatch(lambda: self._app.store, lambda: self._app.plant, app.clock, DirectNotifier())
        pools = {"default": ThreadPoolExecutor(_THREADS), _WORKERS: ThreadPoolExecutor(_WAITING_THREADS)}
        self._scheduler = BackgroundScheduler(timezone=UTC, executors=pools)
        self._scheduler.add_listener(_log_event, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES | EVENT_JOB_ERROR)

    def run(self, announce: Callable[[str], None]) -> None:
        """Run the server and the jobs until a signal; exits the process if a thread would keep it alive."""
        server = self._serve()
        announce(f"listening on http://{self._app.plant.server.host}:{server.port}/")
        self._listen_to_signals()
        self._store_watch.start()
        self._end_rounds()
        self._app.workers.start()
        self._scheduler.start()
        self._schedule()
        idle = False
        try:
            while not self._ending:
                if self._next_signal() == signal.SIGHUP:
                    self.reload()
        finally:
            idle = self._shut_down(server)
        if not idle:
            _exit_process()

    def _end_rounds(self) -> None:
        try:
            with self._app.store.write() as connection:
                end_rounds(connection)
        except (MonitorError, DatabaseError) as exc:
            log.error("%s", exc)

    def _next_signal(self) -> int | None:
        """The next signal, or None after a short wait."""
        try:
            return self._signals.get(timeout=_POLL_SECONDS)
        except Empty:
            # The scheduler sleeps by a clock that stops while the machine is suspended and ignores changes of the time.
            if self._clock_watch.step() is not None:
                # What it would run next was put at an instant of the clock as it was before.
                self._schedule()
            self._scheduler.wakeup()
            return None

    def _listen_to_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _frame: object) -> None:
        self._ending = self._ending or number != signal.SIGHUP
        self._signals.put(number)

    def _serve(self) -> RunningServer:
        parts = PartReader(lambda: self._app)
        views = Views(
            snapshot=self._snapshot,
            ready=self._problems,
            passport=parts.passport,
            reports=self._reports,
            bounds=lambda: bounds_of(self._app.plant, self._app.jobs),
            refusal=lambda authorization, size: webhook.refusal(self._app.plant, authorization, size),
            now=self._app.clock.now,
            receive=self._receive,
            picture=parts.picture,
            parts=parts.views,
            people=PeopleReader(lambda: self._app).views,
        )
        server = self._app.plant.server
        return serve(make_server(views), server.host, server.port)

    def _snapshot(self) -> MetricsSnapshot:
        with self._app.store.read() as connection:
            snapshot = metrics_snapshot(connection, self._app.clock.now(), causes=True)
        return replace(snapshot, store_writable=self._store_watch.problem is None)

    def _receive(self, body: bytes) -> webhook.Answer:
        app = self._app
        return webhook.receive(app.store, app.plant, [job.name for job in app.jobs], body, app.clock.now())

    def _problems(self) -> list[str]:
        problems = [] if self._scheduler.running else ["the scheduler is not running"]
        problems += self._app.workers.problems()
        try:
            self._snapshot()
        except MonitorError as exc:
            problems.append(str(exc))
        unwritable = self._store_watch.problem
        return problems if unwritable is None or unwritable in problems else [*problems, unwritable]

    def _schedule(self) -> None:
        self._scheduler.remove_all_jobs()
        for job in self._app.jobs:
            # Starts with its newest slot, run at once: from any other time on it would miss its slots forever.
            newest, _ = due(job.interval, None, self._app.clock.now())
            self._scheduler.add_job(
                self._run_job, SlotTrigger(job.interval, _lag(job)), args=[job.name], id=job.name, name=job.name,
                max_instances=1, coalesce=True, misfire_grace_time=None, next_run_time=newest,
                executor=_WORKERS if self._app.workers.runs(job.name) else "default",
            )  # fmt: skip

    def _run_job(self, name: str) -> None:
        with self._app_lock:
            app = self._app
            job = next((j for j in app.jobs if j.name == name), None)
            if job is None or app.runner.stop.is_set():
                return
            self._running[name] += 1
        try:
            if self._feed is not None:
                with self._feed_lock:
                    self._feed()
            if app.workers.catch_up(job) is SlotOutcome.ANOTHER_PROCESS:
                self._ask_again(name, app.clock.now() + app.plant.store.lease)
        except (MonitorError, DatabaseError) as exc:
            # The store cannot be used, so that the failure can only be logged.
            log.error("%s: %s", name, exc)
        finally:
            with self._app_lock:
                self._running[name] -= 1

    def _ask_again(self, name: str, at: datetime) -> None:
        """Ask for a job again when the lease of another process, which may be dead, has run out."""
        with suppress(JobLookupError):
            scheduled = self._scheduler.get_job(name)
            if scheduled is not None and scheduled.next_run_time is not None and scheduled.next_run_time > at:
                self._scheduler.modify_job(name, next_run_time=at)

    def _stop_jobs(self, app: App) -> bool:
        """Stop the jobs, wherever they run; False if one in this process is still at work after some seconds."""
        app.runner.stop.set()
        app.workers.stop()
        deadline = time.monotonic() + _SHUTDOWN_SECONDS
        while any(self._running.values()):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def reload(self) -> bool:
        """Apply a changed plant file; if it has problems, the old one stays in force and an alert fires."""
        try:
            loaded = self._reload_plant()
            keys = needs_restart(self._app.loaded, loaded)
            if keys:
                raise UsageError(f"plant file: {', '.join(keys)} changed, which requires a restart")
            new = make_app(loaded, WallClock(), simulated=False)
        except MonitorError as exc:
            log.error("plant file not reloaded, the old one stays in force:\n%s", exc)
            self._record_reload(str(exc))
            return False
        for line in difference(self._app.loaded, loaded):
            log.info("plant file: %s changed", line)
        self._swap(new)
        self._record_reload(None)
        return True

    def _swap(self, new: App) -> None:
        old = self._app
        self._scheduler.pause()
        # A job that does not end in time loses its lease by `close`, and with it the right to write.
        self._close(old, self._stop_jobs(old))
        new.workers.start()
        with self._app_lock:
            self._app = new
        self._schedule()
        self._scheduler.resume()

    def _close(self, app: App, idle: bool) -> None:
        try:
            if idle:
                app.save_states()
            app.close()
        except MonitorError as exc:
            log.error("%s", exc)

    def _record_reload(self, problem: str | None) -> None:
        try:
            self._write_reload(problem)
        except MonitorError as exc:
            log.error("%s", exc)

    def _write_reload(self, problem: str | None) -> None:
        result = "success" if problem is None else "failure"
        tallies: dict[TallyKey, float] = {tally_key("gatewatch_plant_reloads_total", result=result): 1.0}
        with self._app.store.write() as connection:
            add_counts(connection, tallies)
            set_gauges(connection, {tally_key("gatewatch_plant_last_reload_success"): float(problem is None)})

    def _shut_down(self, server: RunningServer) -> bool:
        self._store_watch.stop()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        idle = self._stop_jobs(self._app)
        self._app.workers.close()
        if idle:
            self._close(self._app, idle)
        server.stop()
        return idle


def _exit_process() -> None:
    """Exit although a thread still waits for a database; its open transaction is rolled back."""
    log.warning("exiting although a job still waits for a database; nothing is lost, its slot is run later")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _lag(job: Job) -> timedelta:
    """How long after its slot a job is run: machines are judged when the pulls of the slot have most likely ended."""
    return min(_AFTER_PULLS, job.interval / 4) if isinstance(job, DetectJob) else timedelta(0)


def _log_event(event: Any) -> None:
    log.warning("scheduler: job %s: %s", event.job_id, _EVENTS.get(event.code, event.code))


_EVENTS = {
    EVENT_JOB_MISSED: "missed because every thread was busy; the next slot makes up for it",
    EVENT_JOB_MAX_INSTANCES: "skipped because its last run has not ended; the next slot makes up for it",
    EVENT_JOB_ERROR: "failed outside the runner",
}

"""`gatewatch run`: the jobs at their slots and the HTTP server, until a signal ends them.

SIGTERM and SIGINT end everything within 5 seconds; SIGHUP checks the plant file and, if it is good, takes it over.
What a signal interrupts is given up or rolled back: its slot is served by the next start, or by another process.
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
from datetime import UTC
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from monitor.clock import WallClock
from monitor.errors import MonitorError, UsageError
from monitor.plant.file.load import LoadedPlant, difference, needs_restart
from monitor.reports.passport import passport
from monitor.runtime.app import App, bounds_of, make_app
from monitor.scheduling.slots import due, trigger
from monitor.store.database.database import DatabaseError
from monitor.store.database.statements import TallyKey, count, gauge, tallied
from monitor.store.metrics import metrics_snapshot
from monitor.web import webhook
from monitor.web.server import RunningServer, Views, serve
from monitor.web.server import make_app as make_server

log = logging.getLogger(__name__)

_THREADS = 8  # most of what jobs do is to wait for a database; at a start all of them are due at once
_LOOK_SECONDS = 0.5
"""A signal that comes just before the main thread begins to wait, or to another thread, ends no wait."""
_END_SECONDS = 3.0


class Service:
    """One process of a site: scheduler, jobs, server."""

    def __init__(
        self, app: App, reload: Callable[[], LoadedPlant], reports: Path, feed: Callable[[], object] | None = None
    ) -> None:
        self._app = app
        self._reload_plant = reload
        self._feed = feed
        self._reports = reports
        self._gate = threading.Lock()
        self._feeding = threading.Lock()
        self._running: Counter[str] = Counter()
        # A signal may arrive anywhere in the main thread: this queue's put, unlike an Event's set, can never deadlock.
        self._signals: SimpleQueue[int] = SimpleQueue()
        self._ending = False
        self._scheduler = BackgroundScheduler(timezone=UTC, executors={"default": ThreadPoolExecutor(_THREADS)})
        self._scheduler.add_listener(_heard, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES | EVENT_JOB_ERROR)

    def run(self, announce: Callable[[str], None]) -> None:
        """Serve and work until a signal says otherwise; ends the process where a thread would not let it."""
        server = self._serve()
        announce(f"listening on http://{self._app.plant.server.host}:{server.port}/")
        self._listen_to_signals()
        self._scheduler.start()
        self._schedule()
        quiet = False
        try:
            while not self._ending:
                if self._signal() == signal.SIGHUP:
                    self.reload()
        finally:
            quiet = self._end(server)
        if not quiet:
            _leave()

    def _signal(self) -> int | None:
        """The next signal; None where there was none for a while."""
        try:
            return self._signals.get(timeout=_LOOK_SECONDS)
        except Empty:
            # The scheduler sleeps by a clock that stands still in a suspended machine and knows of no set clock.
            self._scheduler.wakeup()
            return None

    def _listen_to_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _frame: Any) -> None:
        self._ending = self._ending or number != signal.SIGHUP
        self._signals.put(number)

    def _serve(self) -> RunningServer:
        views = Views(
            snapshot=self._snapshot,
            ready=self._problems,
            passport=self._passport,
            reports=self._reports,
            bounds=lambda: bounds_of(self._app.plant, self._app.jobs),
            refusal=lambda authorization, size: webhook.refusal(self._app.plant, authorization, size),
            receive=lambda body: webhook.receive(self._app.store, self._app.plant, body, self._app.clock.now()),
        )
        server = self._app.plant.server
        return serve(make_server(views), server.host, server.port)

    def _snapshot(self) -> Any:
        with self._app.store.read() as connection:
            return metrics_snapshot(connection, self._app.clock.now())

    def _passport(self, serial: str) -> dict[str, object] | None:
        with self._app.store.read() as connection:
            return passport(connection, serial)

    def _problems(self) -> list[str]:
        problems = [] if self._scheduler.running else ["the scheduler does not run"]
        try:
            self._snapshot()
        except MonitorError as exc:
            problems.append(str(exc))
        return problems

    def _schedule(self) -> None:
        self._scheduler.remove_all_jobs()
        for job in self._app.jobs:
            # From its newest slot on, served at once: from any other time on it would miss its slots for ever.
            newest, _ = due(job.interval, None, self._app.clock.now())
            self._scheduler.add_job(
                self._work, trigger(job.interval), args=[job.name], id=job.name, name=job.name,
                max_instances=1, coalesce=True, misfire_grace_time=None, next_run_time=newest,
            )  # fmt: skip

    def _work(self, name: str) -> None:
        with self._gate:
            app = self._app
            job = next((j for j in app.jobs if j.name == name), None)
            if job is None or app.runner.stop.is_set():
                return
            self._running[name] += 1
        try:
            if self._feed is not None:
                with self._feeding:
                    self._feed()
            app.runner.catch_up(job)
        except (MonitorError, DatabaseError) as exc:
            # The store itself cannot be used: there is nowhere to record it but the log.
            log.error("%s: %s", name, exc)
        finally:
            with self._gate:
                self._running[name] -= 1

    def _quiet(self, seconds: float) -> bool:
        """Whether no job is at work, after waiting for that at most so long."""
        deadline = time.monotonic() + seconds
        while any(self._running.values()):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def reload(self) -> bool:
        """Take over a changed plant file if it is good; else the old one stays, and that is an alert."""
        try:
            loaded = self._reload_plant()
            fixed = needs_restart(self._app.loaded, loaded)
            if fixed:
                raise UsageError(f"plant file: {', '.join(fixed)} changed; that needs a restart")
            new = make_app(loaded, WallClock(), simulated=False)
        except MonitorError as exc:
            log.error("plant file not taken over, the old one stays in force:\n%s", exc)
            self._note_reload(str(exc))
            return False
        for line in difference(self._app.loaded, loaded):
            log.info("plant file: %s changed", line)
        self._swap(new)
        self._note_reload(None)
        return True

    def _swap(self, new: App) -> None:
        old = self._app
        self._scheduler.pause()
        old.runner.stop.set()
        # A job that does not end in time loses its lease with `close`, and so the right to write.
        self._put_away(old, self._quiet(_END_SECONDS))
        with self._gate:
            self._app = new
        self._schedule()
        self._scheduler.resume()

    def _put_away(self, app: App, quiet: bool) -> None:
        try:
            if quiet:
                app.save_states()
            app.close()
        except MonitorError as exc:
            log.error("%s", exc)

    def _note_reload(self, problem: str | None) -> None:
        try:
            self._write_reload(problem)
        except MonitorError as exc:
            log.error("%s", exc)

    def _write_reload(self, problem: str | None) -> None:
        result = "success" if problem is None else "failure"
        tallies: dict[TallyKey, float] = {tallied("gatewatch_plant_reloads_total", result=result): 1.0}
        with self._app.store.write() as connection:
            count(connection, tallies)
            gauge(connection, {tallied("gatewatch_plant_last_reload_success"): float(problem is None)})

    def _end(self, server: RunningServer) -> bool:
        self._app.runner.stop.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        quiet = self._quiet(_END_SECONDS)
        if quiet:
            self._put_away(self._app, quiet)
        server.stop()
        return quiet


def _leave() -> None:
    """End the process beside a thread that still waits for a database; what it had not committed is rolled back."""
    log.warning("a job still waits for a database: ended without it; nothing is lost, its slot is served later")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _heard(event: Any) -> None:
    log.warning("scheduler: job %s: %s", event.job_id, _EVENTS.get(event.code, event.code))


_EVENTS = {
    EVENT_JOB_MISSED: "its time passed while every thread was busy; the next slot makes up for it",
    EVENT_JOB_MAX_INSTANCES: "its last run still goes on; the next slot makes up for it",
    EVENT_JOB_ERROR: "it failed outside the runner",
}

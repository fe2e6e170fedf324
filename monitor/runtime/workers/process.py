"""One worker process as the service sees it: started, given orders, and started again when it dies."""

from __future__ import annotations

import itertools
import logging
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from typing import IO, cast

from monitor.runtime.workers.messages import Answer, Order, Task, Verb

log = logging.getLogger(__name__)

_PAUSES = (1.0, 60.0)
"""Seconds before a worker is started again: after the first death, and after many of workers that did not live long."""
_LONG_SECONDS = 60.0
_KILLED_SECONDS = 0.5


class WorkerProcess:
    """A worker and its successors, one at a time. When one is gone, `ended` is called with its name as a holder of
    leases, before another is started.

    `problem` says why there is no worker that works; None while there is one, or the first is still starting.
    """

    def __init__(self, number: int, task: Task, ended: Callable[[str], None]) -> None:
        self._name = f"worker {number}"
        self._task = task
        self._holder = ""
        self._ended = ended
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._refusal = ""
        self._asked: dict[int, Future[Answer | None]] = {}
        self._numbers = itertools.count(1)
        self._over = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name=self._name, daemon=True)
        self.problem: str | None = None

    def start(self) -> None:
        """Start it; it imports what it needs while this process goes on."""
        self._begin()
        self._keeper.start()

    def ask(self, verb: Verb, job: str) -> Answer | None:
        """Wait for the answer to an order; None if there is no worker, or it ended before it answered."""
        answer: Future[Answer | None] = Future()
        with self._lock:
            number = next(self._numbers)
            if self._child is None or not _write(self._child, Order(number, verb, job).line()):
                return None
            self._asked[number] = answer
        return answer.result()

    def stop(self) -> None:
        """Tell it to end; one that has not begun to work has nothing to save and is killed."""
        with self._lock:
            self._over.set()
            if self._child is None:
                return
            if not (self._ready and _write(self._child, Order(0, Verb.END).line())):
                self._child.kill()

    def close(self, until: float) -> None:
        """Wait for its end after `stop`, until an instant of the monotonic clock; then it is killed."""
        self._keeper.join(max(0.0, until - time.monotonic()))
        with self._lock:
            if self._child is not None:
                self._child.kill()
        self._keeper.join(_KILLED_SECONDS)

    def _keep(self) -> None:
        pause = _PAUSES[0]
        while True:
            began, child = time.monotonic(), self._child
            if child is not None:
                self._listen(child)
                self._bury(child)
            if time.monotonic() - began > _LONG_SECONDS:
                pause = _PAUSES[0]
            if self._over.wait(pause):
                return
            pause = min(2 * pause, _PAUSES[1])
            self._begin()

    def _begin(self) -> None:
        """Start a process and give it its task."""
        with self._lock:
            if self._over.is_set():
                return
            self._ready, self._refusal = False, ""
            try:
                self._child = _start()
            except OSError as exc:
                self._tell(f"cannot be started: {exc.strerror or exc}")
                return
            # As another holder than its predecessor, of which a late write may still be under way.
            self._holder = f"{self._task.holder}:{uuid.uuid4().hex[:8]}"
            _write(self._child, replace(self._task, holder=self._holder).line())  # if it is gone, its keeper notices

    def _listen(self, child: subprocess.Popen[bytes]) -> None:
        """Hand out what it answers, until it ends."""
        for line in cast("IO[bytes]", child.stdout):
            answer = Answer.read(line)
            with self._lock:
                if answer.number:
                    self._asked.pop(answer.number).set_result(answer)
                elif answer.error:
                    self._refusal = answer.error
                else:
                    self._ready, self.problem = True, None

    def _bury(self, child: subprocess.Popen[bytes]) -> None:
        """What is left to do for one that has ended: nobody waits for it, and its leases are free."""
        code = child.wait()
        with self._lock:
            self._child = None
            waiting = list(self._asked.values())
            self._asked.clear()
            if not self._over.is_set():
                self._tell(_sentence(code) if self._ready else f"cannot be started: {self._refusal or _sentence(code)}")
        for stream in (child.stdin, child.stdout):
            with suppress(OSError):  # what could not be sent
                cast("IO[bytes]", stream).close()
        # At the end nobody waits for its leases, and a store that is locked must not be waited for.
        if not self._over.is_set():
            self._ended(self._holder)
        for answer in waiting:
            answer.set_result(None)

    def _tell(self, what: str) -> None:
        jobs = ", ".join(self._task.jobs)
        self.problem = f"{self._name} {what}; it is started again, nothing is lost, its jobs wait for it: {jobs}"
        log.error("%s", self.problem)


def _start() -> subprocess.Popen[bytes]:
    """A new interpreter, never a copy of this process, whose threads hold locks; Ctrl-C is for the service alone."""
    command = [sys.executable, "-m", "monitor.runtime.workers"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0)  # noqa: S603


def _write(child: subprocess.Popen[bytes], line: bytes) -> bool:
    """Send a line; False if the process is gone."""
    pipe = cast("IO[bytes]", child.stdin)
    try:
        pipe.write(line)
        pipe.flush()
    except OSError:
        return False
    return True


def _sentence(code: int) -> str:
    """How a process ended."""
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

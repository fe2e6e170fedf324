"""Workers that are forked beforehand, so that no test waits for imports; the real start is the service's tests'."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import pytest
from fork_kit import ended, forked

from monitor.runtime.workers import process, worker


class Forked:
    """What a WorkerProcess uses of a `subprocess.Popen`: a worker that waits for its task."""

    def __init__(self, failpoint: str) -> None:
        (orders, given), (taken, answers) = os.pipe(), os.pipe()

        def work() -> None:
            os.environ["GATEWATCH_FAILPOINT"] = failpoint
            os.close(given)
            os.close(taken)
            worker.work(os.fdopen(orders, "rb"), os.fdopen(answers, "wb", buffering=0))

        self.pid = forked(work)
        os.close(orders)
        os.close(answers)
        self.stdin = os.fdopen(given, "wb")
        self.stdout = os.fdopen(taken, "rb")
        self.code: int | None = None

    def kill(self) -> None:
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        if self.code is None:
            self.code = ended(self.pid)
        return self.code


@contextmanager
def forked_workers(failpoints: Sequence[str]) -> Iterator[list[Forked]]:
    """A worker for each failpoint ('': none), to be started in this order; forked while there are no threads yet."""
    made = [Forked(failpoint) for failpoint in failpoints]
    waiting = iter(made)

    def start() -> subprocess.Popen[bytes]:
        return cast("subprocess.Popen[bytes]", next(waiting))

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(process, "_start", start)
            yield made
    finally:
        for one in made:
            one.kill()
            one.wait()

"""Processes of ours: what each begins with, and children that keep slow imports and long work out of the jobs' process.

The parent has a `Worker`; the module that it names ends in `serve(work)`. A request is the path of a folder, which
holds the input and receives the output. A child ends with its parent, however that ends.
"""

from __future__ import annotations

import ctypes
import gc
import io
import logging
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn, TypeVar, cast

if TYPE_CHECKING:
    from numpy.typing import NDArray

First = TypeVar("First")
Arrays = tuple["NDArray[Any]", ...]

SECOND_CORE = "--second-core"
"""The argument with which a child may use a second core."""
_SECOND_CORE = threading.Event()
_PR_SET_PDEATHSIG = 1
_BEAT_SECONDS = 1.0
_DONE = b"done\n"
# A batch makes thousands of objects and no cycles: looking for cycles at every 700 takes 7 % of a replay's time.
OBJECTS_BEFORE_COLLECTION = 20_000


def set_up(log_level: int) -> None:
    """What the command line and each process that runs jobs begin with: garbage collector, and log on stderr."""
    gc.set_threshold(OBJECTS_BEFORE_COLLECTION)
    logging.basicConfig(level=log_level, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr, force=True)
    for chatty in ("alembic", "apscheduler", "mlflow", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    requests: IO[bytes]
    answers: IO[bytes]
    log: IO[bytes]

    def kill(self) -> str:
        """Kill it; returns the last line of its standard error."""
        self.process.kill()
        self.process.wait()
        self.log.seek(0)
        lines = self.log.read().decode("utf-8", "replace").strip().splitlines()
        for stream in (self.requests, self.answers, self.log):
            stream.close()
        return lines[-1] if lines else ""


class Worker:
    """A child process that works on one folder after the other and keeps its imports.

    `arguments` follow the parent's process id on the child's command line.
    `last_stderr_line` is that of a child that ended before its work was done.
    """

    def __init__(self, module: str, arguments: Sequence[str] = ()) -> None:
        self._module = module
        self._arguments = tuple(arguments)
        self._child: _Child | None = None
        self.last_stderr_line = ""

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the child unless it is running; it does its imports in the background."""
        if self._child is None:
            self._child = _start(self._module, self._arguments)

    def work(self, folder: Path, beat: Callable[[], None], seconds: float = float("inf")) -> bool:
        """Have the child work on a folder; False if that took longer than `seconds`.

        `beat` is called about once a second. The child is killed if `beat` raises or the time is over. Whether the
        work succeeded is for the caller to read from the folder.
        """
        self.start()
        in_time = False
        try:
            in_time = self._request(folder, beat, time.monotonic() + seconds)
        finally:
            if not in_time:
                self.stop()
        return in_time

    def stop(self) -> None:
        """Kill the child, also in the middle of its work; the next call of `work` starts another."""
        child, self._child = self._child, None
        if child is not None:
            self.last_stderr_line = child.kill()

    def _request(self, folder: Path, beat: Callable[[], None], until: float) -> bool:
        child = self._child
        if child is None or not _send(child, folder):
            self.stop()
            return True
        while (left := until - time.monotonic()) > 0:
            if select.select([child.answers], [], [], min(_BEAT_SECONDS, left))[0]:
                if child.answers.readline() != _DONE:
                    self.stop()
                return True
            beat()
        return False


def _start(module: str, arguments: Sequence[str]) -> _Child:
    log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", module, str(os.getpid()), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        bufsize=0,
    )
    return _Child(process, cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout), log)


def _send(child: _Child, folder: Path) -> bool:
    try:
        child.requests.write(f"{folder}\n".encode())
    except BrokenPipeError:
        return False
    return True


def serve(work: Callable[[Path], None]) -> None:
    """The child's side: call `work` on each folder that the parent sends, until the parent ends or `work` raises."""
    die_with_parent(int(sys.argv[1]))
    # Keep the output of libraries apart from the answers.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    for line in sys.stdin:
        work(Path(line.rstrip("\n")))
        answers.write(_DONE)


def die_with_parent(parent: int) -> None:
    """Ask Linux to kill this process when its parent ends, so that a killed run leaves no child behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit(3)


def use_second_core() -> None:
    """Let `both` use a second core from now on, if there is one that libraries do not use already."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    if cores > 1 and os.environ.get("OMP_NUM_THREADS") == "1":
        _SECOND_CORE.set()


def both(first: Callable[[], First], second: Callable[[], Arrays]) -> tuple[First, Arrays]:
    """The results of two functions that do not depend on each other, the same on one core and on two.

    On two cores a copy of this process computes the second one. Only the first one may run torch backwards. What goes
    wrong in the copy is done again here, so that an exception is raised as ever.
    """
    if not _SECOND_CORE.is_set():
        return first(), second()
    reading, writing = os.pipe()
    parent = os.getpid()
    copy = os.fork()
    if not copy:
        _answer(writing, second, parent)
    os.close(writing)
    with os.fdopen(reading, "rb") as answers:
        try:
            found, answer = first(), answers.read()
        except BaseException:
            os.kill(copy, signal.SIGKILL)
            raise
        finally:
            os.waitpid(copy, 0)
    return found, _unpacked(answer) if answer.endswith(_DONE) else second()


def _answer(writing: int, work: Callable[[], Arrays], parent: int) -> NoReturn:
    """The copy's side: write the result, or nothing, and end without any of the parent's clean-up."""
    try:
        die_with_parent(parent)
        content = _packed(work())
        with os.fdopen(writing, "wb") as answers:
            answers.write(content)
    finally:
        os._exit(0)


def _packed(arrays: Arrays) -> bytes:
    from numpy.lib import format as npy

    content = io.BytesIO()
    for array in arrays:
        npy.write_array(content, array, allow_pickle=False)
    return content.getvalue() + _DONE


def _unpacked(answer: bytes) -> Arrays:
    from numpy.lib import format as npy

    content = io.BytesIO(answer)
    arrays: Arrays = ()
    while content.tell() < len(answer) - len(_DONE):
        arrays = (*arrays, npy.read_array(content, allow_pickle=False))
    return arrays

"""A program in a process of its own, forked so that its imports are paid once, with all that it prints."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from run_kit import run_folder


@dataclass(frozen=True, slots=True)
class Said:
    """What a program printed, and its exit code (minus the signal that killed it)."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Started:
    """A program under way."""

    pid: int
    folder: Path

    def out(self) -> str:
        """What it printed so far."""
        return (self.folder / "out").read_text(encoding="utf-8", errors="replace")

    def err(self) -> str:
        """What it told on standard error so far."""
        return (self.folder / "err").read_text(encoding="utf-8", errors="replace")

    def end(self) -> Said:
        """Wait for its end."""
        return Said(ended(self.pid), self.out(), self.err())


def start_program(
    main: Callable[[], object], cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> Started:
    """Start `main` as a program: it prints to files and leaves as sys.exit says."""
    folder = Path(tempfile.mkdtemp(prefix="printed-", dir=run_folder()))
    (folder / "out").touch()
    (folder / "err").touch()

    def work() -> None:
        _redirect(folder)
        if cwd is not None:
            os.chdir(cwd)
        _leave(main)

    return Started(forked(work, environment), folder)


def _leave(main: Callable[[], object]) -> NoReturn:
    code: object = None
    try:
        main()
    except SystemExit as leaving:
        code = leaving.code
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def _redirect(folder: Path) -> None:
    for number, name in ((1, "out"), (2, "err")):
        file = os.open(folder / name, os.O_WRONLY | os.O_APPEND)
        os.dup2(file, number)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - a descriptor, for the whole process
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115


def forked(work: Callable[[], object], environment: Mapping[str, str] | None = None) -> int:
    """Start `work` in a process of its own; its process id."""
    assert may_fork(), "a library has a pool of threads here: what is forked would wait for them for ever"
    pid = os.fork()
    if pid:
        return pid
    try:
        gc.freeze()  # what is here belongs to the process before: to look through it would copy its memory
        os.environ.update(environment or {})
        _without_dead_threads()
        work()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


_HARMLESS = "jemalloc_bg_thd"
"""The thread with which a memory allocator cleans up."""


def may_fork() -> bool:
    """Whether no library has a pool of threads here: it is not forked, and what is given to it would wait for ever."""
    names = [file.read_text(encoding="utf-8").strip() for file in Path("/proc/self/task").glob("*/comm")]
    return len([name for name in names if name != _HARMLESS]) <= len(sys._current_frames())  # one a thread of Python


def _without_dead_threads() -> None:
    """Forget the pools of Apprise: their threads are not forked, and what is given to them would wait for ever."""
    apprise = sys.modules.get("apprise.apprise")
    for pool in ("_shared_executor", "_coordinator_executor") if apprise else ():
        assert hasattr(apprise, pool), f"Apprise has no {pool} any more"
        setattr(apprise, pool, None)


def ended(pid: int) -> int:
    """Wait for a process; its exit code, or minus the signal that killed it."""
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)

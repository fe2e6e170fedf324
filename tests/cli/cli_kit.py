"""The real command line in a process of its own, forked so that its imports are paid once."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from plant_kit import START, ended, forked

NOW = START + timedelta(days=3)
"""When the commands run: all of the history is there, and none of it is too old to be kept."""
LATER = NOW + timedelta(hours=2)
"""Every slot is due again."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, and its exit code (minus the signal that killed it)."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Started:
    """A command under way."""

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


def start(
    *arguments: str | Path,
    cwd: Path | None = None,
    before: Callable[[], object] | None = None,
    environment: Mapping[str, str] | None = None,
    at: datetime | None = NOW,
) -> Started:
    """Start `gatewatch ARGUMENTS`; the clock begins at `at`, `before` runs in the new process first.

    Without `at` the clock is the real one: what a scheduler wakes must not read one that lags by the time a fork takes.
    """
    folder = Path(tempfile.mkdtemp(prefix="gatewatch-cli-"))
    (folder / "out").touch()
    (folder / "err").touch()

    def work() -> None:
        _redirect(folder)
        if at is not None:
            _begin_clock(at)
        if cwd is not None:
            os.chdir(cwd)
        if before is not None:
            before()
        sys.argv = ["gatewatch", *map(str, arguments)]
        from monitor.cli import main

        try:
            main()
        except SystemExit as leaving:
            _flush()
            os._exit(leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None))
        _flush()

    return Started(forked(work, environment), folder)


def gatewatch(
    *arguments: str | Path,
    cwd: Path | None = None,
    before: Callable[[], object] | None = None,
    environment: Mapping[str, str] | None = None,
    at: datetime = NOW,
) -> Said:
    """Run `gatewatch ARGUMENTS` to its end."""
    return start(*arguments, cwd=cwd, before=before, environment=environment, at=at).end()


def _begin_clock(at: datetime) -> None:
    from monitor.clock import WallClock

    began = datetime.now(UTC)
    WallClock.now = lambda _: at + (datetime.now(UTC) - began)  # type: ignore[method-assign]


def _redirect(folder: Path) -> None:
    for number, name in ((1, "out"), (2, "err")):
        file = os.open(folder / name, os.O_WRONLY | os.O_APPEND)
        os.dup2(file, number)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - a descriptor, for the whole process
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()

"""The real command line in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fork_kit import Said, Started, start_program
from plant_kit import START

__all__ = ["LATER", "NOW", "Said", "Started", "gatewatch", "start"]

NOW = START + timedelta(days=3)
"""When the commands run: all of the history is there, and none of it is too old to be kept."""
LATER = NOW + timedelta(hours=2)
"""Every slot is due again."""


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

    def main() -> None:
        if at is not None:
            _begin_clock(at)
        if before is not None:
            before()
        sys.argv = ["gatewatch", *map(str, arguments)]
        from monitor.cli import main as gatewatch_main

        gatewatch_main()

    return start_program(main, cwd, environment)


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

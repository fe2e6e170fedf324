"""Progress display on standard error: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from types import TracebackType
from typing import Self

from tqdm import tqdm

_LINE_SECONDS = 5.0


class _Display:
    """The display of the progress of one task."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._bar = None
        if sys.stderr.isatty():
            bar_format = "{l_bar}{bar}| {elapsed} < {remaining}"
            self._bar = tqdm(total=100.0, desc=label, bar_format=bar_format, leave=False, file=sys.stderr)
        self._last_line = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def show(self, percent: float, position: str) -> None:
        """Show the progress; `position` is the same in units of the task."""
        if self._bar is not None:
            self._bar.update(percent - self._bar.n)
        elif time.monotonic() - self._last_line >= _LINE_SECONDS:
            self._last_line = time.monotonic()
            sys.stderr.write(f"{self._label}: {percent:.0f} % ({position})\n")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()


class Progress(_Display):
    """The progress of a simulated clock from `start` to `end`."""

    def __init__(self, label: str, start: datetime, end: datetime) -> None:
        super().__init__(label)
        self._start = start
        self._seconds = max((end - start).total_seconds(), 1e-9)

    def reached(self, at: datetime) -> None:
        """The clock has reached `at`."""
        percent = 100 * (at - self._start).total_seconds() / self._seconds
        self.show(percent, f"{at:%Y-%m-%d %H:%M} UTC")


class ShareProgress(_Display):
    """The progress of a task that knows which share of it is done."""

    def reached(self, share: float, what: str) -> None:
        """The share (0 to 1) that is done, and what is being done."""
        self.show(100 * share, what)


class CountProgress(_Display):
    """The progress of a count up to `total`."""

    def __init__(self, label: str, total: int) -> None:
        super().__init__(label)
        self._total = total

    def reached(self, count: int) -> None:
        """The count has reached `count`."""
        self.show(100 * count / max(self._total, 1), f"{count} of {self._total}")

"""Progress of long work: a bar on a terminal, plain lines elsewhere, always on standard error."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from types import TracebackType
from typing import Self

from tqdm import tqdm

_LINE_SECONDS = 5.0


class _Shown:
    """What is seen of the progress of one piece of work."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._bar = None
        if sys.stderr.isatty():
            shape = "{l_bar}{bar}| {elapsed} < {remaining}"
            self._bar = tqdm(total=100.0, desc=label, bar_format=shape, leave=False, file=sys.stderr)
        self._said = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def show(self, percent: float, where: str) -> None:
        """So much is done; `where` says it in the words of the work."""
        if self._bar is not None:
            self._bar.update(percent - self._bar.n)
        elif time.monotonic() - self._said >= _LINE_SECONDS:
            self._said = time.monotonic()
            sys.stderr.write(f"{self._label}: {percent:.0f} % ({where})\n")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()


class Progress(_Shown):
    """Follows a simulated clock from `start` to `end`."""

    def __init__(self, label: str, start: datetime, end: datetime) -> None:
        super().__init__(label)
        self._start = start
        self._whole = max((end - start).total_seconds(), 1e-9)

    def reached(self, at: datetime) -> None:
        """The clock stands at `at`."""
        percent = 100 * (at - self._start).total_seconds() / self._whole
        self.show(percent, f"{at:%Y-%m-%d %H:%M} UTC")


class CountProgress(_Shown):
    """Counts things up to `total`."""

    def __init__(self, label: str, total: int) -> None:
        super().__init__(label)
        self._total = total

    def reached(self, done: int) -> None:
        """So many are done."""
        self.show(100 * done / max(self._total, 1), f"{done} of {self._total}")

"""Progress of long work: a bar on a terminal, plain lines elsewhere, always on standard error."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from types import TracebackType

from tqdm import tqdm

_LINE_SECONDS = 5.0


class Progress:
    """Follows a simulated clock from `start` to `end`."""

    def __init__(self, label: str, start: datetime, end: datetime) -> None:
        self._label = label
        self._start = start
        self._whole = max((end - start).total_seconds(), 1e-9)
        self._bar = None
        if sys.stderr.isatty():
            shape = "{l_bar}{bar}| {elapsed} < {remaining}"
            self._bar = tqdm(total=100.0, desc=label, bar_format=shape, leave=False, file=sys.stderr)
        self._said = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def reached(self, at: datetime) -> None:
        """The clock stands at `at`."""
        percent = 100 * (at - self._start).total_seconds() / self._whole
        if self._bar is not None:
            self._bar.update(percent - self._bar.n)
        elif time.monotonic() - self._said >= _LINE_SECONDS:
            self._said = time.monotonic()
            sys.stderr.write(f"{self._label}: {percent:.0f} % ({at:%Y-%m-%d %H:%M} UTC)\n")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()

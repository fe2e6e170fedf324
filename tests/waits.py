"""Waiting for an event. No test waits for a time: a busy machine would fail it, and an idle one would only stand by."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from typing import TypeVar

HANGS = 300.0
"""Seconds after which what is waited for will not come any more: ends what hangs, and says nothing of speed."""

T = TypeVar("T")


def until(condition: Callable[[], T], what: str, seconds: float = HANGS, pause: float = 0.02) -> T:
    """What `condition` answers as soon as that is true; `pause` are the seconds between two looks."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"in vain waited for: {what}"
        time.sleep(pause)


def gone(pid: int) -> bool:
    """Whether a process, also one that is no child of this one, has ended or ends within half a minute."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], 30)[0])
    finally:
        os.close(process)

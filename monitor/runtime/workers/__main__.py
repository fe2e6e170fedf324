"""The program of a worker process. Its parent alone ends it: by an order, or by ending."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Ignore the signals that are sent to all processes of a terminal or of a service, then work."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # Keep the output of libraries apart from the answers.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    from monitor.runtime.workers.worker import work  # only now: a signal may come, or a library print, meanwhile

    work(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()

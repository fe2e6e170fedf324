"""The program of a worker process. Its parent alone ends it: by an order, or by ending."""

from __future__ import annotations

import signal


def main() -> None:
    """Ignore the signals that are sent to all processes of a terminal or of a service, then work."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    from monitor.runtime.workers.worker import work  # only now: a signal may come while it is imported

    work()


if __name__ == "__main__":
    main()

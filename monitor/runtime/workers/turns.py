"""A lock that is given in the order in which it was asked for."""

from __future__ import annotations

import threading


class Turns:
    """Lets one thread in at a time, first come, first served.

    Who takes turn after turn, as a comparison of many hours does, does not keep others waiting until its end.
    """

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._given = 0
        self._at = 0

    def __enter__(self) -> None:
        with self._change:
            mine = self._given
            self._given += 1
            self._change.wait_for(lambda: self._at == mine)

    def __exit__(self, *_: object) -> None:
        with self._change:
            self._at += 1
            self._change.notify_all()

"""Asking a gate's model under a time limit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from datetime import timedelta
from queue import SimpleQueue

from monitor.model import Decision, Prediction, Reason
from monitor.ports import GateModel

Judged = list[tuple[Prediction | None, Decision]]


@dataclass(frozen=True, slots=True)
class InForce:
    """The model a gate uses for one batch: an explicit input, recorded with every decision.

    `refused` says why there is none to ask: `no_model`, or `bad_model` when the one in force did not verify.
    `withheld` says why what it predicts is recorded and not acted upon: `no_skill` while its realised skill is absent.
    """

    model: GateModel | None
    refused: Reason | None
    name: str = ""
    version: str = ""
    digest: str = ""
    withheld: Reason | None = None


class Deadline:
    """Runs a model with a time limit, in a thread of its own; one that hangs is left behind."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._waiting: SimpleQueue[tuple[Callable[[], Judged], Future[Judged]]] = SimpleQueue()
        # A daemon, so that a model that hangs keeps no process from ending.
        threading.Thread(target=_serve, args=(self._waiting,), name="gate", daemon=True).start()

    def call(self, work: Callable[[], Judged], limit: timedelta) -> Judged | None:
        """The result, or None when it took longer than `limit`; what the work raises is raised here."""
        future: Future[Judged] = Future()
        self._waiting.put((work, future))
        try:
            return future.result(timeout=limit.total_seconds())
        except FutureTimeoutError:
            self._start()
            return None


def _serve(waiting: SimpleQueue[tuple[Callable[[], Judged], Future[Judged]]]) -> None:
    while True:
        work, future = waiting.get()
        try:
            future.set_result(work())
        except Exception as exc:  # noqa: BLE001 - handed to the caller, who raises it
            future.set_exception(exc)

"""Running a gate's model with a time limit."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from datetime import timedelta
from queue import SimpleQueue
from typing import TypeVar

from monitor.model import Decision, Prediction, Reason
from monitor.plant.gates import GateConfig
from monitor.ports import GateModel

Judged = list[tuple[Prediction | None, Decision]]
Judgeable = TypeVar("Judgeable")
Request = tuple[Callable[[], Judged], Future[Judged]]


@dataclass(frozen=True, slots=True)
class InForce:
    """The model a gate uses for one batch: an explicit input, recorded with every decision.

    `refused` says why there is none: `no_model`, or `bad_model` if the one in force failed verification.
    `withheld` says why its predictions are recorded but not used: `no_skill` while it has no realised skill,
    `not_calibrated` while too many outcomes lie outside its intervals. `held_out`: by serial what the model said of
    parts that it was not fitted to.
    """

    model: GateModel | None
    refused: Reason | None
    name: str = ""
    version: str = ""
    digest: str = ""
    withheld: Reason | None = None
    held_out: Mapping[str, Prediction] = field(default_factory=dict)


BATCH_OF_PICTURES = 16
"""Parts that a gate of pictures judges at once: each takes some 0.05 s, and the time limit is one for the batch."""
BATCH_OF_ADJUSTED = 50
"""Parts that a gate with adjustments judges at once: of each the model may be asked about hundreds of settings."""


def batches_of(gate: GateConfig, parts: Sequence[Judgeable]) -> Iterator[Sequence[Judgeable]]:
    """The parts in batches that each have the gate's time limit: all at once, or some where each may take long."""
    size = BATCH_OF_ADJUSTED if gate.adjustments else len(parts)
    size = size if gate.picture is None else BATCH_OF_PICTURES
    return (parts[start : start + size] for start in range(0, len(parts), size))


class Deadline:
    """Runs a model with a time limit, in its own thread; a thread that hangs is replaced, and ends when it can.

    The thread ends with this object.
    """

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._requests: SimpleQueue[Request | None] = SimpleQueue()
        self._end = weakref.finalize(self, self._requests.put, None)
        # A daemon, so that a model that hangs does not keep the process from ending.
        threading.Thread(target=_serve, args=(self._requests,), name="gate", daemon=True).start()

    def call(self, work: Callable[[], Judged], limit: timedelta) -> Judged | None:
        """The result of the work, or None if it took longer than `limit`; exceptions are re-raised."""
        future: Future[Judged] = Future()
        self._requests.put((work, future))
        try:
            return future.result(timeout=limit.total_seconds())
        except FutureTimeoutError:
            self._end()
            self._start()
            return None


def _serve(requests: SimpleQueue[Request | None]) -> None:
    while (request := requests.get()) is not None:
        _answer(*request)
        del request  # else the model and what it said would be kept until the next


def _answer(work: Callable[[], Judged], future: Future[Judged]) -> None:
    try:
        future.set_result(work())
    except Exception as exc:  # noqa: BLE001 - re-raised by the caller
        future.set_exception(exc)

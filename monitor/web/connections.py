"""Limits on the HTTP server's connections: their number, how long each may take, the size of headers.

uvicorn bounds only the time between two requests, and any byte lifts that bound, so half a request could hold a
connection, and with it a file handle, for ever.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may take. A byte now and then gives no more time for headers or body, only for the answer."""

    connections: int = 64
    header_seconds: float = 10.0
    body_seconds: float = 30.0
    stalled_seconds: float = 30.0
    """How long a client may read nothing of an answer."""
    header_bytes: int = 16 * 1024
    check_seconds: float = 1.0


class _Phase(Enum):
    """What a connection waits for."""

    HEADERS = "headers"
    BODY = "body"
    ANSWER = "answer"
    READER = "reader"


class LimitedProtocol(H11Protocol):
    """uvicorn's protocol with limits. A connection over the number takes the place of the one that waited longest."""

    limits: ClassVar[Limits] = Limits()

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._since = self.loop.time()
        self._state: tuple[object, ...] = ()
        self._check_handle: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to watch it; end it, or another one, if there are too many."""
        full = len(self.connections) >= self.limits.connections
        if full:
            self._make_room()
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            self._drop()
        else:
            self._check()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching it."""
        if self._check_handle is not None:
            self._check_handle.cancel()
        super().connection_lost(exc)

    def _make_room(self) -> None:
        waiting = [c for c in self.connections if isinstance(c, LimitedProtocol) and c._phase() is not _Phase.ANSWER]
        if waiting:
            min(waiting, key=lambda c: (c._phase() is _Phase.READER, c._since))._drop()

    def _drop(self) -> None:
        self.connections.discard(self)
        self.transport.abort()

    def _phase(self) -> _Phase:
        if self.transport.get_write_buffer_size():
            return _Phase.READER
        if self.cycle is None or self.cycle.response_complete:
            return _Phase.HEADERS
        return _Phase.BODY if self.cycle.more_body else _Phase.ANSWER

    def _check(self) -> None:
        """End the connection if it has waited too long; otherwise look again in a moment."""
        phase, now = self._phase(), self.loop.time()
        state = (phase, self.cycle, self.transport.get_write_buffer_size())
        if state != self._state:
            self._state, self._since = state, now
        if now - self._since >= self._longest(phase):
            self._drop()
        else:
            self._check_handle = self.loop.call_later(self.limits.check_seconds, self._check)

    def _longest(self, phase: _Phase) -> float:
        limits = self.limits
        seconds = {
            _Phase.HEADERS: limits.header_seconds, _Phase.BODY: limits.body_seconds,
            _Phase.READER: limits.stalled_seconds,
        }  # fmt: skip
        return seconds.get(phase, float("inf"))


def limited(limits: Limits) -> type[LimitedProtocol]:
    """The protocol with other limits."""
    return type("LimitedProtocol", (LimitedProtocol,), {"limits": limits})

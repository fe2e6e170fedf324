"""Engines of one kind of database share their compiled statements: a run opens thousands, and each would compile its
own."""

from __future__ import annotations

import threading
from typing import Any

import sqlalchemy as sa

_STATEMENTS = 10_000
_PLAIN = {"connect_args", "poolclass", "echo", "pool_size", "max_overflow", "pool_recycle", "pool_pre_ping"}
"""Arguments that leave the dialect as it is."""


class _Shared:
    """For each kind of database and server the first engine, once it was connected."""

    def __init__(self) -> None:
        self._first: dict[tuple[object, ...], sa.Engine] = {}
        self._lock = threading.Lock()

    def like(self, engine: sa.Engine) -> sa.Engine | None:
        """The first engine like this one; None before it was connected."""
        key = _kind(engine)
        with self._lock:
            return self._first.get(key)

    def keep(self, engine: sa.Engine) -> None:
        """Let others be like this engine as soon as its dialect has learnt what it is connected to."""

        def connected(*_: object) -> None:
            with self._lock:
                self._first.setdefault(_kind(engine), engine)

        sa.event.listen(engine, "engine_connect", connected)


def _kind(engine: sa.Engine) -> tuple[object, ...]:
    url = engine.url
    return (type(engine.dialect), *((url.host, url.port) if url.get_backend_name() != "sqlite" else ()))


def share_compiled_statements() -> None:
    """From now on, in this process and those forked from it."""
    create, shared = sa.create_engine, _Shared()

    def create_engine(url: str | sa.URL, **given: Any) -> sa.Engine:
        engine = create(url, **given)
        if not given.keys() <= _PLAIN:
            return engine
        first = shared.like(engine)
        if first is None:
            engine = create(url, query_cache_size=_STATEMENTS, **given)
            shared.keep(engine)
            return engine
        # What a dialect learns of its server at its first connection is known.
        engine = create(url, _initialize=False, **given)
        engine.dialect = engine.pool._dialect = first.dialect
        engine._compiled_cache = first._compiled_cache
        return engine

    sa.create_engine = create_engine

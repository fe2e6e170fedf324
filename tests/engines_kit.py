"""Engines of one kind of database share their compiled statements: a run opens thousands, and each would compile its
own."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

_STATEMENTS = 10_000
_PLAIN = {"connect_args", "poolclass", "echo", "pool_size", "max_overflow", "pool_recycle", "pool_pre_ping"}
"""Arguments that leave the dialect as it is."""


def _kind(url: sa.URL) -> tuple[str, str | None, int | None]:
    """What engines must have in common: driver and server; every file of SQLite is alike."""
    return url.drivername, url.host, url.port


def share_compiled_statements() -> None:
    """From now on, in this process and those forked from it."""
    create, connected = sa.create_engine, dict[tuple[str, str | None, int | None], sa.Engine]()

    def create_engine(url: str | sa.URL, **given: Any) -> sa.Engine:
        if not given.keys() <= _PLAIN:
            return create(url, **given)
        kind = _kind(sa.make_url(url))
        first = connected.get(kind)
        if first is None:
            engine = create(url, query_cache_size=_STATEMENTS, **given)
            # A dialect learns at its first connection what it is connected to.
            sa.event.listen(engine, "engine_connect", lambda *_: connected.setdefault(kind, engine))
            return engine
        engine = create(url, _initialize=False, **given)
        engine.dialect = engine.pool._dialect = first.dialect
        engine._compiled_cache = first._compiled_cache
        return engine

    sa.create_engine = create_engine

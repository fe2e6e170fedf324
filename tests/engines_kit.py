"""Engines of SQLite files share their compiled statements: a run opens thousands, and each would compile its own."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

_STATEMENTS = 10_000
_PLAIN = {"connect_args", "poolclass", "echo", "pool_size", "max_overflow", "pool_recycle", "pool_pre_ping"}
"""Arguments that leave the dialect as it is."""


def share_compiled_statements() -> None:
    """From now on, in this process and those forked from it."""
    create = sa.create_engine
    first = create("sqlite://", query_cache_size=_STATEMENTS)
    with first.connect():
        pass  # the dialect learns here what it is connected to

    def create_engine(url: str | sa.URL, **given: Any) -> sa.Engine:
        engine = create(url, **given)
        if type(engine.dialect) is type(first.dialect) and given.keys() <= _PLAIN:
            # Statements are compiled once for each dialect, which is the same for every file.
            engine.dialect = engine.pool._dialect = first.dialect
            engine._compiled_cache = first._compiled_cache
        return engine

    sa.create_engine = create_engine

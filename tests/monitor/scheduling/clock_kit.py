"""A clock that can be set, for a process and for its database, beside a steady one that nobody sets."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from spine_kit import T0
from sqlalchemy import event

from monitor.store.database.database import Store

_SHADOW = (
    "CREATE TABLE public.test_clock (epoch double precision)",
    "INSERT INTO public.test_clock VALUES (0)",
    "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS "
    "'SELECT pg_catalog.to_timestamp(epoch) FROM public.test_clock'",
)


class SetClock:
    """The true time goes on with `advance`; `step` sets the clock that everybody reads."""

    def __init__(self) -> None:
        self.true = 0.0
        self.offset = timedelta(0)
        self._shadow: sa.Engine | None = None

    def now(self) -> datetime:
        return T0 + timedelta(seconds=self.true) + self.offset

    def steady(self) -> float:
        return self.true

    def advance(self, seconds: float) -> None:
        self.true += seconds
        self._tell()

    def step(self, by: timedelta) -> None:
        self.offset += by
        self._tell()

    def drive(self, store: Store) -> None:
        """Let the store's own clock be this one too."""
        if store.is_sqlite:
            event.listen(store.engine, "connect", self._shadow_julianday)
            store.engine.dispose()
            return
        self._shadow = sa.create_engine(store.url, isolation_level="AUTOCOMMIT")
        name = sa.make_url(store.url).database
        with self._shadow.connect() as connection:
            for statement in _SHADOW:
                connection.exec_driver_sql(statement)
            connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET search_path = public, pg_catalog')
        store.engine.dispose()
        self._shadow.dispose()
        self._tell()

    def close(self) -> None:
        if self._shadow is not None:
            self._shadow.dispose()

    def _shadow_julianday(self, connection: Any, _: object) -> None:
        connection.create_function("julianday", 1, lambda _: self.now().timestamp() / 86400.0 + 2440587.5)

    def _tell(self) -> None:
        if self._shadow is not None:
            with self._shadow.connect() as connection:
                connection.exec_driver_sql(f"UPDATE public.test_clock SET epoch = {self.now().timestamp()!r}")

"""A database of rows to read, of either kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True)
class Database:
    """A database to put rows into, as the MES would."""

    url: str
    engine: sa.Engine

    @property
    def postgres(self) -> bool:
        return self.engine.dialect.name == "postgresql"

    def run(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def insert(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        mark = "%s" if self.postgres else "?"
        with self.engine.begin() as connection:
            for width, same in groupby(map(tuple, rows), len):
                values = ", ".join([mark] * width)
                connection.exec_driver_sql(f"INSERT INTO {table} VALUES ({values})", list(same))

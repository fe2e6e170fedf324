"""A writable database of either kind to put a source's table in."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from source_databases import Database
from sources_plant import make_plant

from monitor.sources.sql.source import SqlSource
from monitor.sources.transports import open_source


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'mes 100% #1.db'}"
    engine = sa.create_engine("sqlite://", creator=lambda: _connect(tmp_path / "mes 100% #1.db"))
    yield Database(url, engine)
    engine.dispose()


def _connect(path: Path) -> Any:
    return sqlite3.connect(path, check_same_thread=False)


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Database]:
    engine = sa.create_engine(postgres_url)
    yield Database(postgres_url, engine)
    engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Database:
    found: Database = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def opened() -> Iterator[Callable[..., SqlSource]]:
    """Open a source of a database; closed after the test."""
    sources: list[SqlSource] = []

    def start(database: Database | str, **config: Any) -> SqlSource:
        url = database if isinstance(database, str) else database.url
        plant = make_plant(url=url, **config)
        sources.append(open_source("it", plant.sources["it"], plant))
        return sources[-1]

    yield start
    for source in sources:
        source.close()

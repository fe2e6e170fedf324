"""A store on each database, for the tests of what stands on one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from spine_kit import Spine

from monitor.store.database.database import Store
from monitor.store.database.schema import open_store


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """A new store, open."""
    opened = open_store(store_url)
    yield opened
    opened.close()


@pytest.fixture
def spine(store: Store, tmp_path: Path) -> Iterator[Spine]:
    """The small plant on the store."""
    made = Spine(tmp_path, store)
    yield made
    made.close()

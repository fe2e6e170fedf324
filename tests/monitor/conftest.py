"""A store on each database, for the tests of what stands on one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from spine_kit import Spine

from monitor.store.database.database import Store

BOTH = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgres))
_ABOVE = {"gate_models", "jobs", "lake", "pipeline", "scheduling"}
"""Folders of tests of what stands on the store's functions, which `store` tests on both databases."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What stands on the store is tested on SQLite by `make test`, and on PostgreSQL too by `make soak`."""
    for item in items:
        case = getattr(item, "callspec", None)
        if case is not None and _ABOVE & set(item.path.parts) and "postgresql" in case.params.values():
            item.add_marker(pytest.mark.soak)


@pytest.fixture(params=BOTH)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(params=BOTH)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new store."""
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("new_store"), tmp_path / "store.db")
        return f"sqlite:///{tmp_path}/store.db"
    return str(request.getfixturevalue("postgres_store_url"))


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """A new store, open."""
    opened = Store(store_url)
    yield opened
    opened.close()


@pytest.fixture
def spine(store: Store, tmp_path: Path) -> Iterator[Spine]:
    """The small plant on the store."""
    made = Spine(tmp_path, store)
    yield made
    made.close()

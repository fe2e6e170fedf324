"""Fixtures for every test: databases of a real PostgreSQL server, which all processes of a run share."""

from __future__ import annotations

import os

# Before any library makes a pool of threads: a process that is forked has none of them and would wait for ever; and
# several workers share the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import gc
import platform
import secrets
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import NoReturn

import engines_kit
import own_process
import postgres_kit
import pytest
import run_kit
import sqlalchemy as sa
from hypothesis import Phase, settings

from monitor.store.database.schema import newest_revision, open_store

# For `make mutate`, which runs the tests of a function once for each small change of it: that one fails is enough to
# know, so no smallest example is looked for.
settings.register_profile(
    "mutate", max_examples=20, derandomize=True, deadline=None, database=None, phases=(Phase.explicit, Phase.generate)
)


engines_kit.share_compiled_statements()

_LONG = {"examples", "cli", "contracts", "exactly_once", "gate_models", "service", "stack"}
"""Folders of tests that go through the whole chain."""
_LONGEST = (
    "test_soak_six_days.py", "test_examples_full.py", "test_soak_history.py", "test_soak_demo.py",
    "test_jobs_arrival.py", "test_soak_alerts_live.py", "test_dashboard_demo.py",
)  # fmt: skip
"""Files of eleven to two minutes, in this order."""


def pytest_configure(config: pytest.Config) -> None:
    """Begin the run, unless this is a process that another one started for its tests."""
    main = sys.modules["__main__"]
    if main.__spec__ is None and not hasattr(main, "__file__"):
        main.__spec__ = ModuleSpec("__main__", None)  # Spark's client takes a program without either for its own tests
    if not hasattr(config, "workerinput"):
        run_kit.begin()
        if config.getoption("numprocesses", None):
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the run's servers too, as Ctrl-C does


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the run with the process that began it."""
    if not hasattr(config, "workerinput"):
        postgres_kit.stop()
        run_kit.end()


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test that has a mark for it in a process of its own."""
    if item.get_closest_marker("own_process") is None:
        return None
    own_process.run_apart(item, nextitem)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage while tests are collected: there is almost none."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Let the garbage collector leave alone what was imported: looking through it takes a twentieth of the time."""
    newest_revision()  # known to every process that is forked from here
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest first, so that no worker is left with it when the others are done."""
    items.sort(
        key=lambda item: (
            _LONGEST.index(item.path.name) if item.path.name in _LONGEST else len(_LONGEST),
            not _LONG & set(item.path.parts),
            not item.get_closest_marker("process"),
        )
    )


@pytest.fixture(autouse=True)
def _no_other_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test without a mark starts no other process: it is one of those that `make check` runs."""
    if not any(map(request.node.get_closest_marker, ("process", "postgres", "soak"))):

        def refuse(*_: object, **__: object) -> NoReturn:
            raise AssertionError("this test starts a process; mark it with pytest.mark.process")

        platform.processor()  # runs uname once; MLflow asks for it when it is imported
        monkeypatch.setattr(os, "fork", refuse)
        monkeypatch.setattr(subprocess.Popen, "__init__", refuse)


@pytest.fixture(scope="session")
def postgres_server() -> sa.URL:
    """The PostgreSQL server of this run; skips where no binaries are."""
    reason = postgres_kit.why_not()
    if reason is not None:
        pytest.skip(reason)
    return postgres_kit.server()


@pytest.fixture
def postgres_url(postgres_server: sa.URL) -> Iterator[str]:
    """The URL, password included, of an empty database that is this test's alone."""
    name = f"test_{secrets.token_hex(6)}"
    yield postgres_kit.make_database(postgres_server, name)
    postgres_kit.drop_database(postgres_server, name)


@pytest.fixture
def postgres_store_url(postgres_server: sa.URL) -> Iterator[str]:
    """The URL of a database with the tables of a new store, a copy that is this test's alone."""
    name = f"test_{secrets.token_hex(6)}"
    yield postgres_kit.make_store(postgres_server, name)
    postgres_kit.drop_database(postgres_server, name)


@pytest.fixture(scope="session")
def new_store() -> Path:
    """The SQLite file of a new store, to be copied: making its tables takes ten times as long."""
    return run_kit.once("store", lambda folder: open_store(f"sqlite:///{folder}/store.db").close()) / "store.db"

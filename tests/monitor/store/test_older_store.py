"""A store made by the version before is upgraded, on both databases, and goes on as if nothing had happened."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from older_kit import END, LEFT, decided, expected, older_plant
from plant_kit import run_replay

from monitor.gate_models import rederive
from monitor.plant.file.load import load
from monitor.runtime.app import make_registry
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.schema import _config, newest_revision, open_existing, upgrade

HOURS = (END - LEFT).total_seconds() / 3600
SCOPES = {
    "pull:mes": ("mes", "all", ""), "pull:historian:first": ("historian", "first", ""),
    "pull:historian:second": ("historian", "second", ""), "reconcile:historian": ("historian", "", ""),
    "model:press": ("", "", "press"), "alerts": ("", "", ""),
}  # fmt: skip


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plant file beside the store as it was left. Only to be read."""
    return older_plant(tmp_path_factory.mktemp("older") / "plant")


def _rows(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Every table as the store's own revision has it, in a fixed order."""
    found = sa.MetaData()
    found.reflect(store.engine)
    with store.read() as connection:
        return {
            name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)
            for name, table in found.tables.items()
        }


def _moved(older: Path, url: str) -> Store:
    """The older store on another database, made there by the migrations of its time."""
    store = Store(url)
    with store.write() as connection:
        command.upgrade(_config(connection), "0002")
    kept = sa.MetaData()
    kept.reflect(store.engine)
    with closing(sqlite3.connect(older.parent / "gatewatch.db")) as file, store.write() as connection:
        file.row_factory = sqlite3.Row
        for name, table in kept.tables.items():
            if name != "alembic_version":
                rows = [_of_types(table, dict(row)) for row in file.execute(f'SELECT * FROM "{name}"')]
                if rows:
                    connection.execute(table.insert(), rows)
    return store


def _of_types(table: sa.Table, row: dict[str, Any]) -> dict[str, Any]:
    """SQLite keeps times as text."""
    return {
        name: datetime.fromisoformat(value).replace(tzinfo=UTC)
        if value is not None and isinstance(table.c[name].type, sa.DateTime)
        else value
        for name, value in row.items()
    }


@pytest.fixture
def moved(older: Path, empty_url: str) -> Iterator[Store]:
    store = _moved(older, empty_url)
    yield store
    store.close()


OPENED = "gatewatch_alerts_opened_total"
"""Counted by fewer labels before."""


@pytest.mark.slow
def test_the_upgrade_keeps_every_row(moved: Store) -> None:
    before = _rows(moved)
    assert upgrade(moved) == ("0002", newest_revision())
    after = _rows(moved)
    assert before.keys() <= after.keys()
    assert sum(map(len, before.values())) > 1000
    for name in before.keys() - {"alembic_version", "job", "detector_state"}:
        kept = [row[: len(before[name][0])] for row in after[name]] if before[name] else after[name]
        same = [[row for row in rows if row[0] != OPENED] for rows in (sorted(kept, key=repr), before[name])]
        assert same[0] == same[1], name
    opened = [json.loads(labels) for name, labels, _ in after["tally"] if name == OPENED]
    assert "GateOutOfService" in {labels["alert"] for labels in opened}, "counted again from the episodes"
    assert all(labels.keys() == {"alert", "severity", "subject", "team"} for labels in opened)
    judged = {machine: until for machine, until, *_ in after["judged"]}
    assert judged, "what was judged before is not judged again"
    assert after["detector_state"] == [], "the detectors learn anew in order of time"


@pytest.mark.slow
def test_jobs_say_what_they_are_about(moved: Store) -> None:
    upgrade(moved)
    j = t.job.c
    with moved.read() as connection:
        rows = {
            row.name: tuple(row)[1:] for row in connection.execute(sa.select(j.name, j.source, j.partition, j.gate))
        }
    assert {name: rows[name] for name in SCOPES} == SCOPES


@pytest.mark.slow
def test_the_upgraded_store_goes_on_and_decides_as_before(tmp_path: Path) -> None:
    plant = older_plant(tmp_path / "plant")
    loaded = load(plant)
    store = Store(loaded.plant.store.url)
    assert upgrade(store) == ("0002", newest_revision())
    store.close()
    failed = run_replay(plant, HOURS, (), start=LEFT)
    # The table of one source is missing, as it was before.
    assert {slot.error.partition(" (")[0] for slot in failed if slot.error} == {"source 'stock'"}
    found, before = decided(plant.parent / "gatewatch.db"), f"{LEFT:%Y-%m-%d %H:%M:%S}"
    assert [row[:-1] for row in found] == [row[:-1] for row in expected()]
    # The intervals follow the outcomes from here on.
    assert [row for row in found if row[6] <= before] == [row for row in expected() if row[6] <= before]
    assert found != expected()
    again = open_existing(loaded.plant.store.url)
    registry = make_registry(loaded.plant)
    made = list(rederive.recompute_decisions(again, rederive.stored_plants(again, plant.parent).__getitem__, registry))
    again.close()
    assert len(made) == len(expected())
    assert [one for one in made if not one.matches] == []

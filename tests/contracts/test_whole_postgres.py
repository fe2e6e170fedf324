"""The same history on PostgreSQL, as store, MES and historian at once, gives what it gives on SQLite."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from plant_kit import QUICK, SOURCES, START, advice, run_replay
from whole_kit import WHOLE, agreed, opened

from monitor.simulator.feed import Feed
from monitor.simulator.history import simulate
from monitor.store.database import tables as t
from monitor.store.database.schema import open_store

_KEPT = (t.plant_file, t.model_version, t.model_in_force)


def _models_too(plant: Path, url: str) -> None:
    """Carry the models in force from the SQLite store to the new one."""
    with opened(plant) as old, old.read() as connection:
        rows = {table.name: connection.execute(sa.select(table)).mappings().all() for table in _KEPT}
    store = open_store(url)
    with store.write() as connection:
        for table in _KEPT:
            connection.execute(table.insert(), [dict(row) for row in rows[table.name]])
    store.close()


@pytest.mark.postgres
@pytest.mark.soak  # near tests: tests/monitor/store, on both databases
def test_replay_on_postgresql_equals_sqlite(
    postgres_url: str, with_models: Path, whole_run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "plant"
    folder.mkdir()
    shutil.copytree(with_models / "models", folder / "models")
    shutil.copy(with_models / "plant.yaml", folder)
    shutil.copy(with_models / "mlflow.db", folder)
    history = simulate(11, START, WHOLE / 24, commissioning_parts=300)
    plant_url = _another_database(postgres_url)
    with Feed(history, plant_url, plant_url) as feed:
        feed.create()
        feed.advance(history.end + timedelta(days=3))
    _models_too(with_models / "plant.yaml", postgres_url)
    # lease: on a busy machine a slot may take longer than a second here, and nobody else is there to take over.
    urls = [f"sources.{s}.url={plant_url}" for s in SOURCES] + [f"write_back.url={plant_url}"]
    overrides = (*QUICK, *urls, f"store.url={postgres_url}", "store.lease=30s")
    assert run_replay(folder / "plant.yaml", WHOLE, overrides) == []
    here = agreed(folder / "plant.yaml", f"store.url={postgres_url}")
    for what, lines in agreed(whole_run).items():
        assert here[what] == lines, f"{what} differ between the databases"
    assert _advice_on(plant_url) == len(advice(whole_run))


def _another_database(url: str) -> str:
    """A second empty database on the same server; it goes with the server."""
    made = sa.make_url(url).set(database=f"{sa.make_url(url).database}_plant")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {made.database}")
    engine.dispose()
    return made.render_as_string(hide_password=False)


def _advice_on(url: str) -> int:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(sa.text('SELECT count(*) FROM "GATE_ADVICE"')).scalar_one()
    engine.dispose()
    return int(rows)

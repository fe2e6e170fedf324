"""A database described, and the plant file to begin with made of it, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from source_databases import Database

from monitor.connecting.plant_text import plant_text
from monitor.connecting.proposal import propose
from monitor.plant.file.load import parse
from monitor.sources.sql.describing import describe, written_url

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def test_tables_are_described_with_both_ends_of_their_rows(database: Database, tmp_path: Path) -> None:
    kind = "timestamptz" if database.postgres else "text"
    database.run(f"CREATE TABLE trend (nr integer PRIMARY KEY, zeit {kind}, maschine text, temp_c double precision)")
    database.insert("trend", [(i, (NOON + timedelta(minutes=i)).isoformat(), f"M{i // 700}", 1.0) for i in range(1400)])
    [table] = describe(database.url)
    assert len(table.rows) == 1000
    proposal = propose(table)
    assert (proposal.kind, proposal.values) == ("readings", ("temp_c",))
    loaded = parse(plant_text([(database.url, proposal)], None), tmp_path)
    assert set(loaded.plant.machines) == {"m0", "m1"}


def test_a_password_is_not_written(tmp_path: Path) -> None:
    url = written_url("postgresql://reader:hush-hush@host/mes", tmp_path / "plant.yaml")
    assert url == "postgresql://reader:${DATABASE_PASSWORD}@host/mes"
    assert written_url("sqlite:///a.db", Path("plant.yaml")) == "sqlite:///a.db"
    assert written_url("sqlite:///a.db", tmp_path / "plant.yaml") == f"sqlite:///{Path.cwd() / 'a.db'}"


def test_times_in_a_column_without_a_telling_name_are_found_if_no_other_is(database: Database) -> None:
    database.run("CREATE TABLE trend (t bigint, maschine text, temp_c double precision, zaehler integer)")
    second = int(NOON.timestamp())
    database.insert("trend", [(1000 * (second + i), f"M{i % 2}", 20.0, i) for i in range(50)])
    [table] = describe(database.url)
    proposal = propose(table)
    assert proposal.kind == "readings"
    assert proposal.at is not None
    assert (proposal.at.column, proposal.at.epoch) == ("t", "ms")
    assert "may be times" in proposal.at.doubt
    assert set(proposal.values) == {"temp_c", "zaehler"}

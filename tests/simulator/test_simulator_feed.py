"""The feed: nothing before its time, everything by the end, nothing twice."""

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from monitor.simulator.feed import Feed
from monitor.simulator.history import simulate
from monitor.simulator.tables import historian, mes

START = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
TABLES = {
    "WIP_HISTORY": "mes",
    "SURFACE_INSPECTION": "mes",
    "VISUAL_CHECK": "mes",
    "FINAL_TEST": "mes",
    "QC_DISPOSITION": "mes",
    "TREND_WIDE": "historian",
    "EQUIP_STATE": "historian",
}


@pytest.fixture(scope="module")
def history():
    return simulate(2, START, days=0.25, faults=(), commissioning_parts=60)


@pytest.fixture
def urls(tmp_path):
    return [f"sqlite:///{tmp_path}/{name}.db" for name in ("mes", "historian")]


def counts(tmp_path):
    found = {}
    for table, name in TABLES.items():
        connection = sqlite3.connect(tmp_path / f"{name}.db")
        found[table] = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        connection.close()
    return found


@pytest.mark.slow
def test_rows_come_when_they_are_posted_and_all_of_them_in_the_end(history, urls, tmp_path):
    with Feed(history, *urls) as feed:
        feed.create()
        until, inserted = START, 0
        while until < history.last_posted:
            inserted += feed.advance(until)
            ms = round(until.timestamp() * 1000)
            assert counts(tmp_path) == {rows.table.name: int((rows.posted <= ms).sum()) for rows in history.tables}
            until += timedelta(hours=3)
        inserted += feed.advance(history.last_posted)
        assert counts(tmp_path) == {rows.table.name: len(rows) for rows in history.tables}
        assert inserted == sum(len(rows) for rows in history.tables)
        assert feed.advance(history.last_posted + timedelta(days=9)) == 0


def test_a_clock_that_stands_or_runs_back_inserts_nothing(history, urls):
    with Feed(history, *urls) as feed:
        feed.create()
        assert feed.advance(START) > 0
        assert feed.advance(START) == 0
        assert feed.advance(START - timedelta(days=1)) == 0


@pytest.mark.slow
def test_another_feed_goes_on_where_the_first_stopped(history, urls, tmp_path):
    with Feed(history, *urls) as first:
        first.create()
        first.advance(START + timedelta(hours=1))
    with Feed(history, *urls, since=START + timedelta(hours=1)) as second:
        second.create()
        second.advance(history.last_posted)
    assert counts(tmp_path) == {rows.table.name: len(rows) for rows in history.tables}


def test_after_one_database_failed_calling_again_doubles_nothing_in_the_other(history, urls, tmp_path):
    with Feed(history, *urls) as feed:
        mes.create_all(sa.create_engine(urls[0]))
        with pytest.raises(sa.exc.OperationalError, match="TREND_WIDE"):
            feed.advance(START + timedelta(hours=1))
        feed.create()
        feed.advance(history.last_posted)
    assert counts(tmp_path) == {rows.table.name: len(rows) for rows in history.tables}


def test_create_keeps_what_is_there_unless_told(history, urls, tmp_path):
    with Feed(history, *urls) as feed:
        feed.create()
        feed.advance(START)
        feed.create()
        assert counts(tmp_path)["WIP_HISTORY"] > 0
        feed.create(drop=True)
        assert set(counts(tmp_path).values()) == {0}


def test_advice_is_unique_by_its_key(history, urls):
    with Feed(history, *urls) as feed:
        feed.create()
    engine = sa.create_engine(urls[0])
    row = {"SITE": "demo", "SN": "B1", "OPERATION": "forging", "PASS_NO": 1, "REV": 1, "ADVICE": "continue"}
    insert = sa.insert(mes.tables["GATE_ADVICE"]).values(row)
    with engine.begin() as connection:
        connection.execute(insert)
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
        connection.execute(insert)


def test_the_tables_can_be_made_on_postgresql():
    dialect = sa.create_mock_engine("postgresql+psycopg://", lambda *_: None).dialect
    for table in [*mes.sorted_tables, *historian.sorted_tables]:
        assert f'CREATE TABLE "{table.name}"' in str(sa.schema.CreateTable(table).compile(dialect=dialect))

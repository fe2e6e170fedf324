"""The write-back to a real SQLite and PostgreSQL table."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from exporters.delivery.mes import MesTarget
from monitor.errors import DeliveryError, DeliveryReason
from monitor.plant.sources import WRITE_BACK_FIELDS, WriteBack

COLUMNS = {field: f"{field}_nr" if field == "serial" else field for field in WRITE_BACK_FIELDS}
TABLE = """CREATE TABLE "Recommendation" (
  site TEXT NOT NULL, serial_nr TEXT NOT NULL, step TEXT NOT NULL, visit INTEGER NOT NULL, revision INTEGER NOT NULL,
  recommendation TEXT NOT NULL CHECK (recommendation <> 'forbidden'), confidence DOUBLE PRECISION, reason TEXT,
  on_hold TEXT, model_version TEXT, predicted DOUBLE PRECISION, lower DOUBLE PRECISION, upper DOUBLE PRECISION,
  correction TEXT, expected_cost DOUBLE PRECISION, probability DOUBLE PRECISION, adjustment TEXT,
  adjust_to DOUBLE PRECISION, adjustment_2 TEXT, adjust_to_2 DOUBLE PRECISION, audit INTEGER, decided_at TIMESTAMP)"""
KEY = 'CREATE UNIQUE INDEX k ON "Recommendation" (serial_nr, site, step, visit, revision)'


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def sql_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    sqlite3.connect(tmp_path / "mes.db").close()
    return f"sqlite:///{tmp_path / 'mes.db'}"


def run(url: str, *statements: str) -> list[Any]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            result = connection.execute(sa.text(statement))
        return list(result.all()) if result.returns_rows else []


def config(url: str, **changes: Any) -> WriteBack:
    values = {"url": url, "table": "Recommendation", "columns": COLUMNS, "timeout": "5m"}
    return WriteBack.model_validate(values | changes)


def payload(**changes: Any) -> dict[str, Any]:
    values = {
        "site": "north", "serial": "B/7", "step": "forging", "visit": 1, "revision": 0, "recommendation": "scrap",
        "confidence": 0.9, "reason": "out_of_spec", "on_hold": "", "model_version": "3", "predicted": 1.25,
        "lower": 1.125, "upper": 1.5, "decided_at": "2026-07-01T12:00:00+00:00", "audit": 1,
    }  # fmt: skip
    return values | changes


def rows(url: str) -> list[tuple[Any, ...]]:
    query = 'SELECT serial_nr, visit, recommendation, predicted FROM "Recommendation" ORDER BY serial_nr, visit'
    return [tuple(row) for row in run(url, query)]


def test_written_again_a_recommendation_is_there_once_with_its_newest_content(sql_url: str) -> None:
    run(sql_url, TABLE, KEY)
    target = MesTarget(config(sql_url))
    target.upsert([payload(), payload(visit=2)])
    target.upsert([payload(), payload(recommendation="hold", predicted=None), payload(serial="Ü'")])
    assert rows(sql_url) == [("B/7", 1, "hold", None), ("B/7", 2, "scrap", 1.25), ("Ü'", 1, "scrap", 1.25)]


def test_nothing_to_write_needs_no_database() -> None:
    MesTarget(config("sqlite:////nowhere/mes.db")).upsert([])


@pytest.mark.parametrize(
    ("at", "zone", "written"),
    [
        ("2026-07-01T12:00:00+00:00", "Europe/Berlin", "2026-07-01 14:00:00"),
        ("2026-01-01T12:00:00Z", "Europe/Berlin", "2026-01-01 13:00:00"),
        ("2026-07-01T12:00:00-05:00", "UTC", "2026-07-01 17:00:00"),
        (datetime(2026, 7, 1, 12, tzinfo=UTC), "Asia/Tokyo", "2026-07-01 21:00:00"),
    ],
    ids=["in summer", "in winter", "from another offset", "from a datetime"],
)
def test_decided_at_is_written_naive_in_the_zone_of_the_mes(sql_url: str, at: Any, zone: str, written: str) -> None:
    run(sql_url, TABLE, KEY)
    MesTarget(config(sql_url, time_zone=zone)).upsert([payload(decided_at=at)])
    assert str(run(sql_url, 'SELECT decided_at FROM "Recommendation"')[0][0])[:19] == written


def test_a_naive_decided_at_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="naive"):
        MesTarget(config("sqlite:///x.db")).upsert([payload(decided_at="2026-07-01T12:00:00")])


@pytest.mark.parametrize(
    ("statements", "told"),
    [
        ([TABLE, KEY], None),
        ([TABLE.replace("decided_at TIMESTAMP)", "decided_at TIMESTAMP, "
                        "PRIMARY KEY (site, serial_nr, step, visit, revision))")], None),
        ([TABLE.replace("decided_at TIMESTAMP)", "decided_at TIMESTAMP, "
                        "UNIQUE (site, serial_nr, step, visit, revision))")], None),
        (["SELECT 1"], "has no table 'Recommendation'"),
        ([TABLE.replace("on_hold TEXT, ", "")], "has no column 'on_hold'; it has site, serial_nr"),
        ([TABLE], 'CREATE UNIQUE INDEX "uq_Recommendation_recommendation" ON "Recommendation" '
                  "(site, serial_nr, step, visit, revision);"),
        ([TABLE, KEY.replace(", revision", "")], "CREATE UNIQUE INDEX"),
        ([TABLE, KEY + " WHERE visit > 1"], "CREATE UNIQUE INDEX"),
    ],
    ids=[
        "a unique index in any order of columns is enough", "a primary key is enough", "a constraint is enough",
        "a missing table is named", "missing columns are named beside those there are",
        "for a missing key the statement is printed", "a narrower key is not enough", "a partial key is not enough",
    ],
)  # fmt: skip
def test_check_says_what_keeps_recommendations_out(sql_url: str, statements: list[str], told: str | None) -> None:
    run(sql_url, *statements)
    problems = MesTarget(config(sql_url)).check()
    assert (told is None and problems == []) or (told is not None and len(problems) == 1 and told in problems[0])


def test_the_printed_statement_mends_the_missing_key(sql_url: str) -> None:
    run(sql_url, TABLE)
    target = MesTarget(config(sql_url))
    run(sql_url, target.check()[0].partition("run: ")[2])
    assert target.check() == []
    target.upsert([payload()])
    assert len(rows(sql_url)) == 1


@pytest.mark.parametrize(
    ("statements", "changes", "reason"),
    [
        ([TABLE], {}, DeliveryReason.MISSING_KEY),
        ([TABLE, KEY], {"recommendation": "forbidden"}, DeliveryReason.REFUSED),
        (["SELECT 1"], {}, DeliveryReason.REFUSED),
        ([TABLE, KEY], {"serial": None}, DeliveryReason.REFUSED),
    ],
    ids=["no unique key", "a constraint of the MES", "no table", "a payload without its key"],
)
def test_a_refusal_is_mapped_to_its_reason(
    sql_url: str, statements: list[str], changes: dict[str, Any], reason: DeliveryReason
) -> None:
    run(sql_url, *statements)
    with pytest.raises(DeliveryError) as caught:
        MesTarget(config(sql_url)).upsert([payload(serial="good"), payload(**changes)])
    assert (caught.value.reason, caught.value.retryable) == (reason, False)
    assert str(caught.value).count("\n") == 0


def test_all_or_none_of_a_call_are_written(sql_url: str) -> None:
    run(sql_url, TABLE, KEY)
    with pytest.raises(DeliveryError):
        MesTarget(config(sql_url)).upsert([payload(), payload(visit=2, recommendation="forbidden")])
    assert rows(sql_url) == []


def test_a_locked_table_is_tried_again_later(sql_url: str) -> None:
    run(sql_url, TABLE, KEY)
    engine = sa.create_engine(sql_url, poolclass=sa.NullPool)
    lock = "BEGIN EXCLUSIVE" if engine.dialect.name == "sqlite" else 'LOCK TABLE "Recommendation"'
    with engine.connect() as connection:
        connection.exec_driver_sql(lock)
        with pytest.raises(DeliveryError, match="cannot be written now") as caught:
            MesTarget(config(sql_url, timeout="0.2s")).upsert([payload()])
        connection.rollback()
    assert caught.value.retryable
    MesTarget(config(sql_url)).upsert([payload()])


@pytest.mark.parametrize(
    "url",
    ["sqlite:////nowhere/mes.db", "postgresql+psycopg://gate:hush-hush@127.0.0.1:1/mes"],
    ids=["a missing SQLite file, which is not made", "a PostgreSQL port nobody listens on"],
)
def test_what_cannot_be_reached_is_tried_again_and_no_password_is_told(url: str) -> None:
    target = MesTarget(config(url))
    with pytest.raises(DeliveryError) as caught:
        target.upsert([payload()])
    assert caught.value.reason is DeliveryReason.UNREACHABLE
    assert len(target.check()) == 1
    assert "hush-hush" not in str(caught.value) + target.check()[0]
    assert not Path("/nowhere").exists()


@pytest.mark.process
def test_an_account_without_the_right_to_write_is_refused(postgres_url: str) -> None:
    run(postgres_url, TABLE, KEY, "CREATE ROLE reader_only LOGIN PASSWORD 'r'", "GRANT SELECT ON ALL TABLES IN SCHEMA "
        "public TO reader_only")  # fmt: skip
    reader = sa.make_url(postgres_url).set(username="reader_only", password="r").render_as_string(hide_password=False)
    try:
        with pytest.raises(DeliveryError, match="permission denied") as caught:
            MesTarget(config(reader)).upsert([payload()])
        assert caught.value.reason is DeliveryReason.REFUSED
    finally:
        run(postgres_url, "DROP OWNED BY reader_only", "DROP ROLE reader_only")


TYPES = {
    "uuid": ("serial_nr TEXT", "serial_nr UUID", "'serial_nr' (serial) is of type uuid, which cannot take text"),
    "bigint": ("serial_nr TEXT", "serial_nr BIGINT", "'serial_nr' (serial) is of type bigint, which cannot take text"),
    "integer": (
        "step TEXT",
        "step INTEGER",
        "'step' (step) is of type integer, which cannot take text such as 'press'",
    ),
    "an enum": ("recommendation TEXT", "recommendation verdict", "verdict (an enum), which cannot take text"),
    "a domain": ("on_hold TEXT", "on_hold small", "small (a domain), which cannot take text such as 'wait'"),
    "short text": ("reason TEXT", "reason VARCHAR(8)", "varchar(8), which is too short for 'reworkable'"),
    "text for a number": ("confidence DOUBLE PRECISION", "confidence BOOLEAN", "boolean, which cannot take a number"),
    "a rounded number": ("confidence DOUBLE PRECISION", "confidence INTEGER", "integer, which cannot take a number"),
    "a date": ("decided_at TIMESTAMP", "decided_at DATE", "date, which cannot take a date with a time of day"),
    "a time as number": ("decided_at TIMESTAMP", "decided_at BIGINT", "bigint, which cannot take a date"),
    "a visit as uuid": ("visit INTEGER", "visit UUID", "uuid, which cannot take a number; make it integer"),
    "an audit as boolean": ("audit INTEGER", "audit BOOLEAN", "boolean, which cannot take a number; make it integer"),
    "computed": ("on_hold TEXT", "on_hold TEXT GENERATED ALWAYS AS ('x') STORED", "is computed by the database"),
    "a column more": ("on_hold TEXT", "on_hold TEXT, plant INTEGER NOT NULL", "'plant' must not be NULL"),
}
"""What of the table is changed, to what, and what `check` says of it."""


@pytest.mark.postgres
@pytest.mark.parametrize(("was", "becomes", "said"), TYPES.values(), ids=TYPES)
def test_a_column_that_cannot_take_what_is_written_is_named(
    postgres_url: str, was: str, becomes: str, said: str
) -> None:
    kinds = ("CREATE TYPE verdict AS ENUM ('continue', 'correct', 'scrap')", "CREATE DOMAIN small AS INTEGER")
    table = TABLE.replace(" CHECK (recommendation <> 'forbidden')", "").replace(was, becomes, 1)
    run(postgres_url, *kinds, table, KEY)
    [problem] = MesTarget(config(postgres_url)).check()
    assert said in problem
    if "rounding" not in problem and "DATE" not in becomes and "VARCHAR" not in becomes:
        with pytest.raises(DeliveryError):
            MesTarget(config(postgres_url)).upsert([payload()])


def test_a_column_more_that_must_be_filled_is_named(sql_url: str) -> None:
    more = "on_hold TEXT, plant INTEGER NOT NULL, free INTEGER NOT NULL DEFAULT 1"
    run(sql_url, TABLE.replace("on_hold TEXT", more), KEY)
    [problem] = MesTarget(config(sql_url)).check()
    assert "'plant' must not be NULL" in problem


@pytest.mark.parametrize("kind", ["VARCHAR(40)", "CHAR(20)", "TEXT"])
def test_types_that_fit_are_no_problem(sql_url: str, kind: str) -> None:
    table = TABLE.replace("serial_nr TEXT", f"serial_nr {kind}").replace("visit INTEGER", "visit NUMERIC(6)")
    run(sql_url, table, KEY)
    assert MesTarget(config(sql_url)).check() == []
    MesTarget(config(sql_url)).upsert([payload()])


def test_names_are_written_as_the_codes_of_the_mes(sql_url: str) -> None:
    run(sql_url, TABLE, KEY)
    codes = {"step": {"forging": "0010"}, "recommendation": {"scrap": "A", "continue": "F"}}
    target = MesTarget(config(sql_url, codes=codes))
    target.upsert([payload(), payload(visit=2, step="coating", recommendation="hold")])
    target.upsert([payload(predicted=2.0)])
    query = 'SELECT step, recommendation, predicted FROM "Recommendation" ORDER BY visit'
    assert [tuple(row) for row in run(sql_url, query)] == [("0010", "A", 2.0), ("coating", "hold", 1.25)]


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        ({"step": {"a": "1", "b": "1"}}, "code '1' is given for two names"),
        ({"serial": {"a": "1"}}, "serial"),
    ],
    ids=["two steps of one code", "a field without codes"],
)
def test_codes_that_cannot_be_told_apart_are_refused(codes: dict[str, dict[str, str]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        config("sqlite:///x.db", codes=codes)

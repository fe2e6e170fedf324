"""The board of a part reads views of the store by a role that may read these and nothing else."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import passport_rows as made
import psycopg
import pytest
import sqlalchemy as sa
import yaml
from click.testing import CliRunner
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import files
from dashboards.part import DATA_SOURCE_UID, NAME, SERIAL
from monitor.cli import cli
from monitor.errors import UsageError
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.schema import open_existing, upgrade
from monitor.store.parts.views import SCHEMA, views, views_sql

ROOT = Path(__file__).parents[3]
BOARD = files.dashboards(with_part=True)[NAME]
QUERIES = {panel["title"]: panel["targets"][0]["rawSql"] for panel in BOARD["panels"]}


def test_it_is_not_among_the_others_unless_it_is_asked_for(tmp_path: Path) -> None:
    assert set(files.dashboards(with_part=True)) - set(files.dashboards()) == {NAME}
    for arguments, written in ((["--with-part"], True), ([], False)):
        out = tmp_path / str(written)
        done = CliRunner().invoke(cli, ["dashboards", "build", "--out", str(out), *arguments])
        assert done.exception is None
        assert (out / NAME).exists() is written


def test_the_board_is_whole() -> None:
    assert json.loads(json.dumps(Dashboard.from_json(BOARD), cls=JSONEncoder)) == BOARD
    assert [variable["name"] for variable in BOARD["templating"]["list"]] == ["serial"]
    assert BOARD["templating"]["list"][0]["type"] == "textbox"
    assert [panel["id"] for panel in BOARD["panels"]] == list(range(1, len(QUERIES) + 1))
    for panel in BOARD["panels"]:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        assert len(panel["description"]) > 80
        assert panel["fieldConfig"]["defaults"]["noValue"]
        assert panel["targets"][0]["datasource"] == panel["datasource"]
        assert SERIAL in panel["targets"][0]["rawSql"]
    assert "green" not in json.dumps(BOARD)
    assert set(re.findall(rf"{SCHEMA}\.(\w+)", " ".join(QUERIES.values()))) == set(views())


def test_the_optional_data_source_is_the_one_that_it_names() -> None:
    text = (ROOT / "dashboards/provisioning/optional/gatewatch-store.yaml").read_text(encoding="utf-8")
    (source,) = yaml.safe_load(text)["datasources"]
    assert (source["uid"], source["type"]) == (DATA_SOURCE_UID, BOARD["panels"][0]["datasource"]["type"])


@pytest.mark.parametrize("role", ["", "a b", 'x"; DROP TABLE job; --', "r" * 64, "1st"])
def test_a_role_is_a_name(role: str) -> None:
    with pytest.raises(UsageError, match="name of a PostgreSQL role"):
        views_sql(role)


def test_the_command_prints_the_sql_for_postgresql_only(tmp_path: Path) -> None:
    plant = tmp_path / "plant.yaml"
    plant.write_text((ROOT / "monitor/simulator/plant.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    command = ["store", "views", "--role", "grafana_reader", "-p", str(plant)]
    refused = CliRunner().invoke(cli, command)
    assert isinstance(refused.exception, UsageError)
    assert "expected a store on PostgreSQL" in str(refused.exception)
    done = CliRunner().invoke(cli, [*command, "--set", "store.url=postgresql+psycopg://me@host/gatewatch"])
    assert done.output == views_sql("grafana_reader")


class Reader:
    """The role of a Grafana, connected by its password."""

    def __init__(self, store: Store) -> None:
        self.name, self._password = f"reader_{secrets.token_hex(4)}", secrets.token_hex(8)
        self._owner = sa.make_url(store.url)
        self.owner(f"CREATE ROLE {self.name} LOGIN PASSWORD '{self._password}'")

    def owner(self, sql: str) -> None:
        """Run SQL as the owner of the store."""
        self._run(str(self._owner.username), str(self._owner.password), sql)

    def ask(self, sql: str) -> list[dict[str, Any]]:
        """What the role is answered, a row a dictionary."""
        return self._run(self.name, self._password, sql)

    def _run(self, user: str, password: str, sql: str) -> list[dict[str, Any]]:
        url = self._owner
        with psycopg.connect(
            host=url.host, port=url.port, user=user, password=password, dbname=url.database, autocommit=True
        ) as connection:
            done = connection.execute(sql)  # type: ignore[call-overload]
            names = [column.name for column in done.description or ()]
            return [dict(zip(names, row, strict=True)) for row in done.fetchall()] if names else []


@pytest.fixture
def reader(postgres_store_url: str) -> Iterator[Reader]:
    """A role that may read the views of a store with the history of one part."""
    store = Store(postgres_store_url)
    made.fill(store.engine)
    values = {"p1": 2.5, "state": "<ok>", "none": None}
    quoted = made.part_step(30, 3, serial="it's", values=values)
    later = made.disposition(31, revision=1, disposition="used")
    made.fill(store.engine, {t.part_step: [quoted], t.disposition: [later]})
    found = Reader(store)
    found.owner(views_sql(found.name))
    yield found
    found.owner(f"DROP SCHEMA {SCHEMA} CASCADE; DROP ROLE {found.name}")
    store.close()


def filled(sql: str, serial: str) -> str:
    """The query as Grafana sends it."""
    return sql.replace(SERIAL, "'" + serial.replace("'", "''") + "'")


@pytest.mark.postgres
def test_every_panel_shows_what_is_known_of_the_part_and_of_no_other(reader: Reader) -> None:
    found = {title: reader.ask(filled(sql, made.SERIAL)) for title, sql in QUERIES.items()}
    assert {title: len(rows) for title, rows in found.items()} == {
        "Verdicts and predictions": 1, "Steps passed": 1, "Measurements": 1, "Outcomes": 1, "Dispositions": 1,
        "Written back to the MES": 2,
    }  # fmt: skip
    (verdict,) = found["Verdicts and predictions"]
    assert (verdict["verdict"], verdict["predicted"], verdict["decided"]) == ("scrap", 1.25, made.at(2))
    assert found["Steps passed"][0]["corrections"] == 1
    assert (found["Measurements"][0]["name"], found["Measurements"][0]["value"]) == ("p1", "1.75")
    assert found["Dispositions"][0]["disposition"] == "used"
    assert found["Outcomes"][0]["value"] == 1.75
    assert [list(rows[0]) for rows in found.values()] == [
        re.findall(r'AS "([^"]+)"', sql) for sql in QUERIES.values()
    ]  # fmt: skip


@pytest.mark.postgres
@pytest.mark.parametrize("serial", ["it's", "' OR '1'='1", "", "nobody"])
def test_a_serial_number_is_only_a_serial_number(reader: Reader, serial: str) -> None:
    found = reader.ask(filled(QUERIES["Measurements"], serial))
    values = {row["name"]: row["value"] for row in found}
    assert values == ({"p1": "2.5", "state": "<ok>", "none": None} if serial == "it's" else {})


@pytest.mark.postgres
def test_the_role_may_read_the_views_and_nothing_else(reader: Reader) -> None:
    for name in views():
        assert reader.ask(f"SELECT count(*) AS n FROM {SCHEMA}.{name}")[0]["n"] > 0
    refused = [f'SELECT * FROM "{table}"' for table in (*t.metadata.tables, "alembic_version")]
    refused += [f"INSERT INTO {SCHEMA}.part_outcome (serial) VALUES ('x')", f"DELETE FROM {SCHEMA}.part_disposition"]
    refused += ["INSERT INTO tally VALUES ('x', '{}', 1)", "CREATE TABLE mine (x int)", "DELETE FROM outcome"]
    refused += [f"CREATE VIEW {SCHEMA}.mine AS SELECT 1", f"DROP SCHEMA {SCHEMA} CASCADE", "SET ROLE gatewatch"]
    for sql in refused:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.ask(sql)


@pytest.mark.postgres
def test_the_views_are_made_again_and_the_store_goes_on(reader: Reader, postgres_store_url: str) -> None:
    reader.owner(views_sql(reader.name))
    assert reader.ask(filled(QUERIES["Outcomes"], made.SERIAL))
    store = open_existing(postgres_store_url)
    assert len(set(upgrade(store))) == 1
    store.close()


@pytest.mark.postgres
def test_a_part_is_found_by_an_index_in_each_view(reader: Reader, postgres_store_url: str) -> None:
    engine = sa.create_engine(postgres_store_url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("SET enable_seqscan = off")
        for title, sql in QUERIES.items():
            plan = connection.exec_driver_sql("EXPLAIN " + filled(sql, made.SERIAL)).scalars().all()
            assert "Seq Scan" not in "\n".join(plan), title

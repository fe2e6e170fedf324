"""A store, model or machine in trouble: one clear sentence, exit code 3, and the next run goes on with nothing lost."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from cli_kit import LATER, NOW, Said, gatewatch
from plant_kit import GATES, advice, contents

from exporters.metrics.families.findings import WINDOWED

pytestmark = pytest.mark.process

KEPT = ("decisions", "readings", "parts", "outcomes", "windows", "quarantine", "findings")


def refused(said: Said, *words: str) -> None:
    """It left with 3 and said why, without a traceback."""
    everything = said.out + said.err
    assert "Traceback" not in everything, everything
    assert said.code == 3, everything
    for word in words:
        assert word in everything, everything


def impatient() -> None:
    """For `before`: do not wait half a minute for a lock."""
    from monitor.store.database import database

    database._BUSY_SECONDS = 0.2  # type: ignore[assignment]


def without_times(plant: Path) -> dict[str, list[str]]:
    """What the store keeps but for when it was decided, and for findings of windows, which are of a job's slot."""
    kept = contents(plant)
    kept["findings"] = [f for f in kept["findings"] if json.loads(f)[0] not in WINDOWED]
    kept["decisions"] = sorted(json.dumps(json.loads(d)[:15]) for d in kept["decisions"])
    return {table: kept[table] for table in KEPT}


@pytest.fixture(scope="module")
def whole(taught: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What the store keeps when nothing goes wrong."""
    plant = Path(shutil.copytree(taught, tmp_path_factory.mktemp("whole") / "plant")) / "plant.yaml"
    said = gatewatch("once", plant)
    assert said.code == 0, said.err
    return without_times(plant)


def goes_on(plant: Path, whole: dict[str, list[str]]) -> None:
    """The next slot finishes what was left, with nothing lost and nothing doubled."""
    said = gatewatch("once", plant, at=LATER)
    assert said.code == 0, said.err
    kept = without_times(plant)
    for table in KEPT:
        assert kept[table] == whole[table], table
    assert len(advice(plant)) == len(whole["decisions"])


@contextmanager
def held(file: Path) -> Iterator[None]:
    """Another program holds the file."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def test_a_locked_store_is_named(trained: Path, whole: dict[str, list[str]]) -> None:
    with held(trained.parent / "gatewatch.db"):
        said = gatewatch("once", trained, before=impatient)
    refused(said, "store sqlite:///", "locked", "wait for the other process to finish, or end it")
    goes_on(trained, whole)


def test_a_full_disk_keeps_what_was_committed(trained: Path, whole: dict[str, list[str]]) -> None:
    size = (trained.parent / "gatewatch.db").stat().st_size

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100_000, size + 100_000))

    said = gatewatch("once", trained, before=small)
    refused(said, "store sqlite:///", "disk", "nothing was lost, the next slot continues")
    goes_on(trained, whole)


def test_a_corrupt_store_is_named_and_restored(trained: Path, whole: dict[str, list[str]]) -> None:
    file = trained.parent / "gatewatch.db"
    saved = trained.parent / "saved.db"
    assert gatewatch("store", "backup", saved, "-p", trained).code == 0
    content = file.read_bytes()
    file.write_bytes(b"no database" * 1000)
    refused(gatewatch("once", trained), "store sqlite:///", "not a database", "gatewatch store restore")
    assert gatewatch("store", "restore", saved, "-p", trained).out == f"{saved}: restored\n"
    assert (trained.parent / "gatewatch.db.corrupt").read_bytes() != content
    goes_on(trained, whole)


def held_by_another(plant: Path) -> None:
    """Another process holds two leases; the next one that meets them shortens them to 30 seconds."""
    with closing(sqlite3.connect(plant.parent / "gatewatch.db")) as store:
        leases = [(name, "forge:42", 9, 1e12) for name in ("pull:mes", "prune")]
        store.executemany("INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?)", leases)
        store.commit()


@pytest.mark.soak  # near tests: tests/monitor/store/test_store_backup.py
def test_a_second_process_on_the_store_keeps_a_restore_out(trained: Path) -> None:
    saved = trained.parent / "saved.db"
    assert gatewatch("store", "backup", saved, "-p", trained).code == 0
    held_by_another(trained)
    refused(gatewatch("store", "restore", saved, "-p", trained), "forge:42", "stop it, or wait")
    held_by_another(trained)  # on a busy machine 30 seconds are over soon
    refused(gatewatch("store", "prune", "-p", trained), "another process")
    held_by_another(trained)
    said = gatewatch("once", trained)
    assert said.code == 0
    assert "another_process" in said.out


def test_no_model_holds_every_part_and_is_one_alert_a_gate_that_could_have_one(plant: Path) -> None:
    held = [value for gate in GATES for value in ("--set", f"gates.{gate}.forecast=false")]
    assert gatewatch("once", plant, *held).code == 0
    decided = [json.loads(d) for d in contents(plant)["decisions"]]
    assert len(decided) > 20
    assert {(d[12], d[13]) for d in decided} == {("hold", "no_model")}
    assert gatewatch("once", plant, at=NOW + timedelta(hours=2)).code == 0
    assert "GateOutOfService" not in gatewatch("alerts", "list", "-p", plant).out, "they still learn"
    enough = [value for gate in GATES for value in ("--set", f"gates.{gate}.training.min_outcomes=40")]
    never = [value for gate in GATES for value in ("--set", f"gates.{gate}.training.every=1000d")]
    assert gatewatch("once", plant, *enough, *never, at=NOW + timedelta(hours=3)).code == 0
    assert "GateOutOfService" not in gatewatch("alerts", "list", "-p", plant).out, "they wait for a model for an hour"
    assert gatewatch("once", plant, *enough, *never, at=NOW + timedelta(hours=5)).code == 0
    alerts = json.loads(gatewatch("alerts", "list", "-p", plant, "--json").out)
    out = [alert for alert in alerts if alert["name"] == "GateOutOfService"]
    assert sorted(alert["subject"] for alert in out) == sorted(GATES)
    assert {(alert["line"], alert["team"], alert["state"]) for alert in out} == {("blades", "ml", "firing")}
    assert "no_model" in out[0]["summary"]


def spoil_bytes(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(bytes(content))


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:100])


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "forging": (spoil_bytes, "bad_model"),
    "machining": (truncate, "bad_model"),
    "coating": (lambda file: shutil.rmtree(file.parent), "no_model"),
}


def test_bad_weight_files_hold_and_heal_from_mlflow_at_the_next_slot(trained: Path) -> None:
    for gate, (spoil, _) in SPOILT.items():
        files = list((trained.parent / "models" / f"blade-{gate}").rglob("*.safetensors"))
        assert files
        for file in files:
            spoil(file)
    known = set(contents(trained)["decisions"])
    changes = (
        "alerts.change.GateOutOfService.pending_for=0s",
        *(f"gates.{gate}.forecast=false" for gate in GATES),
    )
    assert gatewatch("once", trained, *(part for change in changes for part in ("--set", change))).code == 0
    new = [json.loads(d) for d in set(contents(trained)["decisions"]) - known]
    assert {(d[4], d[12], d[13]) for d in new} == {(gate, "hold", reason) for gate, (_, reason) in SPOILT.items()}
    lines = [line for line in gatewatch("alerts", "list", "-p", trained).out.splitlines() if "GateOutOfService" in line]
    assert len(lines) == len(GATES)
    verified = gatewatch("verify", "-p", trained)
    assert (verified.code, verified.err) == (0, ""), "the models were fetched again"


def test_a_bad_model_with_mlflow_gone_stays_out_of_service_and_says_so(trained: Path) -> None:
    for file in (trained.parent / "models").rglob("*.safetensors"):
        truncate(file)
    (trained.parent / "mlflow.db").unlink()
    said = gatewatch("once", trained, "--set", "mlflow.tracking_uri=http://127.0.0.1:1")
    refused(said, "model:forging", "127.0.0.1:1")


def test_a_port_in_use_is_named(plant: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused(gatewatch("run", plant, "--set", f"server.port={port}"), f"127.0.0.1 port {port}", "server.port")
        refused(gatewatch("demo", "--serve", "--port", str(port), cwd=plant.parent), f"127.0.0.1 port {port}")
    assert not (plant.parent / ".gatewatch-demo" / "mes.db").exists(), "the demo asks before it works"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_named(plant: Path) -> None:
    plant.parent.chmod(0o500)
    try:
        refused(gatewatch("once", plant), "store sqlite:///", "is writable")
    finally:
        plant.parent.chmod(0o700)


def test_check_prints_the_statement_that_makes_the_unique_key(plant: Path) -> None:
    with closing(sqlite3.connect(plant.parent / "mes.db")) as mes:
        columns = ", ".join(f'"{row[1]}" {row[2]}' for row in mes.execute("PRAGMA table_info(GATE_ADVICE)"))
        mes.executescript(f"DROP TABLE GATE_ADVICE; CREATE TABLE GATE_ADVICE ({columns})")
        said = gatewatch("check", plant)
        refused(said, "no unique key", "CREATE UNIQUE INDEX")
        found = json.loads(gatewatch("check", plant, "--json").out)["problems"]
        mes.executescript(found[0].partition("run: ")[2])
    assert gatewatch("check", plant).code == 0


def test_fail_on_finding_leaves_with_one(plant: Path) -> None:
    said = gatewatch("once", plant, "--fail-on-finding", "--json")
    assert json.loads(said.out)["findings"] > 0
    assert said.code == 1


@pytest.mark.postgres
@pytest.mark.soak  # near tests: tests/monitor/store/test_store_errors.py, tests/sources
class TestPostgres:
    """A PostgreSQL store or source in trouble."""

    def test_a_wrong_password_is_named_and_not_shown(self, plant: Path, postgres_url: str) -> None:
        wrong = sa.make_url(postgres_url).set(password="hunter2").render_as_string(hide_password=False)
        for key in ("store.url", "sources.mes.url"):
            said = gatewatch("once", plant, "--set", f"{key}={wrong}")
            refused(said, "password authentication failed", "check")
            assert "hunter2" not in said.out + said.err

    def test_a_database_that_is_not_there_is_named(self, plant: Path, postgres_url: str) -> None:
        gone = sa.make_url(postgres_url).set(database="gone").render_as_string(hide_password=False)
        refused(gatewatch("once", plant, "--set", f"store.url={gone}"), "gone", "create the database")

    def test_a_slow_source_runs_into_its_time_out(self, plant: Path, postgres_url: str) -> None:
        engine = sa.create_engine(postgres_url)
        with engine.begin() as connection:
            connection.exec_driver_sql(
                'CREATE VIEW "FINAL_TEST" AS SELECT \'a\'::text AS "SN", 1.0::float AS "FREQ_HZ", '
                'now() AS "TESTED_AT", '
                "timestamptz '2020-01-01' AS \"POSTED_AT\" FROM pg_sleep(5)"
            )
        said = gatewatch(
            "once", plant, "--set", f"sources.final_test.url={postgres_url}", "--set", "sources.final_test.timeout=1s"
        )
        engine.dispose()
        refused(said, "source 'final_test'", "timeout", "raise `timeout`")
        assert "pull:mes: ran success" in said.out

    def test_an_empty_store_is_made_and_a_dropped_table_is_named(self, plant: Path, postgres_url: str) -> None:
        store = ("--set", f"store.url={postgres_url}")
        assert gatewatch("once", plant, *store).code == 0
        engine = sa.create_engine(postgres_url)
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE cursor")
        engine.dispose()
        refused(gatewatch("once", plant, *store, at=LATER), "cursor", "does not exist")

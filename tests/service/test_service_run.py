"""`gatewatch run` as a real process: it answers, ends, reloads, and shares a store."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from cli_kit import Said, Started, gatewatch, start
from service_kit import get, heard, live_plant, metric, ready, url_of

from monitor.plant.file.load import load
from monitor.store.database import tables as t
from monitor.store.database.schema import open_existing

pytestmark = pytest.mark.process

Run = Callable[..., Started]


@pytest.fixture
def run() -> Iterator[Run]:
    """Start `gatewatch run`; what a test leaves running is killed."""
    started: list[Started] = []

    def begin(plant: Path, *more: str) -> Started:
        started.append(start("run", plant, *more, at=None))
        return started[-1]

    yield begin
    for process in started:
        try:
            os.kill(process.pid, signal.SIGKILL)
            os.waitpid(process.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            continue


def end(process: Started) -> Said:
    """Ask it to end and wait; what it said."""
    os.kill(process.pid, signal.SIGTERM)
    return process.end()


def went_well(said: Said) -> None:
    """Exit code 0 and no error; on a busy machine a run may outlast its slot of a second, which is a warning."""
    assert (said.code, "ERROR" in said.err, "Traceback" in said.err) == (0, False, False), said.err


def query(plant: Path, statement: sa.Select[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Rows of the store."""
    store = open_existing(load(plant).plant.store.url)
    with store.read() as connection:
        rows = [tuple(row) for row in connection.execute(statement)]
    store.close()
    return rows


def decided(plant: Path) -> int:
    """How many decisions the store holds; 0 before there is a store."""
    if not (plant.parent / "gatewatch.db").exists():
        return 0
    status, body = get(f"{url_of(plant)}/metrics")
    lines = [x for x in body.splitlines() if x.startswith("gatewatch_gate_decisions_total{")] if status == 200 else []
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in lines))


def test_it_answers_everywhere_and_ends_at_a_signal(tmp_path: Path, run: Run) -> None:
    plant = live_plant(tmp_path)
    process = run(plant)
    heard(lambda: ready(plant), "ready")
    heard(lambda: decided(plant) > 3, "decisions")
    base = url_of(plant)
    assert f"listening on {base}/" in process.out()
    assert get(f"{base}/healthz") == (200, '{"status":"ok"}')
    status, page = get(f"{base}/", "text/html")
    assert status == 200
    assert "forge-1" in page
    serial = str(query(plant, sa.select(t.decision.c.serial).limit(1))[0][0])
    assert json.loads(get(f"{base}/parts/{serial}", "application/json")[1])["serial"] == serial
    assert get(f"{base}/parts/nobody")[0] == 404
    assert [get(f"{base}{path}", "text/html")[0] for path in ("/parts", "/holds", "/parts?verdict=hold")] == [200] * 3
    assert json.loads(get(f"{base}/parts?format=json", "application/json")[1])["decisions"]
    assert metric(plant, 'gatewatch_plant_reloads_total{result="failure"}') == 0
    went_well(end(process))
    assert query(plant, sa.select(t.lease.c.name).where(t.lease.c.expires_at > 0)) == []


@pytest.mark.soak
def test_slots_are_served_when_they_come_whenever_it_was_started(tmp_path: Path, run: Run) -> None:
    plant = live_plant(tmp_path, "sources.mes.every=3s")
    process = run(plant)
    runs = sa.select(t.job_run.c.slot, t.job_run.c.started_at).where(t.job_run.c.job == "pull:mes")
    heard(lambda: ready(plant), "ready")

    def waited() -> list[float]:
        """Seconds from each slot to its run, but for the first, which was due when the service began."""
        return [(started - slot).total_seconds() for slot, started in query(plant, runs.order_by(t.job_run.c.slot))[1:]]

    # Counted from its own beginning, a service would come late at each by one and the same part of three seconds.
    heard(lambda: sum(seconds < 0.5 for seconds in waited()) >= 2, "two slots served as soon as they came")
    assert end(process).code == 0
    assert min(waited()) >= 0


@pytest.mark.soak
def test_counters_agree_over_restarts_once_and_two_processes(tmp_path: Path, run: Run) -> None:
    plant = live_plant(tmp_path)
    assert gatewatch("once", plant, at=datetime.now(UTC)).code == 0
    stored = len(query(plant, sa.select(t.decision.c.serial)))
    first = run(plant)
    heard(lambda: ready(plant), "ready")
    assert decided(plant) == stored
    port = load(plant).plant.server.port
    second = run(plant, "--set", "server.port=0")
    heard(lambda: "listening on" in second.out(), "the second process")
    other = second.out().split("listening on ")[1].split("/\n")[0]
    assert not other.endswith(f":{port}")

    def series(url: str) -> list[str]:
        wanted = ("gatewatch_gate_decisions_total{", "gatewatch_source_rows_total{", "gatewatch_findings_total{")
        return [line for line in get(f"{url}/metrics")[1].splitlines() if line.startswith(wanted)]

    heard(lambda: series(other) and series(url_of(plant)) == series(other), "equal counters")
    assert end(second).code == 0
    assert end(first).code == 0
    again = run(plant)
    heard(lambda: ready(plant), "ready again")
    assert decided(plant) == len(query(plant, sa.select(t.decision.c.serial)))
    assert end(again).code == 0


def test_a_good_plant_file_is_taken_over_and_a_bad_one_is_an_alert(tmp_path: Path, run: Run) -> None:
    plant = live_plant(tmp_path)
    process = run(plant)
    heard(lambda: ready(plant), "ready")
    good = plant.read_text(encoding="utf-8")
    plant.write_text(good.replace("sources:", "sourcs:"), encoding="utf-8")
    os.kill(process.pid, signal.SIGHUP)
    plant_url = f"http://127.0.0.1:{load(_kept(plant, good)).plant.server.port}"
    failures = 'gatewatch_plant_reloads_total{result="failure"} 1.0'
    heard(lambda: failures in get(f"{plant_url}/metrics")[1], "the refusal counted")
    assert "the old one stays in force" in process.err()
    assert "Traceback" not in process.err()
    plant.write_text(good, encoding="utf-8")
    heard(lambda: "PlantFileRejected" in gatewatch("alerts", "list", "-p", plant).out, "the alert")
    changed = good.replace("site: demo", "site: demo\n# one more line") if "site: demo\n" in good else good
    plant.write_text(changed.replace("unit: kN", "unit: kilonewton"), encoding="utf-8")
    os.kill(process.pid, signal.SIGHUP)
    heard(lambda: metric(plant, 'gatewatch_plant_reloads_total{result="success"}') == 1, "the take-over counted")
    digest = load(plant).digest
    heard(lambda: digest[:8] in get(f"{plant_url}/")[1], "the new digest")
    heard(lambda: "PlantFileRejected" not in gatewatch("alerts", "list", "-p", plant).out, "its end")
    before = decided(plant)
    _new_parts(plant)
    heard(lambda: decided(plant) > before, "a decision after it")
    newest = sa.select(t.decision.c.plant_digest).order_by(t.decision.c.arrival.desc()).limit(1)
    assert query(plant, newest) == [(digest,)]
    assert end(process).code == 0


def _kept(plant: Path, text: str) -> Path:
    kept = plant.with_name("kept.yaml")
    kept.write_text(text, encoding="utf-8")
    return kept


def _new_parts(plant: Path) -> None:
    """A part passes the forge: a copy of the newest one under a serial of its own, now."""
    engine = sa.create_engine(f"sqlite:///{plant.parent}/mes.db")
    with engine.begin() as connection:
        table = sa.Table("WIP_HISTORY", sa.MetaData(), autoload_with=connection)
        forged = sa.select(table).where(table.c.OPERATION == "FORG").order_by(table.c.T_POSTED.desc()).limit(1)
        row = dict(connection.execute(forged).one()._mapping)
        posted = datetime.now(UTC).replace(tzinfo=None)
        connection.execute(table.insert().values({**row, "SN": "B999999", "T_POSTED": posted}))
    engine.dispose()


@pytest.mark.soak  # near tests: test_workers_processes.py, a pull that waits for its source
def test_a_pull_that_waits_for_a_slow_database_does_not_keep_it(tmp_path: Path, run: Run, postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            'CREATE VIEW "FINAL_TEST" AS SELECT \'a\'::text AS "SN", 1.0::float AS "FREQ_HZ", now() AS "TESTED_AT", '
            "timestamptz '2020-01-01' AS \"POSTED_AT\" FROM pg_sleep(3600)"
        )
    plant = live_plant(tmp_path, f"sources.final_test.url={postgres_url}", "sources.final_test.timeout=1h")
    process = run(plant)
    asleep = sa.text("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")

    def waits() -> bool:
        with engine.connect() as connection:
            return int(connection.execute(asleep).scalar_one()) > 0

    heard(waits, "the statement that sleeps")
    said = end(process)
    assert waits(), "the statement goes on, for an hour: it was not waited for"
    ended = sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    with engine.connect() as connection:
        connection.execute(ended)
    engine.dispose()
    assert said.code == 0, said.err
    assert "nothing is lost" in said.err, said
    assert "Traceback" not in said.err


def test_a_signal_in_training_gives_it_up_and_leaves_no_child(tmp_path: Path, run: Run) -> None:
    training = ("min_outcomes=100", "epochs=100000", "every=1s")  # hours of it
    plant = live_plant(tmp_path, *(f"gates.forging.training.{setting}" for setting in training))
    process = run(plant)
    children = Path(f"/proc/{process.pid}/task")

    def child() -> list[str]:
        return [pid for task in children.glob("*/children") for pid in task.read_text().split()]

    heard(child, "the training child")
    pid = child()[0]
    went_well(end(process))
    assert not Path(f"/proc/{pid}").exists()
    kept = sa.select(t.job_run.c.rows).where(t.job_run.c.job == "model:forging", t.job_run.c.rows > 0)
    assert query(plant, kept) == [], "the slot it trained in is still due"


@pytest.mark.soak  # near tests: tests/monitor/test_drills.py
def test_a_drill_goes_there_and_back_in_the_running_service(run: Run, tmp_path: Path) -> None:
    plant = live_plant(tmp_path / "plant", "notify.every=1s")
    process = run(plant)
    heard(lambda: ready(plant), "the service is ready")
    said = gatewatch("drill", "-p", plant, "--team", "operators", "--json", at=None)
    assert said.code == 0, said.err
    told = json.loads(said.out)
    in_order = sorted(told["seconds"], key=told["seconds"].get)
    assert (told["broken"], set(in_order)) == (None, {"metric", "rule", "route", "message", "page", "cleared"})
    assert in_order[-1] == "cleared"
    went_well(end(process))
    lines = (plant.parent / "notifications.jsonl").read_text(encoding="utf-8").splitlines()
    drilled = [line["notifications"][0]["kind"] for line in map(json.loads, lines) if "drill" in line["id"]]
    assert drilled == ["opened", "resolved"]

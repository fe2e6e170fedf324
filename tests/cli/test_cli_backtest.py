"""How often alerts would have fired: what is said, what it costs to be above a budget, and what cannot be judged."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cli_kit import gatewatch
from plant_kit import START, make_plant

from alerting.alerts.evaluator import Key
from alerting.alerts.readings import Known, Reading, changed, followed, row_of, whole_row
from monitor.plant.file.load import load
from monitor.store.database.schema import open_store
from monitor.store.watching import readings

pytestmark = pytest.mark.process

HOUR = timedelta(hours=1)
DAYS = 3
DRIFT, DEAD = Key("DataDrift", "breach", "machining"), Key("SensorDead", "breach", "mill-2")


def _values() -> Iterator[tuple[datetime, dict[Key, float]]]:
    """An evaluation each half hour: drift of 1.8 for two hours in six, and a dead sensor from the first day on."""
    for n in range(DAYS * 48):
        yield START + n * HOUR / 2, {DRIFT: 1.8 if n % 12 < 4 else 0.5, DEAD: float(n > 40)}


def _written(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S.%f}"


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a plant with three days on record; of what fired, one alert is in the store."""
    plant = make_plant(tmp_path_factory.mktemp("recorded"), 0.1)
    store = open_store(load(plant).plant.store.url)
    known = Known({}, None)
    with store.write() as connection:
        for at, values in _values():
            changes = changed(known.readings, values, {}, at)
            now: dict[Key, Reading] = followed(known.readings, changes)
            if known.whole_at is None:
                readings.save_row(connection, whole_row(at, now, {}, known, ()))
            elif changes:
                readings.save_row(connection, row_of(at, changes))
            known = Known(now, known.whole_at or at)
    store.close()
    with closing(sqlite3.connect(plant.parent / "gatewatch.db")) as connection:
        runs = [(_written(at), _written(at)) for at, _ in _values()]
        connection.executemany(
            "INSERT INTO job_run (job, slot, started_at, result, rows) VALUES ('alerts', ?, ?, 'success', 0)", runs
        )
        row = ("SensorDead", "mill-2", "warning", "is dead", _written(START + 25 * HOUR), _written(START + 26 * HOUR))
        connection.execute(
            "INSERT INTO alert (name, subject, severity, summary, since, fired_at) VALUES (?, ?, ?, ?, ?, ?)", row
        )
        connection.commit()
    return plant.parent


@pytest.fixture
def recorded(record: Path, tmp_path: Path) -> Path:
    """The plant file of a copy."""
    return Path(shutil.copytree(record, tmp_path / "recorded")) / "plant.yaml"


def _of_store(plant: Path) -> list[str]:
    with closing(sqlite3.connect(plant.parent / "gatewatch.db")) as connection:
        return list(connection.iterdump())


def test_it_says_how_often_and_for_how_long_and_writes_nothing(recorded: Path) -> None:
    before = _of_store(recorded)
    said = gatewatch("alerts", "backtest", "-p", recorded)
    assert _of_store(recorded) == before
    assert said.code == 3, said.err
    print(said.out)
    head, names, *lines = said.out.splitlines()
    assert head.startswith("2026-03-02 06:00 to 2026-03-05 05:30 UTC")
    assert head.endswith("; before that nothing is on record")
    assert names.split()[:4] == ["alert", "would", "fire", "fired"]
    by_rule = {line.split()[0]: line.split() for line in lines}
    assert by_rule["DataDrift"][1:3] == ["12", "0"]
    assert by_rule["SensorDead"][1:3] == ["1", "1"]
    assert "others would not have fired and did not" in lines[-1]
    (sentence,) = said.err.splitlines()
    assert "DataDrift would fire 12 times a week (12 in all), its budget is 7" in sentence


@pytest.mark.parametrize(
    ("words", "code", "episodes"),
    [
        ((), 3, 12),
        (("--since", "1d"), 0, 4),
        (("--rule", "DataDrift"), 3, 12),
        (("--set", "alerts.change.DataDrift.limit=2"), 0, 0),
        (("--set", "alerts.change.DataDrift.pending_for=90m"), 3, 12),
        (("--set", "alerts.change.DataDrift.keep_firing=5h"), 0, 1),
        (("--set", "alerts.change.DataDrift.budget=12"), 0, 12),
        (("--set", "alerts.change.DataDrift.budget=11.9"), 3, 12),
        (("--set", "alerts.budget="), 0, 12),
        (("--set", "alerts.budget=0", "--rule", "SensorDead"), 3, None),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else None,
)
def test_rules_and_budgets_as_they_are_set(
    words: tuple[str, ...], code: int, episodes: int | None, recorded: Path
) -> None:
    said = gatewatch("alerts", "backtest", "-p", recorded, "--json", *words)
    assert said.code == code, said.err
    found = json.loads(said.out)
    by_rule = {rule["rule"]: rule for rule in found["rules"]}
    assert by_rule.get("DataDrift", {}).get("episodes") == episodes
    assert found["complete"] == ("--since" in words)
    named = [sentence.removeprefix("gatewatch: ").split()[0] for sentence in said.err.splitlines()]
    assert [name for name, rule in by_rule.items() if rule["over_budget"]] == named
    assert bool(named) == (code == 3)


def test_a_time_without_evaluations_is_told(recorded: Path) -> None:
    until = _written(START + 48 * HOUR)
    with closing(sqlite3.connect(recorded.parent / "gatewatch.db")) as connection:
        connection.execute("DELETE FROM job_run WHERE slot > ? AND slot < ?", (_written(START + 24 * HOUR), until))
        connection.commit()
    said = gatewatch("alerts", "backtest", "-p", recorded)
    assert "evaluations; none ran in 1 d of it; before that nothing" in said.out.splitlines()[0]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--rule", "DataDrft"), 2, "did you mean 'DataDrift'?"),
        (("--rule", "DataDrift", "--set", "alerts.change.DataDrift.enabled=false"), 2, "disables DataDrift"),
        (("--since", "0d"), 2, "expected a duration above 0s"),
        (("--set", "alerts.change.Watchdog.budget=3"), 2, "is not judged"),
    ],
)
def test_what_cannot_be_is_one_sentence(words: tuple[str, ...], code: int, sentence: str, recorded: Path) -> None:
    said = gatewatch("alerts", "backtest", "-p", recorded, *words)
    assert said.code == code
    assert sentence in said.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "'gatewatch run', 'once' and 'replay' record it"),
        (("--set", "profile=stack", "--set", "alerts.webhook_token=" + "t" * 32), "Prometheus evaluates them"),
    ],
)
def test_where_nothing_is_on_record_it_says_what_to_do(
    words: tuple[str, ...], sentence: str, record: Path, tmp_path: Path
) -> None:
    plant = Path(shutil.copy(record / "plant.yaml", tmp_path / "plant.yaml"))
    open_store(load(plant).plant.store.url).close()
    said = gatewatch("alerts", "backtest", "-p", plant, *words)
    assert (said.code, said.out) == (3, "")
    assert sentence in said.err
    assert len(said.err.splitlines()) == 1

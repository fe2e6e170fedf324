"""Answering alerts from the command line, and checking the record of it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cli_kit import gatewatch

pytestmark = pytest.mark.process

ALERT = ("SensorStuck", "mill-1")


@pytest.fixture(scope="module")
def ran(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a plant in which an alert fires."""
    plant = Path(shutil.copytree(fresh, tmp_path_factory.mktemp("ran") / "plant")) / "plant.yaml"
    assert gatewatch("once", plant).code == 0
    row = (*ALERT, "warning", "mill-1 is stuck", "2026-03-02 06:00:00.000000", "2026-03-02 06:00:00.000000")
    with closing(sqlite3.connect(plant.parent / "gatewatch.db")) as connection:
        connection.execute(
            "INSERT INTO alert (name, subject, severity, summary, since, fired_at) VALUES (?, ?, ?, ?, ?, ?)", row
        )
        connection.commit()
    return plant.parent


@pytest.fixture
def fired(ran: Path, tmp_path: Path) -> Path:
    """The plant file of a copy of it."""
    return Path(shutil.copytree(ran, tmp_path / "plant")) / "plant.yaml"


def test_from_the_alert_to_the_record_and_back(fired: Path) -> None:
    p = ("-p", fired)
    by = ("--by", "ann")
    said = gatewatch("alerts", "ack", *ALERT, *p, *by, "--note", "on my way")
    assert (said.code, said.out) == (0, "acknowledge: SensorStuck mill-1 by ann, entry 1 of the record\n")
    again = gatewatch("alerts", "ack", *ALERT, *p, *by)
    assert (again.code, "by ann already" in again.err) == (2, True)
    assert gatewatch("alerts", "shelve", *ALERT, *p, *by, "--for", "8h", "--reason", "sensor is on order").code == 0
    (shelf,) = json.loads(gatewatch("alerts", "shelved", *p, "--json").out)
    assert (shelf["subject"], shelf["reason"]) == ("mill-1", "sensor is on order")
    listed = json.loads(gatewatch("alerts", "list", *p, "--json").out)
    (words,) = [row["shelved"] for row in listed if row["shelved"]]
    assert words.endswith(" UTC  by ann: sensor is on order")
    assert gatewatch("alerts", "unshelve", *ALERT, *p, *by).code == 0
    assert gatewatch("alerts", "shelved", *p).out == "nothing is shelved\n"
    actions = [entry["action"] for entry in json.loads(gatewatch("audit", "list", *p, "--json").out)]
    assert actions == ["unshelve", "shelve", "acknowledge"]
    whole = gatewatch("audit", "verify", *p)
    end = whole.out.split()[-1]
    assert (whole.code, end.partition(":")[0]) == (0, "3")
    with closing(sqlite3.connect(fired.parent / "gatewatch.db")) as connection:
        connection.execute("DELETE FROM audit WHERE id = 3")
        connection.commit()
    assert gatewatch("audit", "verify", *p).code == 0, "only who knows the end can miss it"
    cut = gatewatch("audit", "verify", *p, "--expect", end)
    assert (cut.code, "entries end at 2; expected at least 3" in cut.err) == (3, True)


def test_what_is_silenced_in_alertmanager_is_listed_as_shelved(fired: Path) -> None:
    row = ("SensorStuck", "breach", "mill-1", "2026-03-02 06:00:00.000000", "9999-03-02 06:00:00.000000", "bob", "x", 0)
    with closing(sqlite3.connect(fired.parent / "gatewatch.db")) as connection:
        connection.execute("INSERT INTO silence VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        connection.commit()
    sentence = "until 9999-03-02 06:00 UTC  in Alertmanager  by bob: x"
    assert gatewatch("alerts", "shelved", "-p", fired).out == f"SensorStuck  mill-1  {sentence}\n"
    assert f"    shelved {sentence}\n" in gatewatch("alerts", "list", "-p", fired).out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("alerts", "ack", "SensorStuck", "mill-9"), "no alert SensorStuck of mill-9"),
        (("alerts", "shelve", *ALERT, "--for", "31d", "--reason", "x"), "at most 720 h"),
        (("alerts", "note", *ALERT, " "), "expected a note"),
        (("alerts", "note", *ALERT, "x", "--by", " a"), "expected 1 to 63 printable"),
        (("alerts", "unshelve", *ALERT), "is not shelved"),
        (("audit", "verify", "--expect", "3"), "expected ENTRY:DIGEST"),
    ],
)
def test_what_cannot_be_is_one_sentence(fired: Path, words: tuple[str, ...], sentence: str) -> None:
    said = gatewatch(*words, "-p", fired)
    assert said.code == 2
    assert sentence in said.err
    assert len(said.err.splitlines()) == 1


def test_status_says_how_the_plant_is(fired: Path) -> None:
    said = gatewatch("status", fired, "--fail-on-finding")
    assert said.code == 1
    first, alert, *rest = said.out.splitlines()
    assert "warning: SensorStuck mill-1 since" in first
    assert alert.startswith("  warning  SensorStuck  mill-1  since 2026-03-02 06:00 UTC  mill-1 is stuck")
    assert any(line.startswith("gate ") and "no model in force" in line for line in rest)
    assert any(line.startswith("source mes: read up to 20") for line in rest)
    found = json.loads(gatewatch("status", fired, "--json").out)
    assert found["alerts"][0]["name"] == "SensorStuck"
    assert {job["job"] for job in found["jobs"]} >= {"pull:mes", "alerts"}
    assert gatewatch("status", "-p", fired).code == 0


def test_status_of_a_plant_that_never_ran_creates_nothing(plant: Path) -> None:
    said = gatewatch("status", plant)
    assert said.code == 3
    assert "store" in said.err
    assert not (plant.parent / "gatewatch.db").exists()

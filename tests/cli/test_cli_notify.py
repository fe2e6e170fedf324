"""Telling people from the command line, and what is wrong with the file of URLs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from andon import Andon
from cli_kit import LATER, gatewatch
from plant_kit import START

pytestmark = pytest.mark.process

URLS = ("--set", "notify.urls_file=notify.urls")


@pytest.fixture
def andon() -> Iterator[Andon]:
    """A service that takes notifications."""
    server = Andon()
    yield server
    server.close()


def urls(plant: Path, text: str) -> None:
    """Write the file of URLs beside the plant file."""
    (plant.parent / "notify.urls").write_text(text, encoding="utf-8")


def test_a_test_says_whether_it_was_delivered(plant: Path, andon: Andon) -> None:
    urls(plant, f"operators {andon.url}\noperators json://hunter2@127.0.0.1:9\n")
    said = gatewatch("alerts", "test", "operators", "-p", plant, *URLS)
    assert said.code == 3
    assert said.out.startswith("URL 1 of operators: delivered\nURL 2 of operators: not delivered\n\ntest for operators")
    assert "temperature 25.3 degC, high limit 20, since" in said.out
    assert "notify: URL 2 of operators: the service could not be reached or did not accept the message" in said.err
    assert "hunter2" not in said.out + said.err
    assert [taken["title"] for taken in andon.taken] == ["test for operators, site demo"]
    (line,) = (plant.parent / "notifications.jsonl").read_text().splitlines()
    assert json.loads(line)["id"] == andon.ids[0]
    andon.status = 200
    urls(plant, f"operators {andon.url}\n")
    said = gatewatch("alerts", "test", "operators", "-p", plant, "--json", *URLS)
    assert (said.code, json.loads(said.out)["errors"]) == (0, [None])


def test_a_process_forked_after_apprise_was_used_delivers_too(plant: Path, andon: Andon) -> None:
    from exporters.delivery.channels.apprise import send

    send(andon.url, {"title": "first", "body": "in this process", "mood": "info"})
    urls(plant, f"operators {andon.url}\n")
    assert gatewatch("alerts", "test", "operators", "-p", plant, *URLS).code == 0
    assert len(andon.taken) == 2


@pytest.mark.parametrize(
    ("team", "settings", "code", "words"),
    [
        ("ml", URLS, 2, "alerts test: no URL for ml in "),
        ("ml", (), 2, "the plant file, which has no notify.urls_file"),
        ("managers", URLS, 2, "unknown team 'managers'; allowed: operators"),
    ],
    ids=["a team without a URL", "no file of URLs", "no such team"],
)
def test_nobody_to_test(team: str, settings: tuple[str, ...], code: int, words: str, plant: Path, andon: Andon) -> None:
    urls(plant, f"operators {andon.url}\n")
    said = gatewatch("alerts", "test", team, "-p", plant, *settings)
    assert (said.code, words in said.err) == (code, True), said.err


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "cannot be read (no such file or directory); expected a team and an Apprise URL on each line"),
        ("managers json://hunter2@x", "line 1: it does not begin with a team"),
        ("\noperators nonsense://hunter2@x", "line 2: the URL of 'operators' is incomplete or not supported"),
    ],
    ids=["a missing file", "an unknown team", "a service that Apprise does not know"],
)
@pytest.mark.parametrize("command", [("check",), ("once",)], ids=["gatewatch check", "at start"])
def test_a_wrong_file_is_one_sentence(command: tuple[str, ...], text: str | None, sentence: str, plant: Path) -> None:
    if text is not None:
        urls(plant, text)
    said = gatewatch(*command, plant, *URLS)
    assert said.code != 0
    (line,) = [line for line in said.err.splitlines() if "notify.urls_file" in line]
    assert sentence in line
    assert "hunter2" not in said.out + said.err


def test_a_team_reads_its_language_and_what_is_wrong_with_a_file_of_sentences_is_one_sentence(
    plant: Path, andon: Andon
) -> None:
    urls(plant, f"operators {andon.url}\n")
    said = gatewatch("alerts", "test", "operators", "-p", plant, *URLS, "--set", "notify.language.operators=de")
    assert said.code == 0, said.err
    (taken,) = andon.taken
    assert taken["title"] == "Test für operators, Standort demo"
    assert "temperature 25,3 degC, obere Grenze 20, seit" in taken["message"]
    (plant.parent / "own.yaml").write_text("sentences: {do: '{who}'}")
    settings = ("--set", "notify.language.operators=own.yaml", "--set", "notify.language.ml=fr",
                "--set", "notify.language.managers=de")  # fmt: skip
    said = gatewatch("check", plant, *URLS, *settings)
    assert said.code != 0
    found = [line for line in said.err.splitlines() if "notify.language" in line]
    assert ["own.yaml: sentences.do: expected no placeholders but {what}" in line for line in found] == [1, 0, 0]
    assert "notify.language.ml: fr: cannot be read; expected de, en or the path" in found[1]
    assert "notify.language: unknown team 'managers'; allowed: operators" in found[2]


def test_a_good_file_is_no_problem(plant: Path, andon: Andon) -> None:
    urls(plant, f"operators {andon.url}  # the board\n")
    assert gatewatch("check", plant, *URLS).code == 0
    assert andon.tries == 0


def fire(plant: Path) -> None:
    """An alert of the operators, as the evaluation writes it."""
    with closing(sqlite3.connect(plant.parent / "gatewatch.db")) as store:
        store.execute(
            "INSERT INTO alert (name, subject, severity, summary, since, fired_at, team, line) VALUES "
            "('MachineOutOfSpec', 'furnace-1', 'critical', 'too hot', :at, :at, 'operators', 'blades')",
            {"at": f"{START:%Y-%m-%d %H:%M:%S}.000000"},
        )
        store.commit()


def test_the_log_says_what_was_told_and_a_replay_wakes_nobody(trained: Path, andon: Andon) -> None:
    urls(trained, f"operators {andon.url}\n")
    fire(trained)
    hour = START + timedelta(hours=1)
    replay = ("replay", trained, "--from", hour.isoformat(), "--to", (hour + timedelta(minutes=30)).isoformat(), *URLS)
    assert gatewatch(*replay).code == 0
    assert andon.tries == 0
    said = gatewatch("alerts", "log", "-p", trained)
    lines = said.out.splitlines()
    first = next(i for i, line in enumerate(lines) if "furnace-1" in line)
    told, became = lines[first : first + 2]
    assert (
        "operators  opened  critical: machine furnace-1 runs outside its operating limits, line blades, site " in told
    )
    assert became.endswith("log sent")
    (row,) = [
        r for r in json.loads(gatewatch("alerts", "log", "-p", trained, "--json").out) if r["team"] == "operators"
    ]
    assert row["deliveries"] == {"notify:log": ["sent"]}


@pytest.mark.soak  # near tests: tests/monitor/jobs/test_jobs_notify.py
def test_a_live_run_and_a_replay_that_is_asked_to_send(trained: Path, andon: Andon) -> None:
    urls(trained, f"operators {andon.url}\n")
    fire(trained)
    hour = START + timedelta(hours=1)
    to = (hour + timedelta(minutes=30)).isoformat()
    assert gatewatch("replay", trained, "--from", hour.isoformat(), "--to", to, "--notify", *URLS).code == 0
    assert len(andon.ids) == 1
    fire(trained)
    assert gatewatch("once", trained, *URLS, at=LATER).code == 0
    assert len(andon.ids) == 2
    assert gatewatch("alerts", "log", "-p", trained).out.count("log sent, URL 1 sent") == 2


def test_a_store_where_nobody_was_told(trained: Path) -> None:
    with closing(sqlite3.connect(trained.parent / "gatewatch.db")) as store:
        store.execute("DELETE FROM notification")
        store.commit()
    assert gatewatch("alerts", "log", "-p", trained).out == "no notifications\n"

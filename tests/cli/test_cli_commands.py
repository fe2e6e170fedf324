"""Every command does what its help says, for people and for programs."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click
import pytest
from cli_kit import LATER, NOW, gatewatch
from plant_kit import GATES, START, contents
from warm_kit import fork_training

from monitor.cli import cli

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def done(taught: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plant file of a plant on which everything ran; tests only read it."""
    plant = Path(shutil.copytree(taught, tmp_path_factory.mktemp("done") / "plant")) / "plant.yaml"
    assert gatewatch("once", plant).code == 0
    return plant


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


ALL = dict(commands(cli))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_help_has_an_example_of_the_command_itself(path: tuple[str, ...]) -> None:
    text = " ".join((ALL[path].help or "").split())
    assert "Example" in text
    assert f"gatewatch {' '.join(path)}" in text


def test_help_and_version_do_not_pay_for_heavy_libraries() -> None:
    code = (
        "import sys; sys.argv = ['gatewatch', '--version']\n"
        "import monitor.cli\ntry:\n    monitor.cli.main()\nexcept SystemExit: pass\n"
        "print(sorted({'torch', 'mlflow', 'pandas', 'river', 'sqlalchemy'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("gatewatch, version")
    assert said.stdout.endswith("[]\n")


def serial_of(plant: Path, condition: str) -> str:
    query = f"SELECT serial FROM part_step WHERE revision = 0 AND {condition} LIMIT 1"
    with closing(sqlite3.connect(plant.parent / "gatewatch.db")) as store:
        return str(store.execute(query).fetchone()[0])


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (
            "step = 'coating' AND serial IN (SELECT serial FROM decision)",
            ("gate coating", "gate machining", "gate forging", "part_step"),
        ),
        ("visit = 2", ("visit 1", "visit 2")),
    ],
    ids=["a part that went through", "a part that passed a step again"],
)
def test_part_show_tells_all_in_order_of_time(condition: str, words: tuple[str, ...], done: Path) -> None:
    serial = serial_of(done, condition)
    text = gatewatch("part", "show", serial, "-p", done)
    data = gatewatch("part", "show", serial, "-p", done, "--json")
    assert (text.code, data.code) == (0, 0)
    for word in words:
        assert word in text.out
    found = json.loads(data.out)
    assert found["serial"] == serial
    times = [event["at"] for event in found["events"]]
    assert times == sorted(times)
    for event in found["events"]:
        assert event["summary"] in text.out


def test_part_show_begins_with_why(done: Path) -> None:
    serial = serial_of(done, "serial IN (SELECT serial FROM decision WHERE reason = 'in_spec')")
    text = gatewatch("part", "show", serial, "-p", done).out
    assert "within the specification 1225 to 1275" in text.partition("\nhistory\n")[0]
    found = json.loads(gatewatch("part", "show", serial, "-p", done, "--json").out)
    assert found["decisions"][0]["specification"]["unit"] == "Hz"
    assert {one["by"] for one in found["neighbours"]} == {"machine", "lot"}


def test_part_replay_makes_the_same_decisions_and_notices_another(done: Path, tmp_path: Path) -> None:
    serial = serial_of(done, "serial IN (SELECT serial FROM decision WHERE predicted IS NOT NULL)")
    text, data = (gatewatch("part", "replay", serial, "-p", done, *more) for more in ((), ("--json",)))
    assert (text.code, data.code) == (0, 0)
    assert "equal: " in text.out
    assert all(one["equal"] for one in json.loads(data.out)["decisions"])
    plant = Path(shutil.copytree(done.parent, tmp_path / "forged")) / "plant.yaml"
    with closing(sqlite3.connect(plant.parent / "gatewatch.db")) as store, store:
        store.execute("UPDATE decision SET predicted = predicted + 1 WHERE serial = ?", (serial,))
    forged = gatewatch("part", "replay", serial, "-p", plant)
    assert forged.code == 3
    assert "DIFFERENT in predicted: stored" in forged.out
    assert "Traceback" not in forged.err


def test_part_list_and_holds_tell_what_the_store_has(done: Path) -> None:
    every = json.loads(gatewatch("part", "list", "-p", done, "--limit", "1000", "--json").out)["decisions"]
    held = json.loads(gatewatch("part", "list", "-p", done, "--verdict", "hold", "--limit", "1000", "--json").out)
    assert {row["verdict"] for row in every} >= {"hold", "continue"}
    assert held["decisions"] == [row for row in every if row["verdict"] == "hold"]
    waiting = json.loads(gatewatch("part", "holds", "-p", done, "--set", "steps.forging.decide_by=1m", "--json").out)
    assert {row["serial"] for row in waiting["holds"]} <= {row["serial"] for row in held["decisions"]}
    assert all(row["overdue"] == (row["step"] == "forging") for row in waiting["holds"])
    text = gatewatch("part", "list", "-p", done, "--limit", "1")
    assert text.out.splitlines()[-1] == "there are more; --limit shows more"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list", "--reason", "because"], "reason 'because': expected one of in_spec"),
        (["list", "--verdict", "maybe"], "'maybe' is not one of"),
        (["list", "--limit", "0"], "0 is not in the range"),
        (["replay", "B999999"], "the store has no such part"),
    ],
)
def test_a_list_that_cannot_be_is_a_usage_error(arguments: list[str], said: str, done: Path) -> None:
    found = gatewatch("part", *arguments, "-p", done)
    assert (found.code, said in found.err, "Traceback" in found.err) == (2, True, False)


def test_a_serial_number_is_found_with_blanks_around_it(done: Path) -> None:
    listed = gatewatch("part", "list", "-p", done, "--limit", "1", "--json")
    serial = json.loads(listed.out)["decisions"][0]["serial"]
    said = gatewatch("part", "show", "-p", done, f" {serial} ")
    assert (said.code, said.out.splitlines()[0]) == (0, f"part {serial}")


STRANGE = (
    "B999999",
    "",
    " ",
    "../../etc/passwd",
    "'; DROP TABLE decision; --",
    "a\nb",
    "\x1b[31m",
    "ü" * 300,
    "%",
    "b000301",
)


@pytest.mark.parametrize("serial", STRANGE, ids=repr)
def test_part_show_of_a_part_that_is_not_there(serial: str, done: Path) -> None:
    said = gatewatch("part", "show", "-p", done, "--", serial)
    assert said.code == 2
    assert "the store has no such part; the nearest are 'B" in said.err or not serial.isprintable()
    assert "\x1b" not in said.err
    assert "Traceback" not in said.err


def test_backup_and_restore_bring_back_the_same_store(trained: Path) -> None:
    saved = trained.parent / "saved.db"
    before = contents(trained)
    assert gatewatch("store", "backup", saved, "-p", trained).out == f"{saved}: written\n"
    assert gatewatch("once", trained).code == 0
    assert contents(trained) != before
    assert gatewatch("store", "restore", saved, "-p", trained).code == 0
    assert contents(trained) == before
    again = gatewatch("store", "backup", saved, "-p", trained)
    assert (again.code, "the file exists" in again.err) == (2, True)


def test_upgrade_makes_the_tables_and_then_has_nothing_to_do(plant: Path) -> None:
    assert "none -> " in gatewatch("store", "upgrade", "-p", plant).out
    assert "->" not in gatewatch("store", "upgrade", "-p", plant).out


def test_prune_deletes_what_is_too_old_now(trained: Path) -> None:
    said = gatewatch("store", "prune", "-p", trained, "--set", "store.retention.findings=1d")
    assert said.code == 0
    assert int(said.out.split()[0]) > 0
    assert contents(trained)["findings"] == []


def test_dead_letters_are_listed_and_sent_again(trained: Path) -> None:
    with closing(sqlite3.connect(trained.parent / "gatewatch.db")) as store:
        store.execute("UPDATE outbox SET status = 'dead', error = 'the MES said \x1b[2J no' WHERE id <= 3")
        store.commit()
    listed = gatewatch("outbox", "list", "-p", trained)
    assert listed.out.endswith("3 dead\n")
    assert "\x1b" not in listed.out
    ids = [row["id"] for row in json.loads(gatewatch("outbox", "list", "-p", trained, "--json").out)]
    unknown = gatewatch("outbox", "resend", "987654", "-p", trained)
    assert (unknown.code, "no dead letter 987654" in unknown.err) == (2, True)
    assert gatewatch("outbox", "resend", str(ids[0]), "-p", trained).out == "1 queued again\n"
    assert gatewatch("outbox", "resend", "-p", trained).out == "2 queued again\n"
    assert gatewatch("once", trained, at=LATER).code == 0
    assert gatewatch("outbox", "list", "-p", trained, "--status", "pending").out == "0 pending\n"


def test_models_are_listed_and_a_later_one_waits_for_a_word(trained: Path) -> None:
    rows = json.loads(gatewatch("model", "list", "-p", trained, "--json").out)
    assert sorted((r["gate"], r["status"]) for r in rows) == [(gate, "in_force") for gate in sorted(GATES)]
    same = gatewatch("model", "train", "forging", "-p", trained, before=fork_training)
    assert "version 1" in same.out, "the same rows make the same package"
    assert "; in force" in same.out
    another = ("--set", "gates.forging.training.seed=99", "--set", "gates.forging.training.epochs=5")
    said = gatewatch("model", "train", "forging", "-p", trained, *another, before=fork_training)
    assert said.code == 0, said.err
    assert "registered, not in force" in said.out
    text = gatewatch("model", "list", "-p", trained).out
    assert text.count("in_force") == len(GATES)
    assert "version 2  ready" in text


def test_quarantine_lists_the_newest_with_their_reasons(done: Path) -> None:
    rows = json.loads(gatewatch("quarantine", "list", "-p", done, "--newest", "2", "--json").out)
    assert len(rows) == 2
    assert rows[0]["id"] > rows[1]["id"]
    assert rows[0]["reason"] in gatewatch("quarantine", "list", "-p", done).out


def test_verify_makes_every_decision_again_and_fails_on_a_forged_one(done: Path, tmp_path: Path) -> None:
    plant = Path(shutil.copytree(done.parent, tmp_path / "plant")) / "plant.yaml"
    found = json.loads(gatewatch("verify", "-p", plant, "--json").out)
    assert found["checked"] == len(contents(plant)["decisions"])
    assert found["different"] == []
    with closing(sqlite3.connect(plant.parent / "gatewatch.db")) as store:
        store.execute(
            "UPDATE decision SET predicted = predicted + 1 WHERE serial = "
            "(SELECT serial FROM decision WHERE predicted IS NOT NULL LIMIT 1)"
        )
        store.commit()
    said = gatewatch("verify", "-p", plant)
    assert said.code == 3
    assert "recomputed" in said.err


def test_alerts_say_since_when_and_what_to_do(plant: Path, trained: Path) -> None:
    assert gatewatch("store", "upgrade", "-p", plant).code == 0
    assert gatewatch("alerts", "list", "-p", plant).out == "no alerts\n"
    plant = trained
    for folder in (trained.parent / "models").iterdir():
        shutil.rmtree(folder)
    assert gatewatch("once", plant, "--set", "alerts.change.GateOutOfService.pending_for=0s").code == 0
    text = gatewatch("alerts", "list", "-p", plant).out
    assert "critical  GateOutOfService  forging  blades  for ml  firing  since " in text
    assert "gate forging has no verified model with skill: it holds parts, or decides by the forecast alone: " in text
    assert "gatewatch model train" in text
    assert "Watchdog" not in text
    assert (
        "info  Watchdog  demo  -  for platform  firing  since " in gatewatch("alerts", "list", "-p", plant, "--all").out
    )


def test_the_plant_file_may_come_from_the_environment(done: Path) -> None:
    said = gatewatch("alerts", "list", environment={"GATEWATCH_PLANT": os.fspath(done)})
    assert said.code == 0


@pytest.mark.parametrize(
    ("options", "file"),
    [
        ((), "reports/report-{now}.html"),
        (("--from", "{start}", "--out", "week.html"), "week.html"),
        (("--from", "2001-01-01", "--to", "2001-01-02"), "reports/report-2001-01-02T0000Z.html"),
    ],
    ids=["the last day, where the server lists it", "any other file", "a day of which nothing is known"],
)
def test_a_report_is_one_file(options: tuple[str, ...], file: str, done: Path) -> None:
    given = [o.format(start=START.isoformat()) for o in options]
    said = gatewatch("report", done, *given, cwd=done.parent)
    assert (said.code, said.err) == (0, "")
    written = done.parent / file.format(now=f"{NOW:%Y-%m-%dT%H%MZ}")
    assert said.out.rsplit(":", 1)[0].endswith(written.name)
    text = written.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "Machine forge-1" in text
    assert "Gate forging" in text


def test_a_report_that_ends_before_it_begins_is_refused(done: Path) -> None:
    said = gatewatch("report", done, "--from", "2026-01-02", "--to", "2026-01-02", cwd=done.parent)
    assert said.code == 2
    assert said.err.splitlines() == ["gatewatch: --from 2026-01-02T00:00Z is not before --to 2026-01-02T00:00Z"]


def test_a_baseline_starts_anew_with_a_reason_on_record(taught: Path, tmp_path: Path) -> None:
    plant = Path(shutil.copytree(taught, tmp_path / "plant")) / "plant.yaml"
    assert gatewatch("once", plant).code == 0
    assert gatewatch("machine", "forgotten", "-p", plant).out == "no baseline was made to start anew\n"
    said = gatewatch("machine", "forget", "forge-1", "--reason", "new\n bearing", "--by", "Ada", "-p", plant)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("forge-1: the baseline is learnt anew from the readings after 2026-03-02 07:")
    data = json.loads(gatewatch("machine", "forget", "forge-2", "--reason", "swap", "-p", plant, "--json").out)
    assert (data["machine"], data["recipe"], data["reason"]) == ("forge-2", None, "swap")
    listed = gatewatch("machine", "forgotten", "-p", plant).out.splitlines()
    assert [("forge-2" in line, "forge-1" in line) for line in listed] == [(True, False), (False, True)]
    assert listed[1].endswith("by Ada: new bearing")
    assert gatewatch("once", plant, at=LATER).code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("forge-9", "--reason", "x"),
            "machine 'forge-9': the plant file has no such machine; it has forge-1",
        ),
        (("forge-1", "--recipe", "no such", "--reason", "x"), "recipe 'no such': nothing has been learnt of it on"),
        (("forge-1", "--reason", " "), "--reason: it has 0 characters; expected 1 to 1000"),
        (("forge-1", "--reason", "x" * 1001), "--reason: it has 1001 characters; expected 1 to 1000"),
        (("forge-1",), "Missing option '--reason'"),
    ],
    ids=["machine", "recipe", "blank", "long", "none"],
)
def test_a_baseline_that_cannot_start_anew_is_one_sentence(arguments: tuple[str, ...], words: str, done: Path) -> None:
    said = gatewatch("machine", "forget", *arguments, "-p", done)
    assert said.code == 2
    assert words in said.err
    assert "Traceback" not in said.err
    assert gatewatch("machine", "forgotten", "-p", done, "--json").out == "[]\n"

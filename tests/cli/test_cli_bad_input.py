"""Bad input through the real command line: one clear sentence, the right exit code, no traceback, nothing lost."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import dropwhile
from pathlib import Path

import pytest
from cli_kit import LATER, NOW, Said, gatewatch
from plant_kit import advice, contents

pytestmark = pytest.mark.process

Prepare = Callable[[Path], object]
KEPT = ("readings", "parts", "outcomes", "windows", "quarantine")


def refused(said: Said, code: int, *words: str) -> None:
    """It left with that code, said it in one sentence and without a traceback."""
    everything = said.out + said.err
    assert "Traceback" not in everything, everything
    assert said.code == code, everything
    for word in words:
        assert word in everything, everything
    assert said.err


@dataclass(frozen=True)
class Case:
    name: str
    arguments: tuple[str, ...]
    code: int
    words: tuple[str, ...]
    prepare: Prepare = lambda folder: None


def written(name: str, text: str) -> Prepare:
    return lambda folder: (folder / name).write_text(text, encoding="utf-8")


def without_costs(folder: Path) -> None:
    """A copy of the plant file of which no gate has costs."""
    head, found, rest = (folder / "plant.yaml").read_text(encoding="utf-8").partition("    costs:")
    assert found
    left = rest.splitlines(keepends=True)[1:]
    kept = dropwhile(lambda line: line.startswith("      "), left)
    (folder / "free.yaml").write_text(head + "".join(kept), encoding="utf-8")


CASES = (
    Case("no plant file", ("check", "none.yaml"), 2, ("none.yaml: no such file", "expected a plant file")),
    Case("no plant file to run", ("run", "none.yaml"), 2, ("none.yaml: no such file",)),
    Case("a folder for a plant file", ("once", "."), 2, ("is a folder",)),
    Case("an empty plant file", ("once", "empty.yaml"), 2,
         ("empty.yaml", "the file is empty"), written("empty.yaml", "")),
    Case("a plant file that is no YAML", ("check", "bad.yaml"), 2,
         ("bad.yaml:2: not valid YAML",), written("bad.yaml", "steps: [\n")),
    Case("an unknown key in the plant file", ("check", "bad.yaml"), 2, ("bad.yaml:2", "sitte", "allowed"),
         written("bad.yaml", "version: 1\nsitte: x\n")),
    Case("an unknown key set", ("once", "plant.yaml", "--set", "sources.mes.urll=x"), 2, ("urll", "allowed")),
    Case("a set without a value", ("once", "plant.yaml", "--set", "sources.mes.url"), 2, ("expected KEY=VALUE",)),
    Case("an unknown command", ("fly",), 2, ("No such command 'fly'",)),
    Case("an unknown option", ("once", "plant.yaml", "--fast"), 2, ("No such option", "--fast")),
    Case("a replay without its times", ("replay", "plant.yaml"), 2, ("Missing option", "--from")),
    Case("a replay back in time", ("replay", "plant.yaml", "--from", "2026-03-02", "--to", "2026-03-01"), 2,
         ("is not before",)),
    Case("a time without an offset", ("replay", "plant.yaml", "--from", "2026-03-02T06:00", "--to", "2026-03-03"), 2,
         ("has no offset",)),
    Case("a time that is none", ("replay", "plant.yaml", "--from", "monday", "--to", "2026-03-03"), 2,
         ("'monday': expected a time",)),
    Case("a store of an unknown kind", ("once", "plant.yaml", "--set", "store.url=oracle://x/y"), 2,
         ("store.url", "sqlite")),
    Case("a source of an unknown kind", ("once", "plant.yaml", "--set", "sources.mes.url=oracle://x/y"), 2,
         ("source 'mes'", "expected sqlite:")),
    Case("a store in a folder that is not there", ("once", "plant.yaml", "--set", "store.url=sqlite:///gone/x.db"), 3,
         ("store sqlite:///", "gone/x.db", "check that the folder exists")),
    Case("a store that is a folder", ("once", "plant.yaml", "--set", "store.url=sqlite:///models"), 3,
         ("store sqlite:///", "models"), lambda folder: (folder / "models").mkdir(exist_ok=True)),
    Case("a store that is no database", ("once", "plant.yaml", "--set", "store.url=sqlite:///plant.yaml"), 3,
         ("store sqlite:///", "not a database", "choose another file")),
    Case("a store that is somebody else's", ("once", "plant.yaml", "--set", "store.url=sqlite:///mes.db"), 3,
         ("tables of another program", "SURFACE_INSPECTION", "store.url")),
    Case("a check of a store that is somebody else's",
         ("check", "plant.yaml", "--set", "store.url=sqlite:///mes.db"), 3,
         ("tables of another program",)),
    Case("a store whose port is closed",
         ("once", "plant.yaml", "--set", "store.url=postgresql+psycopg://u:secret@127.0.0.1:1/x"), 3,
         ("store postgresql", "127.0.0.1", "check that it runs")),
    Case("part show before anything ran", ("part", "show", "B000001"), 3, ("there is none yet", "gatewatch run")),
    Case("model train before anything ran", ("model", "train", "forging"), 3, ("there is none yet",)),
    Case("savings without costs", ("savings", "free.yaml"), 2, ("expected gates.NAME.costs",), without_costs),
    Case("savings of a month that is none", ("savings", "plant.yaml", "--month", "november"), 2, ("such as 2026-11",)),
    Case("store prune before anything ran", ("store", "prune"), 3, ("there is none yet",)),
    Case("model train of a gate that is not there", ("model", "train", "gluing"), 2,
         ("'gluing'", "forging, machining, coating, inspection")),
    Case("restore of a file that is not there", ("store", "restore", "none.db"), 2, ("none.db: no such file",)),
    Case("restore of a file that is no store", ("store", "restore", "plant.yaml"), 3, ("plant.yaml", "store backup")),
    Case("restore of another one", ("store", "restore", "mes.db"), 3, ("mes.db", "not a complete Gatewatch store")),
    Case("a demo in a folder that holds other files", ("demo", "--dir", "."), 2, ("it holds other files",)),
    Case("a demo in a file", ("demo", "--dir", "plant.yaml"), 2, ("it is a file",)),
    Case("a demo of no days", ("demo", "--days", "0"), 2, ("--days",)),
    Case("a demo with a seed below zero", ("demo", "--seed", "-1"), 2, ("--seed",)),
    Case("a demo to serve on no port", ("demo", "--serve", "--port", "70000"), 2, ("--port",)),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input_is_one_sentence_and_an_exit_code(case: Case, plant: Path) -> None:
    case.prepare(plant.parent)
    before = sorted(plant.parent.iterdir())
    said = gatewatch(*case.arguments, cwd=plant.parent)
    refused(said, case.code, *case.words)
    assert "secret" not in said.out + said.err
    if case.code == 2:
        assert sorted(plant.parent.iterdir()) == before, "wrong use leaves nothing behind"


def statement(file: str, text: str) -> Prepare:
    def run(folder: Path) -> None:
        with closing(sqlite3.connect(folder / file)) as connection:
            connection.execute(text)
            connection.commit()

    return run


def moved(name: str, to: str) -> Prepare:
    return lambda folder: (folder / name).rename(folder / to)


def emptied(folder: Path) -> None:
    shutil.move(folder / "historian.db", folder / "kept.db")
    sqlite3.connect(folder / "historian.db").close()


def filled_again(folder: Path) -> None:
    shutil.move(folder / "kept.db", folder / "historian.db")


@dataclass(frozen=True)
class Trouble:
    """How a source fails and is mended, when it is looked at, and what is said of it."""

    at: datetime
    break_: Prepare
    mend: Prepare
    words: tuple[str, ...]


AT_ONCE = tuple(
    word
    for name in ("pending_for", "keep_firing")
    for word in ("--set", f"alerts.change.SourceStopped.{name}=0s")
)  # fmt: skip
RENAME = 'ALTER TABLE TREND_WIDE RENAME COLUMN "{}" TO "{}"'
EVERY = timedelta(hours=2)
"""Every slot is due again."""
TROUBLES = (
    Trouble(NOW, moved("historian.db", "x.db"), moved("x.db", "historian.db"),
            ("source 'historian'", "TREND_WIDE", "unable to open", "check the url")),
    Trouble(NOW + EVERY, emptied, filled_again, ("source 'historian'", "no table", "TREND_WIDE")),
    Trouble(NOW + 2 * EVERY, statement("historian.db", RENAME.format("V3", "V33")),
            statement("historian.db", RENAME.format("V33", "V3")), ("source 'historian'", "no column 'V3'", "V33")),
)  # fmt: skip


@pytest.fixture(scope="module")
def whole(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What the store keeps of the plant when nothing goes wrong."""
    plant = Path(shutil.copytree(fresh, tmp_path_factory.mktemp("whole") / "plant")) / "plant.yaml"
    assert gatewatch("once", plant).code == 0
    return contents(plant)


def _all_is_there(plant: Path, whole: dict[str, list[str]], at: datetime) -> None:
    """After a run in which nothing is wrong any more."""
    again = gatewatch("once", plant, *AT_ONCE, at=at)
    assert again.code == 0, again.err
    assert gatewatch("outbox", "list", "-p", plant, "--status", "pending").out == "0 pending\n"
    kept = contents(plant)
    for table in KEPT:
        assert kept[table] == whole[table], table
    assert len(advice(plant)) == len(whole["decisions"])


def test_a_source_in_trouble_stops_alone_and_goes_on_when_mended(plant: Path, whole: dict[str, list[str]]) -> None:
    """In one trouble after the other."""
    for trouble in TROUBLES:
        trouble.break_(plant.parent)
        refused(gatewatch("check", plant), 3, *trouble.words)
        refused(gatewatch("once", plant, *AT_ONCE, at=trouble.at), 3, *trouble.words)
        assert "SourceStopped" in gatewatch("alerts", "list", "-p", plant).out, trouble.words
        trouble.mend(plant.parent)
    _all_is_there(plant, whole, TROUBLES[-1].at + EVERY)
    assert "SourceStopped" not in gatewatch("alerts", "list", "-p", plant).out


def test_a_mes_that_lost_the_table_of_recommendations_gets_them_when_it_has_it_again(
    plant: Path, whole: dict[str, list[str]]
) -> None:
    statement("mes.db", "ALTER TABLE GATE_ADVICE RENAME TO G")(plant.parent)
    refused(gatewatch("check", plant), 3, "GATE_ADVICE")
    gatewatch("once", plant, "--set", "write_back.attempts=1", *AT_ONCE)
    # The alerts are evaluated before anything is delivered: the next slot sees it.
    assert gatewatch("once", plant, *AT_ONCE, at=NOW + timedelta(minutes=40)).code == 0
    assert "DeadLetters" in gatewatch("alerts", "list", "-p", plant).out
    statement("mes.db", "ALTER TABLE G RENAME TO GATE_ADVICE")(plant.parent)
    assert gatewatch("outbox", "resend", "-p", plant).code == 0
    _all_is_there(plant, whole, LATER)
    assert "DeadLetters" not in gatewatch("alerts", "list", "-p", plant).out

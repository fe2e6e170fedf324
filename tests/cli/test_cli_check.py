"""`gatewatch check` of a file with problems: the databases of its other sections are checked all the same."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from cli_kit import gatewatch

pytestmark = pytest.mark.process

SECTIONS = {
    "version": "1",
    "site": "s",
    "steps": "{form: {line: l}}",
    "machines": "{m: {step: form}}",
    "sources": """
  parts: {kind: part_steps, url: "sqlite:///no_mes.db", table: T, serial: S, step: O, at: {column: A, epoch: s}}
  states: {kind: machine_states, url: "sqlite:///no_plc.db", table: T, machine: M, state: S, at: {column: A, epoch: s}}
""",
    "write_back": """
  {url: "sqlite:///no_advice.db", table: ADVICE,
   columns: {site: A, serial: B, step: C, visit: D, revision: E, recommendation: F}}
""",
    "store": '{url: "sqlite:///no_folder/store.db"}',
    "notify": "{log: no_logs/notify.jsonl}",
}
CONNECTED = {
    "parts": "no_mes.db", "states": "no_plc.db", "write_back": "no_advice.db", "store": "no_folder",
    "notify": "no_logs",
}  # fmt: skip
"""What is named of each section when the database or folder it leads to is not there."""

FLAWS: dict[str, tuple[dict[str, str | None], set[str]]] = {
    "a machine at an unknown step": ({"machines": "{m: {step: coat}}"}, set()),
    "an unknown section": ({"siet": "s"}, set()),
    "no site": ({"site": None}, set()),
    "a wrong version": ({"version": "2"}, set()),
    "no steps": ({"steps": None}, set()),
    "steps that are a list": ({"steps": "[form]"}, set()),
    "no sources": ({"sources": None}, {"parts", "states"}),
    "sources that are a list": ({"sources": "[1]"}, {"parts", "states"}),
    "a store with a wrong key": ({"store": '{urll: "sqlite:///no_folder/store.db"}'}, {"store"}),
    "a store with a wrong number": (
        {"store": '{url: "sqlite:///no_folder/store.db", batch_rows: none}'}, set(),
    ),
    "a target with a wrong key": ({"write_back": '{urll: "sqlite:///no_advice.db"}'}, {"write_back"}),
    "a log that is a number": ({"notify": "{log: 3}"}, {"notify"}),
    "one source of an unknown kind": (
        {"sources": str(SECTIONS["sources"]).replace("kind: part_steps", "kind: parts")}, {"parts"},
    ),
    "one source without a url": (
        {"sources": str(SECTIONS["sources"]).replace('url: "sqlite:///no_plc.db", ', "")}, {"states"},
    ),
    "a secret that is not set": (
        {"sources": str(SECTIONS["sources"]).replace("no_mes.db", "${NOT_SET}.db")}, {"parts"},
    ),
}  # fmt: skip


def _file(folder: Path, changes: dict[str, str | None]) -> Path:
    file = folder / "plant.yaml"
    sections = {**SECTIONS, **changes}
    file.write_text("\n".join(f"{key}: {text}" for key, text in sections.items() if text is not None))
    return file


@pytest.mark.parametrize(("changes", "flawed"), FLAWS.values(), ids=FLAWS)
def test_what_is_sound_is_checked_and_everything_told(
    changes: dict[str, str | None], flawed: set[str], tmp_path: Path
) -> None:
    said = gatewatch("check", _file(tmp_path, changes))
    assert said.code == 2, said.err
    assert "gatewatch: " in said.err
    assert "Traceback" not in said.err
    databases = "\n".join(line for line in said.err.splitlines() if not line.startswith("gatewatch: "))
    assert {name for name, word in CONNECTED.items() if word in databases} == CONNECTED.keys() - flawed, said.err
    assert "sqlite:///x" not in said.err


def test_a_sound_file_leads_to_exit_code_3_and_all_as_json(tmp_path: Path) -> None:
    assert gatewatch("check", _file(tmp_path, {})).code == 3
    said = gatewatch("check", _file(tmp_path, {"siet": "s"}), "--json")
    assert said.code == 2
    found = json.loads(said.out)["problems"]
    assert "siet" in found[0]
    assert len(found) == 1 + len(CONNECTED)


@pytest.mark.parametrize("changes", [{"siet": "s"}, {"sources": None}, {"steps": "{form: ["}], ids=str)
def test_without_connecting_the_file_itself_is_checked(changes: dict[str, str | None], tmp_path: Path) -> None:
    said = gatewatch("check", _file(tmp_path, changes), "--no-connect")
    assert said.code == 2
    assert said.err.startswith("gatewatch: ")
    assert "no_mes.db" not in said.err
    gone = gatewatch("check", tmp_path / "none.yaml", "--no-connect")
    assert (gone.code, "none.yaml: no such file" in gone.err) == (2, True)
    assert gatewatch("check", _file(tmp_path, {}), "--no-connect").code == 0


def test_a_warning_is_told_and_is_no_problem(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "mes.db") as database:
        database.execute("CREATE TABLE results (SN TEXT, DATUM TEXT, WERT TEXT)")
        database.execute("INSERT INTO results VALUES ('S1', '01.03.2026', 'i.O.')")
    database.close()
    file = tmp_path / "plant.yaml"
    file.write_text(
        "version: 1\nsite: s\nsteps: {press: {line: l}}\ncharacteristics: {ok: {specs: "
        "[{since: 2026-01-01T00:00:00Z, upper: 0.5}]}}\nsources:\n  lab: {kind: outcomes, url: 'sqlite:///mes.db', "
        "table: results, serial: SN, characteristic: ok, value: {column: WERT, codes: {i.O.: 0, n.i.O.: 1}}, "
        "at: {column: DATUM, zone: Europe/Berlin, format: '%d.%m.%Y'}}\n"
    )
    said = gatewatch("check", file)
    understood = "lab: 1 row in the hour before the newest, newest 4 days ago, the only row can be read"
    assert (said.code, said.out) == (0, f"{understood}\n{file}: no problems, 2 warnings\n")
    lines = said.err.splitlines()
    assert [line.partition("; ")[0].partition(", which")[0] for line in lines] == [
        "gatewatch: warning: source 'lab': the text in at does not sort by time, so every pull reads the whole table "
        "'results'",
        "gatewatch: warning: source 'lab': the times in at are dates without a time of day",
    ]
    assert len(json.loads(gatewatch("check", file, "--json").out)["warnings"]) == 2
    file.write_text(file.read_text().replace(", format: '%d.%m.%Y'", ""))
    stopped = gatewatch("check", file)
    assert (stopped.code, stopped.err.count("\n")) == (3, 1)
    assert "holds times as DD.MM.YYYY, such as '01.03.2026'; set `format` to \"%d.%m.%Y\"" in stopped.err

"""From an unknown database to a first report: what the transcript shows is what is printed."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cli_kit import gatewatch

from monitor.connecting.described import Holds, Table
from monitor.connecting.plant_text import plant_text
from monitor.connecting.proposal import propose
from monitor.plant.file.load import parse

pytestmark = pytest.mark.process
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "get-started" / "unknown-database.md"
NOW = datetime(2026, 3, 2, 9, 35, tzinfo=UTC)


def run(command: str, folder: Path) -> str:
    """What a command of the transcript prints, without a replay's progress and what this checkout adds to names."""
    program, *arguments = shlex.split(command)
    if program == "python":
        done = subprocess.run(
            [sys.executable, ROOT / arguments[0], *arguments[1:]],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout
    said = gatewatch(*arguments, cwd=folder, at=NOW)
    assert said.code == 0, said.err
    lines = (said.out + said.err).splitlines(keepends=True)
    return "".join(line for line in lines if not re.match(r"replay: \d+ %", line))


def test_the_transcript_is_what_is_printed(tmp_path: Path) -> None:
    steps = re.findall(r"^```console\n\$ (.*)\n((?:.*\n)*?)```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert 5 < len(steps) <= 10
    for command, shown in steps:
        assert run(command, tmp_path) == shown, command
    assert "pruefung" in (tmp_path / "plant.yaml").read_text(encoding="utf-8")
    assert "PRESSE" in (tmp_path / "first.html").read_text(encoding="utf-8").upper()


def test_a_file_that_exists_is_never_overwritten(tmp_path: Path) -> None:
    run("python examples/werk/make.py werk.db", tmp_path)
    (tmp_path / "plant.yaml").write_text("mine")
    said = gatewatch("init", "sqlite:///werk.db", cwd=tmp_path)
    assert (said.code, (tmp_path / "plant.yaml").read_text()) == (2, "mine")
    assert "exists already" in said.err
    assert gatewatch("init", "sqlite:///no.db", "--out", "b.yaml", cwd=tmp_path).code == 3
    assert gatewatch("init", "werk.db", "--out", "b.yaml", cwd=tmp_path).code == 2


TABLES = {
    "a long trend in English with milliseconds": (
        Table("trend", {"UNIT": Holds.TEXT, "TAG": Holds.TEXT, "VAL": Holds.NUMBER, "TS": Holds.NUMBER}, (
            {"UNIT": "P-1", "TAG": "P1.F", "VAL": 1.0, "TS": 1772433600000},
        )), "readings", "epoch: ms",
    ),
    "states in German": (
        Table("Zustaende", {"Maschine": Holds.TEXT, "Zustand": Holds.TEXT, "Zeit": Holds.NAIVE}, (
            {"Maschine": "M1", "Zustand": "Störung", "Zeit": "2026-03-02 06:00:00"},
            {"Maschine": "M1", "Zustand": "Produktion", "Zeit": "2026-03-02 07:00:00"},
        )), "machine_states", '"Störung": down',
    ),
    "results as numbers": (
        Table("quality", {"part_no": Holds.TEXT, "measured_at": Holds.AWARE, "length_mm": Holds.NUMBER}, (
            {"part_no": "A1", "measured_at": "2026-03-02 06:00:00+00", "length_mm": 12.5},
        )), "outcomes", "lower: 12.5, upper: 13.5",
    ),
    "results as texts": (
        Table("pruefung", {"Seriennr": Holds.TEXT, "Ergebnis": Holds.TEXT, "Zeit": Holds.NAIVE}, (
            {"Seriennr": "A1", "Ergebnis": "i.O.", "Zeit": "2026-03-02 06:00:00"},
            {"Seriennr": "A2", "Ergebnis": "n.i.O.", "Zeit": "2026-03-02 07:00:00"},
        )), "outcomes", "pruefung-ergebnis: {pass_fail: scrap}",
    ),
    "two units of one name": (
        Table("log", {"machine": Holds.TEXT, "time": Holds.AWARE, "temp_c": Holds.NUMBER, "temp_k": Holds.NUMBER}, (
            {"machine": "x", "time": "2026-03-02 06:00:00+00", "temp_c": 1.0, "temp_k": 274.0},
        )), "readings", "temp_k: {unit: K}",
    ),
    "what became of parts": (
        Table("Verbleib", {"Seriennr": Holds.TEXT, "Verbleib": Holds.TEXT, "Datum": Holds.TEXT}, (
            {"Seriennr": "A1", "Verbleib": "Ausschuss", "Datum": "31.03.2026 06:00"},
        )), "dispositions", 'format: "%d.%m.%Y %H:%M"',
    ),
}  # fmt: skip


@pytest.mark.parametrize(("table", "kind", "line"), TABLES.values(), ids=TABLES)
def test_what_is_proposed_for_a_table_is_a_valid_plant_file(table: Table, kind: str, line: str, tmp_path: Path) -> None:
    proposal = propose(table)
    assert proposal.kind == kind, proposal.why
    text = plant_text([("sqlite:///a.db", proposal), ("sqlite:///b.db", proposal)], None)
    assert line in text
    assert len(parse(text, tmp_path).plant.sources) == 2
    assert "DECIDE" in text


@pytest.mark.parametrize(
    "columns",
    [{"a": Holds.NUMBER}, {"zeit": Holds.NAIVE, "wert": Holds.NUMBER}, {"seriennr": Holds.TEXT, "zeit": Holds.NAIVE}],
    ids=["no time", "no name", "no value"],
)
def test_what_is_no_source_is_said_with_its_reason(columns: dict[str, Holds]) -> None:
    row: dict[str, object] = dict.fromkeys(columns, "2026-03-02 06:00:00")
    proposal = propose(Table("t", columns, (row,)))
    assert proposal.kind is None
    assert proposal.why

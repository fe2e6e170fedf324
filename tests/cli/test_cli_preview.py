"""`gatewatch preview` and `gatewatch check`: what is understood of sources whose rows are not all as they should be."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cli_kit import NOW, gatewatch

pytestmark = pytest.mark.process

PLANT = """
version: 1
site: werk
steps: {PR: {line: l}}
machines: {P1: {step: PR, sensors: {temp: {unit: degC}, druck: {}}}}
characteristics: {mass: {specs: [{since: 2026-01-01T00:00:00Z, upper: 0.5}]}}
sources:
  historian:
    {kind: readings, url: "sqlite:///werk.db", table: T, machine: M, at: {column: ZEIT, zone: Europe/Berlin,
     format: "%d.%m.%Y %H:%M:%S"}, values: {temp: TEMP, druck: DRUCK}, recipe: REZEPT}
  parts: {kind: part_steps, url: "sqlite:///werk.db", table: P, serial: S, step: AG, at: {column: A, epoch: s}}
  quality:
    {kind: outcomes, url: "sqlite:///werk.db", table: Q, serial: S, characteristic: mass, value: ERG,
     at: {column: A, epoch: s}}
"""


def _werk(folder: Path) -> Path:
    epoch = int(NOW.timestamp())
    connection = sqlite3.connect(folder / "werk.db")
    with connection:
        connection.execute("CREATE TABLE T (ZEIT TEXT, M TEXT, TEMP TEXT, DRUCK TEXT, REZEPT TEXT)")
        connection.execute("CREATE TABLE P (S TEXT, AG TEXT, A INTEGER)")
        connection.execute("CREATE TABLE Q (S TEXT, ERG TEXT, A INTEGER)")
        for i in range(12):
            temp = "3,2" if i < 3 else "3.2"
            machine = "P9" if i == 11 else "P1"
            druck = "5" if i < 3 else "n/a" if i == 4 else "6"
            clock = f"04.03.2026 {6 + i // 6:02d}:{i % 6:02d}:00"
            connection.execute("INSERT INTO T VALUES (?, ?, ?, ?, ?)", (clock, machine, temp, druck, "R1"))
        connection.executemany("INSERT INTO P VALUES (?, ?, ?)", [(f"S{i}", "PR", epoch - 60 * i) for i in range(9)])
        connection.executemany(
            "INSERT INTO Q VALUES (?, ?, ?)", [(f"00{i}", ("i.O.", "n.i.O.")[i % 2], epoch - i) for i in range(9)]
        )
    connection.close()
    file = folder / "plant.yaml"
    file.write_text(PLANT)
    return file


def test_rows_are_shown_raw_beside_typed_and_what_is_not_mapped(tmp_path: Path) -> None:
    said = gatewatch("preview", _werk(tmp_path), "historian", cwd=tmp_path)
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[0] == (
        "historian: 6 rows in the hour before the newest, newest 23 h ago, 1 of the newest 12 would be refused: "
        'M "P9" is no machine of the plant file, a value is missing in 3: TEMP "3,2" is not a number, '
        'a value is missing in 1: DRUCK "n/a" is not a number, not mapped: machine P9'
    )
    assert "  times in at: DD.MM.YYYY hh:mm:ss in Europe/Berlin" in lines
    assert "  recipes: R1" in lines
    shown = [line for line in lines if line.startswith("  ZEIT=")]
    assert len(shown) == 10
    assert shown[0] == "  ZEIT=04.03.2026 07:05:00 M=P9 REZEPT=R1 TEMP=3.2 DRUCK=6"
    assert lines[lines.index(shown[0]) + 1] == '    -> refused: M "P9" is no machine of the plant file'
    assert lines[lines.index(shown[1]) + 1].startswith("    -> at=2026-03-04T06:04:00Z")
    assert "temp=3.2 druck=6" in lines[lines.index(shown[1]) + 1]


def test_where_times_cannot_be_read_the_rows_are_shown_with_the_reason(tmp_path: Path) -> None:
    file = _werk(tmp_path)
    file.write_text(PLANT.replace(' format: "%d.%m.%Y %H:%M:%S"', ""))
    said = gatewatch("preview", file, "historian", cwd=tmp_path)
    assert said.code == 0, said.err
    assert 'set `format` to "%d.%m.%Y %H:%M:%S"' in said.out
    assert said.out.count("  ZEIT=04.03.2026") == 10
    assert 'ZEIT "04.03.2026 06:00:00" cannot be read as a time' in said.out
    [seen] = json.loads(gatewatch("preview", file, "historian", "--json", cwd=tmp_path).out)
    assert (seen["rows"], seen["refused"], seen["newest"]) == (12, 12, None)
    assert "holds times as DD.MM.YYYY" in seen["problem"]


def test_check_says_what_it_understands_and_doubts_what_cannot_be_meant(tmp_path: Path) -> None:
    said = gatewatch("check", _werk(tmp_path), cwd=tmp_path)
    assert said.code == 0, said.err
    assert "parts: 9 rows in the last hour, newest 0 s ago, none of the newest 9 would be refused" in said.out
    assert (
        'quality: 9 rows in the last hour, newest 0 s ago, 9 of the newest 9 would be refused: ERG "i.O."' in said.out
    )
    warnings = [line for line in said.err.splitlines() if line.startswith("gatewatch: warning")]
    assert any("9 of the newest 9 would be refused" in line and "correct the mapping" in line for line in warnings)
    assert any('value.codes: {"i.O.": 0, "n.i.O.": 1}' in line for line in warnings)
    assert any("none is in a source of kind part_steps" in line for line in warnings)
    found = json.loads(gatewatch("check", tmp_path / "plant.yaml", "--json", cwd=tmp_path).out)
    assert len(found["sources"]) == 3


DOUBTED: dict[str, tuple[str, str, str]] = {
    "no rows": ("", "", "it has no rows yet"),
    "a text for a number": ("INSERT INTO T VALUES ({n}, 'M1', 'E' || {n}, 1.0)", "", 'no row has a number in V: V "E'),
    "a time of 1970": ("INSERT INTO T VALUES ({n} / 1000, 'M1', 1.5, 1.0)", "", "its newest row is of 1970-01-"),
    "a machine that nobody knows": (
        "INSERT INTO T VALUES ({n}, CASE {n} % 10 WHEN 0 THEN 'M9' ELSE 'M1' END, 1.5, 1.0)", "",
        "2 of the newest 20 would be refused",
    ),
    "a unit of its own": (
        "INSERT INTO T VALUES ({n}, 'M1', 1.5, 1.0)", "W", "values.power.unit is W, but the sensor's is kW",
    ),
}  # fmt: skip
TREND = """version: 1
site: werk
steps: {{turn: {{line: l}}}}
machines: {{lathe: {{step: turn, sensors: {{power: {{unit: kW}}, load: {{}}}}}}}}
sources:
  trend: {{kind: readings, url: "sqlite:///werk.db", table: T, machine: {{column: M, codes: {{M1: lathe}}}},
    at: {{column: A, epoch: ms}}, values: {{power: {{column: V, unit: "{unit}"}}, load: {{column: W}}}}}}
"""


@pytest.mark.parametrize(("insert", "unit", "sentence"), DOUBTED.values(), ids=DOUBTED)
def test_check_doubts_what_would_watch_nothing(insert: str, unit: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "plant.yaml").write_text(TREND.format(unit=unit))
    with closing(sqlite3.connect(tmp_path / "werk.db")) as database, database:
        database.execute("CREATE TABLE T (A INTEGER, M TEXT, V, W REAL)")
        for row in range(20 if insert else 0):
            database.execute(insert.format(n=1_772_431_200_000 + 1000 * row + row))
    said = gatewatch("check", tmp_path / "plant.yaml", cwd=tmp_path)
    assert said.code == 0, said.err
    (warning,) = [line for line in said.err.splitlines() if line.startswith("gatewatch: warning")]
    assert sentence in warning
    assert said.out.splitlines()[-1].endswith("plant.yaml: no problems, 1 warning")


def test_a_source_that_is_not_there_and_one_that_is_unknown(tmp_path: Path) -> None:
    file = _werk(tmp_path)
    file.write_text(PLANT.replace("table: Q", "table: NIX"))
    said = gatewatch("preview", file, "quality", cwd=tmp_path)
    assert said.code == 3
    assert "has no table or view 'NIX'" in said.out
    wrong = gatewatch("preview", file, "nix", cwd=tmp_path)
    assert wrong.code == 2
    assert "it has historian, parts, quality" in wrong.err

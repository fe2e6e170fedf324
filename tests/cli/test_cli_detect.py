"""`gatewatch detect`: a line a row, faults found, and bad files told apart from bad rows."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cli_kit import Said, gatewatch

pytestmark = pytest.mark.process

HEADER = ["time", "score", "limit", "anomaly", "change", "top_sensor"]
ROWS, FAULT = 700, 600


def frame(rows: int = ROWS, sensors: int = 3, shift: float = 6.0) -> pd.DataFrame:
    """Rows of a machine, of which the last sensor moves away after FAULT rows."""
    values = np.random.default_rng(5).standard_normal((rows, sensors))
    values[FAULT:, -1] += shift
    table = pd.DataFrame(values, columns=[f"s{i}" for i in range(1, sensors + 1)])
    table.insert(0, "at", pd.date_range("2026-01-31T06:00:00", periods=rows, freq="1min").strftime("%Y-%m-%d %H:%M:%S"))
    return table


def scores(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        assert reader.fieldnames == HEADER
        return list(reader)


def detect(folder: Path, name: str, *more: str) -> Said:
    return gatewatch("detect", name, "--out", "scores.csv", *more, cwd=folder)


def judged(folder: Path, table: pd.DataFrame | str, *more: str, **how: Any) -> tuple[list[dict[str, str]], str]:
    text = table if isinstance(table, str) else table.to_csv(index=False, **how)
    (folder / "data.csv").write_text(text, encoding="utf-8")
    said = detect(folder, "data.csv", *more)
    assert said.code == 0, said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    return scores(folder / "scores.csv"), said.err


@pytest.mark.parametrize("kind", ["state", "event"])
def test_a_fault_is_found_and_its_sensor_named(kind: str, tmp_path: Path) -> None:
    table = frame()
    found, said = judged(tmp_path, table, "--time", "at", "--train-rows", "400", "--kind", kind)
    assert [row["time"] for row in found] == table["at"].tolist()
    assert {row["limit"] for row in found} == {"1"}
    assert not any(row["anomaly"] == "1" for row in found[:400])
    near = found[FAULT : FAULT + 20]
    assert [row["top_sensor"] for row in near if row["anomaly"] == "1"]
    assert {row["top_sensor"] for row in near if row["anomaly"] == "1"} == {"s3"}
    assert any(row["change"] == "1" for row in found[FAULT : FAULT + 30])
    assert "300 rows judged after a reference of 400" in said
    assert "judged by 3 columns: s1, s2, s3" in said


@pytest.mark.parametrize("kind", ["state", "event"])
def test_a_score_does_not_depend_on_later_rows(kind: str, tmp_path: Path) -> None:
    whole, _ = judged(tmp_path, frame(), "--train-rows", "400", "--kind", kind)
    part, _ = judged(tmp_path, frame().head(560), "--train-rows", "400", "--kind", kind)
    assert part == whole[:560]
    assert [row["time"] for row in part] == [str(number) for number in range(1, 561)]


def test_all_ways_to_write_a_table_give_the_same_scores(tmp_path: Path) -> None:
    table = frame().round(6)
    options = ("--time", "at", "--train-rows", "400")
    expected, _ = judged(tmp_path, table, *options)
    assert judged(tmp_path, table, *options, sep=";", decimal=",")[0] == expected
    assert judged(tmp_path, table, *options, sep="\t")[0] == expected
    assert judged(tmp_path, table, "--sep", "|", *options, sep="|")[0] == expected
    table.to_parquet(tmp_path / "data.parquet")
    assert detect(tmp_path, "data.parquet", *options).code == 0
    assert scores(tmp_path / "scores.csv") == expected


@pytest.mark.parametrize(("name", "start"), [("p.png", b"\x89PNG"), ("p.svg", b"<?xml")])
def test_a_picture_is_drawn(name: str, start: bytes, tmp_path: Path) -> None:
    judged(tmp_path, frame(), "--plot", name)
    assert (tmp_path / name).read_bytes().startswith(start)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.csv", name, "scores.csv"]


def _changed(column: str, rows: slice, value: object) -> pd.DataFrame:
    table = frame().astype({"s1": object})
    table.loc[table.index[rows], column] = value
    return table


def _times(change: slice, by: int) -> pd.DataFrame:
    table = frame()
    table.loc[table.index[change], "at"] = table["at"].shift(by)[change]
    return table


def _empty(rows: slice) -> pd.DataFrame:
    table = frame()
    table.loc[table.index[rows], ["s1", "s2", "s3"]] = np.nan
    return table


@dataclass(frozen=True)
class Odd:
    name: str
    table: pd.DataFrame
    words: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


MIDDLE = slice(450, 500)
TIME = ("--time", "at")
ODD = (
    Odd("missing values", _changed("s1", MIDDLE, np.nan), ("column 's1': 50 values are missing, of 700",)),
    Odd("a text", _changed("s1", slice(450, 451), "bad"), ("1 value is no finite number", "'bad' in row 451")),
    Odd("infinite values", _changed("s1", slice(450, 452), "inf"), ("2 values are no finite numbers",)),
    Odd("huge values", _changed("s1", slice(450, 452), 1e300)),
    Odd("a sensor that dies", _changed("s1", slice(420, None), np.nan), ("280 values are missing",)),
    Odd("a sensor that appears late", _changed("s1", slice(0, 450), np.nan), ("column 's1' is left out: it is empty",)),
    Odd("rows without any value", _empty(slice(450, 470)), ("20 values are missing",)),
    Odd("a constant sensor", _changed("s1", slice(None), 4.5), ("column 's1' never changes",)),
    Odd("a column of words", _changed("s1", slice(None), "word"), ("column 's1' is left out: it holds no number",)),
    Odd("a clock that steps back", _times(MIDDLE, 100), ("times step back", "order of the file"), TIME),
    Odd("a time that repeats", _times(slice(450, 451), 1), ("1 times repeat the one before",), TIME),
)


@pytest.mark.parametrize("kind", ["state", "event"])
@pytest.mark.parametrize("case", ODD, ids=lambda case: case.name)
def test_odd_rows_are_judged_and_told(case: Odd, kind: str, tmp_path: Path) -> None:
    table = case.table
    found, said = judged(tmp_path, table, "--kind", kind, "--train-rows", "400", *case.options)
    assert len(found) == ROWS
    for word in case.words:
        assert word in said
    assert any(row["anomaly"] == "1" for row in found[FAULT : FAULT + 60]), "a shift is still found"
    values = table[[name for name in ("s1", "s2", "s3") if name in table]].apply(pd.to_numeric, errors="coerce")
    for row in np.flatnonzero(values.isna().all(axis=1)):
        assert (found[row]["score"], found[row]["anomaly"], found[row]["top_sensor"]) == ("", "0", "")


def test_500_sensors_are_judged(tmp_path: Path) -> None:
    found, said = judged(tmp_path, frame(sensors=500), "--train-rows", "400")
    assert "judged by 500 columns" in said
    blamed = Counter(row["top_sensor"] for row in found[FAULT + 5 : FAULT + 60] if row["anomaly"] == "1")
    assert blamed["s500"] >= 50  # of 55 rows


@dataclass(frozen=True)
class Bad:
    name: str
    text: str | None
    options: tuple[str, ...]
    words: tuple[str, ...]


GOOD = frame().to_csv(index=False)
BAD = (
    Bad("no file", None, (), ("data.csv: no such file",)),
    Bad("an empty file", "", (), ("data.csv cannot be read as a table",)),
    Bad("no rows", "at,s1\n", (), ("data.csv has no rows",)),
    Bad("one row", "at,s1\nx,1\n", (), ("the file has 1 row", "expected more than 60")),
    Bad("no header", "1,2\n3,4\n", (), ("the first line holds numbers", "names of the columns")),
    Bad("words alone", "a\n" + "x\n" * 100, (), ("no column can be judged", "holds no number")),
    Bad("nothing but gaps", "a,b\n" + ",\n" * 100, (), ("no column can be judged", "it is empty")),
    Bad("fewer rows than the reference", GOOD, ("--train-rows", "700"), ("--train-rows 700: the file has 700 rows",)),
    Bad("a short reference", GOOD, ("--train-rows", "5"), ("--train-rows 5: expected at least 60",)),
    Bad("an unknown column", GOOD, ("--sensors", "s1,s9"), ("--sensors 's9'", "no such column", "'s2'")),
    Bad("an unknown time", GOOD, ("--time", "when"), ("--time 'when'", "no such column")),
    Bad("a column twice", GOOD, ("--sensors", "s1,s1"), ("--sensors names 's1' more than once",)),
    Bad("a comma too many", GOOD, ("--sensors", "s1,,s2"), ("expected names of columns",)),
    Bad("times that are none", GOOD.replace("2026-", "year "), ("--time", "at"), ("no time can be read", "'year ")),
    Bad("a long separator", GOOD, ("--sep", "::"), ("--sep '::'", "one character")),
    Bad("another separator", GOOD, ("--sep", "|"), ("--sep '|'", "one column")),
    Bad("an unknown picture", GOOD, ("--plot", "p.gif"), ("--plot p.gif", ".png or .svg")),
    Bad("a picture into no folder", GOOD, ("--plot", "none/p.png"), ("--plot none/p.png", "a folder that exists")),
    Bad("scores over the data", GOOD, ("--out", "data.csv"), ("name the same file twice",)),
    Bad("an unknown kind", GOOD, ("--kind", "mood"), ("Invalid value for '--kind'",)),
)


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_a_bad_file_or_option_is_one_sentence(case: Bad, tmp_path: Path) -> None:
    if case.text is not None:
        (tmp_path / "data.csv").write_text(case.text, encoding="utf-8")
    said = detect(tmp_path, "data.csv", *case.options)
    assert said.code == 2, said.err
    assert "Traceback" not in said.err
    for word in case.words:
        assert word in said.err
    assert not (tmp_path / "scores.csv").exists()
    if case.text is not None:
        assert (tmp_path / "data.csv").read_text(encoding="utf-8") == case.text


def test_a_damaged_parquet_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "data.parquet").write_bytes(b"PAR1 and nothing")
    said = detect(tmp_path, "data.parquet")
    assert (said.code, "cannot be read as Parquet" in said.err, "Traceback" in said.err) == (2, True, False)

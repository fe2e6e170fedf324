"""`gatewatch spc` and `gatewatch gauge`: faults found and said in words, and bad files told apart from bad rows."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cli_kit import Said, gatewatch

pytestmark = pytest.mark.process

ROWS, FAULT = 300, 220


def shafts(shift: float = 0.03) -> pd.DataFrame:
    """Diameters, five an hour, which move away after FAULT rows; a seed without a false alarm."""
    values = 10 + 0.02 * np.random.default_rng(8).normal(size=ROWS)
    values[FAULT:] += shift
    at = pd.date_range("2026-01-31T06:00:00", periods=ROWS, freq="12min").strftime("%Y-%m-%d %H:%M:%S")
    return pd.DataFrame({"at": at, "hour": [f"h{i // 5}" for i in range(ROWS)], "diameter": values.round(4)})


def spc(folder: Path, table: pd.DataFrame | str, *options: str, **how: Any) -> Said:
    text = table if isinstance(table, str) else table.to_csv(index=False, **how)
    (folder / "shafts.csv").write_text(text, encoding="utf-8")
    return gatewatch("spc", "shafts.csv", "--value", "diameter", *options, cwd=folder)


def found(said: Said) -> dict[str, Any]:
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert isinstance(result, dict)
    return result


def test_a_shift_is_said_in_words(tmp_path: Path) -> None:
    said = spc(tmp_path, shafts(), "--time", "at", "--phase1", "100", "--low", "9.9", "--high", "10.1")
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[0] == "shafts.csv: diameter, 300 values, chart xmr"
    assert lines[1].startswith("verdict     OUT OF CONTROL since row 2")
    assert "(rules 1, cusum)" in lines[1]
    assert any("rule cusum" in line and "above" in line and "begun at row" in line for line in lines)
    limits = next(line for line in lines if line.startswith("limits"))
    assert "phase 1: row 1, 2026-01-31 06:00:00 to row 100" in limits
    capability = next(line for line in lines if line.startswith("capability"))
    assert "Cpk 1." in capability
    assert "(95%:" in capability
    assert "0 of 300 outside the specification" in capability
    assert "Cpk says what was" in said.out
    assert len(lines) <= 16


def test_a_process_that_is_left_alone_is_in_control(tmp_path: Path) -> None:
    said = spc(tmp_path, shafts(0.0), "--phase1", "1..150", "--high", "10.2")
    assert "IN CONTROL (rules 1, cusum)" in said.out
    assert "nothing; Cpk is above 1.33 with 95% confidence" in said.out
    assert "Pp " not in said.out


WINDOWS = ("100", "1..100", "2026-01-31..2026-02-01T01:48")


@pytest.mark.parametrize(
    ("chart", "window"),
    [*(("xmr", w) for w in WINDOWS), *((chart, WINDOWS[1]) for chart in ("xbar-r", "xbar-s", "ewma", "cusum"))],
)
def test_every_chart_finds_it_by_every_window(chart: str, window: str, tmp_path: Path) -> None:
    grouped = chart.startswith("xbar")
    options = ["--subgroup", "hour"] if grouped else []
    window = window.replace("100", "20") if grouped else window
    said = spc(tmp_path, shafts(), "--chart", chart, "--time", "at", "--phase1", window, *options, "--json")
    result = found(said)
    assert not result["in_control"]
    assert result["phase1"]["points"] == (20 if grouped else 100)
    assert (result["phase1"]["first"]["row"], result["phase1"]["last"]["row"]) == (1, 96 if grouped else 100)
    later = [signal for signal in result["signals"] if signal["first"]["row"] > 100]
    assert FAULT - 5 <= later[0]["since"]["row"] <= FAULT + 25
    assert later[0]["side"] == "above"
    assert later[0]["first"]["time"] == shafts()["at"][later[0]["first"]["row"] - 1]


def test_a_head_start_finds_at_once_what_was_not_put_right(tmp_path: Path) -> None:
    options, firsts = ("--chart", "cusum", "--phase1", "1..220", "--json"), []
    for more in ((), ("--head-start",)):
        signals = found(spc(tmp_path, shafts(0.06), *options, *more))["signals"]
        firsts.append(min(signal["first"]["row"] for signal in signals if signal["first"]["row"] > FAULT))
    assert firsts[1] < firsts[0]


def test_names_of_the_file_cannot_steer_a_terminal(tmp_path: Path) -> None:
    table = shafts().assign(hour=[f"\x1b[31mh{i // 5}" for i in range(ROWS)])
    said = spc(tmp_path, table, "--subgroup", "hour", "--phase1", "20")
    assert "OUT OF CONTROL" in said.out
    assert "\x1b" not in said.out


def test_the_specification_does_not_move_the_limits(tmp_path: Path) -> None:
    plain = found(spc(tmp_path, shafts(), "--phase1", "100", "--json"))
    with_one = found(spc(tmp_path, shafts(), "--phase1", "100", "--json", "--low", "9", "--high", "9.99"))
    assert plain["limits"] == with_one["limits"]
    assert plain["capability"] is None
    assert with_one["capability"]["cpk"]["value"] < 0


def test_what_comes_after_phase_1_does_not_move_the_points_before(tmp_path: Path) -> None:
    texts = []
    for table in (shafts(), shafts().head(240)):
        assert spc(tmp_path, table, "--phase1", "100", "--out", "points.csv").code == 0
        texts.append((tmp_path / "points.csv").read_text(encoding="utf-8").splitlines())
    assert texts[0][:241] == texts[1]


def test_points_are_written_with_their_limits_and_rules(tmp_path: Path) -> None:
    table = shafts()
    table.loc[[50, 51], "diameter"] = np.nan
    said = spc(tmp_path, table, "--rules", "nelson,western,cusum,spread", "--phase1", "100", "--out", "points.csv")
    assert said.code == 0
    with (tmp_path / "points.csv").open(newline="", encoding="utf-8") as file:
        points = list(csv.DictReader(file))
    assert len(points) == ROWS
    assert (points[50]["value"], points[50]["spread"], points[52]["spread"], points[52]["score"] != "") == (
        "", "", "", True,
    )  # fmt: skip
    assert {point["phase1"] for point in points[:100]} == {"1"}
    assert {point["phase1"] for point in points[100:]} == {"0"}
    for point in points:
        if point["value"]:
            beyond = not float(point["lower"]) <= float(point["value"]) <= float(point["upper"])
            assert beyond == ("1" in point["rules"].split())
    assert {"1", "2", "5", "6", "w4", "cusum"} <= {rule for point in points for rule in point["rules"].split()}
    assert "column 'diameter': 2 values are missing" in said.err


@pytest.mark.parametrize(
    ("name", "start", "options"),
    [
        ("p.png", b"\x89PNG", []),
        ("p.svg", b"<?xml", ["--subgroup", "hour"]),
        ("p.svg", b"<?xml", ["--chart", "ewma"]),
    ],
    ids=["xmr", "xbar-s", "ewma"],
)
def test_a_picture_is_drawn(name: str, start: bytes, options: list[str], tmp_path: Path) -> None:
    assert spc(tmp_path, shafts(), *options, "--plot", name).code == 0
    assert (tmp_path / name).read_bytes().startswith(start)
    assert sorted(path.name for path in tmp_path.iterdir()) == [name, "shafts.csv"]


def test_all_ways_to_write_a_table_say_the_same(tmp_path: Path) -> None:
    expected = found(spc(tmp_path, shafts(), "--json"))
    assert found(spc(tmp_path, shafts(), "--json", sep=";", decimal=",")) == expected
    assert found(spc(tmp_path, shafts(), "--json", "--sep", "|", sep="|")) == expected
    shafts().to_parquet(tmp_path / "shafts.parquet")
    said = gatewatch("spc", "shafts.parquet", "--value", "diameter", "--json", cwd=tmp_path)
    assert {**found(said), "file": "shafts.csv"} == expected


def _changed(rows: slice, value: object, column: str = "diameter") -> pd.DataFrame:
    table = shafts().astype({"diameter": object})
    table.loc[table.index[rows], column] = value
    return table


def _gap() -> pd.DataFrame:
    table = shafts()
    later = pd.to_datetime(table["at"]) + pd.Timedelta(days=2)
    table.loc[150:, "at"] = later[150:].dt.strftime("%Y-%m-%d %H:%M:%S")
    return table


def _skewed() -> pd.DataFrame:
    return shafts().assign(diameter=np.random.default_rng(1).lognormal(0, 0.5, ROWS).round(4))


def _slow() -> pd.DataFrame:
    return shafts().assign(diameter=np.random.default_rng(1).normal(0, 1, ROWS).cumsum())


@dataclass(frozen=True)
class Odd:
    name: str
    table: pd.DataFrame
    words: tuple[str, ...]
    options: tuple[str, ...] = ()


ODD = (
    Odd("a text", _changed(slice(150, 151), "bad"), ("1 value is no finite number", "'bad' in row 151")),
    Odd("infinite", _changed(slice(150, 152), "inf"), ("2 values are no finite numbers",)),
    Odd("a weekend", _gap(), ("1 gaps in time",), ("--time", "at")),
    Odd("skewed", _skewed(), ("values are not normal", "quantiles of 0.135 and 99.865 %")),
    Odd("skewed with spread", _skewed(), ("moving ranges are not judged",), ("--rules", "1,spread")),
    Odd("slow", _slow(), ("depend on the one before", "cannot be told")),
    Odd("a short phase 1", shafts(), ("phase 1 has 12 points", "20 or more are usual"), ("--phase1", "12")),
    Odd("an incomplete subgroup", shafts().drop(7), ("1 subgroups have fewer values",), ("--subgroup", "hour")),
    Odd("a subgroup that comes back", _changed(slice(200, 205), "h1", "hour"),
        ("1 of 60 subgroups have the name of an earlier one",), ("--subgroup", "hour")),
)  # fmt: skip


@pytest.mark.parametrize("case", ODD, ids=lambda case: case.name)
def test_odd_rows_are_charted_and_told(case: Odd, tmp_path: Path) -> None:
    said = spc(tmp_path, case.table, *case.options)
    assert said.code == 0, said.err
    for word in case.words:
        assert word in said.err, said.err
    assert "verdict" in said.out
    assert "Traceback" not in said.err


@dataclass(frozen=True)
class Bad:
    name: str
    text: str
    options: tuple[str, ...]
    words: tuple[str, ...]


GOOD = shafts().to_csv(index=False)
GROUPED = ("--subgroup", "hour")
BAD = (
    Bad("one row", "diameter\n1\n", (), ("phase 1 has 1 values; expected at least 10",)),
    Bad("no rows", "diameter\n", (), ("has no rows",)),
    Bad("an empty file", "", (), ("cannot be read as a table",)),
    Bad("constant", "diameter\n" + "3\n" * 50, (), ("never change",)),
    Bad("words", "diameter\n" + "x\n" * 50, (), ("it holds no number",)),
    Bad("gaps alone", "a,diameter\n" + "1,\n" * 50, (), ("it is empty",)),
    Bad("an unknown column", GOOD.replace("diameter", "width"), (), ("--value 'diameter'", "no such column")),
    Bad("an unknown subgroup", GOOD, ("--subgroup", "day"), ("--subgroup 'day'", "no such column")),
    Bad("a column twice", GOOD, ("--subgroup", "diameter"), ("both name 'diameter'",)),
    Bad("a row without subgroup", GOOD.replace("h0", "", 1), GROUPED, ("row 1 has no value",)),
    Bad("subgroups of one", GOOD, ("--subgroup", "at"), ("no subgroup of two values",)),
    Bad("means without subgroups", GOOD, ("--chart", "xbar-s"), ("needs --subgroup",)),
    Bad("single values of subgroups", GOOD, (*GROUPED, "--chart", "xmr"), ("leave --subgroup out",)),
    Bad("an unknown rule", GOOD, ("--rules", "1,9"), ("rule '9' is unknown",)),
    Bad("rules of a chart with its own", GOOD, ("--chart", "ewma", "--rules", "1"), ("has its own rule",)),
    Bad("a head start of no sums", GOOD, ("--rules", "1", "--head-start"), ("is of the CUSUM",)),
    Bad("an unknown chart", GOOD, ("--chart", "pie"), ("Invalid value for '--chart'",)),
    Bad("a long phase 1", GOOD, ("--phase1", "301"), ("expected points between 1 and 300",)),
    Bad("a short phase 1", GOOD, ("--phase1", "5"), ("phase 1 has 5 values",)),
    Bad("a phase 1 backwards", GOOD, ("--phase1", "90..10"), ("the first before the last",)),
    Bad("a phase 1 of words", GOOD, ("--phase1", "morning"), ("expected a number of points",)),
    Bad("times without a column", GOOD, ("--phase1", "2026-01-31..2026-02-01"), ("name it by --time",)),
    Bad("times that are none", GOOD, ("--time", "at", "--phase1", "x..y"), ("'x' is no time",)),
    Bad("times elsewhere", GOOD, ("--time", "at", "--phase1", "2020-01-01..2021-01-01"), ("no row is in it",)),
    Bad("a specification backwards", GOOD, ("--low", "2", "--high", "1"), ("--low 2 is not below --high 1",)),
    Bad("a specification of nothing", GOOD, ("--low", "nan"), ("--low nan: expected a number",)),
    Bad("an unknown picture", GOOD, ("--plot", "p.gif"), ("--plot p.gif", ".png or .svg")),
    Bad("points over the data", GOOD, ("--out", "shafts.csv"), ("name the same file twice",)),
    Bad("points into no folder", GOOD, ("--out", "none/p.csv"), ("a folder that exists",)),
)  # fmt: skip


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_a_bad_file_or_option_is_one_sentence(case: Bad, tmp_path: Path) -> None:
    said = spc(tmp_path, case.text, *case.options)
    assert said.code == 2, said.err
    assert "Traceback" not in said.err
    for word in case.words:
        assert word in said.err
    assert said.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["shafts.csv"]


def lengths(operator: float = 0.1) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(10, 1, 1)) + operator * rng.normal(size=(1, 3, 1)) + 0.05 * rng.normal(size=(10, 3, 3))
    index = pd.MultiIndex.from_product([range(1, 11), list("ABC"), range(3)], names=["part", "who", "trial"])
    return pd.DataFrame({"length": values.ravel().round(4)}, index=index).reset_index()


def gauge(folder: Path, table: pd.DataFrame, *options: str) -> Said:
    table.to_csv(folder / "study.csv", index=False)
    named = ("--part", "part", "--operator", "who", "--value", "length")
    return gatewatch("gauge", "study.csv", *named, *options, cwd=folder)


@pytest.mark.parametrize(
    ("operator", "options", "words"),
    [
        (0.02, (), ("FIT FOR USE: the gauge takes", "nothing; repeat the study")),
        (0.2, (), ("MARGINAL", "most of it is between operators")),
        (2.0, ("--tolerance", "6"), ("NOT FIT FOR USE", "of the tolerance, above 30 %", "% of tolerance")),
    ],
)
def test_a_gauge_is_judged_in_words(
    operator: float, options: tuple[str, ...], words: tuple[str, ...], tmp_path: Path
) -> None:
    said = gauge(tmp_path, lengths(operator), *options)
    assert said.code == 0, said.err
    for word in (*words, "10 parts x 3 operators x 3 measurements", "repeatability", "categories told apart"):
        assert word in said.out, said.out


def test_a_gauge_study_as_json(tmp_path: Path) -> None:
    said = gauge(tmp_path, lengths(), "--tolerance", "6", "--json")
    result = json.loads(said.out)
    assert (result["parts"], result["operators"], result["trials"]) == (10, 3, 3)
    assert result["anova"]["part"]["degrees"] == 9
    assert result["variances"]["gauge"]["low"] < result["variances"]["gauge"]["value"]
    assert result["tolerance_percent"]["gauge"]["value"] == pytest.approx(
        100 * np.sqrt(result["variances"]["gauge"]["value"])
    )


@pytest.mark.parametrize(
    ("table", "options", "words"),
    [
        (lengths().iloc[:-1], (), "operator 'C' has 2 measurements of part '10' and others have 3"),
        (lengths().assign(length=1), (), "all measurements are equal"),
        (lengths().assign(length="x"), (), "it holds no number"),
        (lengths().assign(who="A"), (), "there is one operator"),
        (lengths().rename(columns={"who": "whom"}), (), "--operator 'who'"),
        (lengths(), ("--tolerance", "-1"), "expected a number above 0"),
        (lengths(), ("--part", "who"), "name the same column twice"),
    ],
    ids=["a row missing", "constant", "words", "one operator", "an unknown column", "a tolerance", "a column twice"],
)
def test_what_is_no_gauge_study_is_one_sentence(
    table: pd.DataFrame, options: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    said = gauge(tmp_path, table, *options)
    assert said.code == 2, said.err
    assert words in said.err
    assert "Traceback" not in said.err
    assert said.out == ""

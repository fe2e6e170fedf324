"""`gatewatch drift compare`: what changed is said with its reason, and bad files are told apart from changed ones."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cli_kit import Said, gatewatch

pytestmark = pytest.mark.process

ROWS = 1000


def month(name: str, seed: int, share: float, force: float = 0.0, torque: float = 0.01) -> pd.DataFrame:
    """Parts of two recipes and two machines in melts; the second machine's force moves. Seeds without a false alarm."""
    rng = np.random.default_rng(seed)
    recipe = np.where(rng.random(ROWS) < share, "B", "A")
    machine = np.where(rng.random(ROWS) < 0.5, "m1", "m2")
    return pd.DataFrame({
        "serial": [f"{name}{i}" for i in range(ROWS)],
        "melt": [f"{name}-{i // 25}" for i in range(ROWS)],
        "machine": machine,
        "recipe": recipe,
        "temperature": (900 + 15 * (recipe == "B") + 5 * rng.normal(size=ROWS)).round(3),
        "force": (100 + 3 * rng.normal(size=ROWS) + force * (machine == "m2")).round(3),
        "speed": rng.normal(size=ROWS).round(4),
        "torque": np.where(rng.random(ROWS) < torque, np.nan, rng.normal(size=ROWS).round(4)),
    })  # fmt: skip


MAY, JUNE = month("may", 1000, 0.5), month("june", 1003, 0.75, force=2.5, torque=0.1)


def compare(folder: Path, may: pd.DataFrame, june: pd.DataFrame, *options: str, **how: Any) -> Said:
    may.to_csv(folder / "may.csv", index=False, **how)
    june.to_csv(folder / "june.csv", index=False, **how)
    return gatewatch("drift", "compare", "may.csv", "june.csv", *options, cwd=folder)


def found(said: Said) -> dict[str, Any]:
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert isinstance(result, dict)
    return result


def verdicts(result: dict[str, Any]) -> dict[str, str]:
    return {column["name"]: column["verdict"] for column in result["columns"]}


def test_what_drifted_where_and_what_the_mix_explains_is_said(tmp_path: Path) -> None:
    said = compare(tmp_path, MAY, JUNE, "--by", "recipe")
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[0] == "may.csv (1,000 rows), june.csv (1,000 rows): 6 columns"
    assert lines[1] == "verdict      DRIFT in 3 of 6 columns; 1 changed as the mix of recipe explains"
    drift, explained = said.out.split("explained by the changed mix of recipe")
    assert [line.split()[0] for line in drift.splitlines()[5:8]] == ["force", "recipe", "torque"]
    assert "B 5" in drift
    assert "missing_rate" in drift
    assert explained.splitlines()[2].split()[:2] == ["temperature", "wasserstein"]
    assert re.search(r"explains [89]\d%", explained)
    assert "left out     serial (it has 2000 different texts" in said.out
    assert "at most 5% of what is called drift" in said.out
    assert len(lines) <= 20


def test_the_slice_that_drifted_is_named(tmp_path: Path) -> None:
    said = compare(
        tmp_path, MAY, JUNE, "--by", "machine", "--lots", "melt", "--columns", "force,speed", "--html", "d.html"
    )
    assert said.code == 0, said.err
    assert said.out.splitlines()[5].split()[-2] == "m2"
    assert "exchanging whole lots (melt)" in said.out
    page = (tmp_path / "d.html").read_text(encoding="utf-8")
    assert said.out.splitlines()[1].removeprefix("verdict").strip() in page
    assert "<script" not in page


def test_every_format_says_the_same(tmp_path: Path) -> None:
    first = found(compare(tmp_path, MAY, JUNE, "--by", "recipe", "--json"))
    assert verdicts(first)["temperature"] == "explained"
    other = found(compare(tmp_path, MAY, JUNE, "--by", "recipe", "--json", sep=";", decimal=","))
    assert other == first
    for name, table in (("may", MAY), ("june", JUNE)):
        table.assign(machine=table["machine"].astype("category")).to_parquet(tmp_path / f"{name}.parquet")
    said = gatewatch("drift", "compare", "may.parquet", "june.parquet", "--by", "recipe", "--json", cwd=tmp_path)
    parquet = found(said)
    assert parquet["columns"] == first["columns"]


def test_methods_are_for_their_columns(tmp_path: Path) -> None:
    result = found(compare(tmp_path, MAY, JUNE, "--method", "ks", "--method", "chisquare", "--json"))
    assert {column["method"] for column in result["columns"]} == {"ks", "chisquare"}
    assert verdicts(result)["force"] == verdicts(result)["recipe"] == "drift"
    psi = found(compare(tmp_path, MAY, JUNE, "--method", "psi", "--json"))
    assert {column["method"] for column in psi["columns"]} == {"psi"}


def test_a_file_does_not_drift_from_itself_and_strange_columns_are_told(tmp_path: Path) -> None:
    assert "NO DRIFT" in compare(tmp_path, MAY, MAY[::-1]).out
    times = pd.date_range("2026-05-01", periods=ROWS, freq="min")
    may = MAY.assign(old=1.0, width=np.arange(ROWS) * 0.5, at=times, row=range(ROWS), flag=True, void=np.nan)
    june = JUNE.assign(
        new="\x1b[2J<script>", width="w", at=times, row=range(ROWS), flag=True, void=np.nan, **{"<b>": 1}
    )
    may.to_parquet(tmp_path / "may.parquet")
    june.to_parquet(tmp_path / "june.parquet")
    asked = ("drift", "compare", "may.parquet", "june.parquet", "--html", "d.html")
    said = gatewatch(*asked, cwd=tmp_path)
    assert said.code == 0, said.err
    assert "1 column of another type; 1 column missing from CURRENT" in said.out
    assert "width: numbers in REFERENCE, texts in CURRENT" in said.out
    for text in (
        "at (it holds times)",
        "row (it numbers the rows",
        "void (it is empty in both files)",
        "CURRENT: new, <b>",
    ):
        assert text in said.out
    page = (tmp_path / "d.html").read_text(encoding="utf-8")
    assert "<b>" not in page
    assert "&lt;b&gt;" in page


BAD = {
    "no such file": ("may.csv", "none.csv"),
    "no such column": ("may.csv", "june.csv", "--by", "nothing"),
    "no such column to compare": ("may.csv", "june.csv", "--columns", "force,nothing"),
    "an empty name": ("may.csv", "june.csv", "--columns", "force,,speed"),
    "two methods for numbers": ("may.csv", "june.csv", "--method", "ks", "--method", "psi"),
    "one column twice": ("may.csv", "june.csv", "--by", "melt", "--lots", "melt"),
    "a lot is missing": ("may.csv", "june.csv", "--lots", "torque"),
    "a page over a file": ("may.csv", "june.csv", "--html", "may.csv"),
    "no folder": ("may.csv", "june.csv", "--html", "none/d.html"),
    "nothing in common": ("may.csv", "other.csv"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence_and_exit_code_2(case: str, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    compare(tmp_path, MAY[:30], JUNE[:30])
    said = gatewatch("drift", "compare", *BAD[case], cwd=tmp_path)
    assert said.code == 2
    assert said.out == ""
    assert len(said.err.strip().splitlines()) == 1, said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("rows", [1, 2])
def test_few_rows_are_compared_and_nothing_is_called_drift(rows: int, tmp_path: Path) -> None:
    result = found(compare(tmp_path, MAY[:rows], JUNE[:rows], "--by", "recipe", "--json"))
    assert "drift" not in verdicts(result).values()


def test_evidently_is_not_loaded(tmp_path: Path) -> None:
    MAY.to_csv(tmp_path / "may.csv", index=False)

    def forbid() -> None:
        sys.modules["evidently"] = None  # type: ignore[assignment]

    said = gatewatch("drift", "compare", "may.csv", "may.csv", cwd=tmp_path, before=forbid)
    assert said.code == 0, said.err


def test_notes_say_what_the_answer_rests_on(tmp_path: Path) -> None:
    june = JUNE.assign(recipe=JUNE["recipe"].replace("A", "C\x1b[2J"), speed=JUNE["speed"].astype(str))
    june.loc[:9, "speed"] = "broken"
    line = np.where(np.arange(ROWS) < ROWS // 2, "l1", "l2")
    said = compare(tmp_path, MAY.assign(line=line), june.assign(line=line), "--by", "recipe", "--lots", "line")
    assert said.code == 0, said.err
    assert "\x1b" not in said.out + said.err
    for text in (
        "only in REFERENCE: recipe A",
        "only in CURRENT: recipe C",
        "column 'speed': 10 of 1000 values in CURRENT are no finite numbers and counted as missing",
        "2 and 2 lots are too few",
        "some lots have rows of several recipe",
    ):
        assert text in said.err

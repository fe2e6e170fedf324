"""The SKAB example: its loader on made-up files, and a cut of the real ones through the whole chain."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import sqlalchemy as sa
from examples_kit import ROOT, data, loaded, ran, replayed, rows

from examples.skab.load import LABELS, TAGS, TIME
from monitor.plant.file.load import load

pytestmark = pytest.mark.process

HEADER = ";".join([TIME, *TAGS, *LABELS])


def line(second: int, *, labels: str = ";0.0;0.0", value: str = "1.5") -> str:
    """A row of a file."""
    return f"2021-05-01 06:00:{second:02d}" + f";{value}" * len(TAGS) + labels


def put(file: Path, *lines: str, header: str = HEADER) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")


def test_any_number_of_files_of_the_format_becomes_as_many_rigs(tmp_path: Path) -> None:
    put(tmp_path / "in" / "x" / "10.csv", line(0), line(1))
    put(tmp_path / "in" / "x" / "9.csv", line(7), line(8), line(9, labels=";1.0;1.0"))
    put(tmp_path / "in" / "quiet.csv", line(0, labels=""), header=HEADER.removesuffix(";anomaly;changepoint"))
    put(tmp_path / "in" / "other.csv", "1,2", header="a,b")
    said = loaded("skab", tmp_path / "in", tmp_path)
    assert (said.code, "other.csv: left out, it has no column" in said.err) == (0, True)
    assert list(load(tmp_path / "plant.yaml").plant.machines) == ["rig-01", "rig-02", "reference-01"]
    with sa.create_engine(f"sqlite:///{tmp_path}/plant.db").connect() as connection:
        runs = connection.execute(sa.text("SELECT RIG, RECORDING, SECONDS FROM RUN_LOG ORDER BY RIG")).all()
        started = connection.scalar(sa.text("SELECT count(DISTINCT RIG) FROM TREND_SAMPLES WHERE T_MS = 1583744400000"))
        faults = connection.scalar(sa.text("SELECT sum(FAULT) FROM LAB_NOTES"))
    assert [tuple(run) for run in runs] == [("A01", "x/9.csv", 2), ("A02", "x/10.csv", 1), ("R01", "quiet.csv", 0)]
    assert (started, faults) == (3, 1), "all start at one instant"


BAD = {
    "no such folder": (None, "is no folder"),
    "no file of the format": ({"a.csv": b"a,b\n1,2\n"}, "holds no CSV file of this format"),
    "a header without rows": ({"a.csv": f"{HEADER}\n".encode()}, "a.csv: it has a header but no rows"),
    "text where a number belongs": ({"a.csv": f"{HEADER}\n{line(0)}\n{line(1, value='x')}\n".encode()}, "a.csv:3: "),
    "an infinity": ({"a.csv": f"{HEADER}\n{line(0, value='inf')}\n".encode()}, "a.csv:2: "),
    "no time": ({"a.csv": f"{HEADER}\n{line(0)[19:]}\n".encode()}, "a.csv:2: column 'datetime' is empty"),
    "bytes that are no text": ({"a.csv": b"\xff\xfe\x00\x01"}, "a.csv: no readable CSV file"),
    "a gz file that is none": ({"a.csv.gz": b"datetime;"}, "a.csv.gz: no readable CSV file"),
    "half a gz file": ({"a.csv.gz": gzip.compress(f"{HEADER}\n{line(0)}\n".encode() * 99)[:60]}, "no readable CSV"),
    "an empty file": ({"a.csv": b""}, "a.csv: no readable CSV file"),
}


@pytest.mark.parametrize(("files", "words"), BAD.values(), ids=BAD)
def test_a_bad_input_is_one_sentence(files: dict[str, bytes] | None, words: str, tmp_path: Path) -> None:
    for name, content in (files or {}).items():
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    said = ran(ROOT / "examples/skab/load.py", tmp_path / "in", f"sqlite:///{tmp_path}/x.db", cwd=tmp_path)
    assert (said.code, said.out) == (3, "")
    assert words in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("url", ["nothing", "sqlite:////no/such/folder/x.db", "oracle://x/y"])
def test_a_database_that_cannot_be_filled_is_one_sentence(url: str, tmp_path: Path) -> None:
    put(tmp_path / "in" / "a.csv", line(0))
    said = ran(ROOT / "examples/skab/load.py", tmp_path / "in", url, cwd=tmp_path)
    assert (said.code, said.err.count("\n")) == (3, 1)
    assert "the database cannot be filled" in said.err


def test_four_real_runs_go_through_the_whole_chain(tmp_path: Path) -> None:
    """The cut: the whole of the four labelled runs valve1/1, valve1/3, other/9 and other/10, no undisturbed one."""
    source = data("skab")
    for name in ("valve1/1.csv", "valve1/3.csv", "other/9.csv", "other/10.csv"):
        file = tmp_path / "in" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(source / name)
    said = replayed(loaded("skab", tmp_path / "in", tmp_path), tmp_path)
    assert said.code == 0, said.err
    assert rows(tmp_path, "SELECT count(*), count(DISTINCT machine) FROM reading") == [(4764, 4)]
    assert rows(tmp_path, "SELECT count(*) FROM quarantine") == [(0,)]
    judged = rows(
        tmp_path, "SELECT DISTINCT subject, status FROM board WHERE detector = 'anomaly' AND method = 'condition'"
    )
    assert {subject for subject, status in judged if status in ("ok", "breach")} == {f"rig-0{i}" for i in (1, 2, 3, 4)}


@pytest.mark.soak
def test_the_committed_plant_file_is_the_one_for_the_data_here(tmp_path: Path) -> None:
    assert loaded("skab", data("skab"), tmp_path).code == 0
    made, committed = (load(folder / "plant.yaml").plant for folder in (tmp_path, ROOT / "examples/skab"))
    assert made.machines == committed.machines
    assert made.sources["historian"].model_dump(exclude={"url"}) == committed.sources["historian"].model_dump(
        exclude={"url"}
    )

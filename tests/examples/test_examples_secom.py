"""The SECOM example: its loader on made-up files, and a cut of the real wafers through the whole chain."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from examples_kit import ROOT, data, loaded, ran, replayed, rows

from examples.secom.load import LABEL, ROW, SENSORS, TIME
from monitor.plant.file.load import load

pytestmark = pytest.mark.process

CUT_ROWS = 260


def made_up(count: int = 12) -> pd.DataFrame:
    """Wafers of which some lack a sensor."""
    values = pd.DataFrame(np.arange(count * 590.0).reshape(count, 590), columns=SENSORS)
    values.loc[values.index % 2 == 0, "s003"] = np.nan
    times = pd.date_range("2021-07-01 08:00:00", periods=count, freq="h").astype(str)
    labels = np.where(np.arange(count) % 5 == 0, 1, -1)
    return values.assign(**{ROW: np.arange(900, 900 + count), TIME: times, LABEL: labels})


def put(folder: Path, frame: pd.DataFrame, name: str = "some.csv") -> None:
    (folder / "in").mkdir(exist_ok=True)
    frame.to_csv(folder / "in" / name, index=False)


def test_a_wafer_has_its_sensors_in_one_column_and_its_verdict_apart(tmp_path: Path) -> None:
    put(tmp_path, made_up()[4:])
    put(tmp_path, made_up()[:6], "more.csv")
    said = loaded("secom", tmp_path / "in", tmp_path)
    assert said.code == 0, said.err
    with sa.create_engine(f"sqlite:///{tmp_path}/plant.db").connect() as connection:
        first = connection.execute(sa.text("SELECT WAFER, TRACE FROM LOT_PASS ORDER BY OUT_AT")).first()
        bad = connection.scalar(sa.text("SELECT count(*) FROM EOL_VERDICT WHERE VERDICT = 1"))
    assert first is not None
    trace = np.frombuffer(first.TRACE, "<f8")
    assert (first.WAFER, len(trace), trace[1], np.isnan(trace[2])) == ("W00900", 590, 1.0, True)
    assert "LOT_PASS: 12 rows" in said.out, "a row in two files is one wafer"
    assert bad == 3


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        pytest.param(LABEL, 0, "column 'label' holds 0", id="a label of neither kind"),
        pytest.param(LABEL, "", "column 'label' holds nan", id="no label"),
        pytest.param(ROW, 1.5, "column 'uci_row' holds 1.5", id="a row number that is none"),
        pytest.param(
            "s590", "x", "some.csv:4: column 's590' holds 'x'; expected a number", id="a word among the numbers"
        ),
        pytest.param(TIME, "01/07/2021", "some.csv:4: column 'timestamp' holds", id="a time written otherwise"),
    ],
)
def test_a_bad_row_is_one_sentence(column: str, value: object, words: str, tmp_path: Path) -> None:
    frame = made_up().astype(object)
    frame.loc[2, column] = value
    put(tmp_path, frame)
    said = loaded("secom", tmp_path / "in", tmp_path)
    assert (said.code, said.err.count("\n")) == (3, 1)
    assert words in said.err


def test_the_plant_file_reads_what_the_loader_wrote(tmp_path: Path) -> None:
    plant = load(ROOT / "examples/secom/plant.yaml").plant
    assert plant.gates["process"].inputs() == tuple(f"process.{name}" for name in SENSORS)
    assert plant.gates["process"].max_missing > 0
    assert plant.sources["verdicts"].delay.total_seconds() == 86400


@pytest.mark.postgres
def test_vectors_are_read_from_postgresql(tmp_path: Path, postgres_url: str) -> None:
    put(tmp_path, made_up())
    load_py = ROOT / "examples/secom/load.py"
    said = ran(load_py, tmp_path / "in", postgres_url, "--plant", tmp_path / "plant.yaml", cwd=tmp_path)
    assert said.code == 0, said.err
    done = replayed(said, tmp_path)
    assert done.code == 0, done.err
    ((values,),) = rows(tmp_path, "SELECT \"values\" FROM part_step WHERE serial = 'W00901'")
    assert (len(json.loads(values)), json.loads(values)["s003"]) == (590, 592.0)
    assert rows(tmp_path, "SELECT count(*) FROM outcome") == [(12,)]


@pytest.mark.soak
def test_the_first_real_wafers_go_through_the_whole_chain(tmp_path: Path) -> None:
    """The cut: the first rows of each file. Gaps are learnt in test_inference_gaps.py, vectors replayed above."""
    for file in data("secom").glob("*.csv*"):
        put(tmp_path, pd.read_csv(file, dtype=str, nrows=CUT_ROWS), file.name)
    done = replayed(loaded("secom", tmp_path / "in", tmp_path), tmp_path, "gates.process.retraining.enabled=false")
    assert done.code == 0, done.err
    assert rows(tmp_path, "SELECT count(*) FROM quarantine") == [(0,)]
    ((parts,), (outcomes,)) = (rows(tmp_path, f"SELECT count(*) FROM {t}")[0] for t in ("part_step", "outcome"))
    assert parts == outcomes >= CUT_ROWS
    assert set(rows(tmp_path, "SELECT DISTINCT value FROM outcome")) == {(0.0,), (1.0,)}
    assert rows(tmp_path, "SELECT count(*) FROM decision") == [(parts,)]
    assert rows(tmp_path, "SELECT count(*) FROM model_version") == [(1,)], "a model is trained on rows with gaps"
    held = dict(rows(tmp_path, "SELECT reason, count(*) FROM decision WHERE verdict = 'hold' GROUP BY reason"))
    assert held.get("incomplete_input", 0) < parts / 10, "a part with a few gaps is not held for them"

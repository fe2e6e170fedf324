"""The AI4I 2020 example: its loader on made-up files, and a cut of the real parts through the whole chain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from examples_kit import ROOT, data, loaded, ran, replayed, rows

from examples.ai4i2020.load import FAILURE, MEASURED, NUMBER, PRODUCT, TYPE
from examples.report import told
from monitor.plant.file.load import load

pytestmark = pytest.mark.process

CUT_ROWS = 900
MODES = ("TWF", "HDF", "PWF", "OSF", "RNF")


def made_up(count: int = 12) -> pd.DataFrame:
    """Parts of the three grades in turn; every fifth fails."""
    numbers = pd.Series(range(count))
    measured = dict.fromkeys(MEASURED.values(), 100.5 + numbers)
    columns = {NUMBER: numbers + 1, PRODUCT: "X" + (numbers + 900).astype(str), TYPE: [*"LMH"] * (count // 3)}
    failed = (numbers % 5 == 0).astype(int)
    return pd.DataFrame({**columns, **measured, FAILURE: failed, **dict.fromkeys(MODES, failed)})


def put(folder: Path, frame: pd.DataFrame, name: str = "some.csv") -> None:
    (folder / "in").mkdir(exist_ok=True)
    frame.to_csv(folder / "in" / name, index=False)


def test_a_part_has_the_state_of_the_machine_and_its_result_apart(tmp_path: Path) -> None:
    put(tmp_path, made_up()[4:])
    again = made_up()[:6]
    again.loc[0, "Torque [Nm]"] = np.nan
    put(tmp_path, again, "more.csv.gz")
    said = loaded("ai4i2020", tmp_path / "in", tmp_path)
    assert said.code == 0, said.err
    assert "MILLING: 12 rows" in said.out, "a row in two files is one part"
    with sa.create_engine(f"sqlite:///{tmp_path}/plant.db").connect() as connection:
        first, second, *_ = connection.execute(sa.text("SELECT * FROM MILLING ORDER BY MILLED_AT")).all()
        columns = set(first._mapping)
        failed = connection.execute(sa.text("SELECT PART FROM RESULT WHERE FOUND = 'NOK' ORDER BY PART")).all()
    assert (first.PART, first.GRADE, first.TORQUE_NM, second.GRADE) == ("X900", "L", None, "M")
    assert [row.PART for row in failed] == ["X900", "X905", "X910"]
    assert not columns.intersection(MODES), "why a machine failed is not known before it did"


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        pytest.param(FAILURE, 2, f"column {FAILURE!r} holds 2; expected 0 or 1", id="a result of neither kind"),
        pytest.param(FAILURE, "", f"column {FAILURE!r} is empty; expected 0 or 1", id="no result"),
        pytest.param(TYPE, "X", "column 'Type' holds 'X'; expected L, M or H", id="a type that is none"),
        pytest.param(NUMBER, 1.5, "column 'UDI' holds 1.5; expected a whole number", id="half a number"),
        pytest.param(NUMBER, "", "column 'UDI' is empty; expected a whole number", id="no number"),
        pytest.param(PRODUCT, "", "column 'Product ID' is empty; expected the number of a product", id="no product"),
        pytest.param("Torque [Nm]", "x", "column 'Torque [Nm]' holds 'x'; expected a number", id="a word"),
    ],
)
def test_a_bad_row_is_one_sentence(column: str, value: object, words: str, tmp_path: Path) -> None:
    frame = made_up().astype(object)
    frame.loc[2, column] = value
    put(tmp_path, frame)
    said = loaded("ai4i2020", tmp_path / "in", tmp_path)
    assert (said.code, said.err.count("\n")) == (3, 1)
    assert f"some.csv:4: {words}" in said.err


def test_the_gate_is_given_the_six_inputs_and_waits_an_hour_for_results() -> None:
    plant = load(ROOT / "examples/ai4i2020/plant.yaml").plant
    names = ("grade", "air", "process", "speed", "torque", "wear")
    assert plant.gates["milling"].inputs() == tuple(f"milling.{name}" for name in names)
    assert plant.sources["results"].delay.total_seconds() == 3600
    spec = plant.classes_of(plant.gates["milling"])
    assert spec is not None
    assert spec.names == ("passed", "failed")


@pytest.mark.soak
def test_the_first_real_parts_go_through_the_whole_chain(tmp_path: Path) -> None:
    """The cut: the first rows, with a first model trained earlier."""
    for file in data("ai4i2020").glob("*.csv*"):
        put(tmp_path, pd.read_csv(file, dtype=str, nrows=CUT_ROWS), file.name)
    said = loaded("ai4i2020", tmp_path / "in", tmp_path)
    overrides = ("gates.milling.training.min_outcomes=400", "gates.milling.retraining.enabled=false")
    done = replayed(said, tmp_path, *overrides)
    assert done.code == 0, done.err
    assert rows(tmp_path, "SELECT count(*) FROM quarantine") == [(0,)]
    assert rows(tmp_path, "SELECT count(*), sum(value) FROM outcome") == [(CUT_ROWS, 21)]
    assert rows(tmp_path, "SELECT count(*) FROM decision") == [(CUT_ROWS,)]
    ((first, skill),) = rows(tmp_path, "SELECT rows, json_extract(metrics, '$.skill') FROM model_version")[:1]
    assert first >= 400
    assert skill > 0.3, "of a model that knows nothing it is 0"
    said_of = (
        "SELECT d.verdict, count(*), sum(o.value) FROM decision d JOIN outcome o USING (serial) WHERE d.version != ''"
    )
    found = {verdict: (count, failed) for verdict, count, failed in rows(tmp_path, f"{said_of} GROUP BY d.verdict")}
    passed, failed = found["continue"]
    judged, of_these_failed = (sum(n) for n in zip(*found.values(), strict=True))
    assert passed > 0.6 * judged, "the gate decides"
    assert failed / passed <= 0.02, "as many as the gate's coverage allows"
    assert failed < of_these_failed / 4, "most of the parts that failed did not continue"
    (line,) = [line for line in told("ai4i2020", tmp_path, overrides) if "(right: scrap)" in line]
    assert "failed (right: scrap), 21 parts: " in line, "the report knows the classes"
    verified = ran("-m", "monitor.cli", "verify", "-p", tmp_path / "plant.yaml", cwd=tmp_path)
    assert verified.code == 0, verified.err
    assert f"{CUT_ROWS} decisions recomputed, 0 different" in verified.out

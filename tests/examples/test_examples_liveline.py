"""The Liveline example: rules of its loader on made-up files, and a cut of the real line through the whole chain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from examples_kit import ROOT, data, loaded, replayed, rows

from examples.liveline import load as loader
from examples.liveline.load import CONDITIONS, MACHINES, PLACES, TIME, measured
from examples.loading import write_plant
from monitor.plant.file.load import load
from monitor.plant.plant import Plant

pytestmark = pytest.mark.process

CUT_SECONDS = 600
CUT_GATES = ("gauge-05", "gauge-13")
FEW_LOOKS = tuple(f"{job}.every=5m" for job in ("drift", "performance", "alerts", "notify"))


def made_up(seconds: int = 90) -> pd.DataFrame:
    """Seconds of a line; measurement 3 of stage 2 is missing in 4 of 10, measurement 2 in 3 of 10 parts."""
    rng = np.random.default_rng(3)
    columns: dict[str, object] = {TIME: pd.date_range("2021-07-01 08:00:00", periods=seconds, freq="s").astype(str)}
    columns |= {name: rng.normal(50, 1, seconds).round(2) for name in CONDITIONS}
    for stage in (1, 2):
        for place in PLACES:
            columns[measured(stage, place)] = rng.normal(10, 0.1, seconds).round(2)
            columns[measured(stage, place, "Setpoint")] = 10.0
    frame = pd.DataFrame(columns)
    frame.loc[frame.index % 10 < 4, measured(2, "03")] = 0.0
    frame.loc[frame.index % 10 < 3, measured(2, "02")] = 0.0
    return frame


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path


def test_a_measurement_more_than_30_percent_missing_gets_no_gate(folder: Path) -> None:
    made_up().to_csv(folder / "in" / "shift.csv", index=False)
    said = loaded("liveline", folder / "in", folder)
    assert said.code == 0, said.err
    assert "measurement 3 of stage 2: 40% missing, so it gets no gate" in said.err
    plant = load(folder / "plant.yaml").plant
    assert list(plant.gates) == [f"gauge-{p}" for p in PLACES if p != "03"]
    assert plant.gates["gauge-02"].inputs()[:2] == ("combining.x00", "combining.x01")
    assert len(plant.gates["gauge-02"].inputs()) == 15 + 55


def test_the_tolerance_holds_nine_of_ten_parts_of_the_first_third(folder: Path) -> None:
    frame = made_up()
    frame.loc[30:, measured(2, "07")] = 99.0
    frame.to_csv(folder / "in" / "shift.csv.gz", index=False)
    assert loaded("liveline", folder / "in", folder).code == 0
    (spec,) = load(folder / "plant.yaml").plant.characteristics["y07"].specs
    third = frame[measured(2, "07")][:30]
    assert spec.target == 10.0
    assert 0.85 <= third.between(spec.lower, spec.upper).mean() <= 0.95


def test_files_that_overlap_are_joined_and_a_second_is_one_part(folder: Path) -> None:
    frame = made_up(40)
    frame[:25].to_csv(folder / "in" / "b.csv", index=False)
    frame[15:].to_csv(folder / "in" / "a.csv", index=False)
    said = loaded("liveline", folder / "in", folder)
    assert "10 rows left out" in said.err
    assert f"MACHINE_TREND: {40 * len(MACHINES)} rows" in said.out
    assert "FINAL_GAUGE: 40 rows" in said.out


def test_a_measurement_without_a_value_in_the_first_third_is_one_sentence(folder: Path) -> None:
    frame = made_up(4)
    frame.loc[0, measured(2, "05")] = 0.0
    frame.to_csv(folder / "in" / "a.csv", index=False)
    said = loaded("liveline", folder / "in", folder)
    assert (said.code, said.err.count("\n")) == (3, 1)
    assert "measurement 5 of stage 2 has no value in the first third" in said.err


def test_the_committed_plant_file_is_the_one_for_the_data_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "rows_of", lambda _: [])  # nobody looks at the rows, which take most of the time
    sections = loader.load(data("liveline")).plant
    assert sections is not None
    write_plant(ROOT / "examples/liveline/plant.yaml", tmp_path / "plant.yaml", "sqlite:///plant.db", sections)
    made, committed = (_compared(load(f / "plant.yaml").plant) for f in (tmp_path, ROOT / "examples/liveline"))
    assert made == committed


def _compared(plant: Plant) -> dict[str, object]:
    """A plant without the places of its databases."""
    values = plant.model_dump(exclude={"store", "mlflow", "notify"})
    for source in values["sources"].values():
        del source["url"]
    return values


@pytest.mark.soak
def test_ten_minutes_of_the_real_line_go_through_the_whole_chain(tmp_path: Path) -> None:
    """The cut: the first 600 seconds of each file, and two of the gates."""
    (tmp_path / "in").mkdir()
    for file in data("liveline").glob("*.csv*"):
        pd.read_csv(file, dtype=str, nrows=CUT_SECONDS).to_csv(tmp_path / "in" / file.name, index=False)
    said = loaded("liveline", tmp_path / "in", tmp_path)
    _keep_gates(tmp_path / "plant.yaml")
    done = replayed(said, tmp_path, *FEW_LOOKS)
    assert done.code == 0, done.err
    parts = rows(tmp_path, "SELECT step, count(*) FROM part_step GROUP BY step ORDER BY step")
    assert {step for step, _ in parts} == {"combining", *CUT_GATES}
    assert len({count for _, count in parts}) == 1, "a row a part at each step"
    assert rows(tmp_path, "SELECT count(*) FROM quarantine") == [(0,)]
    decided = dict(rows(tmp_path, "SELECT gate, count(*) FROM decision GROUP BY gate"))
    assert decided == dict.fromkeys(CUT_GATES, parts[0][1])
    versions = dict(rows(tmp_path, "SELECT gate, count(*) FROM model_version GROUP BY gate"))
    assert set(versions) == set(CUT_GATES), "each gate got a model"


def _keep_gates(file: Path) -> None:
    """Leave only the gates of the cut in a plant file."""
    plant = yaml.safe_load(file.read_text(encoding="utf-8"))
    gone = set(plant["gates"]) - set(CUT_GATES)
    for section in ("gates", "steps", "sources"):
        plant[section] = {name: value for name, value in plant[section].items() if name not in gone}
    codes = plant["sources"]["mes"]["step"]["codes"]
    plant["sources"]["mes"]["step"]["codes"] = {code: step for code, step in codes.items() if step not in gone}
    plant["sources"]["mes"]["table"] = "KEPT_OPERATIONS"
    _view(file.with_name("plant.db"), list(plant["sources"]["mes"]["step"]["codes"]))
    file.write_text(yaml.safe_dump(plant, sort_keys=False), encoding="utf-8")


def _view(database: Path, codes: list[str]) -> None:
    """A view of the operations that the plant file still knows, as a plant's MES would offer one."""
    import sqlite3

    listed = ", ".join(f"'{code}'" for code in codes)
    with sqlite3.connect(database) as connection:
        connection.execute(f"CREATE VIEW KEPT_OPERATIONS AS SELECT * FROM OPERATION_LOG WHERE OP IN ({listed})")

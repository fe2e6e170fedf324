"""Each example in full, with what came of it printed: `make soak`."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from examples_kit import data, rows

from examples.report import NAMES, prepare, run, told

LONG = {"ai4i2020", "hydraulic"}
"""These run for minutes: `make bench-examples` runs them whole, and their tests a cut, verified."""


@pytest.mark.soak
@pytest.mark.parametrize("name", [name for name in NAMES if name not in LONG])
def test_a_whole_example_runs_without_a_failed_job_and_loses_no_row(name: str, tmp_path: Path) -> None:
    loaded = prepare(name, data(FOLDERS.get(name, name)), tmp_path)
    seconds, failed = run(tmp_path, loaded)
    print(f"{name}: {seconds:.0f} s")
    for line in told(name, tmp_path):
        print(f"  {line}")
    assert failed == []
    assert rows(tmp_path, "SELECT count(*) FROM quarantine") == [(0,)]
    for table, kept in KEPT[name].items():
        with sa.create_engine(f"sqlite:///{tmp_path}/plant.db").connect() as connection:
            ((expected,),) = connection.execute(sa.text(table)).all()
        assert rows(tmp_path, kept) == [(expected,)], kept


FOLDERS = {"neu": "neu_det"}
"""The folder of an example's data where it has another name."""
KEPT = {
    "neu": {
        "SELECT count(*) FROM CAMERA_SHOT": "SELECT count(*) FROM decision",
        "SELECT count(*) FROM INSPECTION": "SELECT count(*) FROM outcome",
    },
    "skab": {"SELECT count(*) FROM (SELECT DISTINCT RIG, T_MS FROM TREND_SAMPLES)": "SELECT count(*) FROM reading"},
    "secom": {
        "SELECT count(*) FROM LOT_PASS": "SELECT count(*) FROM part_step",
        "SELECT count(*) FROM EOL_VERDICT": "SELECT count(*) FROM outcome",
    },
    "liveline": {
        "SELECT count(*) FROM OPERATION_LOG": "SELECT count(*) FROM part_step",
        "SELECT count(*) FROM MACHINE_TREND": "SELECT count(*) FROM reading",
    },
}
"""For each example, questions to its tables beside questions to the store that must have the same answer."""

"""The hydraulic rig: its loader on made-up curves, and a cut of the real cycles through the whole chain."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import sqlalchemy as sa
from examples_kit import data, loaded, ran, replayed, rows

from examples.hydraulic.load import CURVES, POINTS

pytestmark = pytest.mark.process

CUT_CYCLES = 280
"""Of which the first 210 are of one condition."""


def made_up(folder: Path, cycles: int = 6, **changes: str) -> Path:
    """Flat curves; two cycles a setting. A change replaces a file's text."""
    place = folder / "in"
    place.mkdir(exist_ok=True)
    texts = {name: "\n".join("\t".join([f"{i}.5"] * POINTS) for i in range(cycles)) for name in CURVES}
    texts["profile"] = "\n".join(f"3\t{(100, 80)[i // 2 % 2]}\t{i // 2 % 3}\t130\t1" for i in range(cycles))
    for name, text in (texts | changes).items():
        (place / f"{name}.txt").write_text(text)
    return place


def test_a_cycle_is_a_part_with_its_curves_three_checks_and_a_lot(tmp_path: Path) -> None:
    said = loaded("hydraulic", made_up(tmp_path), tmp_path)
    assert said.code == 0, said.err
    with sa.create_engine(f"sqlite:///{tmp_path}/plant.db").connect() as connection:
        made = connection.execute(sa.text("SELECT STATION, LOT, TS1 FROM RIG_CYCLE WHERE CYCLE = 'C00003'")).all()
        known = connection.execute(sa.text("SELECT VALVE, ACCU, PUMP FROM RIG_CONDITION ORDER BY CYCLE")).all()
    assert [(row.STATION, row.LOT) for row in made] == [(name, "L0002") for name in ("RIG", "V", "P", "A")]
    assert [row.TS1 is None for row in made] == [False, True, True, True]
    assert made[0].TS1.count("2.5") == POINTS
    assert [tuple(row) for row in known[::2]] == [
        (100.0, 130.0, "none"),
        (80.0, 130.0, "weak"),
        (100.0, 130.0, "severe"),
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"TS1": "1\t2"}, "TS1.txt:1: expected rows of 60 numbers", id="too short a curve"),
        pytest.param({"VS1": "x"}, "VS1.txt: no readable file of numbers", id="no numbers"),
        pytest.param({"CE": "\t".join(["1"] * POINTS)}, "CE has 1 cycles, but profile has 6", id="too few cycles"),
        pytest.param({"profile": "3\t100\t7\t130\t1"}, "TS1 has 6 cycles, but profile has 1", id="one condition"),
        pytest.param(
            {"profile": "\n".join(["3\t100\t7\t130\t1"] * 6)}, "a pump leakage that is not 0, 1 or 2", id="leakage"
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(changes: dict[str, str], words: str, tmp_path: Path) -> None:
    said = loaded("hydraulic", made_up(tmp_path, **changes), tmp_path)
    assert (said.code, words in said.err, said.err.count("\n")) == (3, True, 1), said.err


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    place = made_up(tmp_path)
    (place / "SE.txt").unlink()
    said = loaded("hydraulic", place, tmp_path)
    assert (said.code, "holds no SE.txt" in said.err) == (3, True)


@pytest.mark.soak
def test_a_cut_of_the_real_cycles_is_judged(tmp_path: Path) -> None:
    """Classifiers of 480 columns take their time: in `make test`, ai4i2020 and neu go through the same chain."""
    source, place = data("hydraulic"), tmp_path / "cut"
    place.mkdir()
    for name in (*CURVES, "profile"):
        lines = gzip.decompress((source / f"{name}.txt.gz").read_bytes()).decode().splitlines()[:CUT_CYCLES]
        (place / f"{name}.txt").write_text("\n".join(lines))
    once_each = [f"gates.{gate}.retraining.enabled=false" for gate in ("valve", "pump", "accumulator")]
    said = replayed(loaded("hydraulic", place, tmp_path), tmp_path, "sources.cycles.every=10m", *once_each)
    assert said.code == 0, said.err
    verdicts = rows(tmp_path, "SELECT gate, verdict, reason, count(*) FROM decision GROUP BY 1, 2, 3")
    assert sum(count for *_, count in verdicts) == 3 * CUT_CYCLES
    assert {reason for _, verdict, reason, _ in verdicts if verdict == "continue"} >= {"forecast"}
    assert not [row for row in verdicts if row[1] == "scrap"], "nobody has shown what a leak looks like yet"
    versions = rows(tmp_path, "SELECT gate, count(*) FROM model_version WHERE status = 'in_force' GROUP BY gate")
    assert versions == [("accumulator", 1), ("pump", 1), ("valve", 1)], "each gate got a model"
    verified = ran("-m", "monitor.cli", "verify", "-p", tmp_path / "plant.yaml", cwd=tmp_path)
    assert verified.code == 0, verified.err

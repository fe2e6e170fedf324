"""The report of a run: what labels and outcomes say, worked out from a store with known contents."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from examples_kit import ran
from test_examples_skab import line, put

from examples import summary
from examples.skab import evaluate
from monitor.store.database import tables as t
from monitor.store.database.schema import open_store

T0 = datetime(2026, 5, 4, 8, tzinfo=UTC)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sa.Connection]:
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    with store.write() as connection:
        yield connection
    store.close()


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def changed(connection: sa.Connection, *changes: tuple[float, str], subject: str = "rig-01") -> None:
    """Changes of the anomaly score's status."""
    row = {"arrival": 1, "detector": "anomaly", "method": "condition", "feature": "", "causes": []}
    rows = [row | {"subject": subject, "at": after(at), "status": status} for at, status in changes]
    connection.execute(sa.insert(t.finding), rows)


def labels(*faulty: int, machine: str = "rig-01") -> pd.DataFrame:
    at = [int(after(i).timestamp() * 1000) for i in range(len(faulty))]
    return pd.DataFrame({"machine": machine, "at": at, "faulty": [f == 1 for f in faulty]})


@pytest.mark.slow
def test_a_second_counts_from_the_first_judgement_on(connection: sa.Connection) -> None:
    changed(connection, (0, "cannot_judge"), (2, "ok"), (4, "breach"), (6, "ok"))
    (rig,) = evaluate.rigs(connection, labels(0, 0, 0, 1, 1, 0, 0, 1))
    assert rig.flagged.tolist() == [False, False, True, True, False, False]
    assert rig.faulty.tolist() == [False, True, True, False, False, True]
    told = list(evaluate.lines(connection, labels(0, 0, 0, 1, 1, 0, 0, 1)))
    assert told[0] == "labels: 6 seconds of 1 runs judged, 50% of them anomalous"
    assert "flagged 33% of the anomalous and 33.3% of the other seconds, F1 0.40" in told[1]
    assert "1 of 1 anomalies noticed, 1 alarms outside of one" in told[2]


@pytest.mark.slow
def test_a_run_that_was_never_judged_counts_for_nothing(connection: sa.Connection) -> None:
    changed(connection, (0, "cannot_judge"))
    assert list(evaluate.lines(connection, labels(0, 1, 1))) == ["labels: no labelled second was judged"]


@pytest.mark.parametrize(
    ("flagged", "faulty", "expected"),
    [
        pytest.param([1, 1, 0, 0], [1, 1, 0, 0], 1.0, id="all found and nothing else"),
        pytest.param([1, 1, 1, 1], [1, 0, 0, 0], 0.4, id="always alarming"),
        pytest.param([0, 0, 0, 0], [1, 0, 0, 0], 0.0, id="never alarming"),
        pytest.param([0, 1], [1, 0], 0.0, id="only the wrong ones"),
        pytest.param([], [], 0.0, id="nothing judged"),
    ],
)
def test_f1_is_the_harmonic_mean_of_precision_and_recall(
    flagged: list[int], faulty: list[int], expected: float
) -> None:
    assert evaluate.f1(np.array(flagged, bool), np.array(faulty, bool)) == pytest.approx(expected)


@pytest.mark.slow
def test_the_naive_baseline_sees_only_outcomes_available_at_the_decision(connection: sa.Connection) -> None:
    outcome = {"source": "s", "characteristic": "c", "revision": 0, "digest": ""}
    values = [(f"P{i}", float(i), 60 + i) for i in range(40)]
    connection.execute(
        sa.insert(t.outcome),
        [outcome | {"arrival": i, "serial": s, "value": v, "at": after(i), "available_at": after(known)}
         for i, (s, v, known) in enumerate(values)],
    )  # fmt: skip
    decision = {
        "step": "x", "visit": 1, "revision": 0, "gate": "g", "inputs": {}, "characteristic": "c", "model": "m",
        "version": "1", "model_digest": "", "plant_digest": "", "lower": 0.0, "upper": 20.0, "verdict": "hold",
        "reason": "uncertain", "on_hold": "",
    }  # fmt: skip
    connection.execute(
        sa.insert(t.decision),
        [decision | {"serial": s, "arrival": a, "predicted": p, "decided_at": after(at), "at": after(at)}
         for a, (s, p, at) in enumerate([("P0", 1.0, 30), ("P10", 10.0, 64), ("P39", 30.0, 99), ("P99", 1.0, 99)])],
    )  # fmt: skip
    found = summary.realised(connection, "g", "c").set_index("serial")
    assert list(found.index) == ["P0", "P10", "P39"], "P99 has no outcome yet"
    assert np.isnan(found["naive"]["P0"]), "nothing was known"
    assert found["naive"]["P10"] == 2.0, "of 0 to 4"
    assert found["naive"]["P39"] == 27.0, "of the last 25: 15 to 39"


@pytest.mark.process
def test_the_report_of_a_small_hall_names_what_happened(tmp_path: Path) -> None:
    put(tmp_path / "in" / "1.csv", *(line(second) for second in range(30)))
    said = ran("-m", "examples.report", "skab", "--data", tmp_path / "in", "--keep", tmp_path / "kept", cwd=tmp_path)
    assert said.code == 0, said.err
    assert "reading 30" in said.out
    assert "labels: no labelled second was judged" in said.out
    assert (tmp_path / "kept" / "plant.yaml").exists()


@pytest.mark.process
def test_a_report_without_data_is_one_sentence(tmp_path: Path) -> None:
    said = ran("-m", "examples.report", "secom", "--data", tmp_path, cwd=tmp_path)
    assert (said.code, said.out, said.err.count("\n")) == (3, "", 1)
    assert "holds no CSV file of this format" in said.err

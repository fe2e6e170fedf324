"""Gates: how parts were split into batches changes no prediction and no decision, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import nan
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference import packaging
from inference.models.kind import TrainingData, TrainingSettings
from inference.policy.gate import judge
from inference.training import train
from monitor.model import Decision, PartInput, PartKey, Prediction, Reason, ReworkBand, Spec
from monitor.ports import GateModel
from monitor.simulator.history import simulate

T0 = datetime(2026, 3, 2, 6, tzinfo=UTC)
POINTS = 30
NAMES = tuple(f"forging.p{i:02d}" for i in range(1, POINTS + 1))
PARTS = 120
Judged = list[tuple[Prediction | None, Decision]]


def _measured() -> tuple[list[list[float]], list[float]]:
    """Profiles of simulated blades with their resonance, in the order of forging."""
    history = simulate(3, T0, 0.1, commissioning_parts=400)
    wip, tests = history.rows_of("WIP_HISTORY"), history.rows_of("FINAL_TEST")
    columns, outcome_columns = wip.table.columns.keys(), tests.table.columns.keys()
    serial, step, first = columns.index("SN"), columns.index("OPERATION"), columns.index("P01")
    truth = {row[outcome_columns.index("SN")]: row[outcome_columns.index("FREQ_HZ")] for row in tests.rows}
    rows, target = [], []
    for row in wip.rows:
        profile = row[first : first + POINTS]
        if row[step] == "FORG" and row[serial] in truth and all(profile):
            rows.append(list(profile))
            target.append(truth[row[serial]])
    return rows, target


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> GateModel:
    """A really trained shape model, packaged and loaded again."""
    import numpy as np

    rows, target = _measured()
    serials = [str(i) for i in range(len(rows))]
    settings = TrainingSettings(NAMES, POINTS, 0.9, 40, 1)
    trained = train(TrainingData(np.array(rows), np.array(target), serials), settings)
    folder: Path = tmp_path_factory.mktemp("model") / "blade"
    return packaging.load(folder, packaging.save(trained, folder))


def _spec_at(at: datetime) -> Spec:
    return Spec(1225.0, 1275.0) if at < T0 + timedelta(hours=1) else Spec(1240.0, 1260.0)


def _judge(model: GateModel, parts: Sequence[PartInput], refused: Reason | None = None) -> Judged:
    return judge(model, refused, parts, _spec_at, ReworkBand(0.0, 30.0))


@pytest.fixture(scope="module")
def parts() -> list[PartInput]:
    """Blades as they are, some with a value missing, some unlike anything learnt; over a change of the spec."""
    found = []
    rows = _measured()[0]
    for i in range(PARTS):
        values = dict(zip(NAMES, rows[i % len(rows)], strict=True))
        if i % 11 == 5:
            values[NAMES[i % POINTS]] = nan
        if i % 13 == 7:
            values = {name: value * (1 + 0.3 * (n % 2)) for n, (name, value) in enumerate(values.items())}
        found.append(PartInput(PartKey(f"B{i}", "forging", 1), T0 + timedelta(minutes=i), values))
    return found


@pytest.fixture(scope="module")
def whole(model: GateModel, parts: list[PartInput]) -> Judged:
    return _judge(model, parts)


@pytest.mark.slow
def test_the_parts_meet_every_kind_of_decision(whole: Judged) -> None:
    reasons = {decision.reason for _, decision in whole}
    assert reasons >= {Reason.IN_SPEC, Reason.UNCERTAIN, Reason.INCOMPLETE_INPUT, Reason.OUT_OF_DISTRIBUTION}


@settings(deadline=None, max_examples=40)
@given(cuts=st.sets(st.integers(1, PARTS - 1), max_size=20))
@pytest.mark.slow
def test_any_split_gives_identical_predictions_and_decisions(
    model: GateModel, parts: list[PartInput], whole: Judged, cuts: set[int]
) -> None:
    borders = [0, *sorted(cuts), PARTS]
    split = [one for a, b in pairwise(borders) for one in _judge(model, parts[a:b])]
    assert split == whole


@settings(deadline=None, max_examples=15)
@given(order=st.permutations(range(PARTS)))
@pytest.mark.slow
def test_neither_does_the_company_a_part_is_judged_in(
    model: GateModel, parts: list[PartInput], whole: Judged, order: list[int]
) -> None:
    assert _judge(model, [parts[i] for i in order]) == [whole[i] for i in order]


@pytest.mark.slow
def test_one_at_a_time_is_the_same(model: GateModel, parts: list[PartInput], whole: Judged) -> None:
    assert [one for part in parts for one in _judge(model, [part])] == whole
    assert _judge(model, []) == []


@pytest.mark.parametrize("refused", [Reason.NO_MODEL, Reason.BAD_MODEL, Reason.TIMEOUT])
def test_a_refused_gate_holds_all_alike(refused: Reason, model: GateModel, parts: list[PartInput]) -> None:
    assert {decision.reason for _, decision in _judge(model, parts, refused)} == {refused}

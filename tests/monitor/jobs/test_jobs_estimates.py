"""Parts that wait for their outcome: which they are, what is known of them, and the estimate that a slot makes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from spine_kit import Spine, after
from test_jobs_performance import Gate

from detectors.window.before_outcomes import COLUMNS
from monitor.model import Prediction
from monitor.store.database import tables as t
from monitor.store.models import versions
from monitor.windows.claims import columns_of
from monitor.windows.realised import empty, newest_decided
from monitor.windows.waiting import JUDGED, InputsOfRows, Waiting, waiting

INPUTS = ("form.a", "form.b", "form.c", "form.d")


@pytest.fixture
def line(spine: Spine) -> Gate:
    """A gate with a model in force."""
    made = Gate(spine)
    made.promote("1", after(0))
    return made


def windows(line: Gate, now: datetime, inputs: InputsOfRows | None = None) -> Waiting:
    """The windows of the version in force, without a reference."""
    with line.spine.store.read() as connection:
        used = versions.model_in_force(connection, "form")
        assert used is not None
        config = line.spine.plant.gates["form"]
        none = empty("form", "form")
        decided = newest_decided(connection, "form", config, used, now, JUDGED)
        return waiting(connection, "form", config, used, decided, now, none, inputs or InputsOfRows())


def estimates(line: Gate, now: datetime) -> dict[str, Any]:
    """The board's rows of the estimate after a slot, by method."""
    line.spine.run(line.job, now)
    query = sa.select(t.board).where(t.board.c.detector == "estimate")
    with line.spine.store.read() as connection:
        return {row.method: row for row in connection.execute(query)}


def test_parts_wait_until_their_outcome_is_available(line: Gate) -> None:
    first, second = line.parts(after(1), 3, a=10.0), line.parts(after(2), 2, a=12.0)
    found = windows(line, after(3))
    assert (len(found.known), len(found.waiting)) == (0, 5)
    assert found.waiting.names == (*COLUMNS, *INPUTS)
    assert found.waiting.values[:, [0, 1, 2, 5, 6]].tolist() == [[40, 1, 0.1, 10, 10]] * 3 + [[42, 1, 0.1, 12, 10]] * 2
    assert np.isnan(found.waiting.values[:, 3:5]).all()
    line.outcomes(first, 41.5, after(60))
    assert len(windows(line, after(59)).waiting) == 5
    found = windows(line, after(61))
    assert len(found.waiting) == len(second)
    assert found.known.values[:, [0, 3, 4, 5]].tolist() == [[40, 1.5, 1, 10]] * 3


def test_of_a_part_that_came_again_the_last_decision_waits(line: Gate) -> None:
    (serial,) = line.parts(after(1))
    line.outcomes([serial], 41.0, after(1.5))
    line.spine.part(serial, after(2), a=12.0, visit=2)
    line.spine.part(serial, after(3), a=14.0, visit=3)
    line.spine.run(line.spine.pull("parts"), after(3))
    assert windows(line, after(4)).waiting.values[:, 0].tolist() == [44.0]


def test_a_part_that_waits_longer_than_any_known_one_did_may_never_be_measured(line: Gate) -> None:
    scrapped = line.parts(after(1), 2)
    line.outcomes(line.parts(after(1), 20), 41.0, after(61))
    assert len(windows(line, after(62)).waiting) == len(scrapped)
    line.parts(after(120))
    found = windows(line, after(120))
    assert len(found.waiting) == 1
    assert not found.overdue
    line.parts(after(122))
    assert windows(line, after(122)).overdue, "an hour without an outcome, and none ever took longer"


def test_inputs_that_were_read_are_not_read_again_and_stay_the_same(line: Gate) -> None:
    line.parts(after(1), 3)
    kept = InputsOfRows()
    first = windows(line, after(2), kept)
    with line.spine.store.write() as connection:
        connection.execute(t.part_step.delete())
    assert np.array_equal(windows(line, after(2), kept).waiting.values, first.waiting.values, equal_nan=True)
    pruned = windows(line, after(2)).waiting.values
    assert np.isnan(pruned[:, len(COLUMNS) :]).all()


@pytest.mark.slow
def test_a_slot_estimates_and_another_process_finds_the_same(line: Gate) -> None:
    rng, made = np.random.default_rng(1), list[list[str]]()
    for n in range(50):
        made.append(line.parts(after(n + 1), 5, a=10.0 + rng.random()))
        if n >= 25:
            line.outcomes(made[n - 25], 40.5 + rng.normal(), after(n + 1.5))
    for n in (1, 2):
        line.parts(after(51 + n), 2)
        found = estimates(line, after(51 + n))
        assert found["estimated_error"].value == pytest.approx(0.8, abs=0.4)
        assert 0.3 < found["estimated_coverage"].value < 1
        line.job = line.make_job()
        again = estimates(line, after(51 + n))
        assert {m: row.value for m, row in again.items()} == {m: row.value for m, row in found.items()}
    assert found["estimated_error"].at == after(53)


def test_without_a_model_or_a_part_there_is_nothing_to_estimate(spine: Spine) -> None:
    made = Gate(spine)
    assert {row.status for row in estimates(made, after(0)).values()} == {"no_data"}
    made.promote("1", after(1))
    assert {row.status for row in estimates(made, after(2)).values()} == {"no_data"}


def test_a_number_claims_half_its_interval_and_what_is_not_finite_claims_nothing() -> None:
    nan = float("nan")
    said = [Prediction(5.0, 4.0, 8.0, 1.0, 2.0), None, Prediction(nan, nan, nan, nan, 2.0)]
    found = columns_of(said, np.array([9.0, 1.0, 1.0]), None)
    assert found[0].tolist() == [5.0, 2.0, 0.5, 4.0, 1.0]
    assert np.isnan(found[1:]).all()

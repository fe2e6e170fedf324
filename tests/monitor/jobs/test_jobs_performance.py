"""Outcomes joined to decisions: what counts, what the naive baseline saw, and what lost skill does to the gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from spine_kit import Cache, Spine, SumModel, after

from detectors.window.performance import COLUMNS, Performance
from inference.models.forecasting import follow
from monitor.gate_models import rederive
from monitor.gate_models.in_force import ModelsInForce
from monitor.jobs import performance as performance_job
from monitor.jobs.performance import REFERENCE_ROWS, PerformanceJob
from monitor.model import Finding, Floats, Prediction, Reason, Window
from monitor.pipeline.forecasts import Forecasts
from monitor.pipeline.judging import InForce
from monitor.plant.gates import GateConfig
from monitor.store.database import tables as t
from monitor.store.models import versions
from monitor.store.models.versions import Version
from monitor.windows import realised as realised_windows
from monitor.windows.realised import newest_decided, realised

ROWS = 20


class Watched(Performance):
    """The detector, and how often it was asked."""

    def __init__(
        self,
        asked: list[Window],
        rows: int,
        slices: Sequence[tuple[str, ...]],
        coverage: float = 0.9,
        of_classes: bool = False,
    ) -> None:
        super().__init__(rows, slices, coverage=coverage, of_classes=of_classes)
        self._asked = asked

    def judge(self, reference: Window, current: Window) -> Sequence[Finding]:
        self._asked.append(current)
        return super().judge(reference, current)


class Gate:
    """The small plant with a model in force, its performance job, and parts that get outcomes."""

    def __init__(self, spine: Spine) -> None:
        spine.plant = spine.plant.model_copy(
            update={"performance": spine.plant.performance.model_copy(update={"window_rows": ROWS})}
        )
        self.spine = spine
        self.model = SumModel()
        self.models = ModelsInForce(spine.store, Cache(lambda name, digest: replace(self.model, digest=digest)))
        self.asked: list[Window] = []
        self.job = self.make_job()
        self.number = 0

    def make_job(self) -> PerformanceJob:
        return PerformanceJob(self.spine.store, self.spine.plant, self.models)

    def promote(self, version: str, now: datetime) -> None:
        """Put a version in force; what it was trained on is whatever had an outcome by then."""
        store, digest = self.spine.store, f"digest {version}"
        versions.record_version(store, None, Version("form", "w", version, digest, now, now, "d", 0, {}))
        with store.read() as connection:
            row = versions.list_versions(connection, "form")[-1]
            current = versions.model_in_force(connection, "form")
        assert versions.put_in_force(store, None, "form", row, 0 if current is None else current.changes, now)

    def parts(self, at: datetime, count: int = 1, a: float = 10.0) -> list[str]:
        """Parts decided on at an instant with the model in force; they are predicted at a + 30."""
        self.spine.used = self.models.for_gates(["form"])["form"]
        serials = [f"P{self.number + i:04d}" for i in range(count)]
        self.number += count
        self.spine.parts(dict.fromkeys(serials, at), a)
        self.spine.run(self.spine.pull("parts"), at)
        return serials

    def outcomes(self, serials: Sequence[str], value: float, at: datetime) -> None:
        """Their outcomes, known at an instant."""
        self.spine.rows("OUTCOMES", *((serial, value, at) for serial in serials))
        self.spine.run(self.spine.pull("outcomes"), at)

    def lived(self, minutes: Sequence[float], values: Sequence[float]) -> None:
        """A part at each of these minutes, whose outcome has its value and is known half a minute later."""
        self.spine.used = self.models.for_gates(["form"])["form"]
        serials = [f"P{self.number + i:04d}" for i in range(len(minutes))]
        self.number += len(serials)
        ended = after(minutes[-1] + 0.5)
        self.spine.parts({serial: after(n) for serial, n in zip(serials, minutes, strict=True)}, 10.0)
        self.spine.run(self.spine.pull("parts"), ended)
        known = [(s, value, after(n + 0.5)) for s, value, n in zip(serials, values, minutes, strict=True)]
        self.spine.rows("OUTCOMES", *known)
        self.spine.run(self.spine.pull("outcomes"), ended)

    def window(self, now: datetime) -> Window:
        """The realised window of the version in force."""
        with self.spine.store.read() as connection:
            used = versions.model_in_force(connection, "form")
            config = self.spine.plant.gates["form"]
            decided = newest_decided(connection, "form", config, used, now, ROWS)
            return realised(connection, "form", config, decided, now, Forecasts())

    def run(self, now: datetime) -> dict[str, Any]:
        """A slot; the board's rows about the gate as a whole, by method."""
        self.spine.run(self.job, now)
        query = sa.select(t.board).where(t.board.c.detector == "performance", t.board.c.feature == "")
        with self.spine.store.read() as connection:
            return {row.method: row for row in connection.execute(query)}

    def decided(self, serials: Sequence[str]) -> set[tuple[str, str, str, float | None]]:
        """Verdict, reason, what was withheld, and prediction of these parts."""
        d = t.decision.c
        query = sa.select(d.verdict, d.reason, d.withheld, d.predicted).where(d.serial.in_(serials))
        with self.spine.store.read() as connection:
            return {tuple(row) for row in connection.execute(query)}


@pytest.fixture
def gate(spine: Spine, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """A gate whose model was fitted to none of the parts."""
    made = Gate(spine)
    monkeypatch.setattr(realised_windows, "held_out", lambda serials: np.arange(len(serials), dtype=np.intp))
    monkeypatch.setattr(performance_job, "Performance", partial(Watched, made.asked))
    return made


def test_an_outcome_counts_from_when_it_was_available(gate: Gate) -> None:
    gate.promote("1", after(0))
    gate.outcomes(gate.parts(after(1), 3), 41.0, after(60))
    assert len(gate.window(after(59))) == 0
    window = gate.window(after(60))
    assert window.values[:, :4].tolist() == [[40.0, 39.0, 41.0, 41.0]] * 3
    assert (window.subject, window.step) == ("form", "form")


def test_a_corrected_outcome_counts_with_its_newest_revision(gate: Gate) -> None:
    gate.promote("1", after(0))
    serials = gate.parts(after(1), 2)
    gate.outcomes(serials, 41.0, after(60))
    gate.spine.sql(f"UPDATE OUTCOMES SET WIDTH = 44 WHERE SN = '{serials[0]}'")
    with gate.spine.store.write() as connection:
        connection.execute(t.cursor.delete())  # the source is read again
    gate.spine.run(gate.spine.pull("outcomes"), after(61))
    assert sorted(gate.window(after(61)).values[:, 3].tolist()) == [41.0, 44.0]


def test_of_a_part_that_came_twice_the_last_decision_counts(gate: Gate) -> None:
    gate.promote("1", after(0))
    (serial,) = gate.parts(after(1), a=10.0)
    gate.spine.part(serial, after(2), a=12.0, visit=2)
    gate.spine.run(gate.spine.pull("parts"), after(2))
    gate.outcomes([serial], 41.0, after(60))
    assert gate.window(after(60)).values[:, 0].tolist() == [42.0]


def test_an_outcome_belongs_to_the_last_decision_before_it_was_measured(gate: Gate) -> None:
    """Bad parts are measured, reworked, decided on again, and measured again two days later."""
    gate.promote("1", after(0))
    serials = gate.parts(after(1), 3, a=100.0)
    gate.outcomes(serials, 131.0, after(10))
    for serial in serials:
        gate.spine.part(serial, after(20), a=10.0, visit=2)
    gate.spine.run(gate.spine.pull("parts"), after(20))
    assert gate.window(after(30)).values[:, [0, 3]].tolist() == [[130.0, 131.0]] * 3
    gate.outcomes(serials[:1], 40.5, after(3000))
    window = gate.window(after(3000)).values[:, [0, 3]].tolist()
    assert sorted(window) == [[40.0, 40.5]] + [[130.0, 131.0]] * 3


def test_an_outcome_from_before_every_decision_waits(gate: Gate) -> None:
    gate.promote("1", after(0))
    gate.spine.rows("OUTCOMES", ("P0000", 41.0, after(1)))
    gate.parts(after(2))
    gate.spine.run(gate.spine.pull("outcomes"), after(60))
    assert len(gate.window(after(60))) == 0


def test_only_what_the_version_in_force_decided_counts(gate: Gate) -> None:
    gate.promote("1", after(0))
    old = gate.parts(after(1), 25)
    gate.promote("2", after(10))
    new = gate.parts(after(11), 2)
    gate.outcomes([*old, *new], 41.0, after(60))
    assert len(gate.window(after(60))) == 2


class FarOff(SumModel):
    """Says of parts with a = 20 that they look like nothing it has learnt."""

    def predict(self, rows: Floats) -> Sequence[Prediction]:
        return [
            replace(p, distance=9.0 if row[0] == 20 else 0.1)
            for p, row in zip(super().predict(rows), rows, strict=True)
        ]


def test_uncertain_parts_count_and_those_out_of_distribution_do_not(gate: Gate) -> None:
    gate.model = FarOff()
    gate.promote("1", after(0))
    uncertain, far = gate.parts(after(1), a=70.0), gate.parts(after(2), a=20.0)
    assert {reason for _, reason, _, _ in gate.decided([*uncertain, *far])} == {"uncertain", "out_of_distribution"}
    gate.outcomes([*uncertain, *far], 100.0, after(60))
    assert gate.window(after(60)).values[:, 0].tolist() == [100.0]


def test_the_naive_baseline_saw_only_what_was_available_at_the_decision(gate: Gate) -> None:
    gate.promote("1", after(0))
    first = gate.parts(after(1))
    gate.outcomes(first, 50.0, after(10))
    second = gate.parts(after(20))
    gate.outcomes(second, 60.0, after(30))
    third = gate.parts(after(31))
    gate.outcomes(third, 70.0, after(40))
    naive = gate.window(after(40)).values[:, 4].tolist()
    assert np.isnan(naive[0])
    assert naive[1] == 50.0
    assert 50.0 < naive[2] < 60.0


def test_the_naive_baseline_is_the_forecast(gate: Gate) -> None:
    gate.promote("1", after(0))
    values = [1000.0] * 10 + [50.0] * 13 + [60.0] * 12
    for n, value in enumerate(values):
        gate.spine.rows("OUTCOMES", (f"X{n:02d}", value, after(n / 10)))
    gate.spine.run(gate.spine.pull("outcomes"), after(10))
    gate.outcomes(gate.parts(after(11)), 70.0, after(60))
    # Those parts passed nowhere: each counts from when its outcome became known.
    course = follow(np.array(values), np.arange(len(values)), 0.9)
    assert gate.window(after(60)).values[:, 4].tolist() == [pytest.approx(float(course.value[-1]))]


def test_findings_stand_on_the_board_and_changes_on_record(gate: Gate) -> None:
    assert {row.status for row in gate.run(after(0)).values()} == {"no_data"}
    gate.promote("1", after(1))
    assert {row.status for row in gate.run(after(2)).values()} == {"cannot_judge"}
    gate.outcomes(gate.parts(after(3), 20), 41.0, after(60))
    found = gate.run(after(61))
    assert (found["mae"].value, found["mae"].status) == (1.0, "cannot_judge")
    assert found["bias"].at == after(61)
    f = t.finding.c
    with gate.spine.store.read() as connection:
        query = sa.select(f.method, f.status).where(f.detector == "performance", f.method == "mae").order_by(f.id)
        assert [row.status for row in connection.execute(query)] == ["no_data", "cannot_judge"]


@pytest.mark.slow
def test_the_reference_is_what_the_model_did_on_parts_known_when_it_was_trained_and_is_kept(gate: Gate) -> None:
    gate.promote("1", after(0))
    for n in range(60):
        gate.outcomes(gate.parts(after(n)), 40.0 + (n % 3) - 1, after(n + 0.5))
    gate.promote("2", after(70))
    gate.outcomes(gate.parts(after(71), 20), 41.0, after(100))
    found = gate.run(after(101))
    assert found["mae"].status == "ok"
    assert found["mae"].limit > 2 / 3
    row = gate.spine.all(t.reference, "detector", "subject", "version", "rows", "digest")
    assert row == [(detector, "form", 1, 60, "digest 2") for detector in ("estimate", "performance")]
    # Another process, or this one after its parts are gone, judges by what was kept.
    with gate.spine.store.write() as connection:
        connection.execute(t.part_step.delete().where(t.part_step.c.serial < "P0060"))
    gate.job = gate.make_job()
    assert gate.run(after(102))["mae"].limit == found["mae"].limit


@pytest.mark.slow
def test_outcomes_and_residuals_are_charted_and_capability_is_told(gate: Gate) -> None:
    gate.promote("1", after(0))
    gate.lived([n / 2 for n in range(180)], [40.0 + (7 * (n // 2) % 5) - 2 for n in range(180)])
    gate.promote("2", after(100))
    gate.lived([110 + n for n in range(20)], [60.0 + (7 * n % 5) - 2 for n in range(20)])
    gate.run(after(140))
    found = {(r.detector, r.method, r.feature): r for r in gate.spine.all(t.board) if r.detector != "performance"}
    told = {(method, feature) for detector, method, feature in found if detector == "outcome_chart"}
    both = {(method, feature) for method in ("rule_1", "cusum") for feature in ("outcome", "residual")}
    assert told == both | {("worst_ratio", "")}
    for feature in ("outcome", "residual"):
        assert found["outcome_chart", "cusum", feature].status == "breach"
        assert "high" in found["outcome_chart", "cusum", feature].causes[0]
    cpk = [found["capability", method, "outcome"] for method in ("cpk_low", "cpk", "cpk_high")]
    assert [row.status for row in cpk] == ["ok"] * 3
    assert cpk[0].value < cpk[1].value < cpk[2].value


def test_without_anything_new_nothing_is_judged_again_and_the_board_is_as_of_now(gate: Gate) -> None:
    gate.promote("1", after(0))
    gate.outcomes(gate.parts(after(1), 20), 41.0, after(60))
    first = gate.run(after(61))
    asked = len(gate.asked)
    second = gate.run(after(62))
    assert len(gate.asked) == asked
    assert (second["mae"].value, second["mae"].at) == (first["mae"].value, after(62))
    gate.outcomes(gate.parts(after(63)), 41.0, after(64))
    gate.run(after(65))
    assert len(gate.asked) == asked + 1


def lose_skill(gate: Gate) -> None:
    """Parts that all turn out at 45 while 40 is predicted; the baseline soon knows better."""
    gate.promote("1", after(0))
    gate.outcomes(gate.parts(after(1), 25), 45.0, after(10))
    gate.outcomes(gate.parts(after(11), ROWS), 45.5, after(60))


def test_a_gate_whose_skill_is_shown_to_be_absent_holds_and_goes_on_predicting(gate: Gate) -> None:
    lose_skill(gate)
    before = gate.parts(after(60))
    assert gate.decided(before) == {("continue", "in_spec", "", 40.0)}
    found = gate.run(after(61))["skill"]
    assert (found.status, found.limit) == ("breach", 0.0)
    assert found.value < 0
    held = gate.parts(after(62), 2)
    assert gate.decided(held) == {("hold", "no_skill", "no_skill", 40.0)}
    assert gate.spine.tally("gatewatch_gate_decisions_total", gate="form", verdict="hold", reason="no_skill") == 2


def test_skill_that_comes_back_brings_the_recommendations_back(gate: Gate) -> None:
    lose_skill(gate)
    gate.run(after(61))
    # The baseline says 45.5; the parts turn out as predicted again.
    gate.outcomes(gate.parts(after(62), ROWS), 40.5, after(90))
    found = gate.run(after(91))["skill"]
    assert (found.status, found.causes) == ("ok", [])
    assert gate.decided(gate.parts(after(92))) == {("continue", "in_spec", "", 40.0)}


@pytest.mark.slow
def test_less_than_a_full_window_takes_no_skill_away(gate: Gate) -> None:
    gate.promote("1", after(0))
    gate.outcomes(gate.parts(after(1), 1), 45.0, after(10))
    gate.outcomes(gate.parts(after(11), ROWS - 1), 45.5, after(60))
    assert gate.run(after(61))["skill"].status == "cannot_judge"
    assert gate.decided(gate.parts(after(62))) == {("continue", "in_spec", "", 40.0)}


def test_a_new_version_does_not_answer_for_the_old_one(gate: Gate) -> None:
    lose_skill(gate)
    gate.run(after(61))
    gate.promote("2", after(62))
    assert gate.decided(gate.parts(after(63))) == {("continue", "in_spec", "", 40.0)}
    assert gate.run(after(64))["skill"].status == "cannot_judge"


@pytest.mark.slow
def test_decisions_without_skill_are_recomputed_as_they_were(gate: Gate) -> None:
    lose_skill(gate)
    gate.run(after(61))
    gate.parts(after(62), 2)
    again = list(
        rederive.recompute_decisions(
            gate.spine.store, lambda _: gate.spine.plant, Cache(lambda _name, _digest: SumModel())
        )
    )
    assert [one for one in again if not one.matches] == []
    assert ("hold", "no_skill", 40.0) in {one.recomputed for one in again}
    with gate.spine.store.write() as connection:
        connection.execute(t.decision.update().where(t.decision.c.withheld == "no_skill").values(withheld=""))
    again = list(
        rederive.recompute_decisions(
            gate.spine.store, lambda _: gate.spine.plant, Cache(lambda _name, _digest: SumModel())
        )
    )
    assert len([one for one in again if not one.matches]) == 2


@pytest.mark.slow
def test_a_gate_whose_intervals_fail_decides_by_the_forecast_and_that_is_recomputed_as_it_was(gate: Gate) -> None:
    levels = [10.0 + 4 * n for n in range(8)]
    gate.promote("0", after(0))
    for a in levels:
        gate.outcomes(gate.parts(after(1), 5, a=a), a + 30.2, after(10))
    gate.promote("1", after(20))
    for n, a in enumerate(levels):
        serials = gate.parts(after(21), 8, a=a)
        gate.outcomes(serials[:2], a + 30.2, after(30 + n))
        gate.outcomes(serials[2:], a + 32.0, after(30 + n))
    found = gate.run(after(61))
    assert (found["miscoverage"].status, found["skill"].status) == ("breach", "ok")
    assert found["miscoverage"].limit < found["miscoverage"].value < 0.9
    assert found["worst_ratio"].status == "breach", "ModelDegraded fires by it"
    held = gate.parts(after(62), 2)
    assert gate.decided(held) == {("continue", "forecast", "not_calibrated", 40.0)}
    again = list(
        rederive.recompute_decisions(
            gate.spine.store, lambda _: gate.spine.plant, Cache(lambda _name, _digest: SumModel())
        )
    )
    assert [one for one in again if not one.matches] == []
    assert ("continue", "forecast", 40.0) in {one.recomputed for one in again}


class Silent(SumModel):
    """Answers for no part."""

    def predict(self, rows: Floats) -> Sequence[Prediction]:
        return []


def test_a_model_that_answers_nothing_is_bad_whatever_its_skill_was(spine: Spine) -> None:
    spine.used = InForce(Silent(), None, "w", "1", "sum", Reason.NO_SKILL)
    spine.part("P1", after(0))
    spine.part("P2", after(0), a=None)
    spine.run(spine.pull("parts"), after(1))
    assert spine.all(t.decision, "serial", "reason") == [("P1", "bad_model"), ("P2", "no_skill")]


def test_decisions_that_do_not_count_do_not_hide_those_that_do(gate: Gate) -> None:
    gate.promote("1", after(0))
    mine = gate.parts(after(1), ROWS)
    gate.outcomes(mine, 41.0, after(30))
    gate.spine.rows("OUTCOMES", *((f"X{n}", 50.0, after(40 + n / 100)) for n in range(30 * ROWS)))
    gate.spine.run(gate.spine.pull("outcomes"), after(60))
    assert len(gate.window(after(60))) == ROWS


class Wider(SumModel):
    """Was trained when the gate still had another input."""

    inputs = ("form.a", "form.b", "form.c", "form.d", "form.gone")


def test_a_model_of_other_inputs_has_no_reference_and_breaks_nothing(gate: Gate) -> None:
    for n in range(30):
        gate.spine.part(f"R{n}", after(n / 10))
    gate.spine.run(gate.spine.pull("parts"), after(5))
    gate.outcomes([f"R{n}" for n in range(30)], 41.0, after(6))
    gate.model = Wider(inputs=Wider.inputs)
    gate.promote("1", after(10))
    assert {row.status for row in gate.run(after(11)).values()} == {"cannot_judge"}


def test_a_reference_frozen_as_plain_lists_is_read_again() -> None:
    content = {"values": [[40.0, 39.0, 41.0, None, None]], "at": [7], "arrivals": [3], "groups": [["m1", "r"]]}
    window = realised_windows.frozen_reference("gate", "form", content)
    np.testing.assert_array_equal(window.values, [[40.0, 39.0, 41.0, np.nan, np.nan]])
    assert (window.names, window.at.tolist(), window.arrivals.tolist()) == (COLUMNS, [7], [3])
    assert window.groups == (("m1", "r"),)


@pytest.mark.parametrize(
    ("inputs", "rows"),
    [
        ({"kind": "image", "image": "photo"}, 240),
        ({"kind": "classifier", "covariates": ["a"]}, REFERENCE_ROWS),
    ],
    ids=["pictures, as many as it learns from", "numbers"],
)
def test_a_reference_of_pictures_is_no_larger_than_what_was_trained_on(inputs: dict[str, Any], rows: int) -> None:
    found = {"step": "form", "characteristic": "c", "model": "m", "training": {"max_rows": 240}, **inputs}
    config = GateConfig.model_validate(found)
    assert performance_job._reference_rows({}, config) == rows
    level = {"level_changes": 1.0, "newest_level_rows": 30.0}
    assert performance_job._reference_rows(level, config) == 30 + min(config.retraining.holdout_rows, rows - 30)

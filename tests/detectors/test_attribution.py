"""Attribution: the split of a window's rows that explains best where they are off, and the causes of findings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import bench_attribution as line
from detectors.attribution.causes import Cause, CauseKind, Line, attribute, cause_words
from detectors.attribution.evidence import FindingKey, MachineEvidence, Measured, PartsEvidence
from detectors.attribution.likeness import likeness, weighed
from detectors.attribution.scores import normal_scores
from detectors.attribution.splits import Factor, Labels, splits
from monitor.model import Floats, Mask

ROWS = 240
PLANT = Line(("forging", "milling", "testing"), {"forging": ("f-1", "f-2"), "milling": ("m-1",), "testing": ("t-1",)})
LOTS = [f"L{n // 40}" for n in range(ROWS)]
MACHINES = ["f-1" if n % 2 else "f-2" for n in range(ROWS)]


def off(rows: Mask, by: float = 3.0, seed: int = 1) -> Floats:
    """Scores of rows, some of which are off."""
    return np.random.default_rng(seed).normal(size=ROWS) + by * rows


def evidence(scores: Floats, **more: object) -> PartsEvidence:
    """A finding on a feature at forging with these scores."""
    given = {
        "finding": FindingKey("drift", "wasserstein", "forging", "force"), "measured": Measured.FEATURE,
        "step": "forging", "subject": "forging", "serials": [f"P{n}" for n in range(ROWS)],
        "at": np.arange(ROWS, dtype=np.int64), "level": scores, "spread": np.zeros(ROWS),
        "labels": [Labels(Factor.MACHINE, "forging", MACHINES), Labels(Factor.LOT, "forging", LOTS)],
    }  # fmt: skip
    return PartsEvidence(**(given | more))  # type: ignore[arg-type]


def machine_evidence(machine: str, step: str, sensor: str, broken: bool, at: int = 0) -> MachineEvidence:
    """A finding on a machine."""
    method = "dead" if broken else "condition_alarm"
    return MachineEvidence(FindingKey("limits", method, machine, sensor), machine, step, (sensor,), broken, at)


SINCE = np.arange(ROWS) >= 187
ON_ONE = SINCE & np.array([m == "f-1" for m in MACHINES])
OF_TWO = np.array([lot in ("L2", "L3") for lot in LOTS])


@pytest.mark.parametrize(
    ("rows", "kind", "subject", "names"),
    [
        (SINCE, CauseKind.PROCESS, "forging", ()),
        (ON_ONE, CauseKind.MACHINE, "f-1", ()),
        (OF_TWO, CauseKind.LOT, "forging", ("L2", "L3")),
    ],
)
def test_what_the_rows_that_are_off_have_in_common_is_the_cause(
    rows: Mask, kind: CauseKind, subject: str, names: tuple[str, ...]
) -> None:
    causes = attribute(PLANT, [evidence(off(rows))], [])
    assert [(c.kind, c.subject, c.names) for c in causes] == [(kind, subject, names)]
    assert causes[0].serials >= {f"P{n}" for n in np.flatnonzero(rows)[5:-5]}
    assert causes[0].certainty > 0.5


def test_nothing_is_named_where_nothing_is_off() -> None:
    assert attribute(PLANT, [evidence(np.zeros(ROWS))], []) == []


def test_the_only_machine_of_a_step_is_named_rather_than_the_step() -> None:
    alone = [Labels(Factor.MACHINE, "milling", ["m-1"] * ROWS)]
    found = attribute(PLANT, [evidence(off(SINCE), step="milling", subject="milling", labels=alone)], [])
    assert [(c.kind, c.subject) for c in found] == [(CauseKind.MACHINE, "m-1")]


def test_pictures_that_are_off_are_the_cameras_and_a_machine_is_not_blamed() -> None:
    found = attribute(PLANT, [evidence(off(SINCE), measured=Measured.IMAGE)], [])
    assert [(c.kind, c.subject) for c in found] == [(CauseKind.CAMERA, "forging")]


def test_a_recipe_that_is_not_the_usual_one_is_named_with_its_machine() -> None:
    labels = [
        Labels(Factor.MACHINE, "forging", MACHINES),
        Labels(Factor.CHANGED_RECIPE, "forging", ["B" if changed else "" for changed in ON_ONE]),
    ]
    found = attribute(PLANT, [evidence(off(ON_ONE), labels=labels)], [])
    assert [(c.kind, c.subject, c.names) for c in found] == [(CauseKind.RECIPE, "f-1", ("B",))]


def error(gate: str, scores: Floats, others: list[Floats], outcome: Floats | None = None) -> PartsEvidence:
    """A gate's errors, with those of other gates on the same parts."""
    return evidence(
        scores, finding=FindingKey("performance", "bias", gate, ""), measured=Measured.ERROR, subject="strength",
        gate=gate, others=others, labels=[], outcome=outcome, predicted=np.zeros(ROWS),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("others", "outcome", "kind", "subject"),
    [
        ([off(SINCE, 2.5, 2)], None, CauseKind.TEST_RIG, "strength"),
        ([off(SINCE, 0.0, 2)], None, CauseKind.MODEL, "early"),
        ([], off(SINCE, 2.0, 3), CauseKind.TEST_RIG, "strength"),
        ([], off(SINCE, 0.0, 3), CauseKind.MODEL, "early"),
    ],
)
def test_an_error_is_the_rigs_where_all_gates_err_alike_or_outcomes_alone_moved(
    others: list[Floats], outcome: Floats | None, kind: CauseKind, subject: str
) -> None:
    found = attribute(PLANT, [error("early", off(SINCE), others, outcome)], [])
    assert [(c.kind, c.subject) for c in found] == [(kind, subject)]


def test_what_follows_from_a_cause_at_an_earlier_step_joins_it() -> None:
    first = evidence(off(SINCE))
    later = evidence(
        off(SINCE, 2.0, 2), finding=FindingKey("drift", "wasserstein", "milling", "prediction"),
        measured=Measured.PREDICTION, step="milling", subject="milling", gate="mid", labels=[],
    )  # fmt: skip
    found = attribute(PLANT, [later, first], [])
    assert [(c.kind, c.subject, [key.subject for key in c.findings]) for c in found] == [
        (CauseKind.PROCESS, "forging", ["forging", "milling"])
    ]


def test_an_error_a_day_later_follows_from_the_cause_that_touched_its_parts() -> None:
    touched = frozenset(f"P{n}" for n in np.flatnonzero(SINCE))
    known = Cause(CauseKind.CAMERA, "milling", "milling", (), 5, (), touched)
    found = attribute(PLANT, [error("mid", off(SINCE), [])], [], [known])
    assert [(c.kind, c.subject, c.since) for c in found] == [(CauseKind.CAMERA, "milling", 5)]


def test_another_fault_is_not_taken_for_one_that_is_known() -> None:
    known = Cause(CauseKind.LOT, "forging", "forging", ("L1",), 5, (), frozenset(f"P{n}" for n in range(40, 80)))
    found = attribute(PLANT, [evidence(off(ON_ONE))], [], [known])
    assert [(c.kind, c.subject) for c in found] == [(CauseKind.MACHINE, "f-1")]


def test_a_broken_sensor_explains_what_its_machine_shows_with_it_and_no_more() -> None:
    dead = machine_evidence("m-1", "milling", "force", broken=True)
    same, other = (machine_evidence("m-1", "milling", sensor, broken=False) for sensor in ("force", "speed"))
    found = attribute(PLANT, [], [dead, same, other])
    assert [(c.kind, c.subject, c.names, len(c.findings)) for c in found] == [
        (CauseKind.SENSOR, "m-1", ("force",), 2), (CauseKind.MACHINE, "m-1", ("speed",), 1),
    ]  # fmt: skip


@pytest.mark.parametrize(("apart", "kinds"), [(0, [CauseKind.PROCESS]), (4 * 10**12, [CauseKind.MACHINE] * 2)])
def test_all_machines_of_a_step_at_once_are_the_step(apart: int, kinds: list[CauseKind]) -> None:
    both = [machine_evidence(f"f-{n}", "forging", "force", broken=False, at=n * apart) for n in (1, 2)]
    assert [c.kind for c in attribute(PLANT, [], both)] == kinds


@pytest.mark.slow
def test_the_first_cause_is_right_on_a_simulated_line() -> None:
    seeds = range(2000, 2001)
    tried = [(kind, *line.tried(kind, seed)) for kind in line.KINDS for seed in seeds]
    named = [(kind, right) for kind, cause, right, _ in tried if cause != "none"]
    assert sum(right for _, right in named) >= 0.85 * len(named)
    assert len(named) >= len(tried) / 2


@given(st.integers(0, 2**32 - 1), st.floats(-1e6, 1e6), st.floats(1e-3, 1e3))
@pytest.mark.slow
def test_scores_depend_on_no_unit(seed: int, shift: float, scale: float) -> None:
    rng = np.random.default_rng(seed)
    reference, values = rng.integers(-50, 50, 60).astype(float), rng.integers(-80, 80, 20).astype(float)
    groups, like = [("",)] * 20, [("",)] * 60
    one = normal_scores(reference, like, values, groups)
    other = normal_scores(reference * scale + shift, like, values * scale + shift, groups)
    np.testing.assert_allclose(one, other, atol=1e-9)


def test_scores_of_like_rows_are_standard_normal_and_a_missing_one_is_as_rare_as_it_is() -> None:
    rng = np.random.default_rng(5)
    reference, like = rng.lognormal(size=4000), [("",)] * 4000
    level, spread = normal_scores(reference, like, rng.lognormal(size=4000), [("",)] * 4000)
    assert abs(level.mean()) < 0.1
    assert abs(level.std() - 1) < 0.1
    assert abs(spread.mean()) < 0.1
    assert abs(spread.std() - 1) < 0.1
    missing, _ = normal_scores(reference, like, np.array([np.nan]), [("",)])
    assert missing[0] > 3
    gaps = np.where(rng.random(4000) < 0.5, np.nan, reference)
    assert normal_scores(gaps, like, np.array([np.nan]), [("",)])[0][0] < 1


def test_rows_of_a_machine_are_compared_with_its_own_reference() -> None:
    rng = np.random.default_rng(6)
    reference = np.concatenate([rng.normal(0, 1, 100), rng.normal(20, 1, 100)])
    like = [("a",)] * 100 + [("b",)] * 100
    level, _ = normal_scores(reference, like, np.array([0.0, 20.0]), [("a",), ("b",)])
    assert (np.abs(level) < 0.5).all()


def test_a_constant_that_stays_is_not_off_and_one_that_changes_is() -> None:
    level, spread = normal_scores(np.ones(100), [("",)] * 100, np.array([1.0, 2.0]), [("",)] * 2)
    assert level[0] == spread[0] == 0
    assert level[1] > 2


def test_splits_are_the_best_first_and_call_enough_rows_off() -> None:
    found = splits(weighed(off(ON_ONE), (), 0.0), "forging", [Labels(Factor.MACHINE, "forging", MACHINES)])
    assert [split.score for split in found] == sorted((split.score for split in found), reverse=True)
    assert all(split.rows.sum() >= 5 for split in found)
    assert splits(weighed(np.array([9.0, 9.0]), (), 0.0), "forging", []) == []


@pytest.mark.parametrize("names", [(), ("L1",), ("L1", "L2", "L3", "L4", "L5", "L6")])
def test_every_kind_of_cause_has_words(names: tuple[str, ...]) -> None:
    for kind in CauseKind:
        words = cause_words(kind, "forging", names)
        assert "forging" in words
        assert "L5" not in words


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 0.9), st.integers(2, 12))
@pytest.mark.slow
def test_the_gain_is_that_of_the_correlated_normal_distribution(seed: int, alike: float, size: int) -> None:
    rng = np.random.default_rng(seed)
    lots = [f"L{n // size}" if n % 7 else "" for n in range(40)]
    same = np.array([[(a == b and a != "") for b in lots] for a in lots]) | np.eye(40, dtype=bool)
    covariance = np.where(same, alike, 0.0) + (1 - alike) * np.eye(40)
    scores, rows = rng.normal(size=40), rng.random(40) < 0.4
    rows[0] = True
    inverse = np.linalg.inv(covariance)
    expected = (rows @ inverse @ scores) ** 2 / (2 * (rows @ inverse @ rows))
    assert weighed(scores, lots, alike).gain(rows) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("alike", [0.0, 0.3, 0.9])
def test_how_much_rows_of_a_lot_are_alike_is_seen_in_the_reference(alike: float) -> None:
    rng = np.random.default_rng(3)
    lot = np.repeat(np.arange(200), 10)
    scores = np.sqrt(alike) * rng.normal(size=200)[lot] + np.sqrt(1 - alike) * rng.normal(size=2000)
    assert likeness(scores, [f"L{n}" for n in lot]) == pytest.approx(alike, abs=0.08)
    assert likeness(scores, [""] * 2000) == likeness(scores, ["A"] * 2000) == likeness(np.empty(0), []) == 0.0


def test_one_lot_that_differs_as_lots_do_is_little_evidence() -> None:
    usual = evidence(off(np.array([lot == "L4" for lot in LOTS]), 1.5), alike=(0.9, 0.0))
    assert attribute(PLANT, [evidence(usual.level)], [])
    assert attribute(PLANT, [usual], []) == []


def test_outcomes_that_are_off_follow_from_what_touched_the_parts_or_are_the_process() -> None:
    shifted = error("mid", off(SINCE), [])
    outcome = replace(
        shifted, measured=Measured.OUTCOME, finding=FindingKey("outcome_chart", "cusum", "mid", "outcome")
    )
    known = Cause(CauseKind.MACHINE, "f-1", "forging", (), 5, (), frozenset(f"P{n}" for n in np.flatnonzero(SINCE)))
    assert [(c.kind, c.subject) for c in attribute(PLANT, [outcome], [], [known])] == [(CauseKind.MACHINE, "f-1")]
    assert [(c.kind, c.subject) for c in attribute(PLANT, [outcome], [])] == [(CauseKind.PROCESS, "forging")]

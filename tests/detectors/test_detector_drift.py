"""Drift of features: the values are Evidently's, odd columns have defined answers, limits come from the reference."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.shared.shares import share_limit
from detectors.shared.wasserstein import wasserstein
from detectors.window.drift import FeatureDrift
from monitor.model import Finding, Floats, Status, Window

HOUR = 3_600_000_000_000
CHANCE = 1e-4


def window(*columns: Sequence[float], names: Sequence[str] = (), machines: int = 1) -> Window:
    """A window of these columns, one row an hour, its machines taking turns."""
    values = np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])
    rows = len(values)
    named = tuple(names) or tuple("abcdefgh"[: values.shape[1]])
    groups = tuple((f"m{i % machines}", "r") for i in range(rows))
    return Window("form", "form", named, values, np.arange(rows) * HOUR, np.arange(rows), groups)


def noise(rows: int, seed: int, mean: float = 0.0, sd: float = 1.0) -> Floats:
    return mean + sd * np.random.default_rng(seed).standard_normal(rows)


def test_a_column_that_only_some_rows_have_is_judged_by_these_and_misses_nothing() -> None:
    reference = window(noise(400, 1), noise(400, 2))
    rows = np.where(np.arange(60) < 35, np.nan, noise(60, 3, mean=2.0))
    newest = replace(window(rows, noise(60, 4)), partial=frozenset("a"))
    found = FeatureDrift().judge(reference, newest)
    assert set(of(found)) == {"wasserstein"}
    assert of(found)["wasserstein"].status is Status.BREACH
    assert set(of(found, "b")) == {"wasserstein", "missing_rate"}
    few = replace(newest, values=np.where(np.arange(60)[:, None] < 45, np.nan, newest.values))
    assert of(FeatureDrift().judge(reference, few))["wasserstein"].status is Status.CANNOT_JUDGE
    assert FeatureDrift().judge(reference, replace(newest, partial=frozenset()))[1].status is Status.BREACH


def of(found: Sequence[Finding], feature: str = "a") -> dict[str, Finding]:
    """The findings of one feature by method."""
    return {f.method: f for f in found if f.feature == feature}


def evidently(reference: Floats, current: Floats) -> float:
    from evidently.legacy.calculations.stattests import wasserstein_stat_test
    from evidently.legacy.core import ColumnType

    return float(wasserstein_stat_test.func(reference, current, ColumnType.Numerical, 0.1)[0])


numbers = st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda v: round(v, 6))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(numbers, min_size=2, max_size=40), st.lists(numbers, min_size=1, max_size=40))
@pytest.mark.slow
def test_the_distance_is_evidently_s_bit_for_bit_where_its_floor_does_not_act(
    reference: list[float], current: list[float]
) -> None:
    before, now = np.array(reference), np.array(current)
    if float(np.std(before)) >= 1e-3:
        assert wasserstein(before, now) == evidently(before, now)


@pytest.mark.parametrize("power", [-1000, -60, -20, 1, 40, 900])
def test_the_unit_of_a_feature_does_not_change_its_distance(power: int) -> None:
    before, now = noise(500, 1), noise(60, 2, 0.5)
    assert wasserstein(np.ldexp(before, power), np.ldexp(now, power)) == wasserstein(before, now)


@pytest.mark.slow
def test_evidently_s_floor_would_hide_a_feature_of_small_scale() -> None:
    before, now = noise(500, 1, sd=1e-6), noise(60, 2, 5e-6, 1e-6)
    assert evidently(before, now) < 0.01
    assert wasserstein(before, now) == pytest.approx(evidently(before * 1e6, now * 1e6), rel=1e-9)


@pytest.mark.slow
def test_a_report_of_evidently_says_the_same() -> None:
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    before, now = window(noise(1200, 1), noise(1200, 2, 40, 7)), window(noise(1100, 3, 0.2), noise(1100, 4, 43, 7))
    definition = DataDefinition(numerical_columns=["a", "b"])
    sets = [
        Dataset.from_pandas(pd.DataFrame(w.values, columns=list(w.names)), data_definition=definition)
        for w in (now, before)
    ]
    told = Report([DataDriftPreset()]).run(*sets).dict()["metrics"]
    theirs = {m["config"]["column"]: m["value"] for m in told if "column" in m["config"]}
    found = FeatureDrift().judge(before, now)
    ours = {f.feature: f.value for f in found if f.method == "wasserstein"}
    assert ours == pytest.approx(theirs, rel=1e-12)


REFERENCE = noise(500, 1, 10)
NAN, OK, BREACH = math.nan, Status.OK, Status.BREACH
COLUMNS = {
    "a healthy column": (REFERENCE, noise(60, 2, 10), "wasserstein", OK, OK),
    "a column that moved": (REFERENCE, noise(60, 2, 13), "wasserstein", BREACH, OK),
    "a column that widened": (REFERENCE, noise(60, 2, 10, 4), "wasserstein", BREACH, OK),
    "a column that froze": (REFERENCE, np.full(60, 10.0), "wasserstein", BREACH, OK),
    "a constant that stays": (np.full(500, 7.0), np.full(60, 7.0), "changed_rate", OK, OK),
    "a constant with rounding noise": (7 + noise(500, 1, sd=1e-15), np.full(60, 7.0), "changed_rate", OK, OK),
    "a constant that changed": (np.full(500, 7.0), np.full(60, 8.0), "changed_rate", BREACH, OK),
    "a constant zero that changed": (np.zeros(500), np.full(60, 1e-9), "changed_rate", BREACH, OK),
    "all missing now": (REFERENCE, np.full(60, NAN), "wasserstein", Status.NO_DATA, BREACH),
    "all infinite now": (REFERENCE, np.full(60, math.inf), "wasserstein", Status.NO_DATA, BREACH),
    "half missing now": (REFERENCE, np.where(np.arange(60) % 2, NAN, noise(60, 2, 10)), "wasserstein", OK, BREACH),
    "one in twenty missing now": (
        REFERENCE, np.where(np.arange(60) % 20, noise(60, 2, 10), NAN), "wasserstein", OK, OK,
    ),
    "all missing before": (np.full(500, NAN), noise(60, 2), "wasserstein", Status.NO_DATA, OK),
    "always half missing": (
        np.where(np.arange(500) % 2, NAN, REFERENCE), np.where(np.arange(60) % 2, NAN, noise(60, 2, 10)),
        "wasserstein", OK, OK,
    ),
    "too few values now": (
        REFERENCE, np.where(np.arange(60) < 50, NAN, 10.0), "wasserstein", Status.CANNOT_JUDGE, BREACH,
    ),
    "a reference too short": (REFERENCE[:20], noise(60, 2, 10), "wasserstein", Status.CANNOT_JUDGE, OK),
}  # fmt: skip


@pytest.mark.parametrize(("before", "now", "method", "change", "missing"), COLUMNS.values(), ids=COLUMNS)
def test_each_kind_of_column_has_its_answer(
    before: Floats, now: Floats, method: str, change: Status, missing: Status
) -> None:
    found = of(FeatureDrift().judge(window(before), window(now)))
    assert {m: f.status for m, f in found.items()} == {method: change, "missing_rate": missing}


def test_too_few_rows_cannot_be_judged() -> None:
    found = FeatureDrift().judge(window(REFERENCE), window(noise(19, 2, 10)))
    assert {f.status for f in found} == {Status.CANNOT_JUDGE}


def test_the_worst_ratio_names_the_features_worst_first() -> None:
    before = window(*(noise(500, i) for i in range(4)))
    now = window(noise(60, 11), noise(60, 12, 9), noise(60, 13, 5), noise(60, 14))
    found = FeatureDrift().judge(before, now)
    worst = found[-1]
    ratios = {f.feature: f.value / f.limit for f in found if f.method == "wasserstein" and f.value and f.limit}
    assert (worst.method, worst.feature, worst.causes, worst.limit) == ("worst_ratio", "", ("b", "c"), 1.0)
    assert worst.value == max(ratios.values()) == ratios["b"]


def test_at_most_eight_causes_are_named() -> None:
    names = [f"f{i:02d}" for i in range(12)]
    before = window(*(noise(500, i) for i in range(12)), names=names)
    now = window(*(noise(60, 20 + i, 9) for i in range(12)), names=names)
    assert len(FeatureDrift().judge(before, now)[-1].causes) == 8


def test_features_that_lots_share_get_a_wider_limit() -> None:
    lots = np.repeat(noise(13, 3), 40)[:500]
    found = FeatureDrift().judge(
        window(REFERENCE, lots + noise(500, 4, sd=0.1)), window(noise(60, 2, 10), noise(60, 5))
    )
    limits = {f.feature: f.limit for f in found if f.method == "wasserstein" and f.limit}
    assert limits["b"] > 2 * limits["a"]


def test_tools_that_wear_in_turns_and_then_in_step_are_no_drift() -> None:
    # Two machines, a tool for 60 parts each: half a life apart in the reference, at the same age now.
    rows = np.arange(500)
    before = window((rows // 2 + 30 * (rows % 2)) % 60, machines=2)
    now = window(np.arange(60) // 2, machines=2)
    assert of(FeatureDrift().judge(before, now))["wasserstein"].status is OK


@pytest.mark.parametrize("rows", [30, 250])
@pytest.mark.slow
def test_healthy_windows_are_hardly_ever_a_breach(rows: int) -> None:
    """20 references, 20 windows of ten features each, lots of 40 parts: of 4,000 windows a feature at most 4."""
    breaches = 0
    for seed in range(20):
        rng = np.random.default_rng([rows, seed])
        share = np.linspace(0, 0.9, 10)

        def healthy(count: int, rng: np.random.Generator = rng, share: Floats = share) -> Window:
            lots = np.repeat(rng.standard_normal((count // 40 + 2, 10)), 40, axis=0)[rng.integers(40) :][:count]
            values = np.sqrt(share) * lots + np.sqrt(1 - share) * rng.standard_normal((count, 10))
            return window(*values.T, names=[f"f{i}" for i in range(10)])

        detector, reference = FeatureDrift(), healthy(500)
        for _ in range(20):
            breaches += sum(f.status is BREACH for f in detector.judge(reference, healthy(rows)) if f.feature)
    assert breaches <= 4


@pytest.mark.parametrize(
    ("hits", "of_rows", "rows", "least", "most"),
    [
        pytest.param(0, 500, 60, 0.1, 0.1, id="never seen: the least share"),
        pytest.param(0, 10, 60, 0.2, 0.6, id="hardly known: wide"),
        pytest.param(250, 500, 60, 0.7, 0.85, id="half is normal"),
        pytest.param(500, 500, 60, 1.0, 1.0, id="always: nothing can pass it"),
        pytest.param(5000, 10_000, 10_000, 0.51, 0.54, id="many rows: narrow"),
    ],
)
def test_the_limit_of_a_share(hits: int, of_rows: int, rows: int, least: float, most: float) -> None:
    assert least <= share_limit(hits, of_rows, rows, CHANCE, 0.1) <= most


@pytest.mark.parametrize(
    ("hits", "of_rows", "rows"), [(0, 10, 60), (3, 40, 30), (20, 60, 60), (250, 500, 60), (37, 400, 200)]
)
def test_a_share_beyond_its_limit_has_the_chance_asked_for(hits: int, of_rows: int, rows: int) -> None:
    """By the exact beta-binomial probabilities, in fractions, from Jeffreys' prior."""
    a, b = hits + Fraction(1, 2), of_rows - hits + Fraction(1, 2)
    weights = [Fraction(1)]
    for x in range(rows):
        weights.append(weights[-1] * Fraction(rows - x, x + 1) * (x + a) / (rows - x - 1 + b))
    allowed = round(share_limit(hits, of_rows, rows, CHANCE, 0.0) * rows)
    beyond, chance = sum(weights[allowed + 1 :]) / sum(weights), Fraction(CHANCE)
    assert beyond <= chance < beyond + weights[allowed] / sum(weights)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(1, 400), st.integers(20, 300), st.data())
def test_what_share_was_seen_is_within_its_own_limit(of_rows: int, rows: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, of_rows))
    limit = share_limit(hits, of_rows, rows, CHANCE, 0.1)
    assert hits / of_rows <= limit + 1 / rows
    assert limit <= 1


def test_a_reference_without_spread_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match=re.escape("a distance in standard deviations is undefined")):
        wasserstein(np.full(10, 3.0), noise(10, 1))


def grouped(values: Floats, machines: Sequence[str], recipes: Sequence[str], lots: Sequence[str] = ()) -> Window:
    """A window of rows by machine, recipe and lot."""
    rows = np.arange(len(values))
    groups = tuple(zip(machines, recipes, strict=True))
    return Window("form", "form", ("a", "b"), values, rows * HOUR, rows, groups, tuple(lots))


def mixed(rows: int, seed: int, share: float, shift: float = 0.0) -> Window:
    """`a` of recipe B lies two standard deviations higher, as does all of it by a shift; `b` depends on nothing."""
    rng = np.random.default_rng(seed)
    higher = rng.random(rows) < share
    values = rng.standard_normal((rows, 2))
    values[:, 0] += 2 * higher + shift
    return grouped(values, ["m1", "m2"] * (rows // 2), np.where(higher, "B", "A").tolist())


def by_method(found: Sequence[Finding], feature: str) -> dict[str, Finding]:
    return {f.method: f for f in found if f.feature == feature}


def test_a_changed_mix_is_explained_and_no_breach() -> None:
    found = FeatureDrift().judge(mixed(2000, 1, 0.5), mixed(500, 2, 0.75))
    step, feature = by_method(found, ""), by_method(found, "a")["wasserstein"]
    assert feature.value is not None
    assert feature.limit is not None
    assert feature.value > feature.limit, "Evidently's value stays as it is"
    assert {f.status for f in found} == {OK}
    assert step["explained_by_mix"].value is not None
    assert step["explained_by_mix"].value > 0.8


def test_what_a_changed_mix_does_not_explain_is_a_breach() -> None:
    found = FeatureDrift().judge(mixed(2000, 1, 0.5), mixed(500, 2, 0.75, shift=1.0))
    step = by_method(found, "")
    assert (step["worst_ratio"].status, step["worst_ratio"].causes) == (BREACH, ("a",))
    assert step["explained_by_mix"].value == 0.0


def test_a_recipe_that_the_reference_does_not_know_explains_nothing() -> None:
    found = FeatureDrift().judge(mixed(2000, 1, 0.0), mixed(500, 2, 0.5))
    assert by_method(found, "a")["wasserstein"].status is BREACH


def test_a_machine_that_drifts_alone_is_named() -> None:
    before, now = mixed(2000, 1, 0.5), mixed(500, 2, 0.5)
    now.values[:, 1] += np.where(np.arange(500) % 20 == 0, 3.0, 0.0)
    machines = ["m3" if i % 20 == 0 else f"m{1 + i % 2}" for i in range(2000)]
    before = grouped(before.values, machines, [group[1] for group in before.groups])
    now = grouped(now.values, machines[:500], [group[1] for group in now.groups])
    found = FeatureDrift().judge(before, now)
    step = by_method(found, "")
    assert by_method(found, "b")["wasserstein"].status is OK
    assert (step["worst_slice"].status, step["worst_slice"].causes) == (BREACH, ("b for machine m3",))
    assert (step["worst_ratio"].status, step["worst_ratio"].causes) == (BREACH, ("b only for machine m3",))
    assert step["worst_ratio"].value == step["worst_slice"].value


def test_a_lot_that_stands_out_is_named_and_lots_as_usual_are_not() -> None:
    def lots(rows: int, seed: int) -> tuple[Floats, list[str]]:
        rng = np.random.default_rng(seed)
        of = np.arange(rows) // 25
        values = rng.standard_normal((rows, 2)) + 0.5 * rng.standard_normal((rows // 25, 2))[of]
        return values, [f"L{seed}-{lot}" for lot in of]

    (before, names), (now, newest) = lots(2000, 1), lots(500, 2)
    reference = grouped(before, ["m1"] * 2000, ["A"] * 2000, names)
    detector = FeatureDrift()
    assert detector.judge(reference, grouped(now, ["m1"] * 500, ["A"] * 500, newest))[-1].status is OK
    now[100:125, 0] += 5
    worst = by_method(detector.judge(reference, grouped(now, ["m1"] * 500, ["A"] * 500, newest)), "")["worst_slice"]
    assert (worst.status, worst.causes) == (BREACH, ("a for lot L2-4",))


@pytest.mark.parametrize("columns", [1, 50])
@pytest.mark.slow
def test_the_chance_of_a_false_alarm_does_not_grow_with_the_columns(columns: int) -> None:
    rng = np.random.default_rng(1000)
    names = [f"f{i}" for i in range(columns)]
    detector, breaches = FeatureDrift(), 0
    for _ in range(10):
        before = window(*rng.standard_normal((columns, 500)), names=names)
        for _ in range(20):
            now = window(*rng.standard_normal((columns, 60)), names=names)
            breaches += detector.judge(before, now)[-1].status is BREACH
    assert breaches <= 1

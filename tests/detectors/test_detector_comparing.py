"""Comparing two samples: Evidently's values, chance kept by rows and by lots, mixes explained, rubbish survived."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.comparing.columns import Column, Judged, Labels, Settings, Verdict
from detectors.comparing.comparing import adjusted, compare
from detectors.comparing.methods import METHODS
from monitor.model import Floats

TESTS = {
    "wasserstein": "wasserstein_stat_test", "ed": "energy_dist_test", "ks": "ks_stat_test", "t_test": "t_test",
    "anderson": "anderson_darling_test", "cramer_von_mises": "cramer_von_mises", "mannw": "mann_whitney_u_stat_test",
    "psi": "psi_stat_test", "jensenshannon": "jensenshannon_stat_test", "kl_div": "kl_div_stat_test",
    "hellinger": "hellinger_stat_test", "chisquare": "chi_stat_test", "z": "z_stat_test",
}  # fmt: skip
"""Evidently's objects by the names that it gives them."""


def evidently(method: str, reference: Floats, current: Floats, numbers: bool) -> float:
    """Evidently's value of a column without its missing values, which it drops before any test."""
    from evidently.legacy.calculations import stattests
    from evidently.legacy.calculations.stattests.tvd_stattest import _total_variation_distance
    from evidently.legacy.core import ColumnType

    before, now = (pd.Series(part).dropna() for part in (reference, current))
    if method == "TVD":  # what it reports is a p-value of a thousand permutations of this
        return float(_total_variation_distance(before, now))  # type: ignore[no-untyped-call]
    test = getattr(stattests, TESTS[method])
    assert test.name == method
    return float(test.func(before, now, ColumnType.Numerical if numbers else ColumnType.Categorical, 0.1)[0])


def values(kind: str, rows: int, seed: int) -> Floats:
    rng = np.random.default_rng(1000 + seed)
    found = {
        "normal": lambda: rng.normal(size=rows) + 0.1 * seed,
        "ties": lambda: rng.integers(0, 6 + seed, rows).astype(float),
        "rounded": lambda: (rng.normal(size=rows) * 20).round() + seed,
        "skewed": lambda: rng.exponential(1 + 0.2 * seed, rows),
        "missing": lambda: np.where(rng.random(rows) < 0.2, np.nan, rng.normal(size=rows) + 0.1 * seed),
        "constant": lambda: np.full(rows, 3.0 + seed),
        "categories": lambda: rng.choice(4, rows, p=[0.4, 0.3, 0.2 + 0.05 * seed, 0.1 - 0.05 * seed]).astype(float),
        "two": lambda: (rng.random(rows) < 0.3 + 0.05 * seed).astype(float),
        "new": lambda: rng.integers(0, 3 + 2 * seed, rows).astype(float),
    }[kind]()
    return np.asarray(found, dtype=np.float64)


NUMBERS = ("normal", "ties", "rounded", "skewed", "missing", "constant")
CATEGORIES = ("categories", "two", "new")
UNDEFINED = {("wasserstein", "constant"), ("t_test", "constant"), ("z", "categories"), ("z", "new")}


def judged(
    reference: Floats, current: Floats, method: str = "", numbers: bool = True, labels: Labels | None = None
) -> Judged:
    settings_: dict[str, Any] = {("numbers" if numbers else "categories"): METHODS[method]} if method else {}
    levels = None if numbers else tuple("abcdefghij")
    column = Column("x", reference, current, levels)
    return compare([column], labels or Labels(), Settings(**settings_)).values[0]


CASES = [
    (method.name, kind, numbers)
    for method in METHODS.values()
    for numbers, kinds in ((True, NUMBERS), (False, CATEGORIES))
    for kind in kinds
    if (method.numbers if numbers else method.categories) and (method.name, kind) not in UNDEFINED
]


@pytest.mark.parametrize(("method", "kind", "numbers"), CASES)
@pytest.mark.parametrize("rows", [(400, 300), (24, 30)], ids=str)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_the_value_is_evidently_s(method: str, kind: str, numbers: bool, rows: tuple[int, int]) -> None:
    reference, current = values(kind, rows[0], 0), values(kind, rows[1], 1)
    ours = judged(reference, current, method, numbers).value
    theirs = evidently(method, reference, current, numbers)
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-7 if method == "hellinger" else 1e-12)


@pytest.mark.slow
def test_far_apart_values_are_evidently_s_too() -> None:
    reference, current = values("normal", 300, 0) * 1e-2, values("skewed", 300, 1) * 10
    for method in METHODS.values():
        if method.numbers:
            theirs = evidently(method.name, reference, current, True)
            assert judged(reference, current, method.name).value == pytest.approx(theirs, rel=1e-9, abs=1e-7)


rubbish = st.lists(
    st.one_of(st.floats(width=32), st.just(float("nan")), st.integers(-3, 3).map(float), st.just(1e16)),
    min_size=1,
    max_size=12,
)
BY_TYPE = [(m.name, n) for m in METHODS.values() for n in (True, False) if (m.numbers if n else m.categories)]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(rubbish, rubbish, st.sampled_from(BY_TYPE), st.booleans(), st.integers(0, 99))
@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_rubbish_is_judged_and_the_order_of_rows_does_not_matter(
    first: list[float], second: list[float], method: tuple[str, bool], by: bool, seed: int
) -> None:
    name, numbers = method
    before, now = (np.where(np.isinf(v), np.nan, v) for v in (np.array(first), np.array(second)))
    if not numbers:
        before, now = (np.where(np.isnan(v), np.nan, np.abs(v) % 10 // 1) for v in (before, now))
    rng = np.random.default_rng(seed)
    groups = (rng.integers(0, 2, len(before)), rng.integers(1, 3, len(now)))
    lots = (rng.integers(0, 3, len(before)), rng.integers(0, 3, len(now)))

    def found(orders: tuple[Any, Any]) -> tuple[Any, ...]:
        pick = [tuple(part[order] for part, order in zip(pair, orders, strict=True)) for pair in (groups, lots)]
        labels = Labels(pick[0] if by else None, pick[1], ("a", "b", "c"), "g")
        one = judged(before[orders[0]], now[orders[1]], name, numbers, labels)
        assert one.value is None or np.isfinite(one.value)
        assert 0 < one.p <= one.adjusted <= 1
        return one.value, one.distance, one.usual, one.p, one.verdict, one.mix, one.slices

    here = found((np.arange(len(before)), np.arange(len(now))))
    assert here == found((rng.permutation(len(before)), rng.permutation(len(now))))


@pytest.mark.parametrize("kind", [*NUMBERS, *CATEGORIES])
def test_equal_files_do_not_differ(kind: str) -> None:
    same = values(kind, 300, 0)
    for method in METHODS.values():
        if method.numbers if kind in NUMBERS else method.categories:
            one = judged(same, same[::-1], method.name, kind in NUMBERS)
            assert (one.p, one.verdict) == (1.0, Verdict.NONE)


def drifted(columns: list[Column], labels: Labels, verdict: Verdict = Verdict.DRIFT) -> list[str]:
    return [found.column.name for found in compare(columns, labels, Settings()).of(verdict)]


def by_lots(rng: np.random.Generator, lots: int, each: int, shift: float = 0.0) -> Floats:
    """Rows of which half the variance is of their lot."""
    return np.repeat(rng.normal(size=lots), each) + rng.normal(size=lots * each) + shift


@pytest.mark.slow
def test_lots_of_like_rows_raise_no_false_alarms() -> None:
    alarms = {False: 0, True: 0}
    number = np.repeat(np.arange(20), 15)
    for seed in range(1000, 1006):
        rng = np.random.default_rng(seed)
        columns = [Column(f"c{j}", by_lots(rng, 20, 15), by_lots(rng, 20, 15)) for j in range(10)]
        for known in alarms:
            labels = Labels(lots=(number, number + 20)) if known else Labels()
            alarms[known] += bool(drifted(columns, labels))
    assert alarms[True] <= 1, "of 6 files at 5 %"
    assert alarms[False] >= 5, "rows that are alike are taken for independent ones"
    rng = np.random.default_rng(1000)
    moved = Column("moved", by_lots(rng, 20, 15), by_lots(rng, 20, 15, 2.0))
    assert drifted([moved, *columns[:5]], Labels(lots=(number, number + 20))) == ["moved"]


def mixed(seed: int, shift: float = 0.0) -> tuple[list[Column], Labels]:
    """Two recipes, half and half, then a quarter and three quarters; one column depends on the recipe."""
    rng = np.random.default_rng(seed)
    groups = ((rng.random(800) < 0.5).astype(np.int64), (rng.random(800) < 0.75).astype(np.int64))
    hot = [rng.normal(size=800) + 2.0 * part for part in groups]
    still = [rng.normal(size=800) for _ in groups]
    recipe = [part.astype(np.float64) for part in groups]
    columns = [
        Column("hot", hot[0], hot[1] + shift),
        Column("still", still[0], still[1]),
        Column("recipe", recipe[0], recipe[1], ("A", "B")),
    ]
    return columns, Labels(groups, None, ("A", "B"), "recipe")


@pytest.mark.parametrize("seed", range(1000, 1005))
@pytest.mark.slow
def test_a_changed_mix_is_explained_and_a_changed_process_is_not(seed: int) -> None:
    columns, labels = mixed(seed)
    assert drifted(columns, Labels()) == ["hot", "recipe"]
    found = compare(columns, labels, Settings())
    assert [j.column.name for j in found.of(Verdict.EXPLAINED)] == ["hot"]
    assert [j.column.name for j in found.of(Verdict.DRIFT)] == ["recipe"], "its own share is what changed"
    assert found.values[0].mix is not None
    assert found.values[0].mix.explained > 0.7
    assert not any(s.drifted for s in found.values[0].slices)
    columns, labels = mixed(seed, shift=1.0)
    moved = compare(columns, labels, Settings()).values[0]
    assert moved.verdict is Verdict.DRIFT
    assert {s.group for s in moved.slices if s.drifted} == {"A", "B"}


def test_missing_values_constants_and_small_changes_have_answers_of_their_own() -> None:
    rng = np.random.default_rng(1003)
    gone = np.where(rng.random(500) < 0.1, np.nan, rng.normal(size=500))
    columns = [
        Column("gone", rng.normal(size=500), gone),
        Column("empty", rng.normal(size=500), np.full(500, np.nan)),
        Column("set", np.full(500, 7.0), np.where(np.arange(500) < 50, 8.0, 7.0)),
        Column("tiny", np.arange(20_000.0), np.arange(20_000.0) + 500),
    ]
    found = compare(columns, Labels(), Settings())
    by_name = {judged.column.name: judged for judged in found.values}
    assert [by_name[n].verdict.value for n in ("gone", "empty", "set", "tiny")] == ["none", "no_data", "drift", "small"]
    assert by_name["set"].method.name == "changed_rate"
    assert by_name["set"].value == pytest.approx(0.1)
    assert {name: judged.verdict for name, judged in found.missing.items()} == dict.fromkeys(
        ("gone", "empty"), Verdict.DRIFT
    )


@pytest.mark.slow
def test_false_discoveries_are_counted_over_all_columns() -> None:
    assert adjusted([0.01, 0.5, 0.02]) == pytest.approx([0.03, 0.5, 0.03])
    assert adjusted([]) == []
    rng = np.random.default_rng(1000)
    columns = [Column(f"c{j}", rng.normal(size=200), rng.normal(size=200)) for j in range(50)]
    assert drifted(columns, Labels()) == []
    columns[7] = Column("c7", columns[7].reference, columns[7].current + 0.5)
    assert drifted(columns, Labels())[0] == "c7"

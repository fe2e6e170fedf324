"""Charts: the same under any split, shifted and stretched as the values are; gaps, odd sizes, values not normal."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields, replace

import numpy as np
import pytest
from scipy.stats import rankdata

from detectors.spc.capability import Specification, capability
from detectors.spc.limits import limits
from detectors.spc.memory import CusumSettings
from detectors.spc.points import Points, Spread, of_subgroups, of_values
from detectors.spc.rules import PATTERNS, Rule
from detectors.spc.scales import Kind, choose, quantiles, transformed
from detectors.spc.shape import departure, dependence
from detectors.spc.signals import signals
from detectors.spc.study import study
from detectors.spc.watching import Settings, begin, judge
from monitor.errors import UsageError
from monitor.model import Floats

ALL = Settings((*PATTERNS, Rule.CUSUM, Rule.EWMA, Rule.SPREAD), CusumSettings(head=2.5))
RNG = np.random.default_rng(7)
KINDS = {
    "normal": RNG.normal(5, 2, 400),
    "skewed": RNG.lognormal(0, 0.5, 400),
    "bounded": RNG.exponential(1, 400).round(2),
    "rounded": RNG.normal(5, 2, 400).round(0),
}


def single(values: Floats, breaks: list[int] | None = None) -> Points:
    at = np.zeros(len(values), np.bool_)
    at[breaks or []] = True
    return of_values(values, at)


def grouped(values: Floats, first: list[int], spread: Spread = Spread.DEVIATION) -> Points:
    return of_subgroups(values, np.array(first), spread, np.zeros(len(first), np.bool_))


def holey(values: Floats) -> Floats:
    changed = values.copy()
    changed[[150, 151, 220, 399]] = np.nan
    changed[300:] += 1.5 * np.nanstd(values)
    return changed


@pytest.mark.parametrize("kind", KINDS)
def test_any_split_gives_the_same_bits(kind: str) -> None:
    points = single(holey(KINDS[kind]), [200])
    found = limits(points[:140])
    _, whole = judge(found, begin(ALL), points, ALL)
    for cuts in ([1, 2, 3], [150, 151, 152], [14, 15, 16, 399], list(range(1, 400, 7))):
        state, pieces = begin(ALL), []
        for a, b in zip([0, *cuts], [*cuts, 400], strict=True):
            state, judged = judge(found, state, points[a:b], ALL)
            pieces.append(judged)
        for name in ("scores", "average", "bounds", "above", "below"):
            together = np.concatenate([getattr(piece, name) for piece in pieces])
            np.testing.assert_array_equal(together, getattr(whole, name), err_msg=name)
        for rule in ALL.rules:
            np.testing.assert_array_equal(np.concatenate([piece.flags[rule] for piece in pieces]), whole.flags[rule])
            np.testing.assert_array_equal(np.concatenate([piece.reach[rule] for piece in pieces]), whole.reach[rule])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("scale", "shift"), [(1.0, 100.0), (1000.0, 0.0), (0.001, -3.0)])
def test_limits_move_with_the_values(kind: str, scale: float, shift: float) -> None:
    values = holey(KINDS[kind])
    plain = study(single(values), (0, 140), ALL)
    moved = study(single(shift + scale * values), (0, 140), ALL)
    assert moved.limits.scale.kind is plain.limits.scale.kind
    for side, other in zip(plain.limits.band(plain.points), moved.limits.band(moved.points), strict=True):
        np.testing.assert_allclose(other, shift + scale * side, rtol=1e-4)
    np.testing.assert_allclose(moved.judged.scores, plain.judged.scores, atol=1e-3)


def test_a_mirrored_chart_signals_on_the_other_side() -> None:
    plain, mirrored = (study(single(sign * holey(KINDS["normal"])), (0, 140), ALL) for sign in (1, -1))
    assert [replace(signal, above=None) for signal in plain.signals] == [
        replace(signal, above=None) for signal in mirrored.signals
    ]
    assert [signal.above is None or not signal.above for signal in plain.signals] == [
        signal.above is None or signal.above for signal in mirrored.signals
    ]


def test_no_moving_range_is_taken_across_a_gap() -> None:
    points = single(np.array([1.0, 2.0, np.nan, 10.0, 11.0, 30.0, 31.0]), [5])
    np.testing.assert_array_equal(points.spreads, [np.nan, 1, np.nan, np.nan, 1, np.nan, 1])
    assert len(set(points.stretches.tolist())) == 4
    assert points.incomplete.tolist() == [False, False, True, False, False, False, False]


@pytest.mark.parametrize("spread", [Spread.RANGE, Spread.DEVIATION])
def test_subgroups_of_other_sizes_have_limits_of_their_own(spread: Spread) -> None:
    values = np.random.default_rng(4).normal(0, 1, 63)
    values[10], values[20:25] = np.nan, np.nan
    points = grouped(values, [*range(0, 60, 5), 60, 62], spread)
    assert points.sizes.tolist() == [5, 5, 4, 5, 0, 5, 5, 5, 5, 5, 5, 5, 2, 1]
    assert np.flatnonzero(points.incomplete).tolist() == [2, 4, 12, 13]
    assert np.isnan(points.means[4])
    assert np.flatnonzero(np.isnan(points.spreads)).tolist() == [4, 13]
    np.testing.assert_allclose(points.means[2], np.nanmean(values[10:15]))
    found = limits(points)
    lower, upper = found.band(points)
    widths = upper - lower
    assert widths[0] < widths[2] < widths[12] < widths[13]
    assert widths[13] == pytest.approx(6 * found.sigma)
    assert found.sigma == pytest.approx(1, rel=0.25)


@pytest.mark.slow
def test_sigma_is_known_as_well_as_simulated() -> None:
    """The standard deviation of the estimate of sigma is that of its degrees of freedom."""
    rng, found = np.random.default_rng(8), {}
    for name in ("single", "range", "deviation"):
        studies = [
            limits(
                single(values) if name == "single" else grouped(values, list(range(0, 100, 5)), Spread[name.upper()])
            )
            for values in rng.normal(0, 1, (800, 100))
        ]
        sigmas = np.array([each.sigma for each in studies])
        assert sigmas.mean() == pytest.approx(1, abs=0.01)
        found[name] = sigmas.std() * np.sqrt(2 * studies[0].freedom)
    assert found == pytest.approx(dict.fromkeys(found, 1.0), abs=0.1)


@pytest.mark.parametrize(("kind", "expected"), [
    ("normal", Kind.NORMAL), ("skewed", Kind.TRANSFORMED), ("bounded", Kind.QUANTILES), ("rounded", Kind.NORMAL),
])  # fmt: skip
def test_limits_rest_on_the_shape_of_phase_1(kind: str, expected: Kind) -> None:
    assert choose(KINDS[kind], 1.0).scale.kind is expected


@pytest.mark.parametrize("kind", KINDS)
def test_dependence_is_the_correlation_of_mean_ranks(kind: str) -> None:
    ranks = rankdata(KINDS[kind])
    ratio = np.square(np.diff(ranks)).sum() / np.square(ranks - ranks.mean()).sum()
    assert dependence(KINDS[kind])[0] == 1 - ratio / 2


def test_a_step_within_phase_1_is_not_taken_for_a_shape() -> None:
    values = np.random.default_rng(3).normal(0, 1, 200)
    values[140:] += 5
    found = choose(values, 1.0)
    assert found.departure > 1
    assert found.dependent
    assert found.scale.kind is Kind.NORMAL
    assert any(
        s.rule is Rule.CUSUM for s in study(single(values), (0, 200), Settings((Rule.BEYOND, Rule.CUSUM))).signals
    )


@pytest.mark.slow
def test_normality_is_refused_as_rarely_as_said() -> None:
    rng = np.random.default_rng(9)
    for rounded in (9, 0):  # decimals; sigma is one step of the coarse ones
        refused = [departure(rng.normal(0, 1, 100).round(rounded)) > 1 for _ in range(2000)]
        assert np.mean(refused) <= 0.016, rounded
    dependent = [dependence(rng.normal(0, 1, 100))[1] < 0.01 for _ in range(2000)]
    assert 0.004 <= np.mean(dependent) <= 0.017


@pytest.mark.parametrize("kind", KINDS)
def test_scales_are_inverse_and_increasing(kind: str) -> None:
    scores = np.linspace(-6, 6, 241)
    for scale in (quantiles(KINDS[kind]), transformed(KINDS[kind])):
        assert scale is not None
        values = scale.values(scores)
        assert (np.diff(values) > 0).all()
        np.testing.assert_allclose(scale.scores(values), scores, atol=1e-6)
        assert np.isnan(scale.scores(np.array([np.nan]))).all()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.empty(0), "phase 1 has 0 values; expected at least 10"),
        (np.ones(1), "phase 1 has 1 values"),
        (np.full(50, np.nan), "phase 1 has 0 values"),
        (np.ones(50), "never change"),
        (np.where(np.arange(50) % 2, np.nan, np.arange(50.0)), "no two neighbouring values"),
    ],
    ids=["nothing", "one value", "gaps alone", "constant", "every other one missing"],
)
def test_what_sets_no_limits_is_told(values: Floats, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        limits(single(values))


def test_subgroups_of_one_value_set_no_limits() -> None:
    with pytest.raises(UsageError, match="no subgroup of two values"):
        limits(grouped(np.arange(8.0), list(range(8))))


def test_sums_begin_anew_after_phase_1() -> None:
    values = np.random.default_rng(5).normal(0, 1, 120)
    values[90:100] += 2
    settings = Settings((Rule.CUSUM,))
    found = study(single(values), (0, 100), settings)
    later = study(single(values[[*range(60), *range(100, 120)]]), (0, 60), settings)
    assert found.judged.above[99] > 5
    assert found.judged.above[100] == pytest.approx(max(found.judged.scores[100] - 0.5, 0))
    assert len(later.judged.scores) == 80


def test_an_episode_says_since_when_and_on_which_side() -> None:
    values = np.random.default_rng(6).normal(0, 1, 160)
    values[100:130] += 3
    values[130:] -= 3
    found = study(single(values), (0, 100), Settings((Rule.BEYOND, Rule.CUSUM)))
    sums = [signal for signal in found.signals if signal.rule is Rule.CUSUM]
    assert [signal.above for signal in sums] == [True, False]
    assert 98 <= sums[0].since <= 101
    assert 101 <= sums[0].first <= 105
    assert 128 <= sums[1].since <= 133
    assert all(signal.since <= signal.first <= signal.last for signal in found.signals)
    assert signals(judge(found.limits, begin(ALL), found.points[:0], ALL)[1]) == ()
    assert {field.name for field in fields(sums[0])} == {"rule", "since", "first", "last", "above"}


R = np.random.default_rng(10)
STRANGE = {
    "two values": R.integers(0, 2, 200) * 1.0,
    "one that differs": np.r_[np.ones(100), 2.0, np.ones(99)],
    "mostly equal": np.where(R.random(200) < 0.9, 0.0, R.normal(size=200)),
    "up and down": (-1.0) ** np.arange(200),
    "huge": 1e38 * R.normal(size=200),
    "tiny": 1e-150 * R.normal(size=200),
    "far from zero": 1e9 + R.normal(size=200),
    "rising": np.arange(200.0),
    "heavy tails": R.standard_cauchy(200),
    "two heaps": R.normal(size=200) + 20 * R.integers(0, 2, 200),
    "full of gaps": np.where(R.random(200) < 0.5, np.nan, R.normal(size=200)),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_strange_values_give_limits_and_capability_or_a_sentence(kind: str) -> None:
    """No warning (which tests make an error), no other exception, limits around the centre, scores that are finite."""
    values = STRANGE[kind]
    found = study(single(values), (0, 150), ALL)
    lower, upper = found.limits.band(found.points)
    center, _ = found.limits.band(found.points, 0.0)
    assert np.isfinite([lower, center, upper]).all()
    assert (lower < upper).all()
    assert (lower <= center).all()
    assert (center <= upper).all()
    known = np.isfinite(values)
    assert np.isfinite(found.judged.scores[known]).all()
    spread = float(np.nanstd(values))
    middle = float(np.nanmean(values))
    with suppress(UsageError):  # too coarse
        can = capability(values, found.points, Specification(middle - 4 * spread, middle + 5 * spread))
        assert can.ppk.low <= can.ppk.value <= can.ppk.high

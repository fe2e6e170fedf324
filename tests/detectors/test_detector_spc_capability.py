"""Capability: intervals that hold as often as they say, one side alone, values that are not normal."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import gamma as gamma_distribution

from detectors.spc import capability as module
from detectors.spc.capability import Capability, Specification, capability
from detectors.spc.points import Spread, of_subgroups, of_values
from detectors.spc.scales import Kind
from monitor.errors import UsageError
from monitor.model import Floats


@pytest.fixture
def _few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where normality is refused by chance, the bootstrap is not what is tested."""
    monkeypatch.setattr(module, "_RESAMPLES", 2)


def of(values: Floats, low: float | None, high: float | None, size: int = 1) -> Capability:
    if size == 1:
        points = of_values(values, np.zeros(len(values), np.bool_))
    else:
        first = np.arange(0, len(values), size)
        points = of_subgroups(values, first, Spread.DEVIATION, np.zeros(len(first), np.bool_))
    return capability(values, points, Specification(low, high))


CASES = {"both sides": (-4.0, 4.0, 4 / 3), "one side": (None, 4.5, 1.5)}


@pytest.mark.usefixtures("_few_resamples")
@pytest.mark.parametrize("count", [50, 100, 200])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.slow
def test_intervals_hold_as_often_as_they_say(count: int, case: str) -> None:
    """300 samples, which chance moves by 1.3 %; `bench_spc` counts 2,000 of more cases."""
    low, high, nearest = CASES[case]
    held: dict[str, list[bool]] = {"cpk": [], "ppk": [], "cp": [], "pp": []}
    for values in np.random.default_rng(count).normal(0, 1, (300, count)):
        found = of(values, low, high, 5)
        for name, shares in held.items():
            estimate = getattr(found, name)
            true = nearest if name.endswith("k") else (high or 0) / 6 - (low or 0) / 6
            if estimate is not None and found.kind is Kind.NORMAL:
                shares.append(estimate.low <= true <= estimate.high)
    assert len(held["cpk"]) > 290, "normality is refused in one of a hundred"
    assert bool(held["cp"]) == bool(held["pp"]) == (low is not None and high is not None)
    found_shares = {name: float(np.mean(shares)) for name, shares in held.items() if shares}
    assert all(0.91 <= share <= 0.985 for share in found_shares.values()), found_shares


@pytest.mark.slow
def test_more_values_make_narrower_intervals_also_by_quantiles() -> None:
    """Ppk of a gamma of shape 4 with one side, by quantiles, is near the true one."""
    middle, top = gamma_distribution(4).ppf([0.5, 0.99865])
    true, widths = (15 - middle) / (top - middle), []
    for count in (200, 800, 12_000):
        found = of(np.random.default_rng(2).gamma(4, size=count), None, 15)
        assert found.kind is not Kind.NORMAL
        assert found.cp is found.cpk is found.pp is None
        assert found.ppk.low < found.ppk.value < found.ppk.high
        assert found.ppk.value == pytest.approx(true, rel=0.2)
        widths.append(found.ppk.high - found.ppk.low)
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 3 * widths[2]


def test_capability_moves_with_unit_and_side() -> None:
    values = np.random.default_rng(3).normal(10, 1, 200)
    plain, mirrored, scaled = of(values, 5, 14), of(-values, -14, -5), of(1000 * values + 7, 5007, 14007)
    for name in ("cp", "cpk", "pp", "ppk"):
        assert getattr(plain, name).value == pytest.approx(getattr(mirrored, name).value)
        assert getattr(plain, name).low == pytest.approx(getattr(scaled, name).low)
    assert plain.outside == mirrored.outside == scaled.outside == int(((values < 5) | (values > 14)).sum())


@pytest.mark.slow
def test_a_shape_that_is_not_normal_has_the_same_capability_in_another_unit() -> None:
    values = np.random.default_rng(4).lognormal(0, 0.5, 200)
    plain, scaled = of(values, 0, 8), of(10 * values, 0, 80)
    assert plain.kind is scaled.kind is Kind.TRANSFORMED
    assert scaled.ppk.value == pytest.approx(plain.ppk.value, rel=1e-4)
    assert scaled.ppk.low == pytest.approx(plain.ppk.low, rel=1e-3)
    assert plain.ppk.low < plain.ppk.value < plain.ppk.high


@pytest.mark.parametrize("values", [np.arange(200) % 4 * 1.0, np.r_[np.ones(199), 2.0]])
def test_values_that_are_too_coarse_are_told(values: Floats) -> None:
    with pytest.raises(UsageError, match="too coarse for capability"):
        of(np.random.default_rng(1).permutation(values), 0, 10)


def test_too_few_values_are_told() -> None:
    values = np.r_[np.arange(9.0), np.full(20, np.nan)]
    with pytest.raises(UsageError, match="9 values are known; capability needs at least 10"):
        of(values, 0, 10)

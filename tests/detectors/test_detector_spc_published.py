"""Charts, capability and gauge studies equal to published examples.

Data of the NIST/SEMATECH e-Handbook of Statistical Methods (https://www.itl.nist.gov/div898/handbook/), a work of the
US government in the public domain. Of other publications there are only the figures of a table.
"""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import pytest

from detectors.spc.anova import Source, anova, components, table
from detectors.spc.capability import Specification, indices, nearest_interval, ratio_interval
from detectors.spc.constants import c4, d2, d3, freedom, spread_of_moving_range
from detectors.spc.gauge import gauge
from detectors.spc.limits import limits
from detectors.spc.memory import CusumSettings, Ewma, EwmaSettings, begin_cusum, cusum, ewma
from detectors.spc.points import Spread, of_subgroups, of_values

FLOWRATE = [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]
"""6.3.2.2, individuals and moving ranges."""
EWMA = [52.0, 47.0, 53.0, 49.3, 50.1, 47.0, 51.0, 50.1, 51.2, 50.5, *FLOWRATE]
EWMA_PRINTED = [
    50.60, 49.52, 50.56, 50.18, 50.16, 49.21, 49.75, 49.85, 50.26, 50.33,
    50.11, 49.36, 49.52, 50.05, 49.38, 49.92, 50.73, 51.23, 51.94, 51.99,
]  # fmt: skip
"""6.3.2.4: weight 0.3, target 50, standard deviation 2.0539."""
CUSUM = [
    324.925, 324.675, 324.725, 324.350, 325.350, 325.225, 324.125, 324.525, 325.225, 324.600,
    324.625, 325.150, 328.325, 327.250, 327.825, 328.500, 326.675, 327.775, 326.875, 328.350,
]  # fmt: skip
CUSUM_ABOVE = [0, 0, 0, 0, 0.03, 0, 0, 0, 0, 0, 0, 0, 3.01, 4.94, 7.45, 10.63, 11.99, 14.44, 16.00, 19.04]
CUSUM_BELOW = [0, 0.01, 0, 0.33, 0, 0, 0.56, 0.72, 0.17, 0.25, 0.31, 0, 0, 0, 0, 0, 0, 0, 0, 0]
"""6.3.2.3: means of 4, target 325, k 0.3175, h 4.1959, standard deviation of the means 0.635."""
PINS = np.array([
    [[0.125, 0.118, 0.123, 0.126, 0.118], [0.124, 0.116, 0.122, 0.126, 0.125]],
    [[0.127, 0.122, 0.125, 0.128, 0.129], [0.128, 0.125, 0.121, 0.129, 0.123]],
    [[0.125, 0.120, 0.125, 0.126, 0.127], [0.127, 0.119, 0.124, 0.125, 0.114]],
    [[0.126, 0.124, 0.124, 0.127, 0.120], [0.126, 0.125, 0.126, 0.130, 0.124]],
    [[0.128, 0.119, 0.126, 0.129, 0.121], [0.129, 0.120, 0.125, 0.124, 0.117]],
]).transpose(2, 1, 0)  # fmt: skip
"""3.2.3.2, a crossed study of two factors: (machines, coolants, pins)."""


@pytest.mark.parametrize(
    ("size", "c", "d", "e"),
    [
        (2, 0.7979, 1.128, 0.853), (3, 0.8862, 1.693, 0.888), (4, 0.9213, 2.059, 0.880), (5, 0.9400, 2.326, 0.864),
        (6, 0.9515, 2.534, 0.848), (7, 0.9594, 2.704, 0.833), (8, 0.9650, 2.847, 0.820), (9, 0.9693, 2.970, 0.808),
        (10, 0.9727, 3.078, 0.797), (25, 0.9896, 3.931, 0.708),
    ],
)  # fmt: skip
def test_constants_are_those_of_the_tables(size: int, c: float, d: float, e: float) -> None:
    """ASTM E2587, table of factors; Montgomery, Introduction to Statistical Quality Control, appendix VI."""
    assert (round(c4(size), 4), round(d2(size), 3), round(d3(size), 3)) == (c, d, e)


def test_a_mean_moving_range_is_as_certain_as_published() -> None:
    """Cryer and Ryan 1990: its variance is 0.826 of the square of sigma over the number of values."""
    assert round(1000 * spread_of_moving_range(1000), 3) == 0.826
    assert freedom(0.02) == 25


def test_individuals() -> None:
    """NIST divides by 1.128, d2 to three decimals, so its limits are 0.002 wider."""
    points = of_values(np.array(FLOWRATE), np.zeros(10, np.bool_))
    found = limits(points)
    mean_range = float(np.nanmean(points.spreads))
    assert round(mean_range, 4) == 1.8778
    assert found.sigma == pytest.approx(mean_range / d2(2), rel=1e-12)
    lower, upper = (float(side[0]) for side in found.band(points, 3 * d2(2) / 1.128))
    assert (round(lower, 4), round(upper, 4)) == (45.8159, 55.8041)
    assert float(found.spread_band(points)[2][1]) == pytest.approx(3.267 * 1.8778, abs=2e-3)


def test_ewma() -> None:
    settings = EwmaSettings(0.3, 3.0, settled=True)
    _, averages, bounds = ewma((np.array(EWMA) - 50) / 2.0539, Ewma(), settings)
    np.testing.assert_allclose(50 + 2.0539 * averages, EWMA_PRINTED, atol=0.005)
    # NIST rounds the root of 0.3 / 1.7 to 0.4201
    assert 50 + 2.0539 * bounds[0] == pytest.approx(52.5884, abs=1e-4)
    assert 50 - 2.0539 * bounds[0] == pytest.approx(47.4115, abs=1e-4)
    assert (np.abs(averages) < bounds).all()


def test_cusum() -> None:
    settings = CusumSettings(0.5, 4.1959 / 0.635)
    _, above, below = cusum((np.array(CUSUM) - 325) / 0.635, begin_cusum(settings), settings)
    np.testing.assert_allclose(0.635 * above.sums, CUSUM_ABOVE, atol=0.0051)
    np.testing.assert_allclose(0.635 * below.sums, CUSUM_BELOW, atol=0.0051)
    assert int(np.argmax(above.sums > settings.limit)) + 1 == 14
    assert above.ages[13] == 2, "the rise begins at group 13"


A2, A3 = {2: 1.880, 5: 0.577, 10: 0.308}, {2: 2.659, 5: 1.427, 10: 0.975}
D3, D4 = {2: 0.0, 5: 0.0, 10: 0.223}, {2: 3.267, 5: 2.114, 10: 1.777}
B3, B4 = {2: 0.0, 5: 0.0, 10: 0.284}, {2: 3.267, 5: 2.089, 10: 1.716}


@pytest.mark.parametrize("size", [2, 5, 10])
@pytest.mark.parametrize(("spread", "a", "low", "high"), [(Spread.RANGE, A2, D3, D4), (Spread.DEVIATION, A3, B3, B4)])
def test_means_with_the_factors_of_the_tables(
    size: int, spread: Spread, a: dict[int, float], low: dict[int, float], high: dict[int, float]
) -> None:
    """Factors of ASTM E2587 for limits of means by mean ranges and mean standard deviations."""
    values = np.random.default_rng(1).normal(10, 2, 30 * size)
    groups = values.reshape(30, size)
    mean = float((np.ptp(groups, axis=1) if spread is Spread.RANGE else groups.std(axis=1, ddof=1)).mean())
    points = of_subgroups(values, np.arange(0, len(values), size), spread, np.zeros(30, np.bool_))
    found = limits(points)
    lower, upper = (float(side[0]) for side in found.band(points))
    assert upper - values.mean() == pytest.approx(a[size] * mean, rel=2e-3)
    assert values.mean() - lower == pytest.approx(a[size] * mean, rel=2e-3)
    bottom, middle, top = (float(side[0]) for side in found.spread_band(points))
    assert (bottom, middle, top) == pytest.approx((low[size] * mean, mean, high[size] * mean), rel=3e-3, abs=1e-9)


def test_capability() -> None:
    """6.1.6: specification 8 to 20, mean 16, standard deviation 2; and Kane's and Bissell's intervals by hand."""
    width, nearest = indices(Specification(8, 20), 16 - 6, 16, 16 + 6)
    assert (width, round(nearest, 4)) == (1.0, 0.6667)
    assert indices(Specification(8, None), 10, 16, 22) == (None, pytest.approx(4 / 3))
    # chi-square 0.025 and 0.975 with 49 degrees of freedom: 31.555 and 70.222 (NIST 1.3.6.7.4)
    found = ratio_interval(1.0, 49)
    assert (found.low, found.high) == pytest.approx((math.sqrt(31.555 / 49), math.sqrt(70.222 / 49)), rel=1e-4)
    reach = 1.96 * math.sqrt(1 / (9 * 50) + 1.2**2 / (2 * 49))
    assert asdict(nearest_interval(1.2, 50, 49)) == pytest.approx(
        {"value": 1.2, "low": 1.2 - reach, "high": 1.2 + reach}, rel=1e-4
    )


def test_sums_of_squares_of_a_crossed_study() -> None:
    found = anova(PINS)
    printed = {"part": (0.000303, 4), "operator": (0.00000392, 1), "interaction": (0.00001468, 4)}
    for name, (squares, degrees) in {**printed, "repeatability": (0.000346, 40)}.items():
        source = getattr(found, name)
        assert (float(f"{source.squares:.3g}"), source.degrees) == (float(f"{squares:.3g}"), degrees), name
    total = sum(getattr(found, name).squares for name in (*printed, "repeatability"))
    assert float(f"{total:.3g}") == 0.000668
    assert found.interaction.ratio == pytest.approx(0.42, abs=0.005)


def test_variance_components_of_ten_parts() -> None:
    """AIAG, Measurement Systems Analysis, 4th ed., ANOVA example as tabled in Minitab's help for a crossed study."""
    sources = [Source(88.3619, 9), Source(3.1673, 2), Source(0.3590, 18), Source(2.7589, 60)]
    found = components(table(10, 3, 3, sources), pool=True)
    for name, printed in (
        ("gauge", 0.09143), ("repeatability", 0.03997), ("reproducibility", 0.05146), ("operator", 0.05146),
        ("part", 1.08645), ("total", 1.17788),
    ):  # fmt: skip
        assert getattr(found, name) == pytest.approx(printed, abs=6e-6), name


def test_variance_components_of_five_parts() -> None:
    """SPC for Excel, "ANOVA Gage R&R", parts 1 and 2: the interaction is kept, and its variance is 0."""
    sources = [Source(28.909, 4), Source(1.630, 2), Source(0.065, 8), Source(1.712, 30)]
    tabled = table(5, 3, 3, sources)
    assert (round(tabled.interaction.ratio, 3), round(tabled.interaction.chance, 3)) == (0.142, 0.996)
    found = components(tabled, pool=False)
    for name, printed in (
        ("repeatability", 0.0571), ("operator", 0.0538), ("interaction", 0.0), ("part", 0.8021), ("gauge", 0.1109),
        ("total", 0.9130),
    ):  # fmt: skip
        assert getattr(found, name) == pytest.approx(printed, abs=6e-5), name


def test_the_study_of_measurements_is_that_of_its_table() -> None:
    found = gauge(PINS, tolerance=0.02)
    by_hand = components(anova(PINS), found.pooled)
    assert found.pooled
    assert found.variances["gauge"].value == by_hand.gauge
    assert found.study["gauge"].value == pytest.approx(100 * math.sqrt(by_hand.gauge / by_hand.total))
    assert found.tolerance["gauge"].value == pytest.approx(100 * 6 * math.sqrt(by_hand.gauge) / 0.02)

"""The physics: ceilings by construction, checked against a large sample drawn from the stated distributions."""

import numpy as np
import pytest

from monitor.simulator import line

ROWS = 400_000


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(11)
    shape = rng.standard_normal((ROWS, len(line.SHAPE)))
    process = rng.standard_normal((ROWS, len(line.PROCESS)))
    process[:, line.PROCESS.index("tool_wear")] = line.standardised_wear(rng.uniform(size=ROWS))
    return shape, process, line.resonance(shape, process, rng.standard_normal(ROWS))


def r2(truth, prediction):
    return 1.0 - np.mean((truth - prediction) ** 2) / np.var(truth)


def test_the_ceilings_are_the_ones_the_issue_asks_for():
    assert line.ceilings() == line.Ceilings(shape=0.70, all_steps=0.90)


def test_the_true_conditional_means_reach_the_ceilings_and_no_more(sample):
    shape, process, hertz = sample
    assert r2(hertz, line.expected_from_shape(shape)) == pytest.approx(line.ceilings().shape, abs=0.004)
    assert r2(hertz, line.expected_from_all(shape, process)) == pytest.approx(line.ceilings().all_steps, abs=0.004)


def test_a_healthy_line_stands_on_target_with_its_stated_spread(sample):
    hertz = sample[2]
    assert hertz.mean() == pytest.approx(line.TARGET_HZ, abs=0.1)
    assert hertz.std() == pytest.approx(line.SD_HZ, rel=0.01)
    assert (line.SPEC_UPPER_HZ - line.TARGET_HZ) / line.SD_HZ == 2.5


@pytest.mark.slow
def test_what_the_shape_leaves_open_does_not_depend_on_the_shape(sample):
    shape, _, hertz = sample
    left = hertz - line.expected_from_shape(shape)
    terms = np.hstack([shape, shape**2, shape[:, :1] * shape[:, 1:]])
    correlations = [np.corrcoef(left, term)[0, 1] for term in terms.T]
    assert np.max(np.abs(correlations)) < 5 / np.sqrt(ROWS)


def test_no_linear_function_of_the_shape_reaches_its_ceiling(sample):
    shape, _, hertz = sample
    weights, *_ = np.linalg.lstsq(shape, hertz - hertz.mean(), rcond=None)
    assert 0.5 < r2(hertz, hertz.mean() + shape @ weights) < line.ceilings().shape - 0.05


def test_coat_and_twist_interact():
    shape, process = np.zeros((4, len(line.SHAPE))), np.zeros((4, len(line.PROCESS)))
    shape[[1, 3], line.SHAPE.index("twist")] = 1.0
    process[[2, 3], line.PROCESS.index("coat")] = 1.0
    neither, twist, coat, both = line.expected_from_all(shape, process)
    assert abs(both - twist - coat + neither) > 0.5


def test_the_profile_carries_the_shape_through_misalignment_and_gauge_noise():
    rng = np.random.default_rng(3)
    shape = rng.standard_normal((4000, len(line.SHAPE)))
    profile = line.measure_profile(shape, rng)
    design = np.column_stack([profile, np.ones(4000)])
    weights, *_ = np.linalg.lstsq(design[:2000], shape[:2000], rcond=None)
    found = design[2000:] @ weights
    assert min(r2(shape[2000:, i], found[:, i]) for i in range(shape.shape[1])) > 0.85
    assert profile.min() > 5.0  # millimetres: 0 can only mean that the gauge did not touch


@pytest.mark.parametrize("name", line.GAUGES)
def test_a_gauge_reads_level_and_slope(name):
    gauge, rng = line.GAUGES[name], np.random.default_rng(2)
    low, high = (line.measure(name, np.full(5000, x), rng).mean() for x in (0.0, 1.0))
    assert low == pytest.approx(gauge.level, abs=6 * gauge.noise / np.sqrt(5000))
    assert high - low == pytest.approx(gauge.slope, abs=9 * gauge.noise / np.sqrt(5000))

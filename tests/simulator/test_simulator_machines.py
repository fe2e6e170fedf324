"""The sensors: a healthy machine in run stays within its limits, and looks like a machine."""

import numpy as np
import pytest

from monitor.simulator.machines import (
    CHANNELS,
    MACHINE_CODES,
    MACHINE_STEP,
    MACHINES,
    SENSORS,
    read_sensors,
    sensor_noise,
)


@pytest.fixture(scope="module")
def noise():
    return sensor_noise(20_000, np.random.default_rng(8))


def test_every_machine_has_a_code_a_step_and_eight_sensors():
    assert len(MACHINES) == len(MACHINE_CODES) == len(MACHINE_STEP) == len(CHANNELS) == 6
    assert {len(channels) for channels in CHANNELS} == {len(SENSORS)} == {8}


@pytest.mark.parametrize("machine", range(6), ids=MACHINES)
@pytest.mark.parametrize("wear", [0.0, 1.0], ids=["new tool", "worn tool"])
@pytest.mark.parametrize("recipe", [0, 1], ids=["recipe A", "recipe B"])
@pytest.mark.slow
def test_a_healthy_run_stays_within_its_limits(noise, machine, recipe, wear):
    rows = noise.shape[0]
    at = 30_000 * np.arange(rows)
    values = read_sensors(
        machine, at, np.ones(rows, bool), np.full(rows, recipe), np.full(rows, wear), noise[:, machine]
    )
    low, high = ([getattr(channel, side) for channel in CHANNELS[machine]] for side in ("low", "high"))
    assert (values > low).all()
    assert (values < high).all()


def test_a_machine_at_rest_reads_something_else():
    still = np.zeros((1, 8))
    rest, run = (
        read_sensors(2, np.array([0]), np.array([running]), np.array([0]), np.array([0.0]), still)
        for running in (False, True)
    )
    assert (rest < 0.7 * run).all()


def test_noise_has_unit_variance_a_memory_and_a_common_part(noise):
    assert noise.std() == pytest.approx(1.0, abs=0.05)
    one, next_one = noise[:-1, 0, 0], noise[1:, 0, 0]
    assert 0.5 < np.corrcoef(one, next_one)[0, 1] < 0.9
    assert 0.2 < np.corrcoef(noise[:, 0, 0], noise[:, 0, 1])[0, 1] < 0.5
    assert abs(np.corrcoef(noise[:, 0, 0], noise[:, 1, 0])[0, 1]) < 0.1

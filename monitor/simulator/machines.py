"""The six machines: codes, eight sensors each with operating limits, and sensor readings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats, MachineState
from monitor.simulator.shifts import Ints

STEPS = ("forging", "machining", "coating", "testing")
STEP_CODES = {"forging": "FORG", "machining": "MACH", "coating": "COAT", "testing": "TEST"}
INSPECTION, INSPECTION_CODE = "inspection", "INSP"
"""The station between coating and testing, without a machine of its own."""
MACHINES = ("forge-1", "forge-2", "mill-1", "mill-2", "coat-1", "rig-1")
MACHINE_STEP = ("forging", "forging", "machining", "machining", "coating", "testing")
MACHINE_CODES = ("FP-01", "FP-02", "MC-01", "MC-02", "CT-01", "TR-01")
STATES = (MachineState.RUN, MachineState.IDLE, MachineState.SETUP, MachineState.DOWN)
STATE_CODES = ("PR", "ID", "SU", "DN")
RECIPES = ("BLADE-A", "BLADE-B")
SENSORS = ("force", "temperature", "vibration_x", "vibration_y", "current", "pressure", "speed", "coolant_flow")
SAMPLE_MS = 30_000

_NOISE_BOUND, _LIMIT_SDS = 4.5, 6.0
"""Noise is clipped at the first, limits are at the second (both in standard deviations), so a healthy run stays inside;
the difference leaves room for the hall's daily temperature swing of one standard deviation."""
_COMMON, _OWN, _WHITE = 0.60, 0.60, np.sqrt(1.0 - 0.72)
_COMMON_MEMORY, _OWN_MEMORY = 0.97, 0.90
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Channel:
    """A sensor of a machine: level in run and at rest, noise, and the effects of recipe B and full wear."""

    run: float
    rest: float
    sd: float
    recipe: float
    wear: float

    @property
    def low(self) -> float:
        """Lower operating limit, to four digits."""
        return _four_digits(self.run + min(0.0, self.recipe) + min(0.0, self.wear) - _LIMIT_SDS * self.sd)

    @property
    def high(self) -> float:
        """Upper operating limit, to four digits."""
        return _four_digits(self.run + max(0.0, self.recipe) + max(0.0, self.wear) + _LIMIT_SDS * self.sd)


def _four_digits(value: float) -> float:
    return float(f"{value:.4g}")


def _channels(scale: float, *rows: tuple[float, float, float, float, float]) -> tuple[Channel, ...]:
    return tuple(Channel(*(scale * number for number in row)) for row in rows)


# fmt: off
_FORGE = (  # run, rest, sd, recipe B adds, full wear adds, in the units of the plant file
    (2400.0, 4.0, 30.0, 120.0, 60.0), (420.0, 180.0, 4.0, 6.0, 3.0), (3.2, 0.20, 0.15, 0.10, 0.30),
    (2.8, 0.20, 0.14, 0.10, 0.25), (310.0, 12.0, 5.0, 8.0, 4.0), (180.0, 25.0, 2.0, 5.0, -2.0),
    (12.0, 0.02, 0.12, -0.30, 0.0), (40.0, 6.0, 0.8, 0.0, -1.0),
)
_MILL = (
    (850.0, 2.0, 18.0, 40.0, 45.0), (58.0, 27.0, 1.2, 1.5, 2.5), (1.8, 0.08, 0.10, 0.08, 0.25),
    (1.6, 0.08, 0.09, 0.06, 0.20), (42.0, 3.0, 1.0, 1.6, 2.0), (62.0, 15.0, 1.0, 0.8, 0.0),
    (8200.0, 1.0, 45.0, -240.0, 0.0), (26.0, 0.4, 0.5, 0.6, -0.6),
)
_COATER = (
    (14.0, 0.5, 0.3, 0.4, 0.2), (182.0, 95.0, 0.9, 1.2, 0.6), (0.70, 0.05, 0.04, 0.02, 0.06),
    (0.65, 0.05, 0.04, 0.02, 0.05), (88.0, 9.0, 1.2, 2.0, 1.0), (4.2, 1.0, 0.05, 0.06, -0.05),
    (240.0, 0.3, 2.5, -6.0, 0.0), (18.0, 3.0, 0.3, 0.2, -0.3),
)
_RIG = (
    (120.0, 0.3, 1.5, 2.0, 0.8), (24.0, 21.0, 0.3, 0.0, 0.2), (5.5, 0.04, 0.20, 0.15, 0.15),
    (5.1, 0.04, 0.20, 0.15, 0.15), (16.0, 1.5, 0.3, 0.4, 0.2), (6.0, 5.8, 0.05, 0.0, -0.03),
    (1500.0, 0.2, 6.0, 20.0, 0.0), (9.0, 8.5, 0.15, 0.0, -0.1),
)
# fmt: on
CHANNELS = (
    _channels(1.0, *_FORGE),
    _channels(1.04, *_FORGE),
    _channels(1.0, *_MILL),
    _channels(0.97, *_MILL),
    _channels(1.0, *_COATER),
    _channels(1.0, *_RIG),
)  # fmt: skip


def _autoregressive(white: Floats, memory: float) -> Floats:
    """A first-order autoregressive process along axis 0, of variance 1."""
    out, gain = np.empty_like(white), np.sqrt(1.0 - memory * memory)
    out[0] = white[0]
    for i in range(1, white.shape[0]):
        out[i] = memory * out[i - 1] + gain * white[i]
    return out


def sensor_noise(rows: int, rng: np.random.Generator) -> Floats:
    """Noise (rows, machines, sensors) of variance 1: the machine's load, the sensor's own drift, and white noise."""
    machines, sensors = len(MACHINES), len(SENSORS)
    common = _autoregressive(rng.standard_normal((rows, machines, 1)), _COMMON_MEMORY)
    own = _autoregressive(rng.standard_normal((rows, machines, sensors)), _OWN_MEMORY)
    noise = _COMMON * common + _OWN * own + _WHITE * rng.standard_normal(own.shape)
    bounded: Floats = np.clip(noise, -_NOISE_BOUND, _NOISE_BOUND)
    return bounded


def read_sensors(
    machine: int, at: Ints, running: NDArray[np.bool_], recipe: Ints, wear: Floats, noise: Floats
) -> Floats:
    """The sensor values of a healthy machine (rows, 8); `wear` is in 0..1, `recipe` indexes RECIPES."""
    table = CHANNELS[machine]
    run, rest, sd, by_recipe, by_wear = (
        np.array([getattr(channel, name) for channel in table]) for name in ("run", "rest", "sd", "recipe", "wear")
    )
    swing = np.zeros(noise.shape)
    swing[:, SENSORS.index("temperature")] = np.sin(2.0 * np.pi * (at % _DAY_MS) / _DAY_MS)
    working = run + by_recipe * (recipe == 1)[:, None] + by_wear * wear[:, None] + sd * (noise + swing)
    resting = rest * (1.0 + 0.02 * noise)
    values: Floats = np.where(running[:, None], working, resting)
    return values

"""The physics of the blade line: latent quantities of a part, gauges, and the resonance at the final test.

Every latent quantity has mean 0 and variance 1 on a healthy line. The resonance is a sum of orthonormal terms (first
and second Hermite polynomials and products of independent quantities), so the variances of the terms add up, and the
shares of shape, process and noise, which limit the R² of any model, hold by construction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.model import Floats

TARGET_HZ = 1250.0
SD_HZ = 10.0
"""Standard deviation of a healthy line; the limits 1225 and 1275 Hz are 2.5 of them from the target."""
SPEC_LOWER_HZ, SPEC_UPPER_HZ, REWORK_ABOVE_HZ = 1225.0, 1275.0, 30.0

SHAPE = ("mode_1", "mode_2", "mode_3", "mode_4", "twist", "thickness")
PROCESS = ("hardness", "stock", "tool_wear", "roughness", "coat", "cure", "porosity")
POINTS = 30

_SHAPE_SHARE, _PROCESS_SHARE, _NOISE_SHARE = 0.70, 0.20, 0.10
_SHAPE_LINEAR = np.array([0.35, -0.28, 0.20, 0.15, 0.45, 0.62])
_SHAPE_CURVED = np.array([-0.26, 0.26, 0.16])
_PROCESS_LINEAR = np.array([0.50, -0.50, -0.30, -0.25, 0.40, 0.25, -0.20])
_INTERACTION = 0.30

# Gauge layout: points 1..15 at the root section, 16..30 at the tip, sides alternating. Shape deviations and the
# misalignment of the fixture (shift, rotation) are then nearly orthogonal, so that the two can be separated.
_CHORD = np.tile(np.linspace(-1.0, 1.0, POINTS // 2), 2)
_SIDE = np.where(np.arange(POINTS) % 2 == 0, 1.0, -1.0)
_SECTION = np.repeat([-1.0, 1.0], POINTS // 2)
_NOMINAL_MM = 12.0 + 3.0 * (1.0 - _CHORD**2) + 1.5 * _SIDE + 0.8 * _SECTION
_BASIS_MM = np.stack(
    [
        0.060 * (1.5 * _CHORD**2 - 0.5),
        0.060 * _SIDE * _CHORD,
        0.060 * _SECTION * (1.5 * _CHORD**2 - 0.5),
        0.050 * (2.5 * _CHORD**3 - 1.5 * _CHORD),
        0.080 * _SECTION * _CHORD,
        0.070 * _SIDE,
    ]
)
_GAUGE_MM, _SHIFT_MM, _ROTATION_MM = 0.02, 0.05, 0.04


@dataclass(frozen=True, slots=True)
class Ceilings:
    """The best R² any model can reach on a healthy line: from the true shape alone, and from all steps."""

    shape: float
    all_steps: float


@dataclass(frozen=True, slots=True)
class Gauge:
    """How a latent quantity is measured: level + slope x quantity + gauge noise, in `unit`."""

    level: float
    slope: float
    noise: float
    unit: str


GAUGES = {
    "hardness": Gauge(36.0, 0.8, 0.1, "HRC"),
    "stock_removed": Gauge(0.50, 0.02, 0.003, "mm"),
    "tool_wear": Gauge(75.0, 43.3, 3.0, "um"),
    "roughness": Gauge(0.80, 0.08, 0.01, "um"),
    "coat_thickness": Gauge(25.0, 1.2, 0.15, "um"),
    "cure_temperature": Gauge(180.0, 2.0, 0.3, "degC"),
}


def _hermite2(x: Floats) -> Floats:
    """The second Hermite polynomial, of mean 0 and variance 1 under the standard normal."""
    polynomial: Floats = (x * x - 1.0) / np.sqrt(2.0)
    return polynomial


def shape_effect(shape: Floats) -> Floats:
    """The nonlinear effect of the shape (rows, 6), of variance 1 on a healthy line."""
    mode_1, mode_2, mode_3, _, twist, _ = shape.T
    curved = np.stack([_hermite2(twist), mode_1 * mode_2, _hermite2(mode_3)], axis=1)
    norm = np.sqrt(np.sum(_SHAPE_LINEAR**2) + np.sum(_SHAPE_CURVED**2))
    effect: Floats = (shape @ _SHAPE_LINEAR + curved @ _SHAPE_CURVED) / norm
    return effect


def process_effect(shape: Floats, process: Floats) -> Floats:
    """The effect of material, machining and coating (rows, 7), with coat x twist; mean 0 and variance 1."""
    twist, coat = shape[:, SHAPE.index("twist")], process[:, PROCESS.index("coat")]
    norm = np.sqrt(np.sum(_PROCESS_LINEAR**2) + _INTERACTION**2)
    effect: Floats = (process @ _PROCESS_LINEAR + _INTERACTION * coat * twist) / norm
    return effect


def expected_from_shape(shape: Floats) -> Floats:
    """The mean resonance in Hz of blades of this shape, averaged over the later steps."""
    expected: Floats = TARGET_HZ + SD_HZ * np.sqrt(_SHAPE_SHARE) * shape_effect(shape)
    return expected


def expected_from_all(shape: Floats, process: Floats) -> Floats:
    """The mean resonance in Hz given all steps, averaged over the noise."""
    expected: Floats = expected_from_shape(shape) + SD_HZ * np.sqrt(_PROCESS_SHARE) * process_effect(shape, process)
    return expected


def resonance(shape: Floats, process: Floats, noise: Floats) -> Floats:
    """The resonance in Hz; `noise` is standard normal, one number per row."""
    hertz: Floats = expected_from_all(shape, process) + SD_HZ * np.sqrt(_NOISE_SHARE) * noise
    return hertz


def ceilings() -> Ceilings:
    """The ceilings of R², from the shares of variance."""
    total = _SHAPE_SHARE + _PROCESS_SHARE + _NOISE_SHARE
    return Ceilings(round(_SHAPE_SHARE / total, 6), round((_SHAPE_SHARE + _PROCESS_SHARE) / total, 6))


def standardised_wear(wear: Floats) -> Floats:
    """Wear, uniform on 0..1 over a tool's life, standardised to mean 0 and variance 1."""
    standard: Floats = (wear - 0.5) * np.sqrt(12.0)
    return standard


def measure_profile(shape: Floats, rng: np.random.Generator) -> Floats:
    """The profile (rows, 30) in mm as the gauge reports it: fixture shift and rotation, then noise on each point."""
    rows = shape.shape[0]
    shift = _SHIFT_MM * rng.standard_normal((rows, 1))
    rotation = _ROTATION_MM * rng.standard_normal((rows, 1)) * _CHORD
    noise = _GAUGE_MM * rng.standard_normal((rows, POINTS))
    profile: Floats = _NOMINAL_MM + shape @ _BASIS_MM + shift + rotation + noise
    return profile


def measure(name: str, quantity: Floats, rng: np.random.Generator) -> Floats:
    """The gauge reading of a latent quantity, in the gauge's unit."""
    gauge = GAUGES[name]
    return gauge.level + gauge.slope * quantity + gauge.noise * rng.standard_normal(quantity.shape)


def visible_roughness(roughness: Floats, wear: Floats) -> Floats:
    """The roughness at the gauge: mostly of the cut itself, partly from tool wear; variance 1."""
    return 0.8 * roughness + 0.6 * wear


_STEP_OF = {
    "hardness": "forging", "stock": "machining", "tool_wear": "machining", "roughness": "machining",
    "coat": "coating", "cure": "coating", "porosity": "coating",
}  # fmt: skip


def shares_by_step() -> dict[str, float]:
    """The share of the variance of a healthy line that each step is the first to fix; the rest, 0.1, is noise.

    The shape and the hardness are those of the forged part. What coat and twist do together is known after coating.
    """
    squares = _PROCESS_LINEAR**2
    norm = np.sum(squares) + _INTERACTION**2
    shares = {"forging": _SHAPE_SHARE, "machining": 0.0, "coating": _PROCESS_SHARE * _INTERACTION**2 / norm}
    for name, square in zip(PROCESS, squares, strict=True):
        shares[_STEP_OF[name]] += _PROCESS_SHARE * square / norm
    return {step: round(float(share), 4) for step, share in shares.items()}

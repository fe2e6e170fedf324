"""Thirty scripted series around limit and clear level: flapping, gaps, absence, ramps, steps and restarts."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from promtool_kit import Series, Values, limits_of, series_of

from alerting.alerts.in_force import alerts_in_force
from alerting.specs.spec import AlertSpec

STEPS = 90
LIMIT, CLEAR = 10.0, 6.0
_M = timedelta(minutes=1)
WAITS = {
    "DataDrift": (0, 0, None), "ImageDrift": (3, 0, None), "ScrapSurge": (0, 4, None), "HoldRateHigh": (3, 5, None),
    "ModelDegraded": (2, 3, 4),
}  # fmt: skip
"""Steps of pending, keep-firing and absence of each alert that is scripted."""


def specs(plant: object, ties: bool = True) -> tuple[AlertSpec, ...]:
    """The scripted alerts. Without `ties` every duration lies between two steps, so that no jitter decides."""
    off = timedelta(0) if ties else _M / 2

    def lasting(steps: int | None) -> timedelta | None:
        return None if steps is None else max(steps * _M - off, timedelta(0))

    return tuple(
        replace(
            spec, limit=LIMIT, clear=CLEAR, pending_for=lasting(waits[0]), keep_firing=lasting(waits[1]),
            absent_after=lasting(waits[2]),
        )
        for spec in alerts_in_force(plant)  # type: ignore[arg-type]
        if (waits := WAITS.get(spec.name))
    )  # fmt: skip


def _walk(rng: random.Random) -> Values:
    value, found = 8.0, []
    for _ in range(STEPS):
        value = min(15.0, max(2.0, value + rng.gauss(0, 1.5)))
        found.append(round(value, 3))
    return found


def _flapping(rng: random.Random) -> Values:
    """Jumps among: clear, at the clear level, between, at the limit, above."""
    found: list[float] = []
    while len(found) < STEPS:
        found += [rng.choice((5.0, CLEAR, 8.0, LIMIT, 12.0))] * rng.randint(1, 6)
    return found[:STEPS]


def _ramps(rng: random.Random) -> Values:
    period = rng.randint(15, 40)
    return [round(2.0 + 12.0 * abs((n % period) / period * 2 - 1), 3) for n in range(STEPS)]


def _gaps(rng: random.Random) -> Values:
    """There and not there, for spells that may be longer than any waiting."""
    found: list[float | None] = []
    while len(found) < STEPS:
        found += [rng.choice((5.0, 8.0, 12.0, 12.0))] * rng.randint(2, 9) + [None] * rng.randint(1, 9)
    return found[:STEPS]


def _steps(rng: random.Random) -> Values:
    first, second = sorted(rng.sample(range(5, STEPS - 5), 2))
    return [5.0] * first + [12.0] * (second - first) + [8.0] * (STEPS - second)


def _restarts(rng: random.Random) -> Values:
    """A flapping series that ends, with all of its process, for some steps; see `blackouts`."""
    return _flapping(rng)


SHAPES: tuple[Callable[[random.Random], Values], ...] = (_walk, _flapping, _ramps, _gaps, _steps, _restarts)


def scripted(made: Sequence[AlertSpec], seed: int) -> Series:
    """Each alert with a subject of each shape, and what Gatewatch tells of its alerts; all are gone in a blackout."""
    series: Series = {}
    for spec in made:
        for shape in SHAPES:
            rng = random.Random(f"{seed} {spec.name} {shape.__name__}")
            series |= series_of(spec, shape.__name__.strip("_"), shape(rng))
    expected = [shape.__name__.strip("_") for shape in SHAPES]
    series |= limits_of(made, STEPS, {spec.name: expected for spec in made if spec.absent_after is not None})
    return series


def with_blackouts(series: Series, seed: int) -> Series:
    """The same where, two or three times, nothing could be scraped for some steps: the process was restarted."""
    rng = random.Random(f"{seed} blackouts")
    dark = {at + n for at in rng.sample(range(10, STEPS - 10), rng.randint(2, 3)) for n in range(rng.randint(1, 4))}
    return {key: [None if n in dark else value for n, value in enumerate(values)] for key, values in series.items()}


def held_twice(series: Series) -> Series:
    """Every value for two steps, so that no scrape that comes a little late misses one."""
    return {key: [values[n - n % 2] for n in range(len(values))] for key, values in series.items()}


def shortened(made: Sequence[AlertSpec], scale: float) -> tuple[AlertSpec, ...]:
    """The same with every duration multiplied."""
    return tuple(
        replace(
            spec, pending_for=spec.pending_for * scale, keep_firing=spec.keep_firing * scale,
            absent_after=None if spec.absent_after is None else spec.absent_after * scale,
        )
        for spec in made
    )  # fmt: skip

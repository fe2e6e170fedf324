"""What the MES writes down of a campaign: part steps, final tests and dispositions, with the dirt of a real MES."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats
from monitor.simulator import line
from monitor.simulator.flow import Passes
from monitor.simulator.machines import MACHINE_CODES, RECIPES, STEP_CODES, STEPS
from monitor.simulator.parts import COATING, FORGING, MACHINING, TESTING, Damage, Orders, drawn_at
from monitor.simulator.shifts import ZONE, Ints, to_datetime
from monitor.simulator.surface import photograph
from monitor.simulator.tables import PROFILE_COLUMNS, Rows, final_test, in_posted_order, qc_disposition, wip_history

UNKNOWN_MACHINE = "MC-99"
"""A code that stands in no list of machines."""
USED, REWORKED, SCRAPPED = "UAI", "RWK", "SCR"

_LATE_SHARE, _LATE_S, _DUPLICATE_SHARE, _DUPLICATE_S = 0.02, (180, 720), 0.01, (60, 600)
_GAUGE_ZEROS, _WORDS, _UNKNOWN = 6, ("n/a", "ERR 12", "> 2.5", "--"), 3
_MS = 1000


@dataclass(frozen=True, slots=True)
class Names:
    """How the plant calls the parts and lots of a campaign; '' for a part it keeps no record of."""

    serials: Sequence[str]
    lots: Sequence[str]


@dataclass(frozen=True, slots=True)
class Recorded:
    """Rows of the MES and how much dirt stands in them, by kind."""

    rows: tuple[Rows, ...]
    dirt: Mapping[str, int]


def local(ms: int) -> datetime:
    """A naive time on the plant's wall clock."""
    return to_datetime(ms).astimezone(ZONE).replace(tzinfo=None)


def _utc(ms: int) -> datetime:
    return to_datetime(ms).replace(tzinfo=None)


def _numbers(values: Floats, digits: int) -> list[float | None]:
    """Rounded as the MES stores them; None where there is none."""
    return [None if value != value else value for value in np.round(values, digits).tolist()]


def _only(rows: NDArray[np.bool_], values: Floats) -> Floats:
    return np.where(rows, values, np.nan)


def _measurements(damage: Damage, orders: Orders, passes: Passes, rng: np.random.Generator) -> dict[str, list[Any]]:
    """The value columns of WIP_HISTORY, a list each, None where the step measures no such thing."""
    blades, step = damage.blades, passes.step
    profile = line.measure_profile(blades.shape[passes.part], rng)
    wear = line.standard_wear(passes.wear)
    rough = line.visible_roughness(drawn_at(blades, "roughness", passes), wear)
    columns: dict[str, list[Any]] = {
        name: _numbers(_only(step == FORGING, profile[:, i]), 4) for i, name in enumerate(PROFILE_COLUMNS)
    }
    for column, at, gauge, quantity, scale, offset in (
        ("HARDNESS_HRC", FORGING, "hardness", blades.lot_hardness[orders.lot[passes.part]], 1.0, 0.0),
        ("STOCK_UM", MACHINING, "stock_removed", drawn_at(blades, "stock", passes), 1000.0, 0.0),
        ("RA_TXT", MACHINING, "roughness", rough, 1.0, 0.0),
        ("WEAR_UM", MACHINING, "tool_wear", wear, 1.0, 0.0),
        ("COAT_UM", COATING, "coat_thickness", drawn_at(blades, "coat", passes), 1.0, 0.0),
        ("CURE_F", COATING, "cure_temperature", drawn_at(blades, "cure", passes), 1.8, 32.0),
    ):
        columns[column] = _numbers(_only(step == at, scale * line.measure(gauge, quantity, rng) + offset), 3)
    columns["RA_TXT"] = [None if value is None else f"{value:.3f}" for value in columns["RA_TXT"]]
    coated = np.flatnonzero(step == COATING)
    columns["IMG"] = [None] * step.shape[0]
    for row, picture in zip(
        coated, photograph(drawn_at(blades, "porosity", passes)[coated], damage.light[coated], rng), strict=True
    ):
        columns["IMG"][row] = picture
    return columns


def record_steps(
    damage: Damage, orders: Orders, passes: Passes, names: Names, rng: np.random.Generator, dirty: bool
) -> Recorded:
    """WIP_HISTORY: a row for each passage through forging, machining and coating of a part that has a serial."""
    kept = np.array([bool(names.serials[part]) for part in passes.part]) & (passes.step != TESTING)
    chosen = Damage(damage.blades, damage.recipe[kept], damage.light[kept], damage.bias, damage.touched)
    passes = passes.where(kept)
    count = passes.part.shape
    columns = _measurements(chosen, orders, passes, rng)
    lag = rng.integers(20, 90, count) * _MS
    late = rng.random(count) < _LATE_SHARE
    lag[late] += rng.integers(*_LATE_S, count)[late] * _MS
    twice, again = rng.random(count) < _DUPLICATE_SHARE, rng.integers(*_DUPLICATE_S, count) * _MS
    machines = [MACHINE_CODES[machine] for machine in passes.machine]
    dirt = {"late": int(late.sum()), "duplicates": int(twice.sum())}
    if dirty:
        twice, soiled = _soil(columns, machines, passes, twice, rng)
        dirt |= soiled | {"duplicates": int(twice.sum())}
    posted = passes.end + lag
    head: list[list[Any]] = [
        [names.serials[part] for part in passes.part], [STEP_CODES[STEPS[step]] for step in passes.step],
        passes.visit.tolist(), machines, [RECIPES[recipe] for recipe in orders.recipe[passes.part]],
        [names.lots[lot] for lot in orders.lot[passes.part]], [local(end) for end in passes.end],
    ]  # fmt: skip
    values = list(zip(*columns.values(), strict=True))
    heads = list(zip(*head, strict=True))
    rows = [(*heads[i], _utc(posted[i]), *values[i]) for i in range(len(heads))]
    rows += [(*heads[i], _utc(posted[i] + again[i]), *values[i]) for i in np.flatnonzero(twice)]
    every = np.concatenate([posted, (posted + again)[twice]])
    return Recorded((in_posted_order(wip_history, every, rows),), dirt | {"ambiguous_times": _ambiguous(passes.end)})


def _soil(
    columns: dict[str, list[Any]], machines: list[str], passes: Passes, twice: NDArray[np.bool_],
    rng: np.random.Generator,
) -> tuple[NDArray[np.bool_], dict[str, int]]:  # fmt: skip
    """Put dirt into a few first visits, in place; soiled rows are posted once, so each is one row of quarantine."""
    first = passes.visit == 1
    forged = rng.permutation(np.flatnonzero((passes.step == FORGING) & first))[:_GAUGE_ZEROS]
    milled = rng.permutation(np.flatnonzero((passes.step == MACHINING) & first))
    worded, unknown = milled[: len(_WORDS)], milled[len(_WORDS) : len(_WORDS) + _UNKNOWN]
    for row in forged:
        columns[PROFILE_COLUMNS[int(rng.integers(len(PROFILE_COLUMNS)))]][row] = 0.0
    for row, word in zip(worded, _WORDS, strict=False):
        columns["RA_TXT"][row] = word
    for row in unknown:
        machines[row] = UNKNOWN_MACHINE
    twice = twice.copy()
    twice[np.concatenate([forged, worded, unknown])] = False
    return twice, {"gauge_zeros": len(forged), "text_in_number": len(worded), "unknown_machine_parts": len(unknown)}


def _ambiguous(times: Ints) -> int:
    """How many local times stand for two instants, in the hour that the end of summer time repeats."""
    walls = [local(ms).replace(tzinfo=ZONE) for ms in times]
    return sum(wall.utcoffset() > wall.replace(fold=1).utcoffset() for wall in walls)  # type: ignore[operator]


def record_tests(
    resonance: Floats, passes: Passes, names: Names, rng: np.random.Generator
) -> tuple[Recorded, dict[str, float]]:
    """FINAL_TEST and QC_DISPOSITION of every part that has a serial, and the resonance by serial."""
    tests = passes.where((passes.step == TESTING) & np.array([bool(names.serials[part]) for part in passes.part]))
    count = tests.part.shape
    serials, hertz = [names.serials[part] for part in tests.part], np.round(resonance[tests.part], 2).tolist()
    posted = tests.end + rng.integers(30, 120, count) * _MS
    decided = posted + rng.integers(3600, 6 * 3600, count) * _MS
    noted = decided + rng.integers(10, 300, count) * _MS
    tested = [to_datetime(end).astimezone(ZONE).isoformat() for end in tests.end]
    finals = list(zip(serials, hertz, tested, map(_utc, posted), strict=True))
    whats = [disposition(value) for value in hertz]
    dispositions = [
        (serial, STEP_CODES["testing"], what, local(when), _utc(post))
        for serial, what, when, post in zip(serials, whats, decided, noted, strict=True)
    ]
    rows = in_posted_order(final_test, posted, finals), in_posted_order(qc_disposition, noted, dispositions)
    return Recorded(rows, {"ambiguous_times": _ambiguous(decided)}), dict(zip(serials, hertz, strict=True))


def disposition(hertz: float) -> str:
    """What people do with a part once they know its resonance."""
    if line.SPEC_LOWER_HZ <= hertz <= line.SPEC_UPPER_HZ:
        return USED
    return REWORKED if line.SPEC_UPPER_HZ < hertz <= line.SPEC_UPPER_HZ + line.REWORK_ABOVE_HZ else SCRAPPED

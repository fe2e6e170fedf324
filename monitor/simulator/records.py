"""The MES rows of a campaign: part steps, final tests and dispositions, with the dirty data of a real MES."""

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
from monitor.simulator.parts import COATING, FORGING, MACHINING, TESTING, FaultEffects, Orders, drawn_at
from monitor.simulator.shifts import ZONE, Ints, to_datetime
from monitor.simulator.surface import render_images
from monitor.simulator.tables import PROFILE_COLUMNS, Rows, final_test, qc_disposition, sort_by_posting, wip_history

UNKNOWN_MACHINE = "MC-99"
"""A code that no list of machines contains."""
USED, REWORKED, SCRAPPED = "UAI", "RWK", "SCR"

_LATE_SHARE, _LATE_S, _DUPLICATE_SHARE, _DUPLICATE_S = 0.02, (180, 720), 0.01, (60, 600)
_GAUGE_ZEROS, _TEXTS, _UNKNOWN = 6, ("n/a", "ERR 12", "> 2.5", "--"), 3
_MS = 1000


@dataclass(frozen=True, slots=True)
class Names:
    """The serials and lot names of a campaign; '' for an unrecorded part."""

    serials: Sequence[str]
    lots: Sequence[str]


@dataclass(frozen=True, slots=True)
class RecordedRows:
    """Rows of the MES, and counts of dirty data by kind."""

    rows: tuple[Rows, ...]
    dirt: Mapping[str, int]


def local_time(ms: int) -> datetime:
    """A naive time on the plant's wall clock."""
    return to_datetime(ms).astimezone(ZONE).replace(tzinfo=None)


def utc_time(ms: int) -> datetime:
    """A naive time in UTC."""
    return to_datetime(ms).replace(tzinfo=None)


def _numbers(values: Floats, digits: int) -> list[float | None]:
    """Rounded as in the MES; None for NaN."""
    return [None if value != value else value for value in np.round(values, digits).tolist()]


def _where(rows: NDArray[np.bool_], values: Floats) -> Floats:
    return np.where(rows, values, np.nan)


def _measurements(
    effects: FaultEffects, orders: Orders, passes: Passes, rng: np.random.Generator
) -> dict[str, list[Any]]:
    """The value columns of WIP_HISTORY; None where the step does not measure the value."""
    blades, step = effects.blades, passes.step
    profile = line.measure_profile(blades.shape[passes.part], rng)
    wear = line.standardised_wear(passes.wear)
    rough = line.visible_roughness(drawn_at(blades, "roughness", passes), wear)
    columns: dict[str, list[Any]] = {
        name: _numbers(_where(step == FORGING, profile[:, i]), 4) for i, name in enumerate(PROFILE_COLUMNS)
    }
    for column, at, gauge, quantity, scale, offset in (
        ("HARDNESS_HRC", FORGING, "hardness", blades.lot_hardness[orders.lot[passes.part]], 1.0, 0.0),
        ("STOCK_UM", MACHINING, "stock_removed", drawn_at(blades, "stock", passes), 1000.0, 0.0),
        ("RA_TXT", MACHINING, "roughness", rough, 1.0, 0.0),
        ("WEAR_UM", MACHINING, "tool_wear", wear, 1.0, 0.0),
        ("COAT_UM", COATING, "coat_thickness", drawn_at(blades, "coat", passes), 1.0, 0.0),
        ("CURE_F", COATING, "cure_temperature", drawn_at(blades, "cure", passes), 1.8, 32.0),
    ):
        columns[column] = _numbers(_where(step == at, scale * line.measure(gauge, quantity, rng) + offset), 3)
    columns["RA_TXT"] = [None if value is None else f"{value:.3f}" for value in columns["RA_TXT"]]
    coated = np.flatnonzero(step == COATING)
    columns["IMG"] = [None] * step.shape[0]
    for row, picture in zip(
        coated, render_images(drawn_at(blades, "porosity", passes)[coated], effects.light[coated], rng), strict=True
    ):
        columns["IMG"][row] = picture
    return columns


def record_steps(
    effects: FaultEffects, orders: Orders, passes: Passes, names: Names, rng: np.random.Generator, dirty: bool
) -> RecordedRows:
    """WIP_HISTORY: a row for each passage through forging, machining and coating of a part that has a serial."""
    recorded = np.array([bool(names.serials[part]) for part in passes.part]) & (passes.step != TESTING)
    chosen = FaultEffects(
        effects.blades, effects.recipe[recorded], effects.light[recorded], effects.bias, effects.affected
    )
    passes = passes.where(recorded)
    count = passes.part.shape
    columns = _measurements(chosen, orders, passes, rng)
    lag = rng.integers(20, 90, count) * _MS
    late = rng.random(count) < _LATE_SHARE
    lag[late] += rng.integers(*_LATE_S, count)[late] * _MS
    duplicated, repost_lag = rng.random(count) < _DUPLICATE_SHARE, rng.integers(*_DUPLICATE_S, count) * _MS
    machines = [MACHINE_CODES[machine] for machine in passes.machine]
    dirt = {"late": int(late.sum()), "duplicates": int(duplicated.sum())}
    if dirty:
        duplicated, added = _add_dirt(columns, machines, passes, duplicated, rng)
        dirt |= added | {"duplicates": int(duplicated.sum())}
    posted = passes.end + lag
    head: list[list[Any]] = [
        [names.serials[part] for part in passes.part], [STEP_CODES[STEPS[step]] for step in passes.step],
        passes.visit.tolist(), machines, [RECIPES[recipe] for recipe in orders.recipe[passes.part]],
        [names.lots[lot] for lot in orders.lot[passes.part]], [local_time(end) for end in passes.end],
    ]  # fmt: skip
    values = list(zip(*columns.values(), strict=True))
    heads = list(zip(*head, strict=True))
    rows = [(*heads[i], utc_time(posted[i]), *values[i]) for i in range(len(heads))]
    rows += [(*heads[i], utc_time(posted[i] + repost_lag[i]), *values[i]) for i in np.flatnonzero(duplicated)]
    all_posted = np.concatenate([posted, (posted + repost_lag)[duplicated]])
    return RecordedRows(
        (sort_by_posting(wip_history, all_posted, rows),), dirt | {"ambiguous_times": _ambiguous(passes.end)}
    )


def _add_dirt(
    columns: dict[str, list[Any]], machines: list[str], passes: Passes, duplicated: NDArray[np.bool_],
    rng: np.random.Generator,
) -> tuple[NDArray[np.bool_], dict[str, int]]:  # fmt: skip
    """Make a few first visits dirty, in place; these rows are posted once, so each is one row of quarantine."""
    first = passes.visit == 1
    forged = rng.permutation(np.flatnonzero((passes.step == FORGING) & first))[:_GAUGE_ZEROS]
    milled = rng.permutation(np.flatnonzero((passes.step == MACHINING) & first))
    with_text, unknown = milled[: len(_TEXTS)], milled[len(_TEXTS) : len(_TEXTS) + _UNKNOWN]
    for row in forged:
        columns[PROFILE_COLUMNS[int(rng.integers(len(PROFILE_COLUMNS)))]][row] = 0.0
    for row, text in zip(with_text, _TEXTS, strict=False):
        columns["RA_TXT"][row] = text
    for row in unknown:
        machines[row] = UNKNOWN_MACHINE
    duplicated = duplicated.copy()
    duplicated[np.concatenate([forged, with_text, unknown])] = False
    return duplicated, {
        "gauge_zeros": len(forged),
        "text_in_number": len(with_text),
        "unknown_machine_parts": len(unknown),
    }


def _ambiguous(times: Ints) -> int:
    """How many local times are ambiguous, in the hour that the end of summer time repeats."""
    walls = [local_time(ms).replace(tzinfo=ZONE) for ms in times]
    return sum(wall.utcoffset() > wall.replace(fold=1).utcoffset() for wall in walls)  # type: ignore[operator]


def record_tests(
    resonance: Floats, passes: Passes, names: Names, rng: np.random.Generator
) -> tuple[RecordedRows, dict[str, float]]:
    """FINAL_TEST and QC_DISPOSITION of every part that has a serial, and the resonance by serial."""
    tests = passes.where((passes.step == TESTING) & np.array([bool(names.serials[part]) for part in passes.part]))
    count = tests.part.shape
    serials, hertz = [names.serials[part] for part in tests.part], np.round(resonance[tests.part], 2).tolist()
    posted = tests.end + rng.integers(30, 120, count) * _MS
    decided = posted + rng.integers(3600, 6 * 3600, count) * _MS
    entered = decided + rng.integers(10, 300, count) * _MS
    tested = [to_datetime(end).astimezone(ZONE).isoformat() for end in tests.end]
    finals = list(zip(serials, hertz, tested, map(utc_time, posted), strict=True))
    codes = [disposition(value) for value in hertz]
    dispositions = [
        (serial, STEP_CODES["testing"], code, local_time(when), utc_time(post))
        for serial, code, when, post in zip(serials, codes, decided, entered, strict=True)
    ]
    rows = sort_by_posting(final_test, posted, finals), sort_by_posting(qc_disposition, entered, dispositions)
    return RecordedRows(rows, {"ambiguous_times": _ambiguous(decided)}), dict(zip(serials, hertz, strict=True))


def disposition(hertz: float) -> str:
    """The disposition of a part with this resonance."""
    if line.SPEC_LOWER_HZ <= hertz <= line.SPEC_UPPER_HZ:
        return USED
    return REWORKED if line.SPEC_UPPER_HZ < hertz <= line.SPEC_UPPER_HZ + line.REWORK_ABOVE_HZ else SCRAPPED

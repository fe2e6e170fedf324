"""The inspection of the coat: the finish of each part, its defect in the picture, and what people see of it later.

It draws from a random stream of its own, so that everything else of a history is as it would be without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from monitor.simulator.flow import Passes
from monitor.simulator.machines import INSPECTION_CODE
from monitor.simulator.parts import COATING, Orders
from monitor.simulator.records import Names, utc_time
from monitor.simulator.shifts import Ints
from monitor.simulator.surface import draw_finishes, mark_defect
from monitor.simulator.tables import Rows, sort_by_posting, surface_inspection, visual_check, wip_history

FINISH_CODES = {"clean": "OK", "runs": "RUN", "pinholes": "PIN"}
"""The codes of the visual check, by finish."""
_MINUTE_MS, _HOUR_MS = 60_000, 3_600_000
_TO_STATION, _TO_CHECK = (30 * _MINUTE_MS, 45 * _MINUTE_MS), (2 * _HOUR_MS, 5 * _HOUR_MS)
_TO_POSTED = _MINUTE_MS // 6, _MINUTE_MS
_SERIAL, _PICTURE = (wip_history.columns.keys().index(name) for name in ("SN", "IMG"))


@dataclass(frozen=True, slots=True)
class Inspected:
    """The part steps with the defects in their pictures, the rows of the inspection, and the finish by serial."""

    steps: Rows
    rows: tuple[Rows, ...]
    finish: Mapping[str, str]


def inspect_parts(steps: Rows, orders: Orders, passes: Passes, names: Names, rng: np.random.Generator) -> Inspected:
    """Each part that has a serial is inspected once, after its last passage through coating.

    Its defect is in the pictures of all its passages, the same in a row that is posted twice.
    """
    parts = orders.lot.shape[0]
    finishes = draw_finishes(parts, rng)
    seeds = rng.integers(2**63, size=(parts,))
    named = [i for i, serial in enumerate(names.serials) if serial]
    arrived = _last_coated(passes, parts) + _whole_seconds(_TO_STATION, parts, rng)
    posted = arrived + _whole_seconds(_TO_POSTED, parts, rng)
    checked = arrived + _whole_seconds(_TO_CHECK, parts, rng)
    entered = checked + _whole_seconds(_TO_POSTED, parts, rng)
    rows = [
        (names.serials[i], INSPECTION_CODE, names.lots[int(orders.lot[i])], utc_time(arrived[i]), utc_time(posted[i]))
        for i in named
    ]
    checks = [(names.serials[i], FINISH_CODES[finishes[i]], utc_time(checked[i]), utc_time(entered[i])) for i in named]
    drawn = {names.serials[i]: (finishes[i], int(seeds[i])) for i in named}
    return Inspected(
        Rows(steps.table, steps.posted, [_marked(row, *drawn[row[_SERIAL]]) for row in steps.rows]),
        (
            sort_by_posting(surface_inspection, posted[named], rows),
            sort_by_posting(visual_check, entered[named], checks),
        ),
        {serial: finish for serial, (finish, _) in drawn.items()},
    )


def _marked(row: tuple[object, ...], finish: str, seed: int) -> tuple[object, ...]:
    """A part step with the defect in its picture, if it has both."""
    picture = row[_PICTURE]
    if not isinstance(picture, bytes) or finish == "clean":
        return row
    return (*row[:_PICTURE], mark_defect(picture, finish, np.random.default_rng(seed)), *row[_PICTURE + 1 :])


def _last_coated(passes: Passes, parts: int) -> Ints:
    """When each part left coating for the last time, in ms since 1970."""
    ends, coated = np.zeros(parts, dtype=np.int64), passes.step == COATING
    np.maximum.at(ends, passes.part[coated], passes.end[coated])
    return ends


def _whole_seconds(between: tuple[int, int], parts: int, rng: np.random.Generator) -> Ints:
    """A time for each part, in ms."""
    low, high = between
    seconds: Ints = rng.integers(low // 1000, high // 1000, parts)
    return seconds * 1000

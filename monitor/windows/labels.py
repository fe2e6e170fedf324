"""What parts may have in common: the machine at every step, the lot, the recipe, and one that is not the usual."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from detectors.attribution.splits import Factor, Labels
from monitor.store.database.database import Connection
from monitor.store.rows.parts import PartRoute, PartStep, routes_of
from monitor.store.rows.readings import recipes_at

_USUAL = 0.5
"""The share of parts of one recipe whose machine must report the same recipe for that to be the usual one."""

_Route = Mapping[str, PartRoute]


def labels_of(connection: Connection, steps: Sequence[str], step: str, rows: Sequence[PartStep]) -> list[Labels]:
    """The labels of a step's passages: machines, also those of the other steps of the line, lot and recipe."""
    by_part: dict[str, dict[str, PartRoute]] = defaultdict(dict)
    for route in routes_of(connection, (row.serial for row in rows)):
        by_part[route.serial][route.step] = route
    nowhere: _Route = {}
    routes = [by_part.get(row.serial, nowhere) for row in rows]
    return [
        *(_machines(at, routes, math.log(len(steps)) if at != step else 0.0) for at in steps),
        Labels(Factor.LOT, step, [row.lot for row in rows]),
        Labels(Factor.RECIPE, step, [row.recipe for row in rows]),
        Labels(Factor.CHANGED_RECIPE, step, _changed(connection, rows)),
    ]


def _machines(step: str, routes: Sequence[_Route], price: float) -> Labels:
    """The machine of each part at a step; another step than the one that measured costs the choice among all."""
    return Labels(Factor.MACHINE, step, [route[step].machine if step in route else "" for route in routes], price)


def _changed(connection: Connection, rows: Sequence[PartStep]) -> list[str]:
    """The recipe that the machine reported of each part, where most parts of its kind are made by another; else ''."""
    reported = recipes_at(connection, [(row.machine, row.at) for row in rows])
    pairs = Counter((row.recipe, name) for row, name in zip(rows, reported, strict=True) if row.recipe and name)
    totals: Counter[str] = Counter()
    for (kind, _), count in pairs.items():
        totals[kind] += count
    usual = {kind: name for (kind, name), count in pairs.items() if count > _USUAL * totals[kind]}
    return [
        name if name and usual.get(row.recipe, name) != name else "" for row, name in zip(rows, reported, strict=True)
    ]

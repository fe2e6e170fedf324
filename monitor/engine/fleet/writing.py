"""Comparisons of many plants as tables of a lake, and in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from monitor.engine.fleet.machines import LIMIT, MachineCompared
from monitor.engine.fleet.models import ModelsCompared
from monitor.engine.fleet.reading import Fleet
from monitor.engine.lake import Format, write_tables

_TEXT, _NUMBER, _COUNT = pa.string(), pa.float64(), pa.int64()
_MOST = 20
"""Machines that are listed."""
TABLES: Mapping[str, pa.Schema] = {
    "fleet_sites": pa.schema([
        ("site", _TEXT), ("machines", _COUNT), ("days", _NUMBER), ("breaches_per_machine_day", _NUMBER),
        ("steps", _COUNT), ("drifting", _COUNT), ("drift", _NUMBER), ("decisions", _COUNT), ("held", _NUMBER),
    ]),
    "fleet_models": pa.schema([
        ("site", _TEXT), ("gate", _TEXT), ("mean_absolute_error", _NUMBER), ("skill", _NUMBER),
        ("miscoverage", _NUMBER),
    ]),
    "fleet_machines": pa.schema([
        ("type", _TEXT), ("site", _TEXT), ("machine", _TEXT), ("sensor", _TEXT), ("samples", _COUNT),
        ("mean", _NUMBER), ("median", _NUMBER), ("machines", _COUNT), ("z", _NUMBER),
    ]),
    "fleet_shared_models": pa.schema([
        ("site", _TEXT), ("gate", _TEXT), ("trained", _COUNT), ("held_out", _COUNT), ("lots", _COUNT),
        ("own", _NUMBER), ("shared", _NUMBER), ("naive", _NUMBER), ("better", _TEXT),
    ]),
}  # fmt: skip
"""By name the tables of comparisons."""


def as_rows(fleet: Fleet, shared: Sequence[ModelsCompared]) -> dict[str, list[dict[str, Any]]]:
    """The comparisons by table."""
    found: tuple[Sequence[NamedTuple], ...] = (fleet.sites, fleet.models, fleet.machines, shared)
    return {name: [row._asdict() for row in rows] for name, rows in zip(TABLES, found, strict=True)}


def write_fleet(url: str, rows: Mapping[str, list[dict[str, Any]]], form: Format) -> None:
    """Replace the tables of comparisons in a folder."""
    tables = ((name, pa.Table.from_pylist(found, schema=TABLES[name])) for name, found in rows.items() if found)
    write_tables(url, tables, TABLES, form)


def lines_of(fleet: Fleet, shared: Sequence[ModelsCompared], left_out: Mapping[str, str]) -> Iterator[str]:
    """The comparisons as lines of text."""
    yield from _table(
        ("site", "machines", "breaches a machine and day", "steps drifting", "worst drift", "decisions", "held"),
        [
            (s.site, str(s.machines), _n(s.breaches_per_machine_day), f"{s.drifting} of {s.steps}", _n(s.drift),
             str(s.decisions), _n(s.held))
            for s in fleet.sites
        ],
    )  # fmt: skip
    if fleet.models:
        yield ""
        rows = [(m.gate, m.site, _n(m.mean_absolute_error), _n(m.skill), _n(m.miscoverage)) for m in fleet.models]
        yield from _table(("gate", "site", "mean absolute error", "skill", "miscoverage"), sorted(rows))
    yield ""
    yield from _machines(fleet.machines)
    if shared:
        yield ""
        yield from _table(
            ("gate", "site", "parts", "held out", "own model", "shared model", "naive", "better"),
            [
                (m.gate, m.site, str(m.trained), str(m.held_out), _n(m.own), _n(m.shared), _n(m.naive), m.better or "-")
                for m in shared
            ],
        )
    for gate, why in left_out.items():
        yield f"gate {gate}: no models are compared, as {why}"


def _machines(machines: Sequence[MachineCompared]) -> Iterator[str]:
    far = [one for one in machines if one.z is not None and abs(one.z) > LIMIT]
    judged = sum(one.z is not None for one in machines)
    yield f"{len(far)} of {judged} sensors are more than {LIMIT:g} robust standard deviations from their type's median"
    if len(machines) > judged:
        yield f"{len(machines) - judged} sensors are not judged: too few machines of their type, or no spread"
    rows = [(m.type, m.site, m.machine, m.sensor, _n(m.mean), _n(m.median), _n(m.z)) for m in far[:_MOST]]
    if rows:
        yield from _table(("type", "site", "machine", "sensor", "mean", "median of type", "robust z"), rows)


def _n(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()

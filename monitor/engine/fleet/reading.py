"""The tables of results of many plants, read as what is compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from monitor.engine.fleet.machines import MachineCompared, compare_machines, summed, types_of
from monitor.engine.fleet.models import GateParts, ModelsCompared, compare_models, why_not
from monitor.engine.fleet.sites import ModelFigures, SiteFigures, Spans, model_figures, site_figures
from monitor.engine.lake import open_table
from monitor.plant.plant import Plant

_BOARD = ["site", "detector", "method", "subject", "feature", "status", "value"]


class Fleet(NamedTuple):
    """What the results of many plants say beside each other."""

    sites: list[SiteFigures]
    models: list[ModelFigures]
    machines: list[MachineCompared]


def read_fleet(plant: Plant, results: str) -> Fleet:
    """Compare the plants of a folder of results; UsageError if a table is missing."""
    windows = open_table(results, "machine_windows")
    board = open_table(results, "board").to_table(columns=_BOARD).to_pylist()
    findings = open_table(results, "findings").to_table(columns=["site", "detector", "status"]).to_pylist()
    figures = site_figures(_spans(windows), findings, board, _verdicts(open_table(results, "decisions")))
    sums = summed(windows.to_batches(columns=["site", "machine", "sensor", "rows", "missing", "total"]))
    return Fleet(figures, model_figures(board), compare_machines(sums, types_of(plant)))


def compared_models(plant: Plant, results: str) -> tuple[list[ModelsCompared], Mapping[str, str]]:
    """One model for all plants against one each, of every gate; and by gate why it is left out."""
    parts = open_table(results, "training_parts")
    found: list[ModelsCompared] = []
    left_out = {gate: why for gate, config in plant.gates.items() if (why := why_not(config)) is not None}
    for gate, config in plant.gates.items():
        if gate not in left_out:
            found += compare_models(gate, config, _parts_of(parts, gate, len(config.inputs())))
    return found, left_out


def _spans(windows: ds.Dataset) -> Spans:
    keys, machines = ["site", "machine"], Counter[str]()
    sums = [
        pa.Table.from_batches([batch]).group_by(keys).aggregate([("start", "min"), ("start", "max")])
        for batch in windows.to_batches(columns=[*keys, "start"])
    ]
    if not sums:
        return Spans({}, {})
    by_machine = pa.concat_tables(sums).group_by(keys).aggregate([("start_min", "min"), ("start_max", "max")])
    machines.update(by_machine.column("site").to_pylist())
    by_site = by_machine.group_by("site").aggregate([("start_min_min", "min"), ("start_max_max", "max")])
    rows = by_site.to_pylist()
    return Spans(machines, {r["site"]: (r["start_min_min_min"], r["start_max_max_max"]) for r in rows})


def _verdicts(decisions: ds.Dataset) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for batch in decisions.to_batches(columns=["site", "verdict"]):
        counts.update(zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True))
    return counts


def _parts_of(parts: ds.Dataset, gate: str, inputs: int) -> dict[str, GateParts]:
    """By site a gate's parts in order of time."""
    columns = ["site", "serial", "lot", "passed_at", "target", "inputs"]
    table = parts.to_table(columns=columns, filter=ds.field("gate") == gate).sort_by("passed_at")
    found: dict[str, GateParts] = {}
    for site in pa.compute.unique(table.column("site")).to_pylist():
        mine = table.filter(pa.compute.equal(table.column("site"), site))
        rows = np.array(mine.column("inputs").to_pylist(), dtype=np.float64).reshape(len(mine), inputs)
        target = np.asarray(mine.column("target").to_numpy(), dtype=np.float64)
        serials, lots = mine.column("serial").to_pylist(), mine.column("lot").to_pylist()
        # A part of no lot is one of its own.
        found[site] = GateParts(rows, target, serials, [lot or f"\n{s}" for lot, s in zip(lots, serials, strict=True)])
    return found

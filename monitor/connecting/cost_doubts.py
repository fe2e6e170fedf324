"""Doubts about what decisions cost: settings by which a gate never recommends what they are for. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from monitor.plant.costs import CostsConfig
from monitor.plant.gates import GateConfig
from monitor.plant.plant import Plant


def cost_doubts(plant: Plant, now: datetime) -> list[str]:
    """A sentence a doubt, in the order of the plant file; `now` is aware."""
    return [sentence for name, gate in plant.gates.items() for sentence in _gate(plant, name, gate, now)]


def _gate(plant: Plant, name: str, gate: GateConfig, now: datetime) -> Iterator[str]:
    characteristic = plant.characteristics.get(gate.characteristic)
    if characteristic is None:
        return
    starts = [spec.since for spec in characteristic.specs]
    if starts and min(starts) > now:
        what = f"gates.{name}: no specification of {gate.characteristic!r} is in force"
        yield f"{what} before {min(starts):%Y-%m-%d %H:%M} UTC, so every part is held until then"
    if gate.costs is None:
        return
    classes = plant.classes_of(gate)
    can = bool(gate.rework.above or gate.rework.below) if classes is None else "correct" in classes.meanings
    yield from _corrections(name, gate.costs, can, classes is None)
    yield from _never_pays(name, gate, gate.costs)


def _corrections(name: str, costs: CostsConfig, can: bool, is_number: bool) -> Iterator[str]:
    if costs.corrections and not can:
        why = "rework has neither above nor below" if is_number else "no class means correct"
        yield f"gates.{name}.costs.corrections: {why}, so {', '.join(costs.corrections)} is never recommended"
    if can and not costs.corrections:
        yield f"gates.{name}.costs: parts can be corrected, but no correction has a cost, so none is recommended"


def _never_pays(name: str, gate: GateConfig, costs: CostsConfig) -> Iterator[str]:
    """What costs at least as much as the most that it can avoid."""
    where, escape = f"gates.{name}.costs", costs.escape
    if escape == 0:
        yield f"{where}.escape: a part that fails later costs nothing, so every part goes on"
        return
    if costs.inspection >= escape:
        yield f"{where}.inspection: {costs.inspection:g} is not less than escape {escape:g}, so inspecting never pays"
    if costs.scrap >= escape:
        yield f"{where}.scrap: {costs.scrap:g} is not less than escape {escape:g}, so scrapping never pays"
    tried = {f"{where}.corrections.{one}": found.cost for one, found in costs.corrections.items()}
    tried |= {f"gates.{name}.adjustments.{one}": found.cost for one, found in gate.adjustments.items()}
    for key, cost in tried.items():
        if cost >= escape:
            yield f"{key}: {cost:g} is not less than escape {escape:g}, so it never pays"

"""What a gate is given for one part: features of this passage and of the part's earlier ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import nan
from typing import Any

from monitor.model import PartInput, PartKey
from monitor.plant.gates import GateConfig


@dataclass(frozen=True, slots=True)
class Passage:
    """One accepted part step, as the gates see it."""

    arrival: int
    serial: str
    step: str
    visit: int
    at: datetime
    values: Mapping[str, float]


def gate_input(gate: GateConfig, passage: Passage, latest: Mapping[str, Passage]) -> tuple[PartInput, dict[str, int]]:
    """What the gate is given: features of this passage and of the part's latest passages through earlier steps.

    With it, by step, the arrival numbers of the rows it was made of.
    """
    values: dict[str, float] = {}
    inputs = {passage.step: passage.arrival}
    for name in gate.inputs():
        step, _, feature = name.partition(".")
        origin = passage if step == passage.step else latest.get(step)
        values[name] = nan if origin is None else origin.values.get(feature, nan)
        if origin is not None:
            inputs[step] = origin.arrival
    key = PartKey(passage.serial, passage.step, passage.visit)
    return PartInput(key, passage.at, values, tuple(sorted(inputs.values()))), inputs


def _passage(arrival: int, row: Mapping[str, Any]) -> Passage:
    return Passage(arrival, row["serial"], row["step"], row["visit"], row["at"], row["values"])

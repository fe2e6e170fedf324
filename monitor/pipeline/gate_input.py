"""The input of a gate for one part: features of this passage and of the part's earlier ones."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan

from monitor.model import PartInput, PartKey
from monitor.pipeline.passages import Passage
from monitor.plant.gates import GateConfig


def gate_input(gate: GateConfig, passage: Passage, latest: Mapping[str, Passage]) -> tuple[PartInput, dict[str, int]]:
    """The gate's input, from this passage and the part's latest passages through earlier steps.

    Also returns, by step, the arrival numbers of the rows it was made from.
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

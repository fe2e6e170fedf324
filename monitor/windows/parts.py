"""Windows of a step's parts: what was measured, and what the gate's model in force says of the same parts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from inference.policy.gate import said_of
from inference.predicting import predict_rows
from monitor.instants import to_nanos
from monitor.model import ClassSpec, Floats, Window
from monitor.pipeline.passages import MaxAges, gate_input, with_earlier
from monitor.plant.gates import GateConfig
from monitor.ports import GateModel
from monitor.store.rows.decisions import Said
from monitor.store.rows.parts import PartStep


def measured(step: str, rows: Sequence[PartStep]) -> Window:
    """The rows of `monitor.store.rows.parts` as a window: every feature that has a value in it, by name."""
    names = tuple(sorted({name for row in rows for name in row.values}))
    values = np.full((len(rows), len(names)), np.nan)
    for i, row in enumerate(rows):
        known = row.values
        for j, name in enumerate(names):
            values[i, j] = known.get(name, np.nan)
    at = np.array([to_nanos(row.at) for row in rows], dtype=np.int64)
    arrivals = np.array([row.arrival for row in rows], dtype=np.int64)
    groups = tuple((row.machine, row.recipe) for row in rows)
    return Window(step, step, names, values, at, arrivals, groups, tuple(row.lot for row in rows))


def with_names(window: Window, names: Sequence[str]) -> Window:
    """The window with these columns and then its further ones; a column without a value in it is all missing."""
    wanted = (*names, *(name for name in window.names if name not in names))
    if wanted == window.names:
        return window
    values = np.full((len(window), len(wanted)), np.nan)
    for j, name in enumerate(wanted):
        if name in window.names:
            values[:, j] = window.values[:, window.names.index(name)]
    return replace(window, names=wanted, values=values)


def select_columns(window: Window, names: Collection[str]) -> Window:
    """The window with those of its columns that are in `names`."""
    kept = [j for j, name in enumerate(window.names) if name in names]
    if len(kept) == len(window.names):
        return window
    return replace(window, names=tuple(window.names[j] for j in kept), values=window.values[:, kept])


def with_columns(window: Window, other: Window) -> Window:
    """The window with those columns of another one of the same rows that it does not have."""
    new = select_columns(other, [name for name in other.names if name not in window.names])
    values = np.column_stack([window.values, new.values])
    partial = window.partial | new.partial.intersection(new.names)
    return replace(window, names=(*window.names, *new.names), values=values, partial=partial)


def predicted(
    history: Sequence[PartStep],
    max_ages: MaxAges,
    gate: GateConfig,
    model: GateModel,
    window: Window,
    said: Said,
    classes: ClassSpec | None = None,
) -> Floats:
    """What the model says of each passage of the window, shape (rows,); NaN where the model may not be asked.

    Of `classes` that is the probability that the part is not to go on.

    `history` holds every passage of the window's parts in order of arrival, `said` what the gates predicted of them
    whose predictions this one uses. A passage is given what its gate was given: its own features, and those of the
    part's passages joined with it.
    """
    wanted = {arrival: i for i, arrival in enumerate(window.arrivals.tolist())}
    inputs = np.full((len(window), len(model.inputs)), np.nan)
    for row, passage, earlier in with_earlier(history, max_ages, lambda row: row.arrival in wanted):
        values = gate_input(gate, passage, earlier, said)[0].values
        inputs[wanted[row.arrival]] = [values.get(name, np.nan) for name in model.inputs]
    predictions = [said_of(prediction, classes) for prediction in predict_rows(model, inputs)]
    answers = [np.nan if prediction is None else prediction.value for prediction in predictions]
    return np.where(np.isfinite(answers), answers, np.nan)

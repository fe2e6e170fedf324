"""What a gate's model may be trained on: parts whose outcome was available, with the inputs that the gate saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite

import numpy as np

from monitor.model import Floats
from monitor.pipeline.gate_input import gate_input
from monitor.pipeline.passages import Passage, with_earlier
from monitor.plant.gates import GateConfig
from monitor.store.database.database import Connection
from monitor.store.rows.outcomes import outcomes
from monitor.store.rows.parts import PartStep, part_history


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Rows in order of time, shape (parts, inputs), with their outcomes and serials.

    A missing value is NaN, and is only there where the gate's model may fill it. Besides what a model may use, what is
    known of the parts: `context` (parts, features of all steps, NaN where missing) as far as it is known by now, when
    the outcome was first known, and where each part was made of what.
    """

    rows: Floats
    target: Floats
    serials: tuple[str, ...]
    context: Floats
    known_at: tuple[datetime, ...]
    machines: tuple[str, ...]
    recipes: tuple[str, ...]
    lots: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.serials)

    def at(self, places: Sequence[int]) -> TrainingSet:
        """The rows at these places."""
        chosen = np.array(places, dtype=np.intp)
        words = (self.serials, self.machines, self.recipes, self.lots)
        serials, machines, recipes, lots = (tuple(column[i] for i in places) for column in words)
        known_at = tuple(self.known_at[i] for i in places)
        return TrainingSet(
            self.rows[chosen], self.target[chosen], serials, self.context[chosen], known_at, machines, recipes, lots
        )


@dataclass(frozen=True, slots=True)
class Made:
    """A part's last passage through the gate's step, its earlier steps as they were known then, and where it was."""

    passage: Passage
    earlier: Mapping[str, Passage]
    machine: str
    recipe: str
    lot: str


def passages(history: Sequence[PartStep], gate: GateConfig) -> dict[str, Made]:
    """By serial what the gate judged last."""
    return {
        row.serial: Made(passage, earlier, row.machine, row.recipe, row.lot)
        for row, passage, earlier in with_earlier(history)
        if row.step == gate.step and row.revision == 0
    }


def training_set(
    connection: Connection,
    gate: GateConfig,
    now: datetime,
    arrival: int | None = None,
    newest: int | None = None,
) -> TrainingSet:
    """The frozen set for a gate at an instant, of rows up to `arrival` if given: the same again from the same store.

    At most the `newest` parts, by default as many as the plant file allows.
    """
    truth = outcomes(connection, gate.characteristic, now, newest or gate.training.max_rows, arrival)
    history = [r for r in part_history(connection, sorted(truth)) if arrival is None or r.arrival <= arrival]
    ordered = sorted(passages(history, gate).items(), key=lambda item: (item[1].passage.at, item[0]))
    names = gate.inputs()
    rows: list[list[float]] = []
    kept: list[tuple[str, Made]] = []
    for serial, made in ordered:
        values = gate_input(gate, made.passage, made.earlier)[0].values
        row = [values[name] for name in names]
        if gate.max_missing or all(map(isfinite, row)):
            rows.append(row)
            kept.append((serial, made))
    serials = tuple(serial for serial, _ in kept)
    return TrainingSet(
        np.array(rows, dtype=np.float64).reshape(len(rows), len(names)),
        np.array([truth[s].value for s in serials], dtype=np.float64),
        serials,
        _context(history, serials),
        tuple(truth[s].first_available_at for s in serials),
        *(tuple(getattr(made, name) for _, made in kept) for name in ("machine", "recipe", "lot")),
    )


def _context(history: Sequence[PartStep], serials: Sequence[str]) -> Floats:
    """(parts, step.feature), sorted by name: the last word on every feature of every step."""
    place = {serial: i for i, serial in enumerate(serials)}
    names = sorted({(row.step, feature) for row in history for feature in row.values})
    column = {name: i for i, name in enumerate(names)}
    found = np.full((len(serials), len(names)), np.nan)
    for row in history:
        if row.serial in place:
            for feature, value in row.values.items():
                found[place[row.serial], column[row.step, feature]] = np.nan if value is None else value
    return found


def hold_out(
    data: TrainingSet, since: datetime, rows: int, lots: int, lot_rows: int
) -> tuple[TrainingSet, TrainingSet]:
    """What to train on, and the newest parts to compare on, whose outcomes came after `since`.

    These are at least `rows`, and as many more as it takes until `lots` lots have `lot_rows` parts among them; fewer
    where there are no more.
    """
    new = [i for i, at in enumerate(data.known_at) if at > since]
    counts: Counter[str] = Counter()
    size = 0
    for size, i in enumerate(reversed(new), start=1):
        counts[data.lots[i] or f"\n{(size - 1) // lot_rows}"] += 1
        if size >= rows and sum(n >= lot_rows for n in counts.values()) >= lots:
            break
    held = set(new[len(new) - size :])
    return data.at([i for i in range(len(data)) if i not in held]), data.at(sorted(held))

"""The training set of a gate's model: parts with an available outcome, with the inputs that the gate saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import nan
from typing import cast

import numpy as np

from inference.digest import data_digest
from inference.models.categories import levels_of
from inference.models.kind import Times
from inference.predicting import order_columns
from monitor.model import ClassSpec, Floats, JsonObject
from monitor.pipeline.passages import (
    MaxAges,
    Passage,
    category_texts,
    gate_input,
    is_newer,
    passage_of,
    picture_key,
    with_earlier,
)
from monitor.plant.gates import GateConfig
from monitor.ports import GateModel
from monitor.store.database.database import Connection
from monitor.store.rows.decisions import adjusted_passages, audit_weights, said_by
from monitor.store.rows.outcomes import outcomes
from monitor.store.rows.parts import PartStep, part_history
from monitor.store.rows.pictures import StoredPictures, with_picture


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Rows in order of time, shape (parts, inputs), or of a gate of pictures these, with their outcomes and serials.

    A missing value is NaN and occurs only if the gate's model may fill it. Where the characteristic has `classes`, an
    outcome is the place of its class among them. `categories` has the texts of each input that is a machine, recipe or
    lot; in `rows` these are codes (`inference.models.categories`). `rows` have the values of later steps as they were
    planned when the gate judged the part, `fitted` those that came to be: a model is fitted to these. None where
    nothing of later steps is an input. `inputs` names their columns; a model of before may have others. The other
    fields are not inputs: `context`
    (parts, features of all steps, NaN where missing) with the newest values, and when each outcome first became
    available. `weights`: how many parts each stands for (`audit_weights`); none: one each.
    `part_sources`: the sources from which the rows of these parts were read.
    """

    rows: Floats | StoredPictures
    target: Floats
    serials: tuple[str, ...]
    context: Floats
    available_at: tuple[datetime, ...]
    machines: tuple[str, ...]
    recipes: tuple[str, ...]
    lots: tuple[str, ...]
    arrivals: tuple[int, ...]
    passed_at: tuple[datetime, ...]
    classes: ClassSpec | None = None
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fitted: Floats | None = None
    inputs: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    part_sources: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.serials)

    @property
    def times(self) -> Times:
        """When each part passed the gate and when its outcome first became available, in seconds since 1970."""
        return Times(
            *(np.array([at.timestamp() for at in moments]) for moments in (self.passed_at, self.available_at))
        )  # fmt: skip

    def at(self, indices: Sequence[int]) -> TrainingSet:
        """The rows at these indices."""
        chosen = np.array(indices, dtype=np.intp)
        columns = (self.serials, self.machines, self.recipes, self.lots)
        serials, machines, recipes, lots = (tuple(column[i] for i in indices) for column in columns)
        available_at, passed_at = (tuple(times[i] for i in indices) for times in (self.available_at, self.passed_at))
        arrivals, weights = (
            tuple(self.arrivals[i] for i in indices),
            tuple(self.weights[i] for i in indices if self.weights),
        )
        return TrainingSet(
            self.rows[chosen], self.target[chosen], serials, self.context[chosen], available_at, machines, recipes,
            lots, arrivals, passed_at, self.classes, self.categories,
            None if self.fitted is None else self.fitted[chosen], self.inputs, weights, self.part_sources,
        )  # fmt: skip

    def rows_of(self, model: GateModel) -> Floats | StoredPictures:
        """The rows with the columns of a model, NaN in those that the gate no longer has."""
        if not isinstance(self.rows, np.ndarray) or not self.inputs or tuple(model.inputs) == self.inputs:
            return self.rows
        return cast("Floats", order_columns(model, self.inputs, self.rows))

    def digest(self) -> str:
        """Of what a model is trained on."""
        weights = np.array(self.weights) if any(weight != 1 for weight in self.weights) else None
        if self.fitted is None or not isinstance(self.rows, np.ndarray):
            return data_digest(self.rows, self.target, self.serials, weights=weights)
        return data_digest(self.fitted, self.target, self.serials, self.rows, weights)


@dataclass(frozen=True, slots=True)
class JudgedPassage:
    """A part's last passage through the gate's step, its earlier steps as known then, and where it was made.

    `later` has its newest passages through the steps of the gate's adjustments after that, up to the outcome.
    """

    passage: Passage
    earlier: Mapping[str, Passage]
    machine: str
    recipe: str
    lot: str
    later: Mapping[str, Passage] = field(default_factory=dict)


def measured_passages(
    history: Sequence[PartStep], gate: GateConfig, max_ages: MaxAges, measured_at: Mapping[str, datetime]
) -> dict[str, JudgedPassage]:
    """By serial the passage that an outcome belongs to: the gate's last one at or before the outcome's own time."""
    last: dict[str, JudgedPassage] = {}

    def of_gate(row: PartStep) -> bool:
        return row.step == gate.step and not row.revision and row.at <= measured_at[row.serial]

    for row, passage, earlier in with_earlier(history, max_ages, of_gate):
        other = last.get(row.serial)
        if is_newer(passage, None if other is None else other.passage):
            last[row.serial] = JudgedPassage(passage, earlier, row.machine, row.recipe, row.lot)
    return _with_later(last, history, gate, measured_at) if gate.adjustments else last


def _with_later(
    judged: Mapping[str, JudgedPassage], history: Sequence[PartStep], gate: GateConfig, until: Mapping[str, datetime]
) -> dict[str, JudgedPassage]:
    """The judged passages with what came after them, of each visit the newest revision."""
    steps = {name.partition(".")[0] for name in gate.adjustments}
    known = {(row.serial, row.step, row.visit): passage_of(row) for row in history if row.step in steps}
    later: dict[str, dict[str, Passage]] = {serial: {} for serial in judged}
    for (serial, step, _), passage in known.items():
        if serial not in judged or not judged[serial].passage.at <= passage.at <= until[serial]:
            continue
        if is_newer(passage, later[serial].get(step)):
            later[serial][step] = passage
    return {serial: replace(part, later=later[serial]) for serial, part in judged.items()}


def training_set(
    connection: Connection,
    gate: GateConfig,
    max_ages: MaxAges,
    now: datetime,
    arrival: int | None = None,
    newest: int | None = None,
    classes: ClassSpec | None = None,
    beat: Callable[[], None] = lambda: None,
) -> TrainingSet:
    """The training set at an instant, from rows up to `arrival` if given; reproducible from the store.

    At most the `newest` parts, by default as many as the plant file allows; what was measured of a part after people
    reworked it does not count (`as_passed`). `classes` are those of a gate that predicts
    a class; a part whose outcome is none of them is left out. ValueError for a gate without its classes. `beat` is
    called while pictures are read, which may be later.
    """
    if gate.of_classes != (classes is not None):
        raise ValueError(f"a gate of kind {gate.kind!r} is trained {'with' if gate.of_classes else 'without'} classes")
    truth = outcomes(connection, gate.characteristic, now, newest or gate.training.max_rows, arrival, gate.step)
    if classes is not None:
        truth = {serial: row for serial, row in truth.items() if classes.index(row.value) is not None}
    history = [r for r in part_history(connection, sorted(truth)) if arrival is None or r.arrival <= arrival]
    judged = measured_passages(history, gate, max_ages, {serial: row.at for serial, row in truth.items()})
    ordered = sorted(judged.items(), key=lambda item: (item[1].passage.at, item[0]))
    rows, fitted, complete = _items(connection, gate, [part for _, part in ordered], beat)
    used = [ordered[i] for i in complete]
    serials = tuple(serial for serial, _ in used)
    parts, known = [part for _, part in used], set(serials)
    audited = {} if gate.costs is None else audit_weights(connection, gate.step, serials)
    return TrainingSet(
        rows=rows,
        target=_targets([truth[s].value for s in serials], classes),
        serials=serials,
        context=_context(history, serials),
        available_at=tuple(truth[s].first_available_at for s in serials),
        machines=tuple(part.machine for part in parts),
        recipes=tuple(part.recipe for part in parts),
        lots=tuple(part.lot for part in parts),
        arrivals=tuple(part.passage.arrival for part in parts),
        passed_at=tuple(part.passage.at for part in parts),
        classes=classes,
        categories=_categories(gate, parts),
        fitted=fitted,
        inputs=gate.inputs(),
        weights=tuple(audited.get((part.passage.serial, part.passage.visit), 1.0) for part in parts) if audited else (),
        part_sources=tuple(sorted({row.source for row in history if row.serial in known})),
    )


def _categories(gate: GateConfig, parts: Sequence[JudgedPassage]) -> dict[str, tuple[str, ...]]:
    texts = [category_texts(gate, part.passage, part.earlier) for part in parts]
    return {one.input: levels_of(text[one.input] for text in texts) for one in gate.category_inputs()}


def _items(
    connection: Connection, gate: GateConfig, parts: Sequence[JudgedPassage], beat: Callable[[], None]
) -> tuple[Floats | StoredPictures, Floats | None, list[int]]:
    """What the gate was given of the parts of which that is complete, what came to be, and their positions."""
    serials = [part.passage.serial for part in parts]
    said = said_by(connection, [earlier.gate for earlier in gate.earlier], serials)
    inputs = [gate_input(gate, part.passage, part.earlier, said) for part in parts]
    if gate.picture is not None:
        keys = [picture_key(gate, arrivals) for _, arrivals in inputs]
        known = with_picture(connection, [key[0] for key in keys if key is not None], gate.picture.name)
        found = [(i, key[0]) for i, key in enumerate(keys) if key is not None and key[0] in known]
        pictures = StoredPictures(connection.engine, [arrival for _, arrival in found], gate.picture.name, beat)
        return pictures, None, [i for i, _ in found]
    judged, real = [part.values for part, _ in inputs], [part.values for part, _ in inputs]
    if gate.adjustments:
        moved = adjusted_passages(connection, gate.step, serials)
        came = [_came_to_be(gate, part) for part in parts]
        real = [{**values, **later} for values, later in zip(judged, came, strict=True)]
        judged = [
            {**values, **_carried_out(moved.get(part.passage.arrival), later)}
            for values, part, later in zip(judged, parts, came, strict=True)
        ]
    names = gate.inputs()
    rows, fitted = (_table(values, names) for values in (judged, real))
    complete = np.flatnonzero(np.isfinite(fitted).all(axis=1) | (gate.max_missing > 0))
    return rows[complete], fitted[complete] if gate.adjustments else None, complete.tolist()


def _table(values: Sequence[Mapping[str, float]], names: Sequence[str]) -> Floats:
    return np.array([[one[name] for name in names] for one in values], dtype=np.float64).reshape(
        len(values), len(names)
    )  # fmt: skip


def _came_to_be(gate: GateConfig, part: JudgedPassage) -> dict[str, float]:
    """What the adjustable variables really were, NaN where that is not known."""
    found = {}
    for name in gate.adjustments:
        step, _, feature = name.partition(".")
        found[name] = part.later[step].values.get(feature, nan) if step in part.later else nan
    return found


def _carried_out(adjustment: JsonObject | None, came: Mapping[str, float]) -> dict[str, float]:
    """What was recommended instead of the plan, where the part came to be nearer to it: it was planned then."""
    moves = adjustment["moves"] if adjustment else ()
    return {
        move["variable"]: move["to"]
        for move in moves
        if abs(came.get(move["variable"], nan) - move["to"]) < abs(came.get(move["variable"], nan) - move["plan"])
    }


def _targets(values: Sequence[float], classes: ClassSpec | None) -> Floats:
    if classes is None:
        return np.array(values, dtype=np.float64)
    return classes.places(values).astype(np.float64)


def _context(history: Sequence[PartStep], serials: Sequence[str]) -> Floats:
    """The newest value of every feature of every step (parts, features), sorted by name."""
    row_of = {serial: i for i, serial in enumerate(serials)}
    names = sorted({(row.step, feature) for row in history for feature in row.values})
    column = {name: i for i, name in enumerate(names)}
    context = np.full((len(serials), len(names)), np.nan)
    for row in history:
        if row.serial in row_of:
            for feature, value in row.values.items():
                context[row_of[row.serial], column[row.step, feature]] = np.nan if value is None else value
    return context


def hold_out(
    data: TrainingSet, since: datetime, rows: int, lots: int, lot_rows: int, rare: int = 0
) -> tuple[TrainingSet, TrainingSet]:
    """The training set, and the holdout: the newest parts whose outcomes became available after `since`.

    The holdout has at least `rows` parts, and more until `lots` lots have `lot_rows` parts each, and of classes, until
    `rare` parts are not of the most frequent one; fewer if there are no more.
    """
    new = [i for i, at in enumerate(data.available_at) if at > since]
    counts: Counter[str] = Counter()
    usual = Counter(data.target[new].tolist()).most_common(1)
    size, others = 0, 0
    for size, i in enumerate(reversed(new), start=1):
        counts[data.lots[i] or f"\n{(size - 1) // lot_rows}"] += 1
        others += data.classes is None or data.target[i] != usual[0][0]
        if size >= rows and others >= rare and sum(n >= lot_rows for n in counts.values()) >= lots:
            break
    holdout = set(new[len(new) - size :])
    return data.at([i for i in range(len(data)) if i not in holdout]), data.at(sorted(holdout))

"""Predictions beside what the parts turned out to be, as windows: the newest realised ones, and a model's reference."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from detectors.window.performance import CLASS_COLUMNS, COLUMNS
from inference.models.fitting import held_out
from inference.models.forecasting import MEMORY
from inference.predicting import order_columns, predict_rows
from monitor.gate_models.training_set import TrainingSet, training_set
from monitor.instants import to_nanos
from monitor.model import ClassSpec, Floats, JsonObject, Mask, Prediction, Window
from monitor.pipeline.forecasts import Forecasts, KnownParts
from monitor.pipeline.passages import MaxAges
from monitor.plant.gates import GateConfig
from monitor.ports import GateModel
from monitor.store.database.database import Connection, Store
from monitor.store.models.versions import ModelInForce
from monitor.store.rows.known_outcomes import known_outcomes
from monitor.store.rows.outcomes import DecidedOutcome, decided_outcomes
from monitor.store.rows.readings import last_arrival
from monitor.windows.classes import class_errors, known_rates
from monitor.windows.frozen import window_of

_LOOK = 4
"""So many times the outcomes asked for are read, and again so many times more while too few of them count."""
_FARTHEST = 50_000
"""Outcomes looked at, at most."""

Rows = Sequence[Sequence[float | None]]


def realised(
    connection: Connection,
    gate: str,
    config: GateConfig,
    decided: Sequence[DecidedOutcome],
    now: datetime,
    forecasts: Forecasts,
    classes: ClassSpec | None = None,
) -> Window:
    """The newest predictions of the version in force whose outcome was available at `now`, oldest first.

    `decided` are what `newest_decided` finds; `classes` are those of a gate that predicts a class.

    An outcome belongs to the last decision at or before its own time; each decision counts with its outcome's last
    word. A part that the model called out of distribution is left out: a fault of the input is for the drift
    detectors, and the model itself said that it cannot tell.
    What was measured of a part after people reworked it does not count either: the prediction is of the part as it was.
    Uncertain parts and parts held without skill count: the model did predict them.
    """
    found = list(reversed(decided))
    if not found:
        return empty(gate, config.step, columns_of(classes))
    if classes is not None:
        return _of_decisions(gate, config, found, _class_values(connection, config, found, classes))
    naive = _naive(forecasts.known(connection, gate, config, now), config, [row.decided_at for row in found])
    values = [[row.predicted, row.lower, row.upper, row.value, said] for row, said in zip(found, naive, strict=True)]
    return _of_decisions(gate, config, found, _floats(values))


def columns_of(classes: ClassSpec | None) -> tuple[str, ...]:
    """The columns of the windows of a gate."""
    return COLUMNS if classes is None else CLASS_COLUMNS


def _of_decisions(gate: str, config: GateConfig, found: Sequence[DecidedOutcome], values: Floats) -> Window:
    return _window(
        gate, config.step, values, [row.available_at for row in found], [row.arrival for row in found],
        [(row.machine, row.recipe) for row in found],
    )  # fmt: skip


def _class_values(
    connection: Connection, config: GateConfig, found: Sequence[DecidedOutcome], classes: ClassSpec
) -> Floats:
    decided = [row.decided_at for row in found]
    known = known_outcomes(
        connection, config.characteristic, max(decided), last_arrival(connection), MEMORY, step=config.step
    )
    places = [classes.index(row.value) for row in found]
    return class_errors([row.probabilities for row in found], places, known_rates(known, decided, classes), classes)


def newest_decided(
    connection: Connection, gate: str, config: GateConfig, used: ModelInForce, now: datetime, rows: int
) -> list[DecidedOutcome]:
    """A row a decision, newest outcome first; further back the fewer of the outcomes belong to decisions that count."""
    look = _LOOK * rows
    while True:
        decided, seen = decided_outcomes(connection, gate, config.step, config.characteristic, used, now, look)
        found = _last_of_each(decided, rows)
        if len(found) == rows or seen < look or look >= _FARTHEST:
            return found
        look *= _LOOK


def _last_of_each(found: Iterable[DecidedOutcome], rows: int) -> list[DecidedOutcome]:
    """Of each decision its outcome's last word; the newest decisions."""
    one: dict[int, DecidedOutcome] = {}
    for row in found:
        known = one.get(row.arrival)
        if known is None or (row.at, row.revision) > (known.at, known.revision):
            one[row.arrival] = row
    return list(one.values())[:rows]


def _naive(known: KnownParts, config: GateConfig, decided: Sequence[datetime]) -> list[float]:
    """For each decision the forecast from the outcomes that were available when it was made; NaN for none."""
    course = known.follow(config.coverage)
    times = [outcome.available_at for outcome in known.outcomes]
    return [float(course.value[bisect_right(times, at)]) for at in decided]


@dataclass(frozen=True, slots=True)
class PartsBefore:
    """The newest parts whose outcome was available when a model was trained, in order of time, as a reference has them.

    `said` is what the model says of each; `counts` (parts,): whether the outcome stands, because the model was not
    fitted to the part and did not call it out of distribution. The other parts keep their places, because how far two
    parts lie apart tells how alike they err.
    """

    data: TrainingSet
    said: Sequence[Prediction | None]
    counts: Mask


def parts_before(
    store: Store,
    config: GateConfig,
    max_ages: MaxAges,
    model: GateModel,
    trained_at: datetime,
    rows: int,
    known: Mapping[str, Prediction] | None = None,
    classes: ClassSpec | None = None,
    beat: Callable[[], None] = lambda: None,
) -> PartsBefore:
    """The newest `rows` parts of a reference.

    `known` is what was said of training parts by models that were not fitted to them; it predicts the others now.
    """
    with store.read() as connection:
        data = training_set(connection, config, max_ages, trained_at, newest=rows, classes=classes, beat=beat)
    counts = np.ones(len(data), dtype=np.bool_)
    if known is None:
        counts[np.setdiff1d(np.arange(len(data)), held_out(data.serials))] = False
    said = _said(config, model, data, known or {})
    counts &= np.array([p is not None and p.distance <= p.distance_limit for p in said], dtype=np.bool_)
    return PartsBefore(data, said, counts)


def reference(gate: str, config: GateConfig, parts: PartsBefore, classes: ClassSpec | None = None) -> Window:
    """What the model says of the parts, with the outcomes that stand."""
    data = parts.data
    groups = list(zip(data.machines, data.recipes, strict=True))
    values = _reference_values(parts.said, data, parts.counts, classes)
    return _window(gate, config.step, values, data.passed_at, data.arrivals, groups)


def _said(
    config: GateConfig, model: GateModel, data: TrainingSet, known: Mapping[str, Prediction]
) -> list[Prediction | None]:
    """What was said of each part when the model was not fitted to it, as far as that is known; of the others now."""
    said: dict[str, Prediction | None] = dict(known)
    rest = data.at([i for i, serial in enumerate(data.serials) if serial not in said])
    said |= zip(rest.serials, predict_rows(model, order_columns(model, config.inputs(), rest.rows)), strict=True)
    return [said[serial] for serial in data.serials]


def _reference_values(
    said: Sequence[Prediction | None], data: TrainingSet, counts: Mask, classes: ClassSpec | None
) -> Floats:
    """The columns of a reference; without the outcome of parts that do not count."""
    if classes is not None:
        shares = [
            p.probabilities if p is not None and counted else None for p, counted in zip(said, counts, strict=True)
        ]
        places = [int(y) if counted else None for y, counted in zip(data.target.tolist(), counts, strict=True)]
        return class_errors(shares, places, np.full((len(data), len(classes.values)), np.nan), classes)
    outcomes = np.where(counts, data.target, np.nan).tolist()
    return _floats(
        [
            [np.nan] * len(COLUMNS) if p is None else [p.value, p.lower, p.upper, outcome, np.nan]
            for p, outcome in zip(said, outcomes, strict=True)
        ]
    )


def empty(gate: str, step: str, names: tuple[str, ...] = ()) -> Window:
    """A window of a gate without a row."""
    none = np.empty(0, dtype=np.int64)
    return Window(gate, step, names, np.empty((0, len(names))), none, none)


def frozen_reference(gate: str, step: str, content: JsonObject) -> Window:
    """The window of a frozen reference; ValueError where its content is damaged."""
    if "version" in content:
        return window_of(content, gate, step)
    # Frozen by a version before 0.1, as plain lists.
    times, arrivals = (np.array(content[name], dtype=np.int64) for name in ("at", "arrivals"))
    groups = tuple(tuple(group) for group in content["groups"])
    return Window(gate, step, COLUMNS, _floats(content["values"]), times, arrivals, groups)


def _window(
    gate: str,
    step: str,
    values: Floats,
    at: Iterable[datetime],
    arrivals: Sequence[int],
    groups: Sequence[tuple[str, ...]],
) -> Window:
    times = np.array([to_nanos(moment) for moment in at], dtype=np.int64)
    names = CLASS_COLUMNS if values.shape[1] == len(CLASS_COLUMNS) else COLUMNS
    return Window(gate, step, names, values, times, np.array(arrivals, dtype=np.int64), tuple(groups))


def _floats(values: Rows) -> Floats:
    return np.array(values, dtype=np.float64).reshape(len(values), len(COLUMNS))

"""Predictions beside what the parts turned out to be, as windows: the newest realised ones, and a model's reference."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from statistics import median

import numpy as np

from detectors.window.performance import CLASS_COLUMNS, COLUMNS
from inference.models.fitting import NAIVE_WINDOW, held_out
from inference.models.forecasting import MEMORY
from inference.predicting import order_columns, predict_rows
from monitor.gate_models.training_set import training_set
from monitor.instants import to_nanos
from monitor.model import ClassSpec, Floats, JsonObject, Window
from monitor.pipeline.passages import MaxAges
from monitor.plant.gates import GateConfig
from monitor.ports import GateModel
from monitor.store.database.database import Connection
from monitor.store.models.versions import ModelInForce
from monitor.store.rows.known_outcomes import known_outcomes
from monitor.store.rows.outcomes import AvailableOutcome, DecidedOutcome, decided_outcomes, outcomes_around
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
    used: ModelInForce,
    now: datetime,
    rows: int,
    classes: ClassSpec | None = None,
) -> Window:
    """The newest predictions of the version in force whose outcome was available at `now`, oldest first.

    `classes` are those of a gate that predicts a class.

    An outcome belongs to the last decision at or before its own time; each decision counts with its outcome's last
    word. A part that the model called out of distribution is left out: a fault of the input is for the drift
    detectors, and the model itself said that it cannot tell.
    Uncertain parts and parts held without skill count: the model did predict them.
    """
    found = list(reversed(_newest(connection, gate, config.characteristic, used, now, rows)))
    if not found:
        return empty(gate, config.step, columns_of(classes))
    if classes is not None:
        return _of_decisions(gate, config, found, _class_values(connection, config.characteristic, found, classes))
    naive = _naive(connection, config.characteristic, [row.decided_at for row in found])
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
    connection: Connection, characteristic: str, found: Sequence[DecidedOutcome], classes: ClassSpec
) -> Floats:
    decided = [row.decided_at for row in found]
    known = known_outcomes(connection, characteristic, max(decided), last_arrival(connection), MEMORY)
    places = [classes.index(row.value) for row in found]
    return class_errors([row.probabilities for row in found], places, known_rates(known, decided, classes), classes)


def _newest(
    connection: Connection, gate: str, characteristic: str, used: ModelInForce, now: datetime, rows: int
) -> list[DecidedOutcome]:
    """A row a decision, newest outcome first; further back the fewer of the outcomes belong to decisions that count."""
    look = _LOOK * rows
    while True:
        decided, seen = decided_outcomes(connection, gate, characteristic, used, now, look)
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


def _naive(connection: Connection, characteristic: str, decided: Sequence[datetime]) -> list[float]:
    """For each decision the median of the last parts' outcomes that were available when it was made; NaN for none."""
    known = outcomes_around(connection, characteristic, min(decided), max(decided), 2 * NAIVE_WINDOW)
    times = [row.available_at for row in known]
    return [_median_of_last(known, bisect_right(times, at)) for at in decided]


def _median_of_last(known: Sequence[AvailableOutcome], end: int) -> float:
    """Over the last parts, each with its last word by then."""
    last: dict[str, float] = {}
    for row in reversed(known[:end]):
        last.setdefault(row.serial, row.value)
        if len(last) == NAIVE_WINDOW:
            break
    return median(last.values()) if last else np.nan


def reference(
    connection: Connection,
    gate: str,
    config: GateConfig,
    max_ages: MaxAges,
    model: GateModel,
    trained_at: datetime,
    rows: int,
    classes: ClassSpec | None = None,
) -> Window:
    """What the model says of the newest parts whose outcome was available when it was trained, in order of time.

    The outcome stands only where the model was not fitted to the part and did not call it out of distribution; the
    other parts keep their places, because how far two parts lie apart tells how alike they err.
    """
    data = training_set(connection, config, max_ages, trained_at, newest=rows, classes=classes)
    predictions = predict_rows(model, order_columns(model, config.inputs(), data.rows))
    counts = np.zeros(len(data), dtype=np.bool_)
    counts[held_out(data.serials)] = True
    values = [
        [np.nan] * len(COLUMNS)
        if p is None
        else [p.value, p.lower, p.upper, truth if known and p.distance <= p.distance_limit else np.nan, np.nan]
        for p, truth, known in zip(predictions, data.target.tolist(), counts.tolist(), strict=True)
    ]
    groups = list(zip(data.machines, data.recipes, strict=True))
    found = _floats(values)
    if classes is not None:
        said = [None if p is None or p.distance > p.distance_limit else p.probabilities for p in predictions]
        places = [int(y) if known else None for y, known in zip(data.target.tolist(), counts.tolist(), strict=True)]
        found = class_errors(said, places, np.full((len(data), len(classes.values)), np.nan), classes)
    return _window(gate, config.step, found, data.passed_at, data.arrivals, groups)


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

"""A gate's parts that wait for their outcome, and those that are known: the windows of an estimate before outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from detectors.window.before_outcomes import COLUMNS
from monitor.instants import to_nanos
from monitor.model import ClassSpec, Floats, Prediction, Window
from monitor.pipeline.passages import gate_input, passage_of
from monitor.plant.gates import GateConfig
from monitor.store.database.database import Connection
from monitor.store.models.versions import ModelInForce
from monitor.store.rows.decisions import Predicted, newest_predictions, predictions_at, said_by
from monitor.store.rows.outcomes import DecidedOutcome, newest_measured
from monitor.store.rows.parts import part_steps
from monitor.windows.claims import columns_of
from monitor.windows.realised import PartsBefore

WAITING, JUDGED, KNOWN = 400, 400, 1000
"""Parts at most: that wait, with an outcome by the version in force, and known ones with those of its reference."""
_LOOK = 2
"""So many times as many decisions are looked at for those that wait."""
_FEWEST = 20
"""Parts with an outcome that tell how late outcomes usually are."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Known parts in order, those of the reference first, and the parts that wait; whether outcomes are overdue."""

    known: Window
    waiting: Window
    overdue: bool


@dataclass(slots=True)
class InputsOfRows:
    """The inputs of decisions by arrival number: they never change, so none is read twice.

    But for gates that use what others predict: such a prediction may be recorded after the decision.
    """

    known: dict[int, tuple[float, ...]] = field(default_factory=dict)

    def of(self, connection: Connection, config: GateConfig, rows: Sequence[Predicted]) -> Floats:
        """The inputs that the gate was given, (rows, `covariates`), NaN where missing or pruned."""
        names = covariates(config)
        new = [row for row in rows if row.arrival not in self.known or config.earlier]
        self.known = {row.arrival: self.known[row.arrival] for row in rows if row.arrival in self.known}
        if new and names:
            used = {arrival for row in new for arrival in (row.arrival, *row.inputs.values())}
            passages = {row.arrival: passage_of(row) for row in part_steps(connection, used)}
            said = said_by(connection, [gate.gate for gate in config.earlier], [row.serial for row in new])
            for row in new:
                values: Mapping[str, float] = {}
                if row.arrival in passages:
                    latest = {step: passages[at] for step, at in row.inputs.items() if at in passages}
                    values = gate_input(config, passages[row.arrival], latest, said)[0].values
                self.known[row.arrival] = tuple(values.get(name, np.nan) for name in names)
        nothing = (np.nan,) * len(names)
        found = [self.known.get(row.arrival, nothing) for row in rows]
        return np.array(found, dtype=np.float64).reshape(len(rows), len(names))


def covariates(config: GateConfig) -> tuple[str, ...]:
    """The inputs that a shift is looked for in: numbers that are known of the part. None of a gate of pictures."""
    if config.picture is not None:
        return ()
    left_out = {category.input for category in config.category_inputs()} | {*config.adjustments}
    return tuple(name for name in config.inputs() if name not in left_out)


def waiting(
    connection: Connection,
    gate: str,
    config: GateConfig,
    used: ModelInForce,
    decided: Sequence[DecidedOutcome],
    now: datetime,
    reference: Window,
    inputs: InputsOfRows,
    classes: ClassSpec | None = None,
) -> Waiting:
    """The windows at an instant, from committed rows alone; `decided` are the newest `JUDGED` of `newest_decided`.

    Known: the newest parts whose outcome belongs to a decision of the version in force, by the rule of the realised
    performance (`monitor.windows.realised`), after those of its reference. Waiting: of the newest decisions of the
    version those without an outcome, unless the part waits longer than any known part did: its outcome may never come,
    as that of a scrapped part. Outcomes are overdue where none has come for longer than that while the gate decided.
    """
    judged = list(reversed(decided))
    details = predictions_at(connection, gate, [row.arrival for row in judged])
    rows = [details[row.arrival] for row in judged]
    patience = _patience(rows, judged)
    newest = newest_predictions(connection, gate, (used.version, used.digest), _LOOK * WAITING)
    open_ = _without_outcome(connection, config, newest, now)
    if open_ and patience is not None:
        open_ = [row for row in open_ if row.at >= open_[-1].at - patience]
    open_ = open_[-WAITING:]
    both = [*rows, *open_]
    said = columns_of([_prediction(row) for row in both], _outcomes(judged, len(open_), classes), classes)
    values = np.column_stack([said, inputs.of(connection, config, both)])
    at = [row.available_at for row in judged] + [row.decided_at for row in open_]
    names = (*COLUMNS, *covariates(config))
    whole = _window(gate, config.step, names, values, at, [row.arrival for row in both])
    known = _joined(reference, _cut(whole, 0, len(rows)))
    late = bool(open_ and patience is not None and open_[-1].at - judged[-1].available_at > patience)
    return Waiting(known, _cut(whole, len(rows), len(whole)), late)


def _patience(rows: Sequence[Predicted], judged: Sequence[DecidedOutcome]) -> timedelta | None:
    """How long after the part the outcome of a known part came at most; None where too few are known."""
    if len(judged) < _FEWEST:
        return None
    return max(outcome.available_at - row.at for row, outcome in zip(rows, judged, strict=True))


def _without_outcome(
    connection: Connection, config: GateConfig, rows: Sequence[Predicted], now: datetime
) -> list[Predicted]:
    """Of decisions in order of arrival the last one on each part, where nothing was measured of the part since."""
    last = {row.serial: row for row in rows if row.decided_at <= now}
    measured = newest_measured(connection, config.characteristic, list(last), now)
    waits = {
        row.arrival for row in last.values() if row.serial not in measured or measured[row.serial] < row.at
    }  # fmt: skip
    return [row for row in rows if row.arrival in waits]


def _prediction(row: Predicted) -> Prediction | None:
    numbers = (row.predicted, row.lower, row.upper, row.distance, row.distance_limit)
    value, lower, upper, distance, limit = (np.nan if number is None else number for number in numbers)
    if row.predicted is None:
        return None
    probabilities = tuple(np.nan if p is None else p for p in row.probabilities or ())
    return Prediction(value, lower, upper, distance, limit, probabilities)


def _outcomes(rows: Sequence[DecidedOutcome], waiting: int, classes: ClassSpec | None) -> Floats:
    """The outcomes of known parts, of classes their places, and NaN for the parts that wait."""
    values = [row.value if classes is None else classes.index(row.value) for row in rows]
    return np.array([*values, *[None] * waiting], dtype=np.float64)


def reference_of_estimates(
    gate: str, config: GateConfig, parts: PartsBefore, classes: ClassSpec | None = None
) -> Window:
    """The parts of the reference of the realised performance, with their inputs, as known parts of an estimate."""
    data = parts.data
    values = columns_of(parts.said, np.where(parts.counts, data.target, np.nan), classes)
    names = covariates(config)
    if names:
        table = np.asarray(data.rows)
        values = np.column_stack([values, table[:, [data.inputs.index(name) for name in names]]])
    return _window(gate, config.step, (*COLUMNS, *names), values, data.passed_at, data.arrivals)


def _joined(reference: Window, judged: Window) -> Window:
    """The newest known parts, with the columns that both have."""
    if not len(reference):
        return judged
    names = tuple(name for name in judged.names if name in reference.names)
    values = np.concatenate([one.values[:, [one.names.index(name) for name in names]] for one in (reference, judged)])
    at, arrivals = (np.concatenate(pair) for pair in ((reference.at, judged.at), (reference.arrivals, judged.arrivals)))
    whole = Window(judged.subject, judged.step, names, values, at, arrivals)
    return _cut(whole, max(len(whole) - KNOWN, 0), len(whole))


def _cut(window: Window, start: int, stop: int) -> Window:
    rows = slice(start, stop)
    numbers = window.values[rows], window.at[rows], window.arrivals[rows]
    return Window(window.subject, window.step, window.names, *numbers)


def _window(
    gate: str, step: str, names: tuple[str, ...], values: Floats, at: Sequence[datetime], arrivals: Sequence[int]
) -> Window:
    times = np.array([to_nanos(moment) for moment in at], dtype=np.int64)
    return Window(gate, step, names, values, times, np.array(arrivals, dtype=np.int64))

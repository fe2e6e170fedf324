"""The decisions of the gates, with everything needed to recompute them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from math import isfinite
from typing import NamedTuple

import sqlalchemy as sa

from monitor.model import JsonObject, Prediction, Verdict
from monitor.store.database import tables as t
from monitor.store.database.rows import chunked, fetch_rows, select_columns
from monitor.store.database.statements import unindexed

Said = Mapping[tuple[str, str, str, int], float]
"""What gates predicted of passages: a finite value by gate, serial, step and visit."""

_BATCH = 1000
"""Decisions read at a time: bounded memory, however many there are."""


class StoredDecision(NamedTuple):
    """A decision: `inputs` are the arrival numbers of the part steps used, by step.

    `withheld` is why the prediction was not acted on, '' if it was; `on_hold` the step's procedure for a hold, else ''.
    `probabilities` are those of the classes in their order, None in place of one that is no number.
    `forecast` is what was known without a model, where that could decide instead of a hold; its interval decided if the
    reason is `forecast`. `costs` has every action with its expected cost, the least first, of a gate that decides by
    cost. `signals`: what a scrap by cost rests on beside it (`monitor.confirming`), and whether the part is audited.
    `adjustment` is what it recommended to set otherwise at later steps, as `monitor.model.Adjustment`. `coordinates`
    are those of a judged picture, as of `monitor.model.Prediction`; None where its model has none.
    """

    serial: str
    step: str
    visit: int
    revision: int
    gate: str
    arrival: int
    inputs: Mapping[str, int]
    characteristic: str
    model: str
    version: str
    model_digest: str
    plant_digest: str
    predicted: float | None
    lower: float | None
    upper: float | None
    distance: float | None
    distance_limit: float | None
    verdict: str
    reason: str
    on_hold: str
    decided_at: datetime
    at: datetime
    withheld: str
    forecast: JsonObject | None = None
    probabilities: Sequence[float | None] | None = None
    adapted: JsonObject | None = None
    costs: Sequence[JsonObject] | None = None
    signals: JsonObject | None = None
    adjustment: JsonObject | None = None
    coordinates: Sequence[float | None] | None = None


class EarlierDecision(NamedTuple):
    """A decision as another one on the same part may rest on it; `inputs` are arrival numbers by step."""

    serial: str
    step: str
    visit: int
    gate: str
    reason: str
    at: datetime
    arrival: int
    inputs: Mapping[str, int]
    plant_digest: str


class NewestDecision(NamedTuple):
    """One of the newest decisions of a gate."""

    arrival: int
    at: datetime
    reason: str


class Predicted(NamedTuple):
    """A decision as far as it is a prediction; `inputs` are arrival numbers by step."""

    arrival: int
    serial: str
    at: datetime
    decided_at: datetime
    inputs: Mapping[str, int]
    predicted: float | None
    lower: float | None
    upper: float | None
    distance: float | None
    distance_limit: float | None
    probabilities: Sequence[float | None] | None


class PictureSaid(NamedTuple):
    """What a model said of a picture, as it is stored: the prediction, and the picture's coordinates."""

    predicted: float | None
    probabilities: Sequence[float | None] | None
    coordinates: Sequence[float | None] | None


def stored_probabilities(prediction: Prediction | None) -> list[float | None] | None:
    """The probabilities of a prediction as they are stored; None where it has none."""
    return _stored(prediction.probabilities) if prediction else None


def stored_coordinates(prediction: Prediction | None) -> list[float | None] | None:
    """The coordinates of a prediction as they are stored; None where it has none."""
    return _stored(prediction.coordinates) if prediction else None


def _stored(numbers: Sequence[float]) -> list[float | None] | None:
    return [value if isfinite(value) else None for value in numbers] or None


def count_decisions(connection: sa.Connection) -> int:
    """How many decisions are stored."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(t.decision)).scalar_one())


def decisions_of(connection: sa.Connection, serial: str) -> list[StoredDecision]:
    """Every decision on a part, in order of decision time."""
    query = select_columns(StoredDecision, t.decision).where(t.decision.c.serial == serial)
    return list(fetch_rows(connection, StoredDecision, query.order_by(t.decision.c.decided_at)))


def decisions_in_order(connection: sa.Connection) -> Iterator[list[StoredDecision]]:
    """Every decision in order of arrival of its part step, in batches."""
    query = select_columns(StoredDecision, t.decision).order_by(t.decision.c.arrival)
    result = connection.execute(query, execution_options={"yield_per": _BATCH})
    for rows in result.partitions():
        yield [StoredDecision._make(row) for row in rows]


def decided_visits(connection: sa.Connection, serials: Iterable[str]) -> list[tuple[str, str, int, datetime]]:
    """The decided passages of these parts: serial, step, visit and time."""
    d = t.decision.c
    found: list[tuple[str, str, int, datetime]] = []
    for chunk in chunked(dict.fromkeys(serials)):
        query = sa.select(d.serial, d.step, d.visit, d.at).where(d.serial.in_(chunk), d.revision == 0)
        found += [(row.serial, row.step, row.visit, row.at) for row in connection.execute(query)]
    return found


def earlier_decisions(connection: sa.Connection, serials: Iterable[str]) -> list[EarlierDecision]:
    """Every decision on these parts."""
    found: list[EarlierDecision] = []
    for chunk in chunked(dict.fromkeys(serials)):
        query = select_columns(EarlierDecision, t.decision).where(t.decision.c.serial.in_(chunk))
        found += fetch_rows(connection, EarlierDecision, query)
    return found


def newest_decisions(
    connection: sa.Connection, gate: str, reasons: Collection[str], arrival: int, most: int
) -> list[NewestDecision]:
    """A gate's newest decisions with one of these reasons on rows up to an arrival number, oldest first."""
    d = t.decision.c
    query = select_columns(NewestDecision, t.decision).where(
        d.gate == gate, d.reason.in_(reasons), d.arrival <= arrival
    )
    return list(fetch_rows(connection, NewestDecision, query.order_by(d.arrival.desc()).limit(most)))[::-1]


def audit_weights(connection: sa.Connection, step: str, serials: Iterable[str]) -> dict[tuple[str, int], float]:
    """By serial and visit how many parts an audited scrap at a step stands for: 1 / the share that was audited.

    Of scraps only the audited ones have outcomes, but for those that people looked at. Other passages stand for one.
    """
    d, weights = t.decision.c, {}
    for chunk in chunked(dict.fromkeys(serials)):
        query = sa.select(d.serial, d.visit, d.signals).where(
            d.serial.in_(chunk), d.step == step, d.verdict == Verdict.SCRAP, d.signals.is_not(None)
        )
        for serial, visit, signals in connection.execute(query):
            if signals.get("audit"):
                weights[serial, visit] = 1 / float(signals["audit_share"])
    return weights


def oldest_decided(connection: sa.Connection, gate: str) -> datetime | None:
    """When the oldest part passed that a gate's stored decisions are on; None without any."""
    d = t.decision.c
    found: datetime | None = connection.scalar(sa.select(sa.func.min(d.at)).where(d.gate == gate))
    return found


def said_of_passages(rows: Iterable[StoredDecision]) -> dict[tuple[str, str, str, int], float]:
    """What decisions predicted, as far as they predicted a finite value."""
    return {
        (row.gate, row.serial, row.step, row.visit): row.predicted
        for row in rows
        if row.predicted is not None and isfinite(row.predicted)
    }


def said_by(
    connection: sa.Connection, gates: Collection[str], serials: Iterable[str]
) -> dict[tuple[str, str, str, int], float]:
    """What these gates predicted of all passages of these parts; nothing is read for no gate."""
    d = t.decision.c
    said: dict[tuple[str, str, str, int], float] = {}
    for chunk in chunked(dict.fromkeys(serials) if gates else ()):
        query = sa.select(d.gate, d.serial, d.step, d.visit, d.predicted).where(
            d.serial.in_(chunk), d.gate.in_(gates), d.predicted.is_not(None)
        )
        said |= {(*passage,): value for *passage, value in connection.execute(query) if isfinite(value)}
    return said


def adjusted_passages(connection: sa.Connection, step: str, serials: Iterable[str]) -> dict[int, JsonObject]:
    """What was recommended to set otherwise after passages through this step, by the passage's arrival number."""
    d = t.decision.c
    found: dict[int, JsonObject] = {}
    for chunk in chunked(dict.fromkeys(serials)):
        query = sa.select(d.arrival, d.adjustment).where(
            d.serial.in_(chunk), unindexed(d.step) == step, d.adjustment.is_not(None)
        )
        found |= {row.arrival: row.adjustment for row in connection.execute(query)}
    return found


def all_decisions(connection: sa.Connection) -> list[StoredDecision]:
    """Every decision."""
    return list(fetch_rows(connection, StoredDecision, select_columns(StoredDecision, t.decision)))


def predictions_of(connection: sa.Connection, gate: str) -> list[StoredDecision]:
    """A gate's decisions that have a prediction, in order of decision time."""
    d = t.decision.c
    query = select_columns(StoredDecision, t.decision).where(d.gate == gate, d.predicted.is_not(None))
    return list(fetch_rows(connection, StoredDecision, query.order_by(d.decided_at)))


def last_predictions(connection: sa.Connection, gate: str, serials: Iterable[str]) -> dict[str, float]:
    """What a gate predicted last of each of these parts; without those of which it predicted nothing."""
    d = t.decision.c
    found: dict[str, float] = {}
    for chunk in chunked(dict.fromkeys(serials)):
        query = sa.select(d.serial, d.predicted).where(
            d.serial.in_(chunk), unindexed(d.gate) == gate, d.predicted.is_not(None)
        )
        found.update((row.serial, row.predicted) for row in connection.execute(query.order_by(d.decided_at)))
    return found


def newest_arrival_decided(connection: sa.Connection, gate: str) -> int:
    """The highest arrival number that a gate has decided on; 0 before the first."""
    d = t.decision.c
    return int(connection.scalar(sa.select(sa.func.coalesce(sa.func.max(d.arrival), 0)).where(d.gate == gate)) or 0)


def predictions_at(connection: sa.Connection, gate: str, arrivals: Iterable[int]) -> dict[int, Predicted]:
    """A gate's decisions on the rows with these arrival numbers, by that number."""
    d = t.decision.c
    found: dict[int, Predicted] = {}
    for chunk in chunked(dict.fromkeys(arrivals)):
        query = select_columns(Predicted, t.decision).where(d.gate == gate, d.arrival.in_(chunk))
        found |= {row.arrival: row for row in fetch_rows(connection, Predicted, query)}
    return found


def pictures_said(connection: sa.Connection, gate: str, digest: str, arrivals: Iterable[int]) -> dict[int, PictureSaid]:
    """What the model with this digest predicted when a gate judged the pictures of these rows, by arrival number."""
    d = t.decision.c
    found: dict[int, PictureSaid] = {}
    for chunk in chunked(dict.fromkeys(arrivals)):
        query = sa.select(d.arrival, d.predicted, d.probabilities, d.coordinates).where(
            d.gate == gate, d.arrival.in_(chunk), d.model_digest == digest, d.predicted.is_not(None)
        )
        found |= {arrival: PictureSaid(*said) for arrival, *said in connection.execute(query)}
    return found


def newest_predictions(connection: sa.Connection, gate: str, version: tuple[str, str], most: int) -> list[Predicted]:
    """The newest decisions that a gate made with a version, by number and digest; in order of arrival.

    Without parts of which something was to be set otherwise: what was predicted is the part as it was planned.
    """
    d = t.decision.c
    made = d.gate == gate, d.version == version[0], d.model_digest == version[1], d.adjustment.is_(None)
    query = select_columns(Predicted, t.decision).where(*made).order_by(d.arrival.desc()).limit(most)
    return list(fetch_rows(connection, Predicted, query))[::-1]

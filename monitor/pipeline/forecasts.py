"""The forecast of a gate: from the outcomes that were known when it decided, so that it can be computed again."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

import numpy as np

from inference.gate import FORECAST_FOR, decide_by_forecast
from inference.models.forecasting import MEMORY, Counts, Forecast, forecast
from inference.models.tables.class_forecast import ClassForecast, class_forecast
from inference.regions import Rule
from monitor.model import ClassSpec, Decision, JsonObject, Reason, ReworkBand
from monitor.plant.gates import GateConfig
from monitor.store.database.database import Connection
from monitor.store.rows.known_outcomes import JudgedPart, KnownOutcome, judged_parts, known_outcomes
from monitor.store.rows.outcomes import newest_outcome
from monitor.store.rows.readings import last_arrival

NEWEST = 50
"""The newest parts with an outcome that say whether the gate's model knows the parts of now."""
_MOST = 0.5
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RecordedForecast:
    """A forecast with the rows that it rests on: those up to an arrival number, available at an instant.

    `unfamiliar`: the gate's model called most of the newest parts with an outcome out of distribution, so that this
    says nothing against a part like them.
    """

    forecast: Forecast | ClassForecast
    unfamiliar: bool
    at: datetime
    arrival: int

    def decide(self, held: Decision, spec: Rule | None, band: ReworkBand) -> Decision:
        """The decision instead of a hold, or the hold."""
        return decide_by_forecast(held, self.forecast, spec, band) if self.may_replace(held) else held

    def may_replace(self, held: Decision) -> bool:
        """Whether it may decide instead: the gate has no model to decide by, or none that knows such parts."""
        return held.reason in FORECAST_FOR or (self.unfamiliar and held.reason is Reason.OUT_OF_DISTRIBUTION)

    def record(self, instead_of: Reason) -> JsonObject:
        """What a decision keeps of it, and the reason of the hold that it may replace."""
        known = self.forecast
        of_classes = {"rates": list(known.rates)} if isinstance(known, ClassForecast) else {}
        return {
            **of_classes,
            "value": known.value, "lower": known.lower, "upper": known.upper, "outcomes": known.outcomes,
            "at": self.at.isoformat(), "arrival": self.arrival, "instead_of": instead_of.value,
        }  # fmt: skip


def forecast_of(
    connection: Connection, gate: str, config: GateConfig, now: datetime, arrival: int, classes: ClassSpec | None = None
) -> RecordedForecast | None:
    """The forecast from the outcomes available at `now` in rows up to `arrival`; None where there are too few.

    `classes` are those of a gate that predicts a class; outcomes of none of them do not count.
    How many outcomes were known when a part was judged: of one that was decided on within a day, those that had arrived
    by then; of another, those that were available when it passed the gate.
    """
    outcomes = known_outcomes(connection, config.characteristic, now, arrival, MEMORY)
    if classes is not None:
        outcomes = [outcome for outcome in outcomes if classes.index(outcome.value) is not None]
    parts = judged_parts(connection, config.step, outcomes, arrival)
    values = np.array([outcome.value for outcome in outcomes], dtype=np.float64)
    if classes is None:
        found: Forecast | ClassForecast | None = forecast(values, _known(outcomes, parts), config.coverage)
    else:
        found = class_forecast(np.searchsorted(classes.values, values), _known(outcomes, parts), classes)
    if found is None:
        return None
    newest = parts[-NEWEST:]
    return RecordedForecast(found, sum(part.far for part in newest) >= _MOST * len(newest), now, arrival)


def _known(outcomes: Sequence[KnownOutcome], parts: Sequence[JudgedPart]) -> Counts:
    """How many of the outcomes, in order of availability, were known when each part was judged."""
    available = [outcome.available_at for outcome in outcomes]
    # One that came late ends the run of those that had arrived.
    arrived = list(accumulate((outcome.arrival for outcome in outcomes), max))
    known = []
    for i, part in enumerate(parts):
        decided = part.decided_at is not None and part.decided_at - part.at < _DAY
        count = bisect_left(arrived, part.arrival) if decided else bisect_right(available, part.at)
        known.append(min(count, i))
    return np.array(known, dtype=np.intp)


def may_be_forecast(decision: Decision) -> bool:
    """Whether a forecast could perhaps decide instead."""
    return decision.reason in FORECAST_FOR or decision.reason is Reason.OUT_OF_DISTRIBUTION


class Forecasts:
    """The newest forecast of each gate, computed again when outcomes have arrived."""

    def __init__(self) -> None:
        self._newest: dict[str, tuple[int, RecordedForecast | None]] = {}

    def of(
        self, connection: Connection, gate: str, config: GateConfig, now: datetime, classes: ClassSpec | None = None
    ) -> RecordedForecast | None:
        """The gate's forecast from the outcomes known at `now`; `classes` are those of a gate that predicts a class."""
        newest, last = newest_outcome(connection), self._newest.get(gate)
        if last is None or last[0] != newest:
            arrival = last_arrival(connection)
            last = self._newest[gate] = newest, forecast_of(connection, gate, config, now, arrival, classes)
        return last[1]

"""The forecast of a gate: from the outcomes that were known when it decided, so that it can be computed again."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from inference.gate import FORECAST_FOR, decide_by_forecast
from inference.models.forecasting import MEMORY, Forecast, forecast
from monitor.model import Decision, JsonObject, Reason, ReworkBand, Spec
from monitor.plant.gates import GateConfig
from monitor.store.database.database import Connection
from monitor.store.rows.known_outcomes import known_outcomes, parts_out_of_distribution, passed_at
from monitor.store.rows.outcomes import newest_outcome
from monitor.store.rows.readings import last_arrival

NEWEST = 50
"""The newest parts with an outcome that say whether the gate's model knows the parts of now."""
_MOST = 0.5


@dataclass(frozen=True, slots=True)
class RecordedForecast:
    """A forecast with the rows that it rests on: those up to an arrival number, available at an instant.

    `unfamiliar`: the gate's model called most of the newest parts with an outcome out of distribution, so that this
    says nothing against a part like them.
    """

    forecast: Forecast
    unfamiliar: bool
    at: datetime
    arrival: int

    def decide(self, held: Decision, spec: Spec | None, band: ReworkBand) -> Decision:
        """The decision instead of a hold, or the hold."""
        return decide_by_forecast(held, self.forecast, spec, band) if self.may_replace(held) else held

    def may_replace(self, held: Decision) -> bool:
        """Whether it may decide instead: the gate has no model to decide by, or none that knows such parts."""
        return held.reason in FORECAST_FOR or (self.unfamiliar and held.reason is Reason.OUT_OF_DISTRIBUTION)

    def record(self, instead_of: Reason) -> JsonObject:
        """What a decision keeps of it, and the reason of the hold that it may replace."""
        known = self.forecast
        return {
            "value": known.value, "lower": known.lower, "upper": known.upper, "outcomes": known.outcomes,
            "at": self.at.isoformat(), "arrival": self.arrival, "instead_of": instead_of.value,
        }  # fmt: skip


def forecast_of(
    connection: Connection, gate: str, config: GateConfig, now: datetime, arrival: int
) -> RecordedForecast | None:
    """The forecast from the outcomes available at `now` in rows up to `arrival`; None where there are too few.

    How many outcomes were known when a part passed the gate: those that were available by then.
    """
    outcomes = known_outcomes(connection, config.characteristic, now, arrival, MEMORY)
    available = [outcome.available_at for outcome in outcomes]
    passed = passed_at(connection, config.step, outcomes, arrival)
    known = [min(bisect_right(available, at), i) for i, at in enumerate(passed)]
    values = np.array([outcome.value for outcome in outcomes], dtype=np.float64)
    found = forecast(values, np.array(known, dtype=np.intp), config.coverage)
    if found is None:
        return None
    newest = [outcome.serial for outcome in outcomes[-NEWEST:]]
    unfamiliar = parts_out_of_distribution(connection, gate, newest, arrival) >= _MOST * len(newest)
    return RecordedForecast(found, unfamiliar, now, arrival)


def may_be_forecast(decision: Decision) -> bool:
    """Whether a forecast could perhaps decide instead."""
    return decision.reason in FORECAST_FOR or decision.reason is Reason.OUT_OF_DISTRIBUTION


class Forecasts:
    """The newest forecast of each gate, computed again when outcomes have arrived."""

    def __init__(self) -> None:
        self._newest: dict[str, tuple[int, RecordedForecast | None]] = {}

    def forget(self) -> None:
        """Compute all again."""
        self._newest.clear()

    def of(self, connection: Connection, gate: str, config: GateConfig, now: datetime) -> RecordedForecast | None:
        """The gate's forecast from the outcomes known at `now`."""
        newest, last = newest_outcome(connection), self._newest.get(gate)
        if last is None or last[0] != newest:
            arrival = last_arrival(connection)
            last = self._newest[gate] = newest, forecast_of(connection, gate, config, now, arrival)
        return last[1]

"""The forecast of a gate: from the outcomes that were known when it decided, so that it can be computed again."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from inference.models.forecasting import MEMORY, Forecast, forecast
from monitor.model import JsonObject, Reason
from monitor.plant.gates import GateConfig
from monitor.store.database.database import Connection
from monitor.store.rows.known_outcomes import known_outcomes, passed_at
from monitor.store.rows.outcomes import newest_outcome
from monitor.store.rows.readings import last_arrival


def forecast_of(connection: Connection, config: GateConfig, now: datetime, arrival: int) -> Forecast | None:
    """The forecast from the outcomes available at `now` in rows up to `arrival`; None where there are too few.

    How many outcomes were known when a part passed the gate: those that were available by then.
    """
    outcomes = known_outcomes(connection, config.characteristic, now, arrival, MEMORY)
    available = [outcome.available_at for outcome in outcomes]
    passed = passed_at(connection, config.step, outcomes, arrival)
    known = [min(bisect_right(available, at), i) for i, at in enumerate(passed)]
    values = np.array([outcome.value for outcome in outcomes], dtype=np.float64)
    return forecast(values, np.array(known, dtype=np.intp), config.coverage)


@dataclass(frozen=True, slots=True)
class RecordedForecast:
    """A forecast with the rows that it rests on: those up to an arrival number, available at an instant."""

    forecast: Forecast
    at: datetime
    arrival: int

    def record(self, instead_of: Reason) -> JsonObject:
        """What a decision keeps of it, and the reason of the hold that it may replace."""
        known = self.forecast
        return {
            "value": known.value, "lower": known.lower, "upper": known.upper, "outcomes": known.outcomes,
            "at": self.at.isoformat(), "arrival": self.arrival, "instead_of": instead_of.value,
        }  # fmt: skip


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
            known = forecast_of(connection, config, now, arrival)
            last = self._newest[gate] = newest, None if known is None else RecordedForecast(known, now, arrival)
        return last[1]

"""What known outcomes say of the next part: the forecast, and how wide a model's intervals have to be.

Both rest on rows up to an arrival number and an instant, which a decision records, so that they can be computed again.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate
from math import inf

import numpy as np

from inference.models.adapting import tail_freedom, tracked_scale
from inference.models.forecasting import MEMORY, Counts, Course, Forecast, follow, forecast
from inference.models.tables.class_forecast import ClassForecast, class_forecast
from inference.policy.costs import FREEDOM
from inference.policy.gate import FORECAST_FOR, Priced, decide_by_forecast
from inference.policy.regions import Rule
from monitor.model import ClassSpec, Decision, Floats, JsonObject, Prediction, Reason
from monitor.plant.gates import GateConfig
from monitor.store.database.database import Connection
from monitor.store.rows.known_outcomes import (
    Before,
    JudgedPart,
    KnownOutcome,
    Passages,
    judged_parts,
    known_outcomes,
    passages_of,
    passed_since,
)
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

    def decide(self, held: Decision, spec: Rule | None, gate: GateConfig) -> Decision:
        """The decision instead of a hold, or the hold."""
        if not self.may_replace(held):
            return held
        costs = gate.priced()
        priced = None if costs is None else Priced(costs, gate.coverage)
        return decide_by_forecast(held, self.forecast, spec, gate.rework_band(), priced)

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


HeldOut = Mapping[str, Prediction]
"""By serial what a model said of parts that it was not fitted to."""


@dataclass(frozen=True, slots=True)
class Adaptation:
    """The scale of a model's intervals with the rows that it rests on; `outcomes` are those of its own predictions.

    `freedom` is that of the tails of its errors, of a gate that decides by cost.
    """

    scale: float
    outcomes: int
    at: datetime
    arrival: int
    freedom: float | None = None

    def record(self) -> JsonObject:
        """What a decision keeps of it."""
        tails = {} if self.freedom is None else {"freedom": self.freedom}
        rests_on = {"outcomes": self.outcomes, "at": self.at.isoformat(), "arrival": self.arrival}
        return {"scale": self.scale, **rests_on, **tails}

    @classmethod
    def as_used(cls, adapted: Adaptation | None) -> tuple[float, float]:
        """The scale of the intervals and the freedom of the tails to decide by, of what may not be known."""
        if adapted is None:
            return 1.0, FREEDOM
        return adapted.scale, FREEDOM if adapted.freedom is None else adapted.freedom


@dataclass(frozen=True, slots=True)
class KnownParts:
    """The newest outcomes available at an instant in rows up to an arrival number, and how their parts were judged.

    `parts` has the passage that each outcome belongs to, `passages` all of its part.
    """

    outcomes: Sequence[KnownOutcome]
    parts: Sequence[JudgedPart]
    passages: Passages
    at: datetime
    arrival: int

    def forecast(self, coverage: float, classes: ClassSpec | None) -> RecordedForecast | None:
        """The forecast of the next part, of `classes` where there are some; None with too few outcomes."""
        if classes is None:
            found: Forecast | ClassForecast | None = forecast(self.values, self._counts(), coverage)
            parts = self.parts
        else:
            known = self._of(classes)
            found, parts = class_forecast(classes.places(known.values), known._counts(), classes), known.parts
        if found is None:
            return None
        newest = parts[-NEWEST:]
        unfamiliar = sum(part.far for part in newest) >= _MOST * len(newest)
        return RecordedForecast(found, unfamiliar, self.at, self.arrival)

    def _of(self, classes: ClassSpec) -> KnownParts:
        """Those whose outcome is one of the classes."""
        kept = [i for i, outcome in enumerate(self.outcomes) if classes.index(outcome.value) is not None]
        outcomes, parts = [self.outcomes[i] for i in kept], [self.parts[i] for i in kept]
        return replace(self, outcomes=outcomes, parts=parts)

    def follow(self, coverage: float) -> Course:
        """The forecasts after each of the outcomes."""
        return follow(self.values, self._counts(), coverage)

    def adaptation(self, digest: str, coverage: float, held_out: HeldOut | None = None) -> Adaptation | None:
        """The scale of the intervals of the model with that digest; None where nothing is known that it could follow.

        Parts that it called out of distribution do not count: the gate does not decide on them. Neither do those of
        which something was to be set otherwise: the prediction is of the part as it was planned. With what the model
        said of parts `held_out` of its training, by serial, also the freedom of its errors, by these and its own.
        """
        pairs = [
            (part, abs(outcome.value - part.predicted))
            for outcome, part in zip(self.outcomes, self.parts, strict=True)
            if part.digest == digest and part.predicted is not None and not (part.far or part.adjusted)
        ]
        if not pairs and held_out is None:
            return None
        scores = np.array([_score(error, part) for part, error in pairs], dtype=np.float64)
        lots = [part.lot or f"\n{part.arrival}" for part, _ in pairs]
        scale = tracked_scale(scores, lots, coverage)
        freedom = None if held_out is None else self._freedom(digest, coverage, held_out, scores / scale, lots)
        return Adaptation(scale, len(pairs), self.at, self.arrival, freedom)

    def _freedom(self, digest: str, coverage: float, held_out: HeldOut, scores: Floats, lots: Sequence[str]) -> float:
        """Of the errors of the model's own predictions, and of what it said of other parts before it was in force."""
        others = [
            (abs(outcome.value - said.value), said, part.lot or f"\n{part.arrival}")
            for outcome, part in zip(self.outcomes, self.parts, strict=True)
            if part.digest != digest and (said := held_out.get(outcome.serial)) is not None
        ]
        earlier = [_in_half_widths(error, (said.upper - said.lower) / 2) for error, said, _ in others]
        return tail_freedom(
            np.concatenate([scores, np.array(earlier, dtype=np.float64)]), [*lots, *(lot for *_, lot in others)],
            coverage,
        )  # fmt: skip

    @property
    def values(self) -> Floats:
        """The outcomes, in the order in which they became available."""
        return np.array([outcome.value for outcome in self.outcomes], dtype=np.float64)

    def _counts(self) -> Counts:
        """How many of the outcomes were known when each part was judged."""
        return _known(self.outcomes, self.parts)


def _score(error: float, part: JudgedPart) -> float:
    """An error in half widths of the interval as the model gave it."""
    return _in_half_widths(error, part.half / (1.0 if part.adapted is None else float(part.adapted["scale"])))


def _in_half_widths(error: float, half: float) -> float:
    return error / half if half > 0 else (inf if error > 0 else 0.0)


def known_parts(
    connection: Connection, config: GateConfig, now: datetime, arrival: int, before: KnownParts | None = None
) -> KnownParts:
    """The outcomes available at `now` in rows up to `arrival`, at most the newest `MEMORY`, with their parts.

    Outcomes of parts as they passed the gate: what was measured after people reworked one does not count.
    What was known `before`, of parts of which no row has arrived since, is not read again.

    How many outcomes were known when a part was judged: of one that was decided on within a day, those that had arrived
    by then; of another, those that were available when it passed the gate.
    """
    last = None if before is None else Before(before.outcomes, before.at, before.arrival)
    outcomes = known_outcomes(connection, config.characteristic, now, arrival, MEMORY, last, config.step)
    kept: Passages = {}
    if before is not None:
        changed = passed_since(connection, config.step, before.arrival, arrival)
        kept = {serial: found for serial, found in before.passages.items() if serial not in changed}
    unknown = [outcome.serial for outcome in outcomes if outcome.serial not in kept]
    read = passages_of(connection, config.step, unknown, arrival)
    passages = {o.serial: kept[o.serial] if o.serial in kept else read[o.serial] for o in outcomes}
    return KnownParts(outcomes, _parts(outcomes, passages, before, kept), passages, now, arrival)


def _parts(
    outcomes: Sequence[KnownOutcome], passages: Passages, before: KnownParts | None, kept: Passages
) -> Sequence[JudgedPart]:
    """The passage of each outcome; those of outcomes known `before`, of parts whose passages were `kept`, as before."""
    if before is None:
        return judged_parts(outcomes, passages)
    pairs = zip(before.outcomes, before.parts, strict=True)
    same = {outcome.arrival: part for outcome, part in pairs if outcome.serial in kept}
    new = [outcome for outcome in outcomes if outcome.arrival not in same]
    same |= {outcome.arrival: part for outcome, part in zip(new, judged_parts(new, passages), strict=True)}
    return [same[outcome.arrival] for outcome in outcomes]


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
    """What is known of each gate's parts, read again when outcomes have arrived, and what follows from it."""

    def __init__(self) -> None:
        self._parts: dict[str, tuple[int, KnownParts]] = {}
        self._forecasts: dict[str, tuple[KnownParts, RecordedForecast | None]] = {}
        self._adaptations: dict[str, tuple[KnownParts, str, Adaptation | None]] = {}

    def of(
        self, connection: Connection, gate: str, config: GateConfig, now: datetime, classes: ClassSpec | None = None
    ) -> RecordedForecast | None:
        """The gate's forecast from the outcomes known at `now`; `classes` are those of a gate that predicts a class."""
        return self.forecast(gate, self.known(connection, gate, config, now), config.coverage, classes)

    def adaptation(
        self,
        connection: Connection,
        gate: str,
        config: GateConfig,
        digest: str,
        now: datetime,
        held_out: HeldOut | None = None,
    ) -> Adaptation | None:
        """How the intervals of the gate's model are adapted to the outcomes known at `now`."""
        return self.adapted(gate, self.known(connection, gate, config, now), digest, config.coverage, held_out)

    def forecast(
        self, gate: str, known: KnownParts, coverage: float, classes: ClassSpec | None
    ) -> RecordedForecast | None:
        """The forecast from what is known, computed once."""
        last = self._forecasts.get(gate)
        if last is None or last[0] is not known:
            last = self._forecasts[gate] = known, known.forecast(coverage, classes)
        return last[1]

    def adapted(
        self, gate: str, known: KnownParts, digest: str, coverage: float, held_out: HeldOut | None = None
    ) -> Adaptation | None:
        """The adaptation from what is known, computed once."""
        last = self._adaptations.get(gate)
        if last is None or last[0] is not known or last[1] != digest:
            last = self._adaptations[gate] = known, digest, known.adaptation(digest, coverage, held_out)
        return last[2]

    def known(self, connection: Connection, gate: str, config: GateConfig, now: datetime) -> KnownParts:
        """The outcomes known at `now` with their parts; those known before are not read again."""
        newest, last = newest_outcome(connection), self._parts.get(gate)
        if last is None or last[0] != newest:
            before = None if last is None else last[1]
            last = self._parts[gate] = newest, known_parts(connection, config, now, last_arrival(connection), before)
        return last[1]

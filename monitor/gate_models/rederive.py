"""Recomputes decisions and findings from the stored rows, to verify that they are reproducible."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import cast

from inference.models.tables.class_forecast import ClassForecast
from inference.policy.gate import judge
from monitor.confirming.signals import Seen, settled
from monitor.errors import ModelError
from monitor.gate_models.registry import ModelRegistry
from monitor.gate_models.signals_again import SignalsThen
from monitor.model import Finding, JsonObject, Prediction, Reason
from monitor.pipeline.forecasts import Adaptation, Forecasts, HeldOut, KnownParts, RecordedForecast, known_parts
from monitor.pipeline.machines import MachineMemory, judged_batches
from monitor.pipeline.passages import Passage, gate_input, passage_of, picture_key
from monitor.plant.gates import GateConfig
from monitor.plant.plant import Plant
from monitor.ports import GateModel
from monitor.store.database.database import Connection, Store
from monitor.store.plant_files import plant_file_texts
from monitor.store.rows.decisions import (
    Said,
    StoredDecision,
    decisions_in_order,
    decisions_of,
    said_by,
    stored_coordinates,
    stored_probabilities,
)
from monitor.store.rows.forgotten import BorrowedBaseline, ForgottenBaseline
from monitor.store.rows.parts import part_steps
from monitor.store.rows.pictures import picture_of

TOLERANCE = 1e-6
"""Largest difference between predictions that count as equal."""

_WITHOUT_PREDICTION = (Reason.NO_MODEL, Reason.BAD_MODEL, Reason.TIMEOUT, Reason.NO_SKILL)
"""Reasons of holds without a prediction; a model without skill made none before revision 0012."""


@dataclass(frozen=True, slots=True)
class Recomputed:
    """A stored decision and the one recomputed from its recorded inputs; `different` names what differs.

    Where it cannot be recomputed, the reason of the recomputed one says why.
    """

    key: tuple[str, str, int, int]
    matches: bool
    stored: tuple[str, str, float | None]
    recomputed: tuple[str, str, float | None]
    gate: str = ""
    different: tuple[str, ...] = ()


def recompute_decisions(
    store: Store,
    plants: Callable[[str], Plant],
    registry: ModelRegistry,
) -> Iterator[Recomputed]:
    """Every stored decision, recomputed with the model, plant file and rows that it refers to.

    A hold because there was no usable model, or a timeout, is recomputed from its recorded reason, and so is one
    because the realised skill was lost, together with its prediction.
    """
    with store.read() as connection:
        again = _Again(connection, plants, registry)
        for rows in decisions_in_order(connection):
            yield from again.all(rows)


def recompute_part(
    store: Store, plants: Callable[[str], Plant | None], registry: ModelRegistry, serial: str
) -> Iterator[Recomputed]:
    """The stored decisions on one part, in order of decision time, each recomputed as by `recompute_decisions`.

    No decision on another part is read, but for the outcomes that a forecast or an adaptation rests on, and the gate's
    newest decisions where scraps might surge. A plant file or model that is not there makes a decision that differs,
    and no error.
    """
    with store.read() as connection:
        rows = decisions_of(connection, serial)
        known = {digest: plants(digest) for digest in {row.plant_digest for row in rows}}
        again = _Again(connection, lambda digest: cast(Plant, known[digest]), registry)
        for row in rows:
            plant = known[row.plant_digest]
            if plant is None:
                yield _impossible(row, "its plant file is not stored, or cannot be read by this version")
            elif row.gate not in plant.gates:
                yield _impossible(row, "its plant file has no such gate")
            else:
                try:
                    yield again.alone(row)
                except ModelError as exc:
                    yield _impossible(row, f"its model cannot be used: {exc}")


def _impossible(row: StoredDecision, why: str) -> Recomputed:
    key, stored = (row.serial, row.step, row.visit, row.revision), (row.verdict, row.reason, row.predicted)
    return Recomputed(key, False, stored, ("", why, None), row.gate)


class _Again:
    """Recomputes decisions; models, and what was known when they were made, are read once for those that share it."""

    def __init__(self, connection: Connection, plants: Callable[[str], Plant], registry: ModelRegistry) -> None:
        self._connection, self._plants, self._registry = connection, plants, registry
        self._models: dict[tuple[str, str], GateModel] = {}
        self._known, self._signals = _KnownThen(registry), SignalsThen()

    def all(self, rows: Sequence[StoredDecision]) -> Iterator[Recomputed]:
        """Each of these decisions, which follow those given before in order of arrival."""
        inputs = self._read(rows)
        for row in rows:
            seen = self._signals.of(self._connection, row, self._plants(row.plant_digest))
            self._signals.add(row)
            yield self._recomputed(row, inputs, seen)

    def alone(self, row: StoredDecision) -> Recomputed:
        """A decision by itself, whatever was given before."""
        inputs = self._read([row])
        self._signals.remember(self._connection, row)
        return self._recomputed(
            row, inputs, self._signals.of(self._connection, row, self._plants(row.plant_digest))
        )  # fmt: skip

    def _read(self, rows: Sequence[StoredDecision]) -> tuple[Mapping[int, Passage], Said]:
        """The passages that decisions were made from, and what earlier gates said of their parts."""
        arrivals = {arrival for row in rows for arrival in (row.arrival, *row.inputs.values())}
        passages = {r.arrival: passage_of(r) for r in part_steps(self._connection, arrivals)}
        used = {earlier.gate for row in rows for earlier in self._plants(row.plant_digest).gates[row.gate].earlier}
        self._signals.read(self._connection, rows)
        return passages, said_by(self._connection, used, [row.serial for row in rows])

    def _recomputed(self, row: StoredDecision, inputs: tuple[Mapping[int, Passage], Said], seen: Seen) -> Recomputed:
        held_for = row.reason if row.forecast is None else row.forecast["instead_of"]
        refused = next((r for r in _WITHOUT_PREDICTION if r.value == held_for and row.predicted is None), None)
        model = None if refused is not None else self._model(row.model, row.model_digest)
        plant = self._plants(row.plant_digest)
        then, picture = self._known.of(self._connection, row, plant), partial(picture_of, self._connection)
        return replace(_recompute(row, *inputs, plant, model, refused, then, seen, picture), gate=row.gate)

    def _model(self, name: str, digest: str) -> GateModel:
        if (name, digest) not in self._models:
            self._models[name, digest] = self._registry.load(name, digest)
        return self._models[name, digest]


def _recompute(
    row: StoredDecision,
    passages: Mapping[int, Passage],
    said: Said,
    plant: Plant,
    model: GateModel | None,
    refused: Reason | None,
    known: tuple[RecordedForecast | None, Adaptation | None],
    seen: Seen,
    picture: Callable[[int, str], bytes | None],
) -> Recomputed:
    gate = plant.gates[row.gate]
    key, stored = (row.serial, row.step, row.visit, row.revision), (row.verdict, row.reason, row.predicted)
    if not passages.keys() >= {row.arrival, *row.inputs.values()}:
        return Recomputed(key, False, stored, ("", "its input rows are gone", None))
    own = passages[row.arrival]
    earlier = {step: passages[a] for step, a in row.inputs.items() if a != row.arrival}
    part, inputs = gate_input(gate, own, earlier, said)
    if model is not None and (at := picture_key(gate, inputs)) is not None:
        part = replace(part, picture=picture(*at))
    rule_at = plant.rules_of(gate)
    forecast, adapted = known
    if not (_is_forecast(forecast, row.forecast) and _is_adaptation(adapted, row.adapted)):
        return Recomputed(key, False, stored, ("", "its outcomes are gone or changed", None))
    withheld, (scale, freedom) = Reason(row.withheld) if row.withheld else None, Adaptation.as_used(adapted)
    prediction, decision = judge(
        model, refused, [part], rule_at, gate.rework_band(), withheld, scale, gate.priced(), freedom
    )[0]
    if forecast is not None:
        decision = forecast.decide(decision, rule_at(part.at), gate)
    adjustment = None if decision.adjustment is None else decision.adjustment.record()
    made = row._replace(
        verdict=decision.verdict.value, reason=decision.reason.value, costs=decision.record(), signals=None,
        adjustment=adjustment,
    )  # fmt: skip
    again = settled(made, plant, seen)
    recomputed = (again.verdict, again.reason, None if prediction is None else prediction.value)
    different = tuple(_differences(row, prediction, again))
    return Recomputed(key, not different, stored, recomputed, different=different)


def _is_forecast(known: RecordedForecast | None, record: JsonObject | None) -> bool:
    """Whether a forecast is the recorded one, or none was recorded."""
    if known is None or record is None:
        return record is None
    found = known.forecast
    pairs = [(found.value, record["value"]), (found.lower, record["lower"]), (found.upper, record["upper"])]
    if isinstance(found, ClassForecast):
        pairs += zip(found.rates, record["rates"], strict=True)
    return found.outcomes == record["outcomes"] and all(abs(a - b) <= TOLERANCE for a, b in pairs)


def _is_adaptation(known: Adaptation | None, record: JsonObject | None) -> bool:
    """Whether an adaptation is the recorded one, or none was recorded."""
    if known is None or record is None:
        return record is None
    pairs = [(known.scale, record["scale"]), (known.freedom or 0.0, record.get("freedom", 0.0))]
    return known.outcomes == record["outcomes"] and all(abs(a - b) <= TOLERANCE * (1 + abs(a)) for a, b in pairs)


class _KnownThen:
    """What was known when decisions were made, read once for the decisions that share it."""

    def __init__(self, registry: ModelRegistry) -> None:
        self._registry = registry
        self._held_out: dict[str, HeldOut] = {}
        self._last: dict[str, tuple[tuple[str, int], KnownParts]] = {}
        self._computed = Forecasts()

    def of(
        self, connection: Connection, row: StoredDecision, plant: Plant
    ) -> tuple[RecordedForecast | None, Adaptation | None]:
        """The forecast and the adaptation of a decision, each None where it recorded none."""
        forecast, adapted, gate = None, None, plant.gates[row.gate]
        if row.forecast is not None:
            parts = self._parts(connection, row.gate, gate, row.forecast)
            forecast = self._computed.forecast(row.gate, parts, gate.coverage, plant.classes_of(gate))
        if row.adapted is not None:
            parts = self._parts(connection, row.gate, gate, row.adapted)
            held_out = None if row.adapted.get("freedom") is None else self._held_out_of(row.model, row.model_digest)
            adapted = self._computed.adapted(row.gate, parts, row.model_digest, gate.coverage, held_out)
        return forecast, adapted

    def _held_out_of(self, name: str, digest: str) -> HeldOut:
        if digest not in self._held_out:
            self._held_out[digest] = self._registry.held_out(name, digest) or {}
        return self._held_out[digest]

    def _parts(self, connection: Connection, name: str, gate: GateConfig, record: JsonObject) -> KnownParts:
        rests_on = (str(record["at"]), int(record["arrival"]))
        last = self._last.get(name)
        if last is None or last[0] != rests_on:
            found = known_parts(connection, gate, datetime.fromisoformat(rests_on[0]), rests_on[1])
            last = self._last[name] = rests_on, found
        return last[1]


def _differences(row: StoredDecision, prediction: Prediction | None, again: StoredDecision) -> Iterator[str]:
    """The names of what is not as stored."""
    yield from (name for name in ("verdict", "reason", "signals") if getattr(row, name) != getattr(again, name))
    if not _same_costs(row.costs, again.costs):
        yield "costs"
    if not _same_adjustment(row.adjustment, again.adjustment):
        yield "adjustment"
    if prediction is None or row.predicted is None:
        if prediction is not None or row.predicted is not None:
            yield "predicted"
        return
    for name, value in zip(_NUMBERS, _numbers(prediction), strict=True):
        before = getattr(row, name)
        if before is None or not abs(before - value) <= TOLERANCE:
            yield name
    if not _same_numbers(row.probabilities, stored_probabilities(prediction)):
        yield "probabilities"
    if not _same_numbers(row.coordinates, stored_coordinates(prediction)):
        yield "coordinates"


_NUMBERS = ("predicted", "lower", "upper", "distance", "distance_limit")


def _numbers(said: Prediction) -> tuple[float, ...]:
    return said.value, said.lower, said.upper, said.distance, said.distance_limit


def _same_costs(stored: Sequence[JsonObject] | None, recomputed: Sequence[JsonObject] | None) -> bool:
    """Whether every action costs what was recorded; their order may differ where two cost the same."""
    if stored is None or recomputed is None:
        return stored is None and recomputed is None
    before, now = ({(one["action"], one["correction"]): one["cost"] for one in found} for found in (stored, recomputed))
    same = before.keys() == now.keys()
    return same and all(abs(cost - now[action]) <= TOLERANCE * (1 + abs(cost)) for action, cost in before.items())


def _same_adjustment(stored: JsonObject | None, recomputed: JsonObject | None) -> bool:
    """Whether the same variables are set to the same, and the same is predicted then."""
    if stored is None or recomputed is None:
        return stored is None and recomputed is None
    names = ("predicted", "lower", "upper", "probability")
    numbers = (abs(stored[name] - recomputed[name]) <= TOLERANCE for name in names)
    return bool(stored["moves"] == recomputed["moves"] and all(numbers))


def _same_numbers(stored: Sequence[float | None] | None, recomputed: Sequence[float | None] | None) -> bool:
    if stored is None or recomputed is None or len(stored) != len(recomputed):
        return stored is None and recomputed is None
    pairs = zip(stored, recomputed, strict=True)
    return all(a is b is None or (a is not None and b is not None and abs(a - b) <= TOLERANCE) for a, b in pairs)


def recompute_findings(store: Store, plant: Plant, machine: str) -> Iterator[tuple[int, Finding]]:
    """Every change of status that the detectors report on a machine's stored rows, with the row's arrival number.

    Baselines are forgotten where they were; a change by that belongs to no row (0).
    """
    memory = MachineMemory(plant, machine)
    with store.read() as connection:
        for event in judged_batches(connection, memory, None):
            if isinstance(event, ForgottenBaseline):
                yield from ((0, finding) for finding in memory.forget(event.recipe))
                continue
            if isinstance(event, BorrowedBaseline):
                memory.borrow(event.content)
                continue
            for i, detector in enumerate(memory.detectors):
                memory.states[i], reported = detector.observe(memory.states[i], event.batch)
                for finding in reported:
                    yield event.arrivals[finding.row] if finding.row >= 0 else 0, finding


def stored_plants(store: Store, folder: Path) -> Mapping[str, Plant]:
    """Every stored plant file, by digest."""
    from monitor.plant.file.load import parse

    with store.read() as connection:
        texts = plant_file_texts(connection)
    return {digest: parse(text, folder).plant for digest, text in texts.items()}

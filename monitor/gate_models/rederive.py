"""Recomputes decisions and findings from the stored rows, to verify that they are reproducible."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from inference.models.tables.class_forecast import ClassForecast
from inference.policy.gate import judge
from monitor.gate_models.registry import ModelRegistry
from monitor.model import Adjustment, Decision, Finding, JsonObject, Prediction, Reason
from monitor.pipeline.forecasts import Adaptation, Forecasts, KnownParts, RecordedForecast, known_parts
from monitor.pipeline.machines import MachineMemory, judged_batches
from monitor.pipeline.passages import Passage, gate_input, passage_of, picture_key
from monitor.plant.gates import GateConfig
from monitor.plant.plant import Plant
from monitor.ports import GateModel
from monitor.store.database.database import Connection, Store
from monitor.store.plant_files import plant_file_texts
from monitor.store.rows.decisions import Said, StoredDecision, decisions_in_order, said_by, stored_probabilities
from monitor.store.rows.forgotten import ForgottenBaseline
from monitor.store.rows.parts import part_steps
from monitor.store.rows.pictures import picture_of

TOLERANCE = 1e-6
"""Largest difference between predictions that count as equal."""

_WITHOUT_PREDICTION = (Reason.NO_MODEL, Reason.BAD_MODEL, Reason.TIMEOUT, Reason.NO_SKILL)
"""Reasons of holds without a prediction; a model without skill made none before revision 0012."""


@dataclass(frozen=True, slots=True)
class Recomputed:
    """A stored decision and the one recomputed from its recorded inputs."""

    key: tuple[str, str, int, int]
    matches: bool
    stored: tuple[str, str, float | None]
    recomputed: tuple[str, str, float | None]


def recompute_decisions(
    store: Store,
    plants: Callable[[str], Plant],
    registry: ModelRegistry,
) -> Iterator[Recomputed]:
    """Every stored decision, recomputed with the model, plant file and rows that it refers to.

    A hold because there was no usable model, or a timeout, is recomputed from its recorded reason, and so is one
    because the realised skill was lost, together with its prediction.
    """
    models: dict[tuple[str, str], GateModel] = {}
    known = _KnownThen()
    with store.read() as connection:
        for rows in decisions_in_order(connection):
            arrivals = {arrival for row in rows for arrival in (row.arrival, *row.inputs.values())}
            passages = {r.arrival: passage_of(r) for r in part_steps(connection, arrivals)}
            used = {earlier.gate for row in rows for earlier in plants(row.plant_digest).gates[row.gate].earlier}
            said = said_by(connection, used, [row.serial for row in rows])
            for row in rows:
                held_for = row.reason if row.forecast is None else row.forecast["instead_of"]
                refused = next((r for r in _WITHOUT_PREDICTION if r.value == held_for and row.predicted is None), None)
                model = None
                if refused is None:
                    key = (row.model, row.model_digest)
                    model = models[key] if key in models else models.setdefault(key, registry.load(*key))
                plant = plants(row.plant_digest)
                then = known.of(connection, row, plant)
                yield _recompute(row, passages, said, plant, model, refused, then, partial(picture_of, connection))


def _recompute(
    row: StoredDecision,
    passages: Mapping[int, Passage],
    said: Said,
    plant: Plant,
    model: GateModel | None,
    refused: Reason | None,
    known: tuple[RecordedForecast | None, Adaptation | None],
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
    withheld, scale = Reason(row.withheld) if row.withheld else None, 1.0 if adapted is None else adapted.scale
    prediction, decision = judge(model, refused, [part], rule_at, gate.rework_band(), withheld, scale, gate.priced())[0]
    if forecast is not None:
        decision = forecast.decide(decision, rule_at(part.at), gate)
    recomputed = (decision.verdict.value, decision.reason.value, None if prediction is None else prediction.value)
    return Recomputed(key, _matches(row, prediction, decision), stored, recomputed)


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
    return known.outcomes == record["outcomes"] and abs(known.scale - float(record["scale"])) <= TOLERANCE


class _KnownThen:
    """What was known when decisions were made, read once for the decisions that share it."""

    def __init__(self) -> None:
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
            adapted = self._computed.adapted(row.gate, parts, row.model_digest, gate.coverage)
        return forecast, adapted

    def _parts(self, connection: Connection, name: str, gate: GateConfig, record: JsonObject) -> KnownParts:
        rests_on = (str(record["at"]), int(record["arrival"]))
        last = self._last.get(name)
        if last is None or last[0] != rests_on:
            found = known_parts(connection, gate, datetime.fromisoformat(rests_on[0]), rests_on[1])
            last = self._last[name] = rests_on, found
        return last[1]


def _matches(row: StoredDecision, prediction: Prediction | None, decision: Decision) -> bool:
    if (row.verdict, row.reason) != (decision.verdict.value, decision.reason.value):
        return False
    if not (_same_costs(row.costs, decision.record()) and _same_adjustment(row.adjustment, decision.adjustment)):
        return False
    if prediction is None or row.predicted is None:
        return prediction is None and row.predicted is None
    p = prediction
    stored = (row.predicted, row.lower, row.upper, row.distance, row.distance_limit)
    recomputed = (p.value, p.lower, p.upper, p.distance, p.distance_limit)
    numbers = all(a is not None and abs(a - b) <= TOLERANCE for a, b in zip(stored, recomputed, strict=True))
    return numbers and _same_probabilities(row.probabilities, stored_probabilities(p))


def _same_costs(stored: Sequence[JsonObject] | None, recomputed: Sequence[JsonObject] | None) -> bool:
    """Whether every action costs what was recorded; their order may differ where two cost the same."""
    if stored is None or recomputed is None:
        return stored is None and recomputed is None
    before, now = ({(one["action"], one["correction"]): one["cost"] for one in found} for found in (stored, recomputed))
    same = before.keys() == now.keys()
    return same and all(abs(cost - now[action]) <= TOLERANCE * (1 + abs(cost)) for action, cost in before.items())


def _same_adjustment(stored: JsonObject | None, recomputed: Adjustment | None) -> bool:
    """Whether the same variables are set to the same, and the same is predicted then."""
    if stored is None or recomputed is None:
        return stored is None and recomputed is None
    now = recomputed.record()
    numbers = (abs(stored[name] - now[name]) <= TOLERANCE for name in ("predicted", "lower", "upper", "probability"))
    return bool(stored["moves"] == now["moves"] and all(numbers))


def _same_probabilities(stored: Sequence[float | None] | None, recomputed: Sequence[float | None] | None) -> bool:
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

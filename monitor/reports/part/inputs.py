"""What a gate was told of a part: each input by name, with its value, unit and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from monitor.model import JsonObject
from monitor.plant.features import feature_names, feature_units
from monitor.plant.gates import GateConfig
from monitor.plant.plant import Plant
from monitor.plant.sources import PartSource
from monitor.reports.part.reading import KnownPart
from monitor.reports.part.values import json_value
from monitor.store.rows.decisions import StoredDecision
from monitor.store.rows.parts import PartStep


def inputs_of(row: StoredDecision, gate: GateConfig | None, plant: Plant | None, known: KnownPart) -> list[JsonObject]:
    """The inputs of a decision in the order of the gate; all values of its passages where the gate is not known.

    A passage that is no longer stored gives no value.
    """
    rows = {step: known.rows[arrival] for step, arrival in row.inputs.items() if arrival in known.rows}
    rows.setdefault(row.step, known.rows[row.arrival]) if row.arrival in known.rows else None
    units = _units(plant)
    if gate is None:
        return [_input(f"{step}.{name}", value, units.get((one.source, name), ""), one)
                for step, one in rows.items() for name, value in one.values.items()]  # fmt: skip
    return [*_features(gate, rows, units), *_texts(gate, rows), *_earlier(gate, rows, known), *_planned(gate, plant)]


def picture_of_gate(row: StoredDecision, gate: GateConfig | None, known: KnownPart) -> JsonObject | None:
    """The picture that a gate judged, by the arrival number of its row and its name; None where none is stored.

    `map`: whether a map of where it looks unlike good ones can be drawn over it.
    """
    if gate is None or gate.picture is None:
        return None
    arrival = row.inputs.get(gate.picture.step)
    if arrival is None or gate.picture.name not in known.pictures.get(arrival, ()):
        return None
    return {"arrival": arrival, "name": gate.picture.name, "gate": row.gate, "map": row.predicted is not None}


def _input(name: str, value: object, unit: str, origin: PartStep | None) -> JsonObject:
    return {
        "name": name, "value": json_value(value), "unit": unit,
        "visit": None if origin is None else origin.visit, "at": None if origin is None else json_value(origin.at),
    }  # fmt: skip


def _features(
    gate: GateConfig, rows: Mapping[str, PartStep], units: Mapping[tuple[str, str], str]
) -> Iterator[JsonObject]:
    for name in gate.features():
        step, _, feature = name.partition(".")
        origin = rows.get(step)
        unit = "" if origin is None else units.get((origin.source, feature), "")
        yield _input(name, None if origin is None else origin.values.get(feature), unit, origin)


def _texts(gate: GateConfig, rows: Mapping[str, PartStep]) -> Iterator[JsonObject]:
    for category in gate.category_inputs():
        origin = rows.get(category.step)
        value = None if origin is None else getattr(origin, category.what) or None
        yield _input(f"{category.step}.{category.what}", value, "", origin)


def _earlier(gate: GateConfig, rows: Mapping[str, PartStep], known: KnownPart) -> Iterator[JsonObject]:
    for earlier in gate.earlier:
        origin = rows.get(earlier.step)
        key = None if origin is None else (earlier.gate, origin.serial, origin.step, origin.visit)
        yield _input(earlier.input, None if key is None else known.said.get(key), "", origin)


def _planned(gate: GateConfig, plant: Plant | None) -> Iterator[JsonObject]:
    """What was planned of later steps."""
    units = feature_units(plant) if plant is not None and gate.adjustments else {}
    for name, value in gate.planned().items():
        yield _input(f"{name} (planned)", value, units.get(name.partition(".")[2], ""), None)


def _units(plant: Plant | None) -> dict[tuple[str, str], str]:
    """The unit of each feature, by the source of its row and its name."""
    sources = {} if plant is None else plant.sources
    return {
        (source, feature): column.unit
        for source, config in sources.items()
        if isinstance(config, PartSource)
        for name, column in config.values.items()
        if column.image is None
        for feature in feature_names(name, column)
    }

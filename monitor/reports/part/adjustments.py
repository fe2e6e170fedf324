"""What a gate recommended to set otherwise at later steps, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from exporters.html.formatting import format_value
from monitor.model import JsonObject
from monitor.plant.features import feature_units
from monitor.plant.plant import Plant
from monitor.store.rows.decisions import StoredDecision


def units_of(row: StoredDecision, plant: Plant | None) -> dict[str, str]:
    """The units of what a decision says to set, by feature; nothing where it says none or no plant file is known."""
    return {} if plant is None or not row.adjustment else feature_units(plant)


def adjustment_clause(row: StoredDecision, units: Mapping[str, str]) -> str | None:
    """What is to be set to what, and what is predicted then; None where nothing is to be set otherwise."""
    record = row.adjustment
    if not record:
        return None
    interval = f"[{format_value(record['lower'])}, {format_value(record['upper'])}]"
    return f"set {settings(record, units)}: then predicted {format_value(record['predicted'])} in {interval}"


def settings(record: JsonObject, units: Mapping[str, str]) -> str:
    """Each variable with its setting in its unit, and what was planned."""
    return " and ".join(f"{_setting(move, units)} (planned {format_value(move['plan'])})" for move in record["moves"])


def settings_in_short(record: JsonObject, units: Mapping[str, str]) -> str:
    """Each variable with its setting in its unit."""
    return " and ".join(_setting(move, units) for move in record["moves"])


def adjusted_steps(record: JsonObject) -> list[str]:
    """The later steps at which something is to be set, each once."""
    return list(dict.fromkeys(move["variable"].partition(".")[0] for move in record["moves"]))


def _setting(move: JsonObject, units: Mapping[str, str]) -> str:
    unit = units.get(move["variable"].partition(".")[2], "")
    return f"{move['variable']} to {format_value(move['to'])} {unit}".rstrip()

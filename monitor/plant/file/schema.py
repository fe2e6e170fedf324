"""The JSON schema of the plant file, by which editors complete keys, show what they mean and mark mistakes.

It is that of the plant's models, made to fit a file as it is written: a column's name may stand for its mapping,
durations are `5m`, and any value may hold `${NAME}` or a range. What depends on several keys, `gatewatch check` finds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter

from monitor.plant.file.docs import duration_text
from monitor.plant.plant import Plant
from monitor.plant.types import DURATION

FILLED_LATER = r"\$\{|\{[0-9]+\.\.[0-9]+\}"
"""Text with `${NAME}` or a range: what stands there in the end, an editor cannot know."""
_DRAFT = "http://json-schema.org/draft-07/schema#"
_LEFT_OUT = ("title", "discriminator", "format", "default")
_CLOSED = ("enum", "pattern")
_SCALARS = ("number", "integer", "boolean")
_DURATIONS = TypeAdapter(timedelta)
_ANY_FILLED = {"type": "string", "pattern": FILLED_LATER}


def plant_schema() -> dict[str, Any]:
    """The schema, in the draft that most editors know."""
    schema = Plant.model_json_schema(ref_template="#/definitions/{model}")
    definitions = schema.pop("$defs")
    return {
        "$schema": _DRAFT,
        "title": "Gatewatch plant file",
        **_written(schema),
        "definitions": {name: _written(definition) for name, definition in sorted(definitions.items())},
    }


def _written(node: Mapping[str, Any]) -> dict[str, Any]:
    """A schema node for values as they are written in a file."""
    found = {key: _inside(key, value) for key, value in node.items() if key not in _LEFT_OUT}
    if node.get("format") == "duration":
        found["pattern"] = f"^{DURATION}$"
    if found.get("minItems", 0) > 1:
        found["minItems"] = 1  # one item may be a range
    about = {"description": found.pop("description")} if "description" in found else {}
    default = _default(node)
    if default is not None:
        about["default"] = default
    closed = found.get("type") in _SCALARS or any(key in found for key in _CLOSED)
    return {**about, **({"anyOf": [found, _ANY_FILLED]} if closed and "const" not in found else found)}


def _inside(key: str, value: Any) -> Any:
    if key in ("properties", "definitions"):
        return {name: _written(child) for name, child in value.items()}
    if key in ("items", "additionalProperties") and isinstance(value, dict):
        return _written(value)
    return [_written(child) for child in value] if key in ("anyOf", "oneOf", "allOf") else value


def _default(node: Mapping[str, Any]) -> Any:
    """The default as it would be written; none for sections, lists and nothing."""
    default = node.get("default")
    if isinstance(default, str) and "duration" in (option.get("format") for option in (node, *node.get("anyOf", ()))):
        return duration_text(_DURATIONS.validate_python(default))
    return None if isinstance(default, dict | list) else default

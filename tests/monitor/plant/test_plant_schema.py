"""The JSON schema of the plant file: what the product reads fits it as it is written, and mistakes do not."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from monitor.cli import cli
from monitor.plant.file import yaml_tree
from monitor.plant.file.schema import plant_schema

ROOT = Path(__file__).parents[3]
GOOD = (Path(__file__).parent / "plants" / "good.yaml").read_text()
FILES = sorted(
    [
        *ROOT.glob("examples/*/plant.yaml"),
        *ROOT.glob("monitor/simulator/*.yaml"),
        Path(__file__).parent / "plants" / "good.yaml",
    ]
)
SCHEMA = plant_schema()
_TYPES: Mapping[str, Any] = {
    "object": dict, "array": list, "string": str, "null": type(None), "boolean": bool, "number": (int, float),
    "integer": int,
}  # fmt: skip


class Editor(yaml.SafeLoader):
    """Reads a file as an editor does: ranges and references stay as they are written."""

    yaml_implicit_resolvers = {
        **yaml_tree._Loader.yaml_implicit_resolvers,
        **{letter: [("tag:yaml.org,2002:bool", re.compile("^(true|false)$"))] for letter in "tf"},
    }


def problems(value: Any, node: Any = SCHEMA, path: str = "") -> Iterator[str]:
    """The places at which a value does not fit a node, for the words of JSON schema that the plant's schema uses."""
    if "$ref" in node:
        yield from problems(value, SCHEMA["definitions"][node["$ref"].rpartition("/")[2]], path)
    for word in ("anyOf", "oneOf"):
        if word in node:
            tried = [list(problems(value, option, path)) for option in node[word]]
            if [] not in tried if word == "anyOf" else tried.count([]) != 1:
                yield min(tried, key=len)[0] if tried else path
    kind = _TYPES.get(node.get("type", ""))
    if kind and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
        yield path
        return
    if ("const" in node and value != node["const"]) or ("enum" in node and value not in node["enum"]):
        yield path
    if isinstance(value, str) and not re.search(node.get("pattern", ""), value):
        yield path
    if isinstance(value, int | float) and not _bounds(value, node):
        yield path
    if isinstance(value, list):
        if len(value) < node.get("minItems", 0):
            yield path
        for i, item in enumerate(value):
            yield from problems(item, node.get("items", {}), f"{path}.{i}")
    if isinstance(value, dict):
        yield from _of_mapping(value, node, path)


def _bounds(value: float, node: Mapping[str, Any]) -> bool:
    low, high = node.get("minimum", -math.inf), node.get("maximum", math.inf)
    return bool(low <= value <= high and node.get("exclusiveMinimum", -math.inf) < value)


def _of_mapping(value: Mapping[str, Any], node: Mapping[str, Any], path: str) -> Iterator[str]:
    for key in node.get("required", ()):
        if key not in value:
            yield f"{path}.{key}"
    for key, inner in value.items():
        rest = node.get("additionalProperties", True)
        child = node.get("properties", {}).get(key, rest)
        if child is False:
            yield f"{path}.{key}"
        elif isinstance(child, dict):
            yield from problems(inner, child, f"{path}.{key}")


@pytest.mark.parametrize("file", FILES, ids=lambda file: "/".join(file.parts[-2:]))
def test_a_plant_file_fits_as_it_is_written(file: Path) -> None:
    assert list(problems(yaml.load(file.read_text(), Editor))) == []


WRITTEN = {
    "a reference for a number": ("port: 9465", "port: '${PORT}'", []),
    "a reference for a duration": ("clock_skew: 5m", "clock_skew: ${SKEW}", []),
    "a reference for a word of a list": ("on_hold: inspect", "on_hold: '${HOLD}'", []),
    "a range for an item": ('profile: ["p{01..30}"]', 'profile: ["p{1..3}"]', []),
    "a column by its name": ("sensor: {column: tag, codes: {FRC: force}}", "sensor: tag", []),
    "a condition by its text": ("    delay: 1d", "    delay: 1d\n    where: VOID IS NULL", []),
    "nothing": ("    delay: 1d", "    delay: 1d\n    stale_after:", []),
    "a key that is not known": ("server: {port: 9465}", "server: {prot: 9465}", [".server.prot"]),
    "a duration that is none": ("clock_skew: 5m", "clock_skew: 5 minutes", [".clock_skew"]),
    "a word that is none": ("on_hold: inspect", "on_hold: inspekt", [".steps.forge.on_hold"]),
    "a number out of range": ("port: 9465", "port: 94650", [".server.port"]),
    "a missing key": ("version: 1\n", "", [".version"]),
}


@pytest.mark.parametrize(("old", "new", "wrong"), WRITTEN.values(), ids=WRITTEN)
def test_what_may_stand_in_a_file(old: str, new: str, wrong: list[str]) -> None:
    assert old in GOOD
    assert list(problems(yaml.load(GOOD.replace(old, new, 1), Editor))) == wrong


def test_an_unknown_key_of_a_source_is_marked() -> None:
    text = GOOD.replace("    delay: 1d", "    delay: 1d\n    tabel: x", 1)
    assert list(problems(yaml.load(text, Editor)))


def test_every_key_tells_what_it_means_and_a_default_as_it_is_written() -> None:
    for name, definition in SCHEMA["definitions"].items():
        for key, node in definition["properties"].items():
            assert node.get("description"), f"{name}.{key}"
    source = SCHEMA["definitions"]["PartSource"]["properties"]
    assert (source["every"]["default"], source["delay"]["default"]) == ("1m", "0s")
    assert SCHEMA["properties"]["clock_skew"]["default"] == "5m"


def test_the_command_prints_the_schema() -> None:
    result = CliRunner().invoke(cli, ["schema"])
    assert result.exit_code == 0
    assert json.loads(result.output) == json.loads(json.dumps(SCHEMA))

"""`--set KEY=VALUE` overrides any key of a plant file from the command line.

KEY is a dotted path: `sources.mes.url`. Put a name that contains a dot in double quotes: `sources."mes.a".url`. List
items are counted from 0: `gates.blade.profile.0`. VALUE is a YAML value (`5m`, `[a, b]`, `{column: ts, zone: UTC}`);
without one the key is set to null. Overrides are applied from left to right, after ranges are expanded. Messages never
contain a value, because it may be a password.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from monitor.plant.file.ranges import parse_range
from monitor.plant.file.yaml_tree import Path, Position, Problem, Tree, read
from monitor.plant.messages import describe_value, dotted

_PART = re.compile(r'"([^"]+)"|([^."=]+)')


def apply_overrides(tree: Tree, overrides: Sequence[str]) -> None:
    """Set keys of a tree; overrides that cannot be applied are added to its problems."""
    for text in overrides:
        try:
            path, value = _parse(text)
        except ValueError as error:
            tree.problems.append(Problem((), str(error), Position(math.inf, "--set")))
            continue
        place = Position(math.inf, f"--set {dotted(path)}")
        parsed = read(value, place.text)
        if parsed.problems:
            sentence = "the value is not valid YAML, or too large; quote it where it holds special characters"
            tree.problems.append(Problem(path, sentence, place))
            continue
        _set(tree, path, parsed.value, place)


def _parse(text: str) -> tuple[Path, str]:
    """The path and the text of the value; ValueError with a message that does not contain the value."""
    path: list[str] = []
    at = 0
    while match := _PART.match(text, at):
        path.append(match[1] or match[2])
        at = match.end()
        if text[at : at + 1] != ".":
            break
        at += 1
    if not match or text[at : at + 1] != "=":
        raise ValueError("expected KEY=VALUE, such as sources.mes.url=sqlite:///mes.db; quote a name that holds a dot")
    if not text.isprintable() or any(_has_range(part) for part in path):
        raise ValueError("expected printable text, and no range in the key; ranges are expanded before keys are set")
    return tuple(path), text[at + 1 :]


def _has_range(part: str) -> bool:
    try:
        return parse_range(part) is not None
    except ValueError:
        return True


def _set(tree: Tree, path: Path, value: Any, place: Position) -> None:
    """Set the value at a path; creates mappings for the parts of the path that do not exist."""
    node = tree.value = {} if tree.value is None else tree.value
    prefix: Path = ()
    for depth, part in enumerate(path):
        key: Any = part
        last = depth == len(path) - 1
        if isinstance(node, list):
            if not re.fullmatch(r"[0-9]{1,6}", str(part)) or int(part) >= len(node):
                sentence = f"no such item; {dotted(prefix)} has {len(node)}, counted from 0"
                tree.problems.append(Problem((*prefix, part), sentence, place))
                return
            key = int(part)
        elif not isinstance(node, dict):
            sentence = f"cannot be set, because {dotted(prefix) or 'the file'} is {_kind(node)}; set that as a whole"
            tree.problems.append(Problem(path, sentence, place))
            return
        prefix = (*prefix, key)
        if last:
            node[key] = value
        elif isinstance(node, dict) and node.get(key) is None:
            node[key] = {}
            tree.places.setdefault(prefix, place)
        node = node[key]
    for old in [path for path in tree.places if path[: len(prefix)] == prefix]:
        del tree.places[old]
    tree.places[prefix] = place


def _kind(value: Any) -> str:
    return "text" if isinstance(value, str) else describe_value(value) if value is None else "a number"

"""Reads YAML into plain values, with the line of every key; expands ranges and limits the size.

Scalars are read as in YAML 1.2: only numbers and `null` are converted, so `on`, `no`, `12:30` and `2026-01-01` remain
text. Keys are always text. Tags, which could create other objects, are rejected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import yaml
from yaml.composer import Composer

from monitor.plant.file.ranges import Active, fill, parse_range
from monitor.plant.messages import describe_value, dotted

Path = tuple[str | int, ...]
MAX_DEPTH = 24
MAX_NODES = 30_000
"""Keys and values of a text, thirty times those of the demo's plant: PyYAML takes a second for about 40,000."""
MAX_COST = 120_000
"""Limit on the size after expansion of aliases and ranges; each value costs 1, plus 1 for every 64 characters."""

_TAG = "tag:yaml.org,2002:"
_NUMBERS = {f"{_TAG}int": int, f"{_TAG}float": float}
_RESOLVERS = (
    ("int", r"[-+]?[0-9]+\Z", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z|[-+]?\.inf\Z|\.nan\Z", "-+.0123456789"),
    ("null", r"(~|null|Null|NULL|)\Z", ["~", "n", "N", ""]),
    ("merge", r"<<\Z", "<"),
)


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where a key was given: a line of the file (from 1), or a command-line option, which sorts after all lines."""

    line: float
    text: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem at a path of keys; `place` is given where it differs from that of the nearest key on the path.

    `keeps_value`: the value at the path remains and is validated like any other.
    """

    path: Path
    sentence: str
    place: Position | None = None
    keeps_value: bool = False


@dataclass(slots=True)
class Tree:
    """The values of a file (mappings with text keys, lists, text, numbers, None) and the position of every key."""

    value: Any = None
    places: dict[Path, Position] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def lines(self, problems: Iterable[Problem]) -> list[str]:
        """The problems in the order of the file, one line each.

        A problem that a range repeats for each of its members is listed once: same message, line and last key.
        """
        grouped: dict[tuple[Position, str, int, str], list[str]] = {}
        for problem in problems:
            place, key = self._place(problem), dotted(problem.path)
            last = "" if not problem.path else str(problem.path[-1])
            grouped.setdefault((place, problem.sentence, len(problem.path), last), []).append(key)
        lines = []
        for (place, sentence, _, _), keys in grouped.items():
            where = place.text if not keys[0] or place.text == f"--set {keys[0]}" else f"{place.text}: {keys[0]}"
            more = f" (and {len(keys) - 1} more from this line)" if len(keys) > 1 else ""
            lines.append((place, f"{where}: {sentence}{more}"))
        return [line for _, line in sorted(lines)]

    def _place(self, problem: Problem) -> Position:
        path = problem.path
        while path and path not in self.places:
            path = path[:-1]
        return problem.place or self.places[path]


class _Composer(Composer):
    """Composes nodes of limited depth and number."""

    peek_event: Callable[[], Any]
    depth = 0
    nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.depth += 1
        self.nodes += 1
        if self.nodes > MAX_NODES:
            line = self.peek_event().start_mark.line + 1
            raise _TooMuchError(f"more than {MAX_NODES} keys and values by line {line}; expected a plant file")
        if self.depth > 2 * MAX_DEPTH:
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, "nested too deeply", mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


class _Loader(_Composer, yaml.SafeLoader):
    """Never constructs objects."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


_NEEDS_PYYAML = re.compile(r"[?!]|^(---|\.\.\.|%)|[>|]\S*#", re.MULTILINE)
"""What PyYAML and LibYAML do not read alike, besides characters that are not printed, such as tabs."""


def _with_libyaml(text: str) -> yaml.Node | None:
    """The nodes of a text, by a parser that takes a fifth of the time; where it finds a fault, PyYAML describes it."""

    class Fast(_Composer, yaml.CSafeLoader):
        yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers

        def __init__(self) -> None:
            yaml.CSafeLoader.__init__(self, text)
            Composer.__init__(self)

    node: yaml.Node | None = Fast().get_single_node()
    return node


_FASTEST_DUMPER: Any = yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper


class _Dumper(_FASTEST_DUMPER):  # type: ignore[misc]
    """Quotes text that `_Loader` would not read back unchanged."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def text(self, data: str) -> yaml.ScalarNode:
        """PyYAML folds line breaks such as U+0085 and U+2028 unless they are escaped in double quotes."""
        node: yaml.ScalarNode = self.represent_scalar(f"{_TAG}str", data, style=None if data.isprintable() else '"')
        return node


for _tag, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(_TAG + _tag, re.compile(_pattern), list(_first))
    _Dumper.add_implicit_resolver(_TAG + _tag, re.compile(_pattern), list(_first))

_Dumper.add_representer(str, _Dumper.text)


def read(text: str, name: str) -> Tree:
    """The values of a YAML text; syntax errors are added to the tree's problems. Never raises."""
    tree = Tree(places={(): Position(0, name)})
    try:
        node = _compose(text)
    except _TooMuchError as error:
        tree.problems.append(Problem((), str(error)))
        return tree
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Position(mark.line + 1, f"{name}:{mark.line + 1}") if mark else None
        tree.problems.append(Problem((), f"not valid YAML: {_describe_error(error)}", place))
        return tree
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        sentence = f"the character {chr(error.character)!a} is not allowed in YAML"
        tree.problems.append(Problem((), sentence, Position(line, f"{name}:{line}")))
        return tree
    except (ValueError, OverflowError):  # PyYAML does not catch errors of chr() and int() in escapes and directives
        tree.problems.append(Problem((), "not valid YAML: an escaped character or a directive is out of range"))
        return tree
    try:
        tree.value = _Builder(name, tree).value(node, (), ()) if node is not None else None
    except _TooMuchError as error:
        tree.problems.append(Problem((), str(error)))
    return tree


@lru_cache(maxsize=2)
def _compose(text: str) -> yaml.Node | None:
    """The nodes of a text, which nobody changes: PyYAML takes longer for them than all else takes that a plant is made
    of, and a process reads the same text as a file and as the store keeps it."""
    if yaml.__with_libyaml__ and not _NEEDS_PYYAML.search(text) and all(map(str.isprintable, text.split("\n"))):
        with suppress(yaml.YAMLError, ValueError):
            return _with_libyaml(text)
    node: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    return node


def dump(value: Any) -> str:
    """YAML text from which `read` returns the same values."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120))


def _describe_error(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or error.context or "it cannot be read"
    if "'\\t'" in problem:
        return "tabs cannot be used for indentation; use spaces"
    if "single document" in (error.context or ""):
        return "expected one document, found a second '---'"
    return " ".join(f"{error.context + ', ' if error.context and error.problem else ''}{problem}".split())


def _check_unicode(text: str) -> None:
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise ValueError("contains a lone surrogate; expected Unicode text")


class _TooMuchError(Exception):
    """The text holds more than `MAX_NODES`, or its aliases or ranges expand beyond `MAX_COST` or `MAX_DEPTH`."""


@dataclass(slots=True)
class _Builder:
    """Converts nodes to values and records the position of each key."""

    name: str
    tree: Tree
    cost: int = 0
    merging: int = 0

    def value(self, node: yaml.Node, path: Path, ranges: tuple[Active, ...]) -> Any:
        self._spend(1)
        if len(path) > MAX_DEPTH:
            raise _TooMuchError(f"nested more than {MAX_DEPTH} deep, or an alias that contains itself")
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, path, ranges)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return self._list(node, path, ranges)
        return self._scalar(node, path, ranges)

    def _spend(self, cost: int) -> None:
        self.cost += cost
        if self.cost > MAX_COST:
            raise _TooMuchError("aliases and ranges expand to more values than one plant can have")

    def _problem(self, path: Path, sentence: str, node: yaml.Node) -> None:
        self.tree.problems.append(Problem(path, sentence, self._place(node)))

    def _place(self, node: yaml.Node) -> Position:
        line = node.start_mark.line + 1
        return Position(line, f"{self.name}:{line}")

    def _scalar(self, node: yaml.Node, path: Path, ranges: tuple[Active, ...]) -> Any:
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        self._spend(len(text) // 64)
        if node.tag == f"{_TAG}null":
            return None
        if node.tag in _NUMBERS:
            try:
                return _NUMBERS[node.tag](text.replace(".inf", "inf").replace(".nan", "nan"))
            except ValueError:
                self._problem(path, f"expected a number, found {describe_value(text)}", node)
                return None
        if node.tag not in (f"{_TAG}str", f"{_TAG}merge"):
            self._problem(path, "a YAML tag ('!...') is not allowed here; expected a plain value", node)
            return None
        return self._filled(text, path, ranges, node)

    def _filled(self, text: str, path: Path, ranges: tuple[Active, ...], node: yaml.Node) -> str:
        try:
            _check_unicode(text)
            return fill(text, ranges)
        except ValueError as error:
            self._problem(path, str(error), node)
            return ""

    def _list(self, node: yaml.SequenceNode, path: Path, ranges: tuple[Active, ...]) -> list[Any]:
        items: list[Any] = []
        for item in node.value:
            for inner in self._members(item, path, ranges):
                here = (*path, len(items))
                self.tree.places[here] = self._place(item)
                items.append(self.value(item, here, inner))
        return items

    def _members(self, item: yaml.Node, path: Path, ranges: tuple[Active, ...]) -> Iterator[tuple[Active, ...]]:
        """The enclosing ranges of each value that an item expands to: one, or one for each member of its range."""
        try:
            own = parse_range(item.value) if isinstance(item, yaml.ScalarNode) else None
        except ValueError as error:
            self._problem(path, str(error), item)
            return
        if own is None or any(len(active.range) == len(own) for active in ranges):
            yield ranges
        else:
            yield from ((*ranges, Active(own, i)) for i in range(len(own)))

    def _mapping(self, node: yaml.MappingNode, path: Path, ranges: tuple[Active, ...]) -> dict[str, Any]:
        mapping = self._merged(node, path, ranges)
        first: dict[str, int] = {}
        for key, value in self._own(node, path):
            for text, inner in self._keys(key, path, ranges):
                here = (*path, text)
                if text in first:
                    sentence = f"key given twice, first in line {first[text]}"
                    self.tree.problems.append(Problem(here, sentence, self._place(key), keeps_value=True))
                    continue
                first[text] = key.start_mark.line + 1
                self.tree.places[here] = self._place(key)
                mapping[text] = self.value(value, here, inner)
        return mapping

    def _own(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._problem(path, "expected text as a key, found a list or a mapping", key)
            elif key.tag != f"{_TAG}merge":
                yield key, value

    def _keys(
        self, key: yaml.ScalarNode, path: Path, ranges: tuple[Active, ...]
    ) -> Iterator[tuple[str, tuple[Active, ...]]]:
        """The keys that a key expands to, each with the enclosing ranges of its value."""
        try:
            _check_unicode(key.value)
            own = parse_range(key.value)
        except ValueError as error:
            self._problem((*path, key.value), str(error), key)
            return
        if own is None:
            yield key.value, ranges
            return
        for i in range(len(own)):
            self._spend(1)
            yield fill(key.value, (Active(own, i),)), (*ranges, Active(own, i))

    def _merged(self, node: yaml.MappingNode, path: Path, ranges: tuple[Active, ...]) -> dict[str, Any]:
        """The keys merged in by `<<`; the first of several mappings takes precedence, own keys over all of them."""
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag != f"{_TAG}merge":
                continue
            for item in reversed(value.value) if isinstance(value, yaml.SequenceNode) else [value]:
                if not isinstance(item, yaml.MappingNode):
                    self._problem(path, "'<<' expected a mapping or a list of mappings", key)
                    continue
                if self.merging > MAX_DEPTH:
                    raise _TooMuchError("'<<' merges a mapping that contains itself")
                self.merging += 1
                self._spend(1)
                merged.update(self._mapping(item, path, ranges))
                self.merging -= 1
        return merged

"""SQL conditions of the plant file: columns, parameters, comparisons. No value stands in their text.

A condition is made of names of columns, `:parameters`, the words below, comparisons, arithmetic and brackets. Whatever
else SQL knows (literals, comments, several statements, functions, other tables) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

WORDS = frozenset({"AND", "OR", "NOT", "IN", "IS", "NULL", "LIKE", "BETWEEN", "ESCAPE", "TRUE", "FALSE"})
_TOKEN = re.compile(
    r"""(?P<blank>\s+) | :(?P<parameter>[A-Za-z_]\w*) | (?P<name>[^\W\d]\w*)
        | (?P<sign><>|!=|<=|>=|[=<>(),+*/%]|-(?!-))""",
    re.VERBOSE,
)
_REFUSED = (
    (";", "a condition is no statement: it holds no ';'"),
    ("--", "a condition holds no comment"),
    ("/*", "a condition holds no comment"),
    ("'", "a condition holds no text in quotes; write a :parameter and give its value under params"),
    ('"', "a condition holds no quotes; name columns as they are, or use a view"),
    ("::", "a condition holds no '::'; use a view for conversions"),
)


class Part(StrEnum):
    """What a piece of a condition is."""

    COLUMN = "column"
    PARAMETER = "parameter"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition in pieces."""

    parts: tuple[tuple[Part, str], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it names, each once."""
        return self._named(Part.COLUMN)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters that it names, each once."""
        return self._named(Part.PARAMETER)

    def write(self, column: Callable[[str], str], parameter: Callable[[str], str]) -> str:
        """The condition as SQL, with each column and parameter as the functions write it."""
        writers: dict[Part, Callable[[str], str]] = {Part.COLUMN: column, Part.PARAMETER: parameter, Part.OTHER: str}
        return "".join(writers[part](text) for part, text in self.parts)

    def _named(self, wanted: Part) -> tuple[str, ...]:
        return tuple(dict.fromkeys(text for part, text in self.parts if part is wanted))


@cache
def parse_condition(sql: str) -> Condition:
    """The condition that a text describes; ValueError, with a sentence, for anything else."""
    found = next((sentence for mark, sentence in _REFUSED if mark in sql), None)
    if found:
        raise ValueError(found)
    condition = Condition(tuple(_parts(sql)))
    if not condition.columns:
        raise ValueError("a condition names at least one column")
    _check_brackets(sql)
    return condition


def _parts(sql: str) -> Iterable[tuple[Part, str]]:
    at = 0
    while at < len(sql):
        match = _TOKEN.match(sql, at)
        if match is None:
            raise ValueError(_problem(sql[at:]))
        at = match.end()
        if match["parameter"]:
            yield Part.PARAMETER, match["parameter"]
        elif match["name"] and match["name"].upper() not in WORDS:
            if re.match(r"\s*\(", sql[at:]):
                raise ValueError(f"{match['name']!r} is a function or no word of a condition; use a view for more")
            yield Part.COLUMN, match["name"]
        else:
            yield Part.OTHER, match.group()


def _problem(rest: str) -> str:
    number = re.match(r"\.?\d[\w.]*", rest)
    if number:
        return (
            f"a condition holds no values such as {number.group()}; write a :parameter and give its value under params"
        )
    words = ", ".join(sorted(WORDS))
    return f"a condition holds no {rest[0]!r}; it is made of columns, :parameters, comparisons, brackets, {words}"


def _check_brackets(sql: str) -> None:
    depth = 0
    for character in sql:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            break
    if depth:
        raise ValueError("the brackets of a condition do not match")

"""Formats of times that are written as text: what a format reads, and whether its text sorts by time.

A format is written as for `strptime`. A number may lack its leading zero, except where nothing separates it from the
next one, and except in a format that runs from the year to its smallest unit: there the text sorts by time, and is
compared as it is. `%-m` accepts a missing zero there too, at the price of that order. A fraction (`%f`) may be missing
together with the '.' or ',' before it; blanks around a time do not matter.

Patterns are regular expressions that Python and PostgreSQL understand alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache

MONTHS = {
    name: f"{i:02d}"
    for i, name in enumerate(
        ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), 1
    )
}  # fmt: skip
LAST_CENTURY = "69"
"""Two-digit years from here on are of the last century, as for strptime."""
DIRECTIVES = ("%Y", "%y", "%m", "%b", "%d", "%H", "%I", "%p", "%M", "%S", "%f", "%z", "%Z", "%%")
_MONTH = "|".join("".join(f"[{c}{c.lower()}]" for c in name) for name in MONTHS)
_FIXED = {
    "Y": "[0-9]{4}", "y": "[0-9]{2}", "b": _MONTH, "f": "[0-9]{1,9}", "p": "[AaPp][Mm]",
    "z": "Z|[+-][0-9]{2}(?::?[0-9]{2})?", "Z": "UTC|GMT",
}  # fmt: skip
_TWO_DIGITS, NUMBERS = "mdHIMS", "YymdHIMSf"
"""Directives of two digits, and all that are written in digits only."""
_SORTED = {
    "Y": timedelta(0), "m": timedelta(0), "d": timedelta(days=1), "H": timedelta(hours=1), "M": timedelta(minutes=1),
    "S": timedelta(seconds=1),
}  # fmt: skip
"""The order of a format that sorts by time, with the unit of each number."""
_TAILS = ((), ("f",), ("z",), ("Z",), ("f", "z"), ("f", "Z"))
_WORDS = {
    "Y": "YYYY", "y": "YY", "m": "MM", "b": "MON", "d": "DD", "H": "hh", "I": "hh", "p": "AM", "M": "mm", "S": "ss",
    "f": "fff", "z": "+hh:mm", "Z": "UTC",
}  # fmt: skip
BLANKS = r"[ \t\r\n]*"
_MAX_LENGTH = 100
_LARGEST = 10**20


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a format: a directive's letter, or literal text. `short`: a leading zero may be missing."""

    field: str = ""
    literal: str = ""
    short: bool = False


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """A format: its text, its pieces with the regular expression of each, and the directives among them, in order.

    `sorts`: the order of its text is the order of time, down to the `resolution` of a format that sorts.
    """

    text: str
    tokens: tuple[Token, ...]
    parts: tuple[str, ...]
    fields: tuple[str, ...]
    sorts: bool
    resolution: timedelta

    @property
    def pattern(self) -> str:
        """What it reads, with a group for each directive."""
        return ("" if self.sorts else BLANKS) + self.rest(0)

    def rest(self, place: int) -> str:
        """What it reads from one of its pieces on."""
        return "".join(self.parts[place:]) + BLANKS

    @property
    def date_only(self) -> bool:
        """Whether it has no time of day; such a time is midnight at the start of the day."""
        return not {"H", "I"} & set(self.fields)

    @property
    def naive(self) -> bool:
        """Whether its times have no offset."""
        return not {"z", "Z"} & set(self.fields)

    @property
    def words(self) -> str:
        """The form for people, such as DD.MM.YYYY hh:mm:ss."""
        return "".join(_WORDS[token.field] if token.field else token.literal for token in self.tokens)

    def iso(self, value: object) -> str | None:
        """A time as ISO text of full width, with its offset if it has one; None if the format does not read it."""
        text = _as_text(value)
        match = None if text is None else _compiled(self.pattern).fullmatch(text)
        if match is None:
            return None
        found = dict(zip(self.fields, match.groups(), strict=True))
        hour = _hour(found)
        if hour is None:
            return None
        month = found["m"] if "m" in found else MONTHS[found["b"].upper()]
        minute, second = found.get("M", "00"), found.get("S", "00")
        fraction = f".{found['f'] or '':0<6.6}" if "f" in found else ""
        offset = "Z" if "Z" in found else found.get("z", "")
        return f"{_year(found)}-{month:0>2}-{found['d']:0>2} {hour:0>2}:{minute:0>2}:{second:0>2}{fraction}{offset}"

    def write(self, wall: datetime) -> str:
        """The text that sorts before all spellings of a local time and of later ones, if the format sorts."""
        last = max(i for i, token in enumerate(self.tokens) if token.field in _SORTED)
        numbers = dict(zip(_SORTED, wall.timetuple(), strict=False))
        return "".join(
            f"{numbers[token.field]:0{4 if token.field == 'Y' else 2}d}" if token.field else token.literal
            for token in self.tokens[: last + 1]
        )


@cache
def time_format(text: str) -> TimeFormat:
    """The format that a text describes; ValueError, with a sentence, if it describes none."""
    if len(text) > _MAX_LENGTH or not text.isprintable():
        raise ValueError(f"expected a format of at most {_MAX_LENGTH} printable characters")
    tokens = tuple(_tokens(text))
    fields = tuple(token.field for token in tokens if token.field)
    _check(fields)
    if any(character.isdigit() for token in tokens for character in token.literal):
        raise ValueError("expected no digits beside the directives")
    order = tuple(field for field in fields if field not in ("f", "z", "Z"))
    in_order = fields[: len(order)] == order == tuple(_SORTED)[: len(order)] and fields[len(order) :] in _TAILS
    sorts = in_order and not any(token.short for token in tokens)
    unit = _SORTED[order[-1]] if sorts else timedelta(0)
    return TimeFormat(text, tokens, tuple(_parts(tokens, sorts)), fields, sorts, unit)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _as_text(value: object) -> str | None:
    """Text, or a whole number as text: a database may hold 20260301 as a number."""
    if type(value) is str:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if isinstance(value, Decimal) and not value.is_finite():  # comparing a NaN raises
        return None
    return str(int(value)) if -_LARGEST < value < _LARGEST and value % 1 == 0 else None


def _year(found: Mapping[str, str]) -> str:
    if "Y" in found:
        return found["Y"]
    return ("19" if found["y"] >= LAST_CENTURY else "20") + found["y"]


def _hour(found: Mapping[str, str]) -> str | None:
    """The hour of 24; None if there is no such hour of 12."""
    if "I" not in found:
        return found.get("H", "00")
    hour = int(found["I"])
    return str(hour % 12 + 12 * (found["p"].upper() == "PM")) if 1 <= hour <= 12 else None


def _tokens(text: str) -> Iterator[Token]:
    literal = ""
    at = 0
    while at < len(text):
        if text[at] != "%":
            literal, at = literal + text[at], at + 1
            continue
        short = text[at + 1 : at + 2] == "-"
        directive = text[at : at + 2 + short]
        field = directive[1 + short :]
        if f"%{field}" not in DIRECTIVES or (short and field not in _TWO_DIGITS):
            raise ValueError(f"{directive!r} is no directive of a time format; allowed: {', '.join(DIRECTIVES)}")
        at += len(directive)
        if field == "%":
            literal += "%"
            continue
        if literal:
            yield Token(literal=literal)
        literal = ""
        yield Token(field, short=short)
    if literal:
        yield Token(literal=literal)


def _check(fields: Sequence[str]) -> None:
    twice = [field for field in fields if fields.count(field) > 1]
    if twice:
        raise ValueError(f"'%{twice[0]}' is given twice")
    for one, other in (("Y", "y"), ("m", "b"), ("H", "I"), ("z", "Z")):
        if one in fields and other in fields:
            raise ValueError(f"expected '%{one}' or '%{other}', not both")
    if not ({"Y", "y"} & set(fields) and {"m", "b"} & set(fields) and "d" in fields):
        raise ValueError("expected a year (%Y or %y), a month (%m or %b) and a day (%d)")
    if ("I" in fields) != ("p" in fields):
        raise ValueError("expected '%I' with '%p', or '%H': an hour of 12 needs its half of the day")
    for field, needed in (("M", {"H", "I"}), ("S", {"M"}), ("f", {"S"})):
        if field in fields and not needed & set(fields):
            raise ValueError(f"'%{field}' needs '%{min(needed)}'")
    if "z" in fields and fields[-1] != "z":
        raise ValueError("expected '%z' as the last directive")
    if "f" in fields and set(fields[fields.index("f") + 1 :]) & set(NUMBERS):
        raise ValueError("expected '%f' after the other numbers")


def _parts(tokens: Sequence[Token], sorts: bool) -> list[str]:
    parts: list[str] = []
    for i, token in enumerate(tokens):
        before = tokens[i - 1].literal if i else ""
        if not token.field:
            parts.append(_literal(token.literal, sorts))
        elif token.field == "f" and before.endswith((".", ",")):
            parts[-1] = _literal(before[:-1], sorts)
            parts.append(f"(?:{re.escape(before[-1])}({_FIXED['f']}))?")
        elif token.field in _FIXED:
            parts.append(f"({_FIXED[token.field]})")
        else:
            exact = _touches_a_number(tokens, i) or (sorts and not token.short)
            parts.append("([0-9]{2})" if exact else "([0-9]{1,2})")
    return parts


def _literal(text: str, sorts: bool) -> str:
    """A pattern of literal text; where the text is not compared, a blank stands for any number of them."""
    return re.escape(text) if sorts else "[ \\t]+".join(re.escape(part) for part in re.split(r"[ \t]+", text))


def _touches_a_number(tokens: Sequence[Token], i: int) -> bool:
    beside = [tokens[j].field for j in (i - 1, i + 1) if 0 <= j < len(tokens)]
    return any(field and field in NUMBERS for field in beside)

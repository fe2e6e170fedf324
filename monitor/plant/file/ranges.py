"""Brace ranges: `p{01..30}` stands for p01 to p30, so thirty columns fit on one line of a plant file.

As a key, `p{01..30}: {column: "P{01..30}"}` creates thirty entries. A range in the value of such a key is replaced by
the member at the same position, so both must have the same number of members. As a list item, `"p{01..30}"` creates
thirty items, unless a key around the list has a range with the same number of members. A leading zero pads every
member. A key or item may contain one range.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_MEMBERS = 10_000
_RANGE = re.compile(r"\{([0-9]{1,18})\.\.([0-9]{1,18})\}")


class RangeError(ValueError):
    """A range that cannot be expanded; the message says why."""


@dataclass(frozen=True, slots=True)
class Range:
    """`{first..last}`, both included; a leading zero in either pads all members to the longer of the two."""

    first: int
    last: int
    width: int

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __getitem__(self, index: int) -> str:
        return f"{self.first + index:0{self.width}d}"


@dataclass(frozen=True, slots=True)
class Active:
    """A range in an enclosing key or list item, and the index of the member that a value belongs to."""

    range: Range
    index: int


def _range(first: str, last: str) -> Range:
    text = f"{{{first}..{last}}}"
    padded = any(number.startswith("0") and len(number) > 1 for number in (first, last))
    expanded = Range(int(first), int(last), max(len(first), len(last)) if padded else 0)
    if expanded.first > expanded.last:
        raise RangeError(f"range {text}: expected the first number not above the last")
    if expanded.last - expanded.first >= MAX_MEMBERS:
        raise RangeError(f"range {text}: expected at most {MAX_MEMBERS} members")
    return expanded


def parse_range(text: str) -> Range | None:
    """The range in a key or list item, None if there is none; RangeError for two ranges or an invalid one."""
    ranges = [_range(*match) for match in _RANGE.findall(text)]
    if len(ranges) > 1:
        raise RangeError("expected at most one range in a key or list item")
    return ranges[0] if ranges else None


def fill(text: str, around: Sequence[Active]) -> str:
    """The text with each range replaced by the member that corresponds to the enclosing range.

    `around` holds the enclosing ranges, outermost first. A range corresponds to the innermost enclosing range with
    the same number of members; RangeError if there is none.
    """

    def member(match: re.Match[str]) -> str:
        range_ = _range(*match.groups())
        for active in reversed(around):
            if len(active.range) == len(range_):
                return range_[active.index]
        if around:
            others = ", ".join(str(len(active.range)) for active in around)
            raise RangeError(f"range {match.group()} has {len(range_)} members, the range around it {others}")
        raise RangeError(
            f"range {match.group()}: expected a range only in a key, beneath such a key, or in a list item"
        )

    return _RANGE.sub(member, text)

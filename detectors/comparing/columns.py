"""What is compared, and what is found of it, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from detectors.comparing.cells import Codes
from detectors.comparing.methods import OF_CATEGORIES, OF_NUMBERS, Method
from monitor.model import Floats


@dataclass(frozen=True, slots=True)
class Column:
    """A column of both files, NaN where missing: numbers, or the index of a category in `levels`."""

    name: str
    reference: Floats
    current: Floats
    levels: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Labels:
    """The group and the lot of each row of both files, as numbers; None where there are none."""

    groups: tuple[Codes, Codes] | None = None
    lots: tuple[Codes, Codes] | None = None
    names: tuple[str, ...] = ()
    by: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """`q`: the share of false discoveries among those made. `explains`: the share of a drift that a changed mix has to
    explain. `fewest`: rows of a slice in either file. `most_slices`: the largest groups are slices.
    """

    numbers: Method = OF_NUMBERS
    categories: Method = OF_CATEGORIES
    q: float = 0.05
    explains: float = 0.5
    fewest: int = 20
    most_slices: int = 20


class Verdict(StrEnum):
    """What is said of a column's values, or of its missing ones."""

    DRIFT = "drift"
    EXPLAINED = "explained"
    SMALL = "small"
    NONE = "none"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class Mix:
    """What a changed share of the groups explains: `explained`, from 0 to 1; the distance that remains, and its chance.

    `remains` None, `p` 1: no group is in both files.
    """

    explained: float
    remains: float | None
    p: float
    adjusted: float = 1.0


@dataclass(frozen=True, slots=True)
class Slice:
    """A group of rows of both files, compared like the whole; `adjusted` over all slices of all columns."""

    group: str
    rows: tuple[int, int]
    value: float | None
    p: float
    adjusted: float = 1.0
    drifted: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """A comparison of a column's values, or, by `missing_rate`, of its missing ones.

    `value`: Evidently's of the method; `usual`: the distance that chance stays below, in the unit of `distance`;
    `p`: how likely chance does as much; `adjusted`: the least share of false discoveries at which it is one.
    """

    column: Column
    method: Method
    rows: tuple[int, int]
    value: float | None = None
    distance: float = 0.0
    usual: float = 0.0
    p: float = 1.0
    adjusted: float = 1.0
    verdict: Verdict = Verdict.NO_DATA
    shares: tuple[float, float] | None = None
    mix: Mix | None = None
    slices: tuple[Slice, ...] = ()


@dataclass(frozen=True, slots=True)
class Compared:
    """All columns: their values, in the order of the reference, and, where any is missing, the missing ones by name."""

    values: tuple[Judged, ...]
    missing: Mapping[str, Judged] = field(default_factory=dict)
    tests: int = 0

    def of(self, verdict: Verdict) -> list[Judged]:
        """Values and missing ones of a verdict, the most certain and then the largest first."""
        found = [judged for judged in (*self.values, *self.missing.values()) if judged.verdict is verdict]
        return sorted(found, key=lambda judged: (judged.adjusted, -judged.distance))

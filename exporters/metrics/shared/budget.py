"""How many series a metric has at most, as a function of the size of a plant: declared as formulas of sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Final

SIZES: Final = {
    "machines": "machines that have sensors",
    "sensors": "sensors of a machine, the most that one has",
    "steps": "steps",
    "features": "features of a step with those of its pictures and predictions, the most that one has",
    "rules": "rules of control charts asked for in `spc`, 2 by default",
    "gates": "gates",
    "characteristics": "characteristics",
    "sources": "sources",
    "jobs": "jobs: see `gatewatch_job_runs_total`",
}
"""What a plant has that the number of series depends on, and what is counted of it."""

Term = tuple[str, ...]
"""The sizes that are multiplied, in order."""


@dataclass(frozen=True, slots=True)
class Count:
    """A sum of products of sizes with whole factors.

    >>> machines, sensors = Count.of("machines"), Count.of("sensors")
    >>> most = machines * (sensors * 2 + 3)
    >>> str(most), most.at({"machines": 10, "sensors": 4})
    ('2 machines x sensors + 3 machines', 110)
    """

    terms: tuple[tuple[Term, int], ...]

    @classmethod
    def of(cls, what: str | int) -> Count:
        """A size by name, or a number."""
        return cls((((), what),)) if isinstance(what, int) else cls((((what,), 1),))

    def __add__(self, other: Count | int) -> Count:
        added = Counter(dict(self.terms))
        added.update(dict(_count(other).terms))
        return _summed(added)

    def __mul__(self, other: Count | int) -> Count:
        product: Counter[Term] = Counter()
        for mine, n in self.terms:
            for theirs, m in _count(other).terms:
                product[tuple(sorted((*mine, *theirs), key=list(SIZES).index))] += n * m
        return _summed(product)

    def at(self, sizes: Mapping[str, int]) -> int:
        """The number at these sizes."""
        return sum(n * prod(sizes[name] for name in term) for term, n in self.terms)

    def __str__(self) -> str:
        return " + ".join(_written(term, n) for term, n in self.terms) or "0"


def _count(value: Count | int) -> Count:
    return value if isinstance(value, Count) else Count.of(value)


def _summed(terms: Mapping[Term, int]) -> Count:
    # Products first, plain numbers last.
    return Count(tuple(sorted(((t, n) for t, n in terms.items() if n), key=lambda one: (-len(one[0]), one[0]))))


def _written(term: Term, n: int) -> str:
    names = " x ".join(term)
    return names if names and n == 1 else f"{n} {names}".rstrip()


ONE = Count.of(1)
MACHINES, SENSORS, STEPS, FEATURES, RULES, GATES, CHARACTERISTICS, SOURCES, JOBS = map(Count.of, SIZES)

ALERTS_OF: Final = {
    "machine": 8, "step": 3, "gate": 9, "source": 6, "job": 2, "channel": 2, "site": 4, "team": 1, "name": 1,
}  # fmt: skip
"""How many alerts of the program are about each kind of subject."""
CHANNELS = 6
"""Channels of the outbox: the MES, the log, and a team each."""
UNKNOWN_NAMES = 21
"""Names that the plant file has not and that have a series of their own, and 'others'."""
NAMES_KEPT = 200
"""Such names that the store keeps: those of an alert that is over, or was counted, may be others than those of now."""
_SUBJECTS: Final = {
    "machine": MACHINES, "step": STEPS, "gate": GATES, "source": SOURCES, "job": JOBS, "channel": Count.of(CHANNELS),
    "site": ONE, "team": Count.of(4),
}  # fmt: skip


def alerts_with_subjects(names: int = UNKNOWN_NAMES) -> Count:
    """Every alert with everything that it can be about, so many names that the plant file has not among these."""
    subjects = {**_SUBJECTS, "name": Count.of(names)}
    return sum((count * ALERTS_OF[kind] for kind, count in subjects.items()), Count(()))


_CAUSES = MACHINES * 2 + STEPS * 5 + GATES
"""Likely causes at once: of each kind one for what it is about."""
SLICES = 8
"""Pairs of machine and recipe in which a gate's parts are judged."""
FINDINGS = (
    # limit, dead, stuck, time_left, event; condition, condition_alarm, change, unwatched
    MACHINES * (SENSORS * 5 + 4)
    # distance and missing values; the three findings of a step by each kind of features, its worst chart and machine
    + STEPS * (FEATURES * (RULES + 2) + 8)
    # performance and that of its slices, estimates, charts of outcome and residual; the worst of both
    + GATES * (RULES * 2 + 4 * (1 + SLICES) + 5)
    + SOURCES * 3
    + _CAUSES
)
"""Findings on the board at once."""
FINDING_METHODS = MACHINES * 12 + STEPS * (RULES + 14) + GATES * (RULES + 24) + SOURCES * 3 + _CAUSES
"""Detectors with their methods by subject."""

DEMO: Final = {
    "machines": 6, "sensors": 8, "steps": 5, "features": 32, "rules": 2, "gates": 4, "characteristics": 2,
    "sources": 7, "jobs": 29,
}  # fmt: skip
"""The sizes of the plant of `gatewatch demo`."""
LARGE: Final = {
    "machines": 100, "sensors": 20, "steps": 20, "features": 20, "rules": 2, "gates": 10, "characteristics": 10,
    "sources": 10, "jobs": 60,
}  # fmt: skip
"""A large plant, for comparison."""

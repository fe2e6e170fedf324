"""Values to a `Plant`, or every problem in plain words; pydantic's own words, and inputs it would show, stay here.

What is wrong is taken out, or replaced by a stand-in where it is needed, and the rest is judged again, so that a check
of several keys together, which needs each of them right, still runs for the others.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from monitor.plant.file.contradictions import cross_check
from monitor.plant.file.problems import Location, at, report
from monitor.plant.file.yaml_tree import Path, Problem
from monitor.plant.plant import Plant

_ROUNDS = 50  # every round takes something out; a key is at most about 10 deep
_NAMING = ("values", "sensors")
"""Keys of an entry under which others refer to names."""


def validate(
    value: Any, shown: Any, broken: Iterable[Path] = (), unset: Iterable[Path] = ()
) -> tuple[Plant | None, list[Problem]]:
    """The plant, or None and what is wrong.

    `shown` is what messages may show: the same before secrets were put in. Problems at `broken` and `unset` paths
    were reported already; an `unset` one still holds its reference, which will often do for judging the rest.
    """
    judged = _Judged(copy.deepcopy(value), shown)
    broken = list(broken)
    judged.silence([*broken, *unset])
    judged.drop(broken)
    for _ in range(_ROUNDS):
        plant, errors = _attempt(judged.value)
        if plant is not None:
            crossed = cross_check(plant, judged.partial)
            judged.problems += [Problem(p, sentence) for p, sentence in crossed if p not in judged.told]
            return (None if judged.problems or judged.lost else plant), judged.problems
        if not judged.take(errors):
            break
    return None, judged.problems


def _attempt(value: Any) -> tuple[Plant | None, list[ErrorDetails]]:
    try:
        return Plant.model_validate(value), []
    except ValidationError as error:
        return None, error.errors(include_url=False)


@dataclass(slots=True)
class _Judged:
    """What is left of the values while problems are collected."""

    value: Any
    shown: Any
    problems: list[Problem] = field(default_factory=list)
    lost: set[Path] = field(default_factory=set)
    """Every path that was reported, and all paths above it."""
    told: set[Path] = field(default_factory=set)
    """Every path that was reported."""
    partial: set[str] = field(default_factory=set)
    """The keys at the top that lack a name which others may refer to."""
    stood_in: set[Path] = field(default_factory=set)
    """Paths at which a value stands only so that the rest can be judged."""

    def take(self, errors: Iterable[ErrorDetails]) -> bool:
        """Note new problems, put a stand-in for what is wrong or take it out; whether the rest can be judged again."""
        errors = list(errors)
        reports = [report(error, self.shown) for error in errors]
        self.problems += dict.fromkeys(problem for problem in reports if problem.path not in self.lost)
        unknown = [p.path for p, error in zip(reports, errors, strict=True) if error["type"] == "extra_forbidden"]
        known = [Location.find(error["loc"]) for error in errors if error["type"] != "extra_forbidden"]
        self.silence(spot.path for spot in known)
        for path in unknown:
            del at(self.value, path[:-1])[path[-1]]
        return self.drop([spot.path for spot in known if not self._stand_in(spot)])

    def silence(self, paths: Iterable[Path]) -> None:
        """Report nothing more at these paths, nor of the keys around them as a whole."""
        for path in paths:
            self.told.add(path)
            self.lost.update(path[:end] for end in range(len(path) + 1))

    def drop(self, paths: Iterable[Path]) -> bool:
        """Take out what stands at each path, or the nearest above it that is there; False where nothing is left."""
        targets = [self._target(path) for path in paths]
        for target in targets:
            if target:
                at(self.value, target[:-1], {}).pop(target[-1], None)
            if target and (len(target) <= 2 or target[2] in _NAMING):
                self.partial.add(str(target[0]))
        return all(targets)

    def _stand_in(self, spot: Location) -> bool:
        value, around = spot.stand_in(), at(self.value, spot.path[:-1])
        if value is None or not isinstance(around, dict) or spot.path in self.stood_in:
            return False
        around[spot.path[-1]] = value
        self.stood_in.add(spot.path)
        return True

    def _target(self, path: Path) -> Path:
        """What to take out for a problem at a path; a list goes whole, or the places of its other items would shift."""
        end = next((i for i, part in enumerate(path) if isinstance(part, int)), len(path))
        while end and not (isinstance(around := at(self.value, path[: end - 1]), dict) and path[end - 1] in around):
            end -= 1
        return path[:end]

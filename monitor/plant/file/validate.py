"""Validates values as a `Plant`, or reports all problems in plain words, without pydantic's messages and inputs.

Invalid values are removed, or replaced by a placeholder where a value is required, and the rest is validated again.
Checks across several keys, which need each key to be valid, can thus still run for the other keys.
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

_ROUNDS = 50  # every round removes something; keys are nested at most about 10 deep
_NAMING = ("values", "sensors")
"""Keys of an entry that define names to which other keys refer."""


def validate(
    value: Any, shown: Any, broken: Iterable[Path] = (), unset: Iterable[Path] = ()
) -> tuple[Plant | None, list[Problem]]:
    """The plant, or None and the problems.

    `shown` holds the values for messages: those of `value` before secrets were filled in. Problems at the paths in
    `broken` and `unset` have been reported already; values at `unset` paths still contain their reference (`${...}`),
    which is usually good enough to validate the rest.
    """
    judged = _Judged(copy.deepcopy(value), shown)
    broken = list(broken)
    judged.silence([*broken, *unset])
    judged.drop(broken)
    for _ in range(_ROUNDS):
        plant, errors = _attempt(judged.value)
        if plant is not None:
            crossed = cross_check(plant, judged.partial)
            judged.problems += [Problem(p, sentence) for p, sentence in crossed if p not in judged.reported]
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
    """The remaining values while problems are collected."""

    value: Any
    shown: Any
    problems: list[Problem] = field(default_factory=list)
    lost: set[Path] = field(default_factory=set)
    """All paths that have been reported, and the paths above them."""
    reported: set[Path] = field(default_factory=set)
    """All paths that have been reported."""
    partial: set[str] = field(default_factory=set)
    """Top-level keys from which a name was removed that other keys may refer to."""
    stood_in: set[Path] = field(default_factory=set)
    """Paths at which a value was replaced by a placeholder."""

    def take(self, errors: Iterable[ErrorDetails]) -> bool:
        """Record new problems and replace or remove invalid values; returns whether to validate the rest again."""
        errors = list(errors)
        reports = [report(error, self.shown) for error in errors]
        self.problems += dict.fromkeys(problem for problem in reports if problem.path not in self.lost)
        unknown = [p.path for p, error in zip(reports, errors, strict=True) if error["type"] == "extra_forbidden"]
        locations = [Location.find(error["loc"]) for error in errors if error["type"] != "extra_forbidden"]
        self.silence(location.path for location in locations)
        for path in unknown:
            del at(self.value, path[:-1])[path[-1]]
        return self.drop([location.path for location in locations if not self._stand_in(location)])

    def silence(self, paths: Iterable[Path]) -> None:
        """Suppress further problems at these paths and of the keys above them."""
        for path in paths:
            self.reported.add(path)
            self.lost.update(path[:end] for end in range(len(path) + 1))

    def drop(self, paths: Iterable[Path]) -> bool:
        """Remove the value at each path, or at the nearest existing path above it; False if there is none."""
        targets = [self._target(path) for path in paths]
        for target in targets:
            if target:
                at(self.value, target[:-1], {}).pop(target[-1], None)
            if target and (len(target) <= 2 or target[2] in _NAMING):
                self.partial.add(str(target[0]))
        return all(targets)

    def _stand_in(self, location: Location) -> bool:
        value, around = location.stand_in(), at(self.value, location.path[:-1])
        if value is None or not isinstance(around, dict) or location.path in self.stood_in:
            return False
        around[location.path[-1]] = value
        self.stood_in.add(location.path)
        return True

    def _target(self, path: Path) -> Path:
        """The path to remove for a problem at `path`; a list is removed as a whole, so that no index shifts."""
        end = next((i for i, part in enumerate(path) if isinstance(part, int)), len(path))
        while end and not (isinstance(around := at(self.value, path[: end - 1]), dict) and path[end - 1] in around):
            end -= 1
        return path[:end]

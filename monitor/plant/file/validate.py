"""Validates values as a `Plant`, or reports all problems in plain words, without pydantic's messages and inputs.

Invalid values are removed, or replaced by a placeholder where a value is required, and the rest is validated again.
Checks across several keys, which need each key to be valid, can thus still run for the other keys.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from monitor.plant.file.contradictions import cross_check
from monitor.plant.file.problems import Location, to_problem, value_at
from monitor.plant.file.yaml_tree import Path, Problem
from monitor.plant.plant import Plant

_ROUNDS = 50  # each round removes at least one value; keys are nested at most about 10 deep
_MAX_ERRORS = 5000
"""Beyond these nothing is examined any more: who wrote the file corrects some, and looks again."""
_NAME_DEFINING = ("values", "sensors")
"""Keys of an entry that define names to which other keys refer."""
_STAND_INS: dict[str, Any] = {
    "version": 1, "site": "x", "steps": {"x": {"line": "x"}},
    "sources": {
        "x": {"kind": "dispositions", "url": "sqlite:///x", "table": "x", "serial": "x", "disposition": "x", "at": "x"}
    },
}  # fmt: skip
"""In place of required sections of which nothing is left, so that the others can still be looked at."""


class Validated(NamedTuple):
    """The plant, or None and the problems. `remaining` is the plant without what has problems, None if too little is
    left."""

    plant: Plant | None
    problems: list[Problem]
    remaining: Plant | None


def validate(value: Any, displayed: Any, broken: Iterable[Path] = (), unset: Iterable[Path] = ()) -> Validated:
    """The values as a plant.

    `displayed` holds the values for messages: those of `value` before secrets were filled in. Problems at the paths in
    `broken` and `unset` are already reported; values at `unset` paths still contain their reference (`${...}`), which
    usually suffices to validate the rest.
    """
    state = _Validation(copy.deepcopy(value), displayed)
    broken = list(broken)
    state.suppress([*broken, *unset])
    state.drop(broken)
    for _ in range(_ROUNDS):
        plant, errors = _attempt(state.value)
        if plant is not None:
            contradictions = cross_check(plant, state.partial)
            state.problems += [Problem(p, sentence) for p, sentence in contradictions if p not in state.suppressed]
            return Validated(None if state.problems or state.suppressed else plant, state.problems, plant)
        if not state.record(errors):
            break
    return Validated(None, state.problems, _attempt({**_STAND_INS, **_sections(state.value)})[0])


def _sections(value: Any) -> dict[str, Any]:
    """The sections of which something is left."""
    return {key: section for key, section in value.items() if section} if isinstance(value, dict) else {}


def _attempt(value: Any) -> tuple[Plant | None, list[ErrorDetails]]:
    try:
        return Plant.model_validate(value), []
    except ValidationError as error:
        return None, error.errors(include_url=False)


@dataclass(slots=True)
class _Validation:
    """The remaining values while problems are collected."""

    value: Any
    displayed: Any
    problems: list[Problem] = field(default_factory=list)
    suppressed: set[Path] = field(default_factory=set)
    """All paths that have been reported, and the paths above them."""
    partial: set[str] = field(default_factory=set)
    """Top-level keys from which a name was removed that other keys may refer to."""
    placeholders: set[Path] = field(default_factory=set)
    """Paths at which a value was replaced by a placeholder."""

    def record(self, errors: Iterable[ErrorDetails]) -> bool:
        """Record new problems and replace or remove invalid values; returns whether to validate the rest again."""
        errors = list(errors)
        left_out = max(0, len(errors) - _MAX_ERRORS)
        errors = errors[:_MAX_ERRORS]
        reports = [to_problem(error, self.displayed) for error in errors]
        self.problems += dict.fromkeys(problem for problem in reports if problem.path not in self.suppressed)
        unknown = [p.path for p, error in zip(reports, errors, strict=True) if error["type"] == "extra_forbidden"]
        locations = [Location.find(error["loc"]) for error in errors if error["type"] != "extra_forbidden"]
        self.suppress(location.path for location in locations)
        for path in unknown:
            del value_at(self.value, path[:-1])[path[-1]]
        if left_out:
            self.problems.append(
                Problem((), f"{left_out} more problems, which are not examined; correct those below first")
            )
        return (
            self.drop([location.path for location in locations if not self._put_placeholder(location)]) and not left_out
        )

    def suppress(self, paths: Iterable[Path]) -> None:
        """Suppress further problems at these paths and of the keys above them."""
        for path in paths:
            self.suppressed.update(path[:end] for end in range(len(path) + 1))

    def drop(self, paths: Iterable[Path]) -> bool:
        """Remove the value at each path, or at the nearest existing path above it; False if there is none."""
        targets = [self._target(path) for path in paths]
        for target in targets:
            if target:
                value_at(self.value, target[:-1], {}).pop(target[-1], None)
            if target and (len(target) <= 2 or target[2] in _NAME_DEFINING):
                self.partial.add(str(target[0]))
        return all(targets)

    def _put_placeholder(self, location: Location) -> bool:
        value, parent = location.placeholder(), value_at(self.value, location.path[:-1])
        if value is None or not isinstance(parent, dict) or location.path in self.placeholders:
            return False
        parent[location.path[-1]] = value
        self.placeholders.add(location.path)
        return True

    def _target(self, path: Path) -> Path:
        """The path to remove for a problem at `path`; a list is removed as a whole, so that no index shifts."""
        end = next((i for i, part in enumerate(path) if isinstance(part, int)), len(path))
        while end and not (
            isinstance(parent := value_at(self.value, path[: end - 1]), dict) and path[end - 1] in parent
        ):
            end -= 1
        return path[:end]

"""Values to a `Plant`, or every problem in plain words; pydantic's own words, and inputs it would show, stay here.

Keys that are wrong are taken out and the rest is judged again, so that a check of several keys together, which needs
each of them right, still runs for the others.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from monitor.plant import Plant
from monitor.plant_words import expected, field_type, found, is_model, is_secret, listed, meant, members, split
from monitor.plant_yaml import Path, Problem

_ROUNDS = 50  # every round takes something out; a key is at most about 10 deep
_STAND_INS: Mapping[str, Any] = {"version": 1, "site": "site"}
"""For keys at the top that are wrong or missing, so that all the others can be judged."""


def validate(value: Any, shown: Any, broken: Iterable[Path] = ()) -> tuple[Plant | None, list[Problem]]:
    """The plant, or None and what is wrong.

    `shown` is what messages may show: the same values before secrets were put in. What stands at a `broken` path was
    reported already and is not judged.
    """
    judged = _Judged(copy.deepcopy(value), shown)
    judged.drop({path: True for path in broken})
    for _ in range(_ROUNDS):
        plant, errors = _attempt(judged.value)
        if plant is not None:
            judged.problems += [Problem(p, sentence) for p, sentence in plant.cross_check(judged.unsure())]
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
    """Every path that was taken out, and all paths above it."""

    def take(self, errors: Iterable[ErrorDetails]) -> bool:
        """Note new problems and take their keys out; whether the rest can be judged again."""
        reports = [_report(error, self.value, self.shown) for error in errors]
        fresh = dict.fromkeys(problem for problem, _ in reports if problem.path not in self.lost)
        self.problems += fresh
        return self.drop({problem.path: not extra for problem, extra in reports})

    def drop(self, paths: Mapping[Path, bool]) -> bool:
        """Take out what stands at each path, or the nearest above it that is there; False where nothing is left.

        A path says whether its key is one that Gatewatch knows: an unknown key is nobody's loss.
        """
        targets = {path: self._target(path) for path in paths}
        for path, target in targets.items():
            if paths[path]:
                self.lost.update(path[:end] for end in range(len(path) + 1))
            if target:
                _at(self.value, target[:-1], {}).pop(target[-1], None)
            if path and path[0] in _STAND_INS and isinstance(self.value, dict):
                self.value.setdefault(path[0], _STAND_INS[str(path[0])])
        return all(target or path[:1] in ((key,) for key in _STAND_INS) for path, target in targets.items())

    def _target(self, path: Path) -> Path:
        """What to take out for a problem at a path; a list goes whole, or the places of its other items would shift."""
        end = next((i for i, part in enumerate(path) if isinstance(part, int)), len(path))
        while end and not (isinstance(parent := _at(self.value, path[: end - 1]), dict) and path[end - 1] in parent):
            end -= 1
        return path[:end]

    def unsure(self) -> frozenset[str]:
        """The keys at the top that are no longer whole."""
        return frozenset(str(path[0]) for path in self.lost if path)


def _at(value: Any, path: Path, missing: Any = None) -> Any:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return missing
    return value


def _report(error: ErrorDetails, value: Any, shown: Any) -> tuple[Problem, bool]:
    """An error in plain words, and whether it is a key that Gatewatch does not know."""
    kind, context = error["type"], error.get("ctx", {})
    spot = _Spot.find(error["loc"])
    if kind == "extra_forbidden":
        key, allowed = str(spot.path[-1]), sorted(spot.keys)
        return Problem(spot.path, f"unknown key; allowed: {listed(allowed)}{meant(key, allowed)}"), True
    if kind == "missing":
        about = f" ({spot.info.description.rstrip('.')})" if spot.info and spot.info.description else ""
        return Problem(spot.path, f"is missing; expected {expected(spot.annotation)}{about}"), False
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        kinds = [tag for model in members(spot.annotation) for tag in _tags(model)]
        path = (*spot.path, "kind")
        given = _at(shown, path)
        if isinstance(given, str):
            return Problem(path, f"unknown kind {found(given)}; allowed: {listed(kinds)}{meant(given, kinds)}"), False
        return Problem(path, f"is missing; expected one of {listed(kinds)}"), False
    given = _at(shown, spot.path)
    if kind == "value_error":
        sentence = str(context["error"])
    elif kind == "literal_error" and isinstance(given, str):
        options = [str(option) for option in get_args(split(spot.annotation)[0])]
        return Problem(
            spot.path, f"expected one of {listed(options)}, found {found(given)}{meant(given, options)}"
        ), False
    elif kind == "finite_number":
        sentence = f"expected {expected(spot.annotation)}, neither infinite nor nan"
    else:
        sentence = f"expected {expected(spot.annotation)}"
    return Problem(spot.path, sentence + _but(spot, given, sentence)), False


def _but(spot: _Spot, given: Any, sentence: str) -> str:
    """What was found instead, where that helps and is no secret."""
    core = split(spot.annotation)[0]
    if not sentence.startswith("expected") or spot.of_key or (is_secret(spot.annotation) and isinstance(given, str)):
        return ""
    if isinstance(given, dict) and (is_model(core) or members(core)):
        return ""  # its keys were found; what they say together is wrong
    if isinstance(given, dict | list) and get_origin(core) is type(given):
        return f", found {len(given)}"
    quote = "; put it in quotes" if core is str and isinstance(given, int | float) else ""
    return f", found {found(given)}{quote}"


def _tags(model: type[BaseModel]) -> tuple[str, ...]:
    return get_args(model.model_fields["kind"].annotation)


@dataclass(slots=True)
class _Spot:
    """Where a pydantic location leads: the path in the file, and what the models say of it."""

    path: Path = ()
    annotation: Any = Plant
    info: FieldInfo | None = None
    keys: tuple[str, ...] = ()
    of_key: bool = False

    @classmethod
    def find(cls, location: tuple[str | int, ...]) -> _Spot:
        """Follow a location through the models; names that pydantic puts in for members of a union are left out."""
        spot = cls()
        for part in location:
            if part == "[key]" and part == location[-1]:
                spot.of_key = True
                break
            core, _ = split(spot.annotation)
            options = members(core)
            if options:
                tagged = [m for m in options if is_model(m) and part in _tags(m)]
                if not tagged:
                    break
                spot.annotation = tagged[0]
            elif is_model(core):
                spot._enter(core, str(part))
            elif get_origin(core) in (dict, list):
                spot.path, spot.annotation = (*spot.path, part), get_args(core)[-1]
        return spot

    def _enter(self, model: type[BaseModel], key: str) -> None:
        self.path, self.keys = (*self.path, key), tuple(model.model_fields)
        self.info = model.model_fields.get(key)
        self.annotation = field_type(self.info) if self.info else Literal[""]

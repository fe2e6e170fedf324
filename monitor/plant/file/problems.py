"""What pydantic finds wrong, in plain words: where, what was expected, what was found instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from monitor.plant.file.yaml_tree import Path, Problem
from monitor.plant.plant import Plant
from monitor.plant.words import expected, field_type, found, is_model, is_secret, listed, meant, members, split


def report(error: ErrorDetails, shown: Any) -> Problem:
    """An error as a problem; `shown` holds the values that may be shown."""
    spot = Location.find(error["loc"])
    kind, given = error["type"], at(shown, spot.path)
    if kind == "extra_forbidden":
        key, allowed = str(spot.path[-1]), sorted(spot.keys)
        return Problem(spot.path, f"unknown key; allowed: {listed(allowed)}{meant(key, allowed)}")
    if kind == "missing":
        about = f": {spot.info.description.rstrip('.')}" if spot.info and spot.info.description else ""
        return Problem(spot.path, f"is missing; expected {expected(spot.annotation)}{about}")
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return Problem(spot.path, _kind(spot, given))
    if kind == "literal_error" and isinstance(given, str):
        options = [str(option) for option in get_args(split(spot.annotation)[0])]
        return Problem(spot.path, f"expected {expected(spot.annotation)}, found {found(given)}{meant(given, options)}")
    sentence = str(error.get("ctx", {})["error"]) if kind == "value_error" else f"expected {expected(spot.annotation)}"
    if kind == "finite_number":
        sentence += ", neither infinite nor nan"
    return Problem(spot.path, sentence + _but(spot, given, sentence))


def at(value: Any, path: Path, missing: Any = None) -> Any:
    """What stands at a path."""
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return missing
    return value


def _kind(spot: Location, given: Any) -> str:
    kinds = [tag for model in members(spot.annotation) for tag in _tags(model)]
    if isinstance(given, str):
        return f"unknown kind {found(given)}; allowed: {listed(kinds)}{meant(given, kinds)}"
    return f"{'is missing; ' if given is None else ''}expected one of {listed(kinds)}"


def _but(spot: Location, given: Any, sentence: str) -> str:
    """What was found instead, where that helps and is no secret."""
    core = split(spot.annotation)[0]
    if not sentence.startswith("expected") or spot.of_key or (is_secret(spot.annotation) and isinstance(given, str)):
        return ""
    if isinstance(given, dict) and any(is_model(option) for option in (core, *members(core))):
        return ""  # its keys were found; what they say together is wrong
    if isinstance(given, dict | list) and get_origin(core) is type(given):
        return f", found {len(given)}"
    quote = "; put it in quotes" if core is str and isinstance(given, int | float) else ""
    return f", found {found(given)}{quote}"


def _tags(model: type[BaseModel]) -> tuple[str, ...]:
    return get_args(model.model_fields["kind"].annotation)


@dataclass(slots=True)
class Location:
    """Where a pydantic location leads: the path in the file, and what the models say of it."""

    path: Path = ()
    annotation: Any = Plant
    info: FieldInfo | None = None
    keys: tuple[str, ...] = ()
    of_key: bool = False

    @classmethod
    def find(cls, location: tuple[str | int, ...]) -> Location:
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
                spot.path, spot.annotation, spot.info = (*spot.path, part), get_args(core)[-1], None
        if any(is_model(option) for option in members(spot.annotation)):  # the error is about which model it is
            spot.path = (*spot.path, "kind")
        return spot

    def stand_in(self) -> str | int | None:
        """A value with which the rest can be judged, where the key cannot be missed and any text would do."""
        core, marks = split(self.annotation)
        if self.info is None or not self.info.is_required():
            return None
        if get_origin(core) is Literal:
            option: str | int = get_args(core)[0]
            return option
        if core is str:
            return "sqlite:///x" if is_secret(self.annotation) else "x"
        return "x" if is_model(core) and marks else None  # a column, whose name alone will do

    def _enter(self, model: type[BaseModel], key: str) -> None:
        self.path, self.keys = (*self.path, key), tuple(model.model_fields)
        self.info = model.model_fields.get(key)
        self.annotation = field_type(self.info) if self.info else Literal[""]

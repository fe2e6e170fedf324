"""Translates pydantic's errors into plain messages: the key, what was expected, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from monitor.plant.file.yaml_tree import Path, Problem
from monitor.plant.messages import (
    describe_type,
    describe_value,
    field_type,
    is_model,
    is_secret,
    join_names,
    strip_annotations,
    suggestion,
    union_members,
)
from monitor.plant.plant import Plant


def to_problem(error: ErrorDetails, displayed: Any) -> Problem:
    """A pydantic error as a problem; `displayed` holds the values that messages may show."""
    location = Location.find(error["loc"])
    kind, given = error["type"], value_at(displayed, location.path)
    if kind == "extra_forbidden":
        key, allowed = str(location.path[-1]), sorted(location.keys)
        return Problem(location.path, f"unknown key; allowed: {join_names(allowed)}{suggestion(key, allowed)}")
    if kind == "missing":
        about = f": {location.info.description.rstrip('.')}" if location.info and location.info.description else ""
        return Problem(location.path, f"is missing; expected {describe_type(location.annotation)}{about}")
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return Problem(location.path, _kind(location, given))
    if kind == "literal_error" and isinstance(given, str):
        options = [str(option) for option in get_args(strip_annotations(location.annotation)[0])]
        return Problem(
            location.path,
            f"expected {describe_type(location.annotation)}, found {describe_value(given)}{suggestion(given, options)}",
        )
    sentence = (
        str(error.get("ctx", {})["error"])
        if kind == "value_error"
        else f"expected {describe_type(location.annotation)}"
    )
    if kind == "finite_number":
        sentence += ", neither infinite nor nan"
    return Problem(location.path, sentence + _found_clause(location, given, sentence))


def value_at(value: Any, path: Path, missing: Any = None) -> Any:
    """The value at a path, or `missing` if there is none."""
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return missing
    return value


def _kind(location: Location, given: Any) -> str:
    kinds = [tag for model in union_members(location.annotation) for tag in _tags(model)]
    if isinstance(given, str):
        return f"unknown kind {describe_value(given)}; allowed: {join_names(kinds)}{suggestion(given, kinds)}"
    return f"{'is missing; ' if given is None else ''}expected one of {join_names(kinds)}"


def _found_clause(location: Location, given: Any, sentence: str) -> str:
    """The part of a message on what was found, or '' where it does not help or is secret."""
    core = strip_annotations(location.annotation)[0]
    if (
        not sentence.startswith("expected")
        or location.of_key
        or (is_secret(location.annotation) and isinstance(given, str))
    ):
        return ""
    if isinstance(given, dict) and any(is_model(option) for option in (core, *union_members(core))):
        return ""  # the mapping is as expected; the combination of its keys is wrong
    if isinstance(given, dict | list) and get_origin(core) is type(given):
        return f", found {len(given)}"
    quote = "; put it in quotes" if core is str and isinstance(given, int | float) else ""
    return f", found {describe_value(given)}{quote}"


def _tags(model: type[BaseModel]) -> tuple[str, ...]:
    return get_args(model.model_fields["kind"].annotation)


@dataclass(slots=True)
class Location:
    """A pydantic error location resolved to a path in the file, with the type and field at that path."""

    path: Path = ()
    annotation: Any = Plant
    info: FieldInfo | None = None
    keys: tuple[str, ...] = ()
    of_key: bool = False

    @classmethod
    def find(cls, keys: tuple[str | int, ...]) -> Location:
        """Follow a location through the models, without the tags that pydantic inserts for members of a union."""
        location = cls()
        for part in keys:
            if part == "[key]" and part == keys[-1]:
                location.of_key = True
                break
            core, _ = strip_annotations(location.annotation)
            options = union_members(core)
            if options:
                tagged = [m for m in options if is_model(m) and part in _tags(m)]
                if not tagged:
                    break
                location.annotation = tagged[0]
            elif is_model(core):
                location._enter(core, str(part))
            elif get_origin(core) in (dict, list):
                location.path, location.annotation, location.info = (*location.path, part), get_args(core)[-1], None
        # The error is about the choice of the model.
        if any(is_model(option) for option in union_members(location.annotation)):
            location.path = (*location.path, "kind")
        return location

    def placeholder(self) -> str | int | None:
        """A placeholder with which the rest can be validated, if the key is required and any text is valid."""
        core, marks = strip_annotations(self.annotation)
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

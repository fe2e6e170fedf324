"""Parts of messages about the plant file: what a key expects, what was given instead, similar valid names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

_MAX_NAMES = 32
_MAX_CHARS = 60
_MAX_COMPARED = 200
"""With more valid names than this no suggestion is made: comparing thousands of names takes minutes."""
_PLAIN: dict[Any, str] = {
    str: "text",
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    timedelta: "a duration such as 30s, 5m or 1h30m",
    datetime: "a time with an offset, such as 2026-01-01T00:00:00Z",
}


_PLURAL = {"text": "texts", "a number or text": "numbers or texts"}


@dataclass(frozen=True, slots=True)
class Meaning:
    """Annotation of a type: its description in messages, and whether its values are secret and never shown."""

    description: str
    secret: bool = False


def field_type(field: FieldInfo) -> Any:
    """The type of a model's field with its annotations."""
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def is_secret(annotation: Any) -> bool:
    """Whether a value of this type may hold a password and is never shown."""
    return any(isinstance(mark, Meaning) and mark.secret for mark in strip_annotations(annotation)[1])


def strip_annotations(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type without annotations and without `None`, and the annotations."""
    marks: tuple[Any, ...] = ()
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *more = get_args(annotation)
            marks += tuple(more)
            continue
        options = [a for a in get_args(annotation) if a is not NoneType]
        if get_origin(annotation) in (Union, UnionType) and len(options) == 1:
            annotation = options[0]
            continue
        return annotation, marks


def union_members(annotation: Any) -> tuple[Any, ...]:
    """The members of a union of two or more types; none for any other type."""
    core, _ = strip_annotations(annotation)
    return tuple(a for a in get_args(core) if a is not NoneType) if get_origin(core) in (Union, UnionType) else ()


def is_model(annotation: Any) -> bool:
    """Whether the type is a section of the plant file with keys of its own."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def describe_type(annotation: Any) -> str:
    """A description of the values that a type accepts: `a whole number, at least 0 and at most 65535`."""
    core, marks = strip_annotations(annotation)
    description = next((m.description for m in marks if isinstance(m, Meaning)), None)
    if get_origin(core) is Literal and description is None:
        options = [str(option) for option in get_args(core)]
        return options[0] if len(options) == 1 else f"one of {', '.join(options)}"
    if union_members(core):
        return " or ".join(dict.fromkeys(describe_type(a) for a in union_members(core)))
    if get_origin(core) is list:
        return f"a list of {_PLURAL.get(describe_type(get_args(core)[0]), 'mappings')}"
    if get_origin(core) is dict or is_model(core):
        return description or "a mapping (keys and values)"
    return (description or _PLAIN[core]) + _bounds(marks)


def _bounds(marks: Iterable[Any]) -> str:
    low = high = ""
    for mark in marks:
        if isinstance(mark, annotated_types.Ge):
            low = f"at least {mark.ge}"
        elif isinstance(mark, annotated_types.Gt):
            low = f"above {mark.gt}"
        elif isinstance(mark, annotated_types.Le):
            high = f"at most {mark.le}"
        elif isinstance(mark, annotated_types.Lt):
            high = f"below {mark.lt}"
    limits = " and ".join(limit for limit in (low, high) if limit)
    return f", {limits}" if limits else ""


def describe_value(value: Any) -> str:
    """A short description of a value of the file; text is always quoted, which the hiding of secrets relies on."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping (keys and values)"
    if isinstance(value, list):
        return "a list"
    if not isinstance(value, str):
        return f"the number {value}"
    return repr(value) if len(value) <= _MAX_CHARS else f"{value[:_MAX_CHARS]!r}..."


def join_names(names: Iterable[str]) -> str:
    """Names joined by commas, truncated after the first ones."""
    names = list(names)
    more = f" ... ({len(names)} in all)" if len(names) > _MAX_NAMES else ""
    return (", ".join(names[:_MAX_NAMES]) or "none") + more


def suggestion(value: str, allowed: Iterable[str]) -> str:
    """` (did you mean ...?)` with the most similar allowed name; '' if none is similar or too many are allowed."""
    names = list(allowed)
    matches = difflib.get_close_matches(value[:_MAX_CHARS], names, 1) if len(names) <= _MAX_COMPARED else []
    return f" (did you mean {matches[0]!r}?)" if matches else ""


def unknown_name(what: str, value: str, allowed: Iterable[str]) -> str:
    """The message for a name that is not one of those allowed."""
    allowed = list(allowed)
    return f"unknown {what} {describe_value(value)}; allowed: {join_names(allowed)}{suggestion(value, allowed)}"


def dotted(path: Iterable[str | int]) -> str:
    """A path as `sources.mes.url`; parts with a dot or a special character are put in double quotes."""
    return ".".join(_part(str(part)) for part in path)


def _part(text: str) -> str:
    if text and text.isprintable() and not set(text) & set('."= '):
        return text if len(text) <= _MAX_CHARS else text[: _MAX_CHARS - 3] + "..."
    escaped = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:_MAX_CHARS])
    return '"' + escaped.replace('"', "'") + '"'

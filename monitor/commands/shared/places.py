"""Anybody's files on the command line: how a CSV file is separated, where results go, and writing these whole."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from monitor.errors import UsageError
from monitor.files import check_place


def separator(text: str) -> str:
    """The character that `--sep` names, '' if it is to be found out; UsageError where it is none."""
    character = {"\\t": "\t", "tab": "\t"}.get(text, text)
    if len(character) > 1 or character in ('"', "\n", "\r"):
        raise UsageError(f"--sep {text!r}: expected one character, such as ',' or ';', or tab")
    return character


def names_of(option: str, text: str) -> tuple[str, ...]:
    """The names of columns that an option lists; UsageError where one is empty."""
    names = tuple(name.strip() for name in text.split(",")) if text else ()
    if "" in names:
        raise UsageError(f"{option} {text!r}: expected names of columns with commas between them")
    return names


def check_places(read: Mapping[str, Path], written: Mapping[str, Path | None]) -> None:
    """UsageError where a file would be written over another one of this run, or into no folder.

    Both name the places by argument or option.
    """
    places = {option: place for option, place in written.items() if place is not None}
    for option, place in places.items():
        check_place(option, place)
    taken = {path.resolve() for path in read.values()}
    if len(taken | {place.resolve() for place in places.values()}) < len(taken) + len(places):
        *first, last = (*read, *written)
        raise UsageError(f"{', '.join(first)} and {last} name the same file twice; name another one")


def picture_format(plot: Path | None, formats: Collection[str]) -> str:
    """The format that the name of a picture asks for, '' without one; UsageError where it is none of those."""
    format_ = "" if plot is None else plot.suffix.lower().lstrip(".")
    if plot is not None and format_ not in formats:
        raise UsageError(f"--plot {plot}: expected a name that ends with {' or '.join(f'.{f}' for f in formats)}")
    return format_


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(f".{path.name}.half")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as exc:
        partial.unlink(missing_ok=True)
        raise UsageError(f"{path} cannot be written: {exc.strerror or exc}; name another file") from exc

"""Reads the file of people that a plant file names."""

from __future__ import annotations

from pathlib import Path

from alerting.handling.people import People, parse
from monitor.errors import UsageError
from monitor.files import read_text
from monitor.plant.running import ServerConfig

_MOST_BYTES = 256 * 1024


def people_of(config: ServerConfig) -> People | None:
    """The people of the plant file's file, None if it names none; UsageError for a file that is not right."""
    if config.people_file is None:
        return None
    where = f"server.people_file: {config.people_file}"
    try:
        text = read_text(Path(config.people_file), _MOST_BYTES)
    except (OSError, ValueError) as exc:
        reason = (getattr(exc, "strerror", None) or str(exc)).lower()
        raise UsageError(f"{where}: cannot be read ({reason}); expected a line for each person") from exc
    people = parse(text)
    if people.problems:
        raise UsageError("\n".join(f"{where}, {problem}" for problem in people.problems))
    return people

"""What goes through the pipes between the service and a worker: lines of JSON, a task, then orders and answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Self

from monitor.plant.file.load import LoadedPlant, parse


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker is there for: its jobs of a plant file, the name under which it holds leases, its level of the log.

    The plant file travels as text, as it was read: its secrets come from the environment, which a worker inherits.
    """

    text: str
    folder: str
    file: str
    jobs: Sequence[str]
    holder: str
    log_level: int

    @classmethod
    def of(cls, loaded: LoadedPlant, jobs: Sequence[str], holder: str, log_level: int) -> Self:
        """The task of a worker of a loaded plant."""
        return cls(loaded.text, str(loaded.path.parent), loaded.path.name, tuple(jobs), holder, log_level)

    def plant(self) -> LoadedPlant:
        """The plant as the service has loaded it; PlantFileError if the environment is another one now."""
        return parse(self.text, Path(self.folder), name=self.file)

    def line(self) -> bytes:
        """As it is sent."""
        return _line([self.text, self.folder, self.file, self.jobs, self.holder, self.log_level])

    @classmethod
    def read(cls, line: bytes) -> Self:
        """As it was sent."""
        return cls(*json.loads(line))


class Verb(StrEnum):
    """What a worker is asked: run a job if it is due, give the lease of a job back, or end."""

    RUN = "run"
    GIVE_BACK = "give_back"
    END = "end"


class Order(NamedTuple):
    """A request to a worker, with the number of its answer."""

    number: int
    verb: Verb
    job: str = ""

    def line(self) -> bytes:
        """As it is sent."""
        return _line(self)

    @classmethod
    def read(cls, line: bytes) -> Self:
        """As it was sent."""
        number, verb, job = json.loads(line)
        return cls(number, Verb(verb), job)


class Answer(NamedTuple):
    """What came of an order: the outcome of the slot ('': none was due, or it could not be told), or why nothing did.

    The answer to order 0, which nobody sends, tells that the worker is ready, or why it cannot begin.
    """

    number: int
    outcome: str = ""
    error: str = ""

    def line(self) -> bytes:
        """As it is sent."""
        return _line(self)

    @classmethod
    def read(cls, line: bytes) -> Self:
        """As it was sent."""
        return cls(*json.loads(line))


def _line(values: Any) -> bytes:
    return json.dumps(values, ensure_ascii=False).encode() + b"\n"

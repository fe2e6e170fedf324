"""Which alerts are not told because a person took them away for a time, here or in Alertmanager. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Origin(StrEnum):
    """Where an alert was taken away, which is the only place where it can be brought back before its time."""

    GATEWATCH = "gatewatch"
    ALERTMANAGER = "alertmanager"


class Shelf(NamedTuple):
    """An alert that is not told until then, by whom, since when and why; `condition` is '' for both of its conditions.

    Both conditions of an alert, a breach and an absence, are one thing to people; a silence may be for one of them.
    """

    name: str
    subject: str
    at: datetime
    until: datetime
    actor: str
    reason: str
    origin: Origin = Origin.GATEWATCH
    condition: str = ""

    @property
    def place(self) -> str:
        """What is said of the place, '' for here."""
        return "in Alertmanager" if self.origin is Origin.ALERTMANAGER else ""


def words_of(shelf: Shelf) -> str:
    """Until when, where, by whom and why."""
    where = f"{shelf.place}  " if shelf.place else ""
    return f"until {shelf.until:%Y-%m-%d %H:%M} UTC  {where}by {shelf.actor}: {shelf.reason}"


def shelf_of(shelves: Iterable[Shelf], name: str, condition: str, subject: str) -> Shelf | None:
    """The shelf that an alert is on; None for one that is told."""
    return next((s for s in shelves if (s.name, s.subject) == (name, subject) and s.condition in ("", condition)), None)

"""Which alerts are not told because people work on what they are about. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from monitor.plant.calendar import Maintenance


class Place(NamedTuple):
    """What an alert is about and where that is; `step` and `line` are '' where it belongs to none."""

    subject: str
    step: str
    line: str


def windows_on(windows: Iterable[Maintenance], zone: str, now: datetime) -> list[Maintenance]:
    """The windows of a site that are on at an aware instant, in their order."""
    return [window for window in windows if window.is_on(zone, now)]


def covering(windows: Iterable[Maintenance], place: Place) -> Maintenance | None:
    """The first of these windows that covers a place; None if none does."""
    return next((window for window in windows if _covers(window, place)), None)


def said_of(window: Maintenance | None) -> str:
    """A window in words, '' for none."""
    return "" if window is None else f"{window.name}: {window.reason}"


def _covers(window: Maintenance, place: Place) -> bool:
    named = place.subject in window.subjects or place.subject in window.machines
    return named or place.step in window.steps or place.line in window.lines

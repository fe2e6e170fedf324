"""What the pictures of a subject have in common: the time they show, and in a simulated plant the truth behind them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from exporters.html.html import Html
from exporters.html.svg import Frame, band
from exporters.report.values import Fault, PlantReport
from exporters.report.words import plain


@dataclass(frozen=True, slots=True)
class View:
    """What the pictures of a subject have in common: the time, and the faults drawn behind them."""

    start: datetime
    end: datetime
    faults: tuple[Fault, ...] = ()


def view_of(report: PlantReport, faults: Iterable[Fault]) -> View:
    """The report's time with some of its faults."""
    return View(report.start, report.end, tuple(faults))


def faults_of_parts(report: PlantReport) -> list[Fault]:
    """Those that change parts or what is said of them, not only what a sensor says."""
    return [fault for fault in report.faults or () if not fault.sensor]


def truth_bands(frame: Frame, faults: Iterable[Fault]) -> list[Html]:
    """What was put in, behind what was measured."""
    return [
        band(frame, f.start, None if f.lasting else f.end, "fault faint", f"put in: {plain(f.kind)} at {f.where}")
        for f in faults
    ]

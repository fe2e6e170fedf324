"""What the charts of a subject share: their period and, in a simulated plant, the injected faults."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from exporters.html.html import Html
from exporters.html.svg import Frame, band
from exporters.report.elements import plain
from exporters.report.values import Fault, PlantReport


@dataclass(frozen=True, slots=True)
class View:
    """The period of a chart, and the faults in its background."""

    start: datetime
    end: datetime
    faults: tuple[Fault, ...] = ()


def view_of(report: PlantReport, faults: Iterable[Fault]) -> View:
    """The report's period with some of its faults."""
    return View(report.start, report.end, tuple(faults))


def process_faults(report: PlantReport) -> list[Fault]:
    """The faults of parts and process, without sensor faults."""
    return [fault for fault in report.faults or () if not fault.sensor]


def fault_bands(frame: Frame, faults: Iterable[Fault]) -> list[Html]:
    """Injected faults as bands."""
    return [
        band(frame, f.start, None if f.lasting else f.end, "fault faint", f"injected: {plain(f.kind)} at {f.where}")
        for f in faults
    ]

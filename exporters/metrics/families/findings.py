"""Findings of detectors, and the subjects they are about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from exporters.metrics.shared.budget import FINDING_METHODS, FINDINGS, GATES, MACHINES, ONE, SOURCES
from exporters.metrics.shared.labels import enum_label
from exporters.metrics.shared.metric import Kind, Label, Metric, Scrape, Series, gauge, timestamp
from exporters.metrics.shared.snapshot import BoardRow, MetricsSnapshot
from monitor.detection import (
    CAPABILITY,
    CAUSE,
    CHART,
    DRIFT,
    ESTIMATE,
    IMAGE_DRIFT,
    MEASURES,
    OUTCOME_CHART,
    PERFORMANCE,
)
from monitor.model import Status
from monitor.plant.plant import Plant

SUBJECT_KINDS = ("machine", "gate", "source")
SUBJECT = Label("subject", "machines, gates and sources of the plant file")
SUBJECT_KIND = Label("kind", "fixed list", SUBJECT_KINDS)
STEP = Label("step", "steps of the plant file")
LINE = Label("line", "lines of the plant file", most=ONE)
DETECTOR = Label("detector", "detectors of the program")
METHOD = Label("method", "methods of the detectors")
FEATURE = Label("feature", "sensors and features of the plant file; empty for the subject as a whole")
STATUS = enum_label("status", Status, "fixed list of statuses")
_FINDING = (DETECTOR, METHOD, SUBJECT, FEATURE, STEP)
_STATUSES = tuple(s.value for s in Status)
_EXPIRY_INTERVALS = 4
_DAY = timedelta(days=1)
WINDOWED = (DRIFT, IMAGE_DRIFT, CHART, PERFORMANCE, OUTCOME_CHART, CAPABILITY, ESTIMATE, CAUSE)
"""The detectors that judge windows of parts, not machine samples, and what is found to be behind their findings."""

METRICS: tuple[Metric, ...] = (
    Metric("gatewatch_subject_info", Kind.INFO, "Step and line of a subject of findings.",
           (SUBJECT, SUBJECT_KIND, STEP, LINE), most=MACHINES + GATES + SOURCES),
    gauge("gatewatch_finding_value", "The latest value of a finding.", *_FINDING, most=FINDINGS),
    gauge("gatewatch_finding_limit", "The limit that the value is compared with.", *_FINDING, most=FINDINGS),
    gauge("gatewatch_finding_status", "1 for the current status of a finding, 0 for the others.", *_FINDING, STATUS,
          most=FINDINGS * len(Status)),
    timestamp("gatewatch_finding_last_sample", "The newest sample that a finding is based on", *_FINDING,
              most=FINDINGS),
    gauge("gatewatch_findings_expired", "Findings left out because their newest sample is too old."),
    Metric("gatewatch_findings_total", Kind.COUNTER, "Changes of a finding's status, by the new status.",
           (DETECTOR, METHOD, SUBJECT, STATUS), tallied=True, fills_last=True, most=FINDING_METHODS * len(Status)),
)  # fmt: skip


def series(scrape: Scrape) -> Series:
    """The subjects of the plant, and each finding that has not expired."""
    yield from _subjects(scrape.bounds.plant)
    fresh = fresh_findings(scrape.snapshot, scrape.bounds.plant, scrape.expiry)
    found = [row for row in fresh if row.method not in MEASURES]
    known = sum(row.method not in MEASURES for row in scrape.snapshot.board)
    yield "gatewatch_findings_expired", (), float(known - len(found))
    for row in found:
        yield from _finding(row)


def fresh_findings(snapshot: MetricsSnapshot, plant: Plant, expiry: timedelta | None = None) -> list[BoardRow]:
    """The findings whose newest sample is not older than `expiry`, by default a few intervals of their sources.

    Findings on windows of parts stay a day: a night shift may pass without parts.
    """
    of_sources = expiry or _EXPIRY_INTERVALS * plant.jobs.reconcile + _longest_delay(plant, list(plant.sources))
    readings = [name for name, source in plant.sources.items() if source.kind == "readings"]
    slowest = max((plant.sources[name].every for name in readings), default=timedelta(0))
    of_others = expiry or max(timedelta(minutes=5), _EXPIRY_INTERVALS * slowest + _longest_delay(plant, readings))
    of_windows = expiry or _DAY + _longest_delay(plant, list(plant.sources))
    sources, others, windows = (snapshot.at - of for of in (of_sources, of_others, of_windows))
    judged = _performance_judged(snapshot.board)

    def is_fresh(row: BoardRow) -> bool:
        if row.detector in WINDOWED:
            return row.at >= windows and (row.detector != PERFORMANCE or row.at == judged[row.subject])
        return row.at >= (sources if row.subject in plant.sources else others)

    return [row for row in snapshot.board if is_fresh(row)]


def _performance_judged(board: Iterable[BoardRow]) -> Mapping[str, datetime]:
    """When the performance of each gate was judged last, all of it at once.

    A machine and recipe that are not among the most frequent any more stay on the board; with thousands of recipes each
    would be a series for a day.
    """
    newest: dict[str, datetime] = {}
    for row in board:
        if row.detector == PERFORMANCE:
            newest[row.subject] = max(row.at, newest.get(row.subject, row.at))
    return newest


def _longest_delay(plant: Plant, names: Iterable[str]) -> timedelta:
    """The longest time by which a row of these sources may arrive late."""
    sources = [plant.sources[name] for name in names]
    return max((source.delay + source.look_back for source in sources), default=timedelta(0))


def _subjects(plant: Plant) -> Series:
    for name, machine in plant.machines.items():
        yield "gatewatch_subject_info", (name, "machine", machine.step, plant.steps[machine.step].line), 1.0
    for name, gate in plant.gates.items():
        yield "gatewatch_subject_info", (name, "gate", gate.step, plant.steps[gate.step].line), 1.0
    for name in plant.sources:
        yield "gatewatch_subject_info", (name, "source", "", ""), 1.0


def _finding(row: BoardRow) -> Series:
    labels = (*row[:4], row.step)
    yield "gatewatch_finding_value", labels, row.value
    yield "gatewatch_finding_limit", labels, row.limit
    yield "gatewatch_finding_last_sample_timestamp_seconds", labels, row.at.timestamp()
    for status in _STATUSES:
        yield "gatewatch_finding_status", (*labels, status), float(status == row.status)

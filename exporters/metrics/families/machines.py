"""Machines: those that are not watched, what each sensor contributes to the score, and when it reaches its limit."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from exporters.metrics.families.findings import fresh_findings
from exporters.metrics.shared.budget import MACHINES, SENSORS
from exporters.metrics.shared.labels import enum_label
from exporters.metrics.shared.metric import Label, Metric, Scrape, Series, gauge
from monitor.detection import CONTRIBUTION, TIME_LEFT, TIME_LEFT_EARLIEST, TIME_LEFT_LATEST, UNWATCHED
from monitor.model import Status


class Unwatched(StrEnum):
    """Why nothing watches a machine, or not when it runs."""

    NO_ROWS = "no_rows"
    NO_BASELINE = "no_baseline"
    STANDING_UNKNOWN = "standing_unknown"


MACHINE = Label(
    "machine", "machines of the plant file that have sensors",
    from_plant=lambda b: [name for name, machine in b.plant.machines.items() if machine.sensors], most=MACHINES,
)  # fmt: skip
REASON = enum_label("reason", Unwatched, "fixed list of reasons")
SENSOR = Label("sensor", "sensors of the plant file", most=SENSORS)
_BOUNDS = {TIME_LEFT: "likely", TIME_LEFT_EARLIEST: "earliest", TIME_LEFT_LATEST: "latest"}
BOUND = Label("bound", "fixed list: the median, and what nine of ten cases lie between", tuple(_BOUNDS.values()))

METRICS: tuple[Metric, ...] = (
    gauge("gatewatch_machine_unwatched", "1 for each reason why a machine is not watched: no row of it came yet; it "
          "has run for three warm-ups and its rows are compared with nothing; no machine_states source reports it "
          "although there is one. 0 for the other reasons.", MACHINE, REASON),
    gauge("gatewatch_machine_unwatched_rows", "By how much a running machine's rows that no baseline was compared with "
          "outnumber the others since.", MACHINE, unit="rows"),
    gauge("gatewatch_anomaly_contribution", "What a sensor contributes to its machine's current anomaly score, in the "
          "unit of that score: 1 marks a sample. Absent for a sensor that is not judged, and without a current score.",
          MACHINE, SENSOR),
    gauge("gatewatch_machine_time_left_seconds", "Running time until a sensor reaches its operating limit, as of the "
          "last whole hour. Absent without a trend, and beyond what can be said.", MACHINE, SENSOR, BOUND,
          unit="seconds"),
)  # fmt: skip


def series(scrape: Scrape) -> Series:
    """Every machine with sensors."""
    snapshot, bounds = scrape.snapshot, scrape.bounds
    unwatched = {row.subject: row for row in snapshot.board if row.method == UNWATCHED}
    for machine in MACHINE.values(bounds):
        reasons = frozenset(_reasons(scrape, machine))
        for reason in Unwatched:
            yield "gatewatch_machine_unwatched", (machine, reason), float(reason in reasons)
        if machine in unwatched:
            yield "gatewatch_machine_unwatched_rows", (machine,), unwatched[machine].value
    yield from _of_sensors(scrape)


def _of_sensors(scrape: Scrape) -> Series:
    for row in fresh_findings(scrape.snapshot, scrape.bounds.plant, scrape.expiry):
        if row.method == CONTRIBUTION:
            yield "gatewatch_anomaly_contribution", (row.subject, row.feature), row.value
        elif row.method in _BOUNDS and row.value is not None:
            labels = (row.subject, row.feature, _BOUNDS[row.method])
            yield "gatewatch_machine_time_left_seconds", labels, 3600.0 * row.value


def _reasons(scrape: Scrape, machine: str) -> Iterator[Unwatched]:
    snapshot, sources = scrape.snapshot, scrape.bounds.plant.sources.values()
    rows = [row for row in snapshot.board if row.subject == machine]
    if not rows:
        yield Unwatched.NO_ROWS
        return
    if any(row.method == UNWATCHED and row.status == Status.CANNOT_JUDGE for row in rows):
        yield Unwatched.NO_BASELINE
    if machine not in snapshot.standing and any(source.kind == "machine_states" for source in sources):
        yield Unwatched.STANDING_UNKNOWN

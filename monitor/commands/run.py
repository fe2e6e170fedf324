"""Run a plant: continuously, once, or over its history."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from monitor.commands.shared.options import (
    Instant,
    as_json,
    load,
    open_app,
    open_store_of,
    openmetrics,
    plant_argument,
    print_json,
)
from monitor.errors import UsageError

if TYPE_CHECKING:
    import threading

    from monitor.runtime.recording import RecordingOptions


@click.command()
@plant_argument
def run(plant: str, overrides: Sequence[str]) -> None:
    """Run the jobs at their slots and serve metrics and pages, until stopped by a signal.

    SIGHUP reloads the plant file if it passes every check. Example: gatewatch run plant.yaml
    """
    from monitor.clock import WallClock
    from monitor.runtime.app import make_app
    from monitor.runtime.service import Service

    # The service closes the app: after a reload it is another one.
    app = make_app(load(plant, overrides), WallClock(), simulated=False)
    reports = app.loaded.path.parent / "reports"
    Service(app, lambda: load(plant, overrides), reports).run(click.echo)


@click.command()
@plant_argument
@as_json
@click.option("--fail-on-finding", is_flag=True, help="Exit with 1 if there are findings.")
def once(plant: str, overrides: Sequence[str], json_: bool, fail_on_finding: bool) -> None:
    """Run the jobs that are due, then exit. Example, from cron: gatewatch once plant.yaml."""
    from monitor.runtime.once import failures
    from monitor.runtime.once import once as run_once
    from monitor.store.watching.board import last_finding_id

    with open_app(plant, overrides) as app:
        end_on_signal(app.runner.stop)
        before = last_finding_id(app.store)
        results = run_once(app)
        findings = last_finding_id(app.store) - before
    report = {name: {"ran": s.outcome.value, "rows": s.result.rows, "error": s.error} for name, s in results.items()}
    finish(report, findings, failures(results), json_, fail_on_finding)


@click.command()
@plant_argument
@as_json
@click.option("--from", "start", type=Instant(), required=True, help="Start (exclusive).")
@click.option("--to", "end", type=Instant(), required=True, help="End (inclusive).")
@click.option("--fail-on-finding", is_flag=True, help="Exit with 1 if there are findings.")
@click.option("--notify", is_flag=True, help="Send notifications to their URLs too, not only to the log.")
@openmetrics
def replay(
    plant: str,
    overrides: Sequence[str],
    json_: bool,
    start: datetime,
    end: datetime,
    fail_on_finding: bool,
    notify: bool,
    openmetrics: RecordingOptions | None,
) -> None:
    """Run history at full speed under a simulated clock; no row is used before it was available.

    Example: gatewatch replay plant.yaml --from 2026-01-01 --to 2026-02-01

    --openmetrics records what /metrics would have shown, to backfill Prometheus:
    promtool tsdb create-blocks-from openmetrics FILE DATA_DIR.
    """
    from monitor.clock import SimulatedClock
    from monitor.runtime.progress import Progress
    from monitor.runtime.recording import recording
    from monitor.runtime.replay import replay as run_replay
    from monitor.scheduling.runner import SlotOutcome
    from monitor.store.watching.board import last_finding_id

    if start >= end:
        raise UsageError(f"--from {start} is not before --to {end}")
    clock = SimulatedClock(start)
    slots: dict[str, int] = {}
    errors: dict[str, str] = {}
    with (
        open_app(plant, overrides, clock, notify) as app,
        recording(app, openmetrics, start, end) as record,
        Progress("replay", start, end) as progress,
    ):
        end_on_signal(app.runner.stop)
        before = last_finding_id(app.store)
        for at, name, slot in run_replay(app, clock, start, end, record):
            progress.reached(at)
            slots[name] = slots.get(name, 0) + (slot.outcome is SlotOutcome.SUCCESS)
            if slot.outcome is SlotOutcome.FAILURE:
                errors[name] = f"{name}: {slot.error}"
        findings = last_finding_id(app.store) - before
        if app.runner.stop.is_set():
            errors["signal"] = f"ended by a signal at {clock.now():%Y-%m-%dT%H:%MZ}; the same command resumes there"
    finish({name: {"slots": n} for name, n in slots.items()}, findings, list(errors.values()), json_, fail_on_finding)


def finish(
    report: Mapping[str, Mapping[str, object]], findings: int, errors: Sequence[str], json_: bool, fail_on_finding: bool
) -> None:
    """Print the results and exit with the matching code."""
    if json_:
        print_json({"jobs": report, "findings": findings, "errors": list(errors)})
    else:
        for name, facts in report.items():
            click.echo(f"{name}: " + ", ".join(f"{k} {v}" for k, v in facts.items() if v is not None))
        click.echo(f"findings: {findings}")
        for line in errors:
            click.echo(f"gatewatch: {line}", err=True)
    if errors:
        raise SystemExit(3)
    if fail_on_finding and findings:
        raise SystemExit(1)


def end_on_signal(stop: threading.Event) -> None:
    """Make SIGTERM and SIGINT end the work after the current transaction."""

    def end(*_: object) -> None:
        # A second signal ends the process at once. If it ran this handler again, it could deadlock inside `set`.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


@click.command()
@plant_argument
@as_json
@click.option("--fail-on-finding", is_flag=True, help="Exit with 1 if an alert fires or the data are old.")
def status(plant: str, overrides: Sequence[str], json_: bool, fail_on_finding: bool) -> None:
    """Say how the plant is: how old its data are, alerts, gates, sources, jobs that fail, what waits to be sent.

    Example: gatewatch status plant.yaml
    """
    from exporters.html.formatting import escape_controls
    from exporters.pages.terminal import as_lines, summary
    from monitor.runtime.app import bounds_of
    from monitor.store.metrics import metrics_snapshot

    open_store_of(plant, overrides).close()  # a store that does not exist is an error, and is not created
    with open_app(plant, overrides) as app:
        with app.store.read() as connection:
            snapshot = metrics_snapshot(connection, app.clock.now(), causes=True)
        found = summary(snapshot, bounds_of(app.plant, app.jobs))
    if json_:
        print_json(found)
    else:
        for line in as_lines(found):
            click.echo(escape_controls(line))
    if fail_on_finding and found["level"] != "good":
        raise SystemExit(1)

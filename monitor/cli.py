"""The command line. Heavy libraries are imported by the commands that need them."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from monitor import __version__
from monitor.commands import store as commands
from monitor.commands.dashboards import dashboards
from monitor.commands.drift import drift
from monitor.commands.options import (
    Instant,
    Recorded,
    as_json,
    load,
    opened,
    openmetrics,
    plant_argument,
    plant_option,
    say,
)
from monitor.errors import MonitorError, UsageError

# Libraries that would otherwise report to their makers.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="gatewatch")
@click.option("--verbose", "-v", is_flag=True, help="Log what happens, not only what goes wrong.")
def cli(verbose: bool) -> None:
    """Gatewatch runs the check gates of a line, watches machines and models, and tells who must know.

    Exit codes: 0 done (findings included, unless --fail-on-finding), 2 wrong use, 3 failure.
    """
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr, force=True)
    for chatty in ("alembic", "apscheduler", "mlflow", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.ERROR)


@cli.command()
@plant_argument
@as_json
@click.option("--connect/--no-connect", default=True, show_default=True, help="Also look at the databases.")
def check(plant: str, overrides: Sequence[str], json_: bool, connect: bool) -> None:
    """Check a plant file and, with it, the databases it names. Every problem is printed at once.

    Example: gatewatch check plant.yaml
    """
    from monitor.commands.checking import problems

    found = problems(load(plant, overrides)) if connect else []
    if json_:
        say({"problems": found})
    for line in [] if json_ else found:
        click.echo(line, err=True)
    if found:
        raise SystemExit(3)
    if not json_:
        click.echo(f"{plant}: no problems")


@cli.command()
@plant_argument
def run(plant: str, overrides: Sequence[str]) -> None:
    """Run the jobs at their slots and serve metrics and pages, until a signal ends it.

    SIGHUP takes over a changed plant file after a full check. Example: gatewatch run plant.yaml
    """
    from monitor.clock import WallClock
    from monitor.runtime.app import make_app
    from monitor.runtime.service import Service

    # The service closes what it runs, which a reload may have changed.
    app = make_app(load(plant, overrides), WallClock(), simulated=False)
    reports = app.loaded.path.parent / "reports"
    Service(app, lambda: load(plant, overrides), reports).run(click.echo)


@cli.command()
@plant_argument
@as_json
@click.option("--fail-on-finding", is_flag=True, help="Exit with 1 when a detector found something.")
def once(plant: str, overrides: Sequence[str], json_: bool, fail_on_finding: bool) -> None:
    """Run what is due, then end. Example, from cron: gatewatch once plant.yaml."""
    from monitor.runtime.once import failures
    from monitor.runtime.once import once as run_once
    from monitor.store.questions import last_finding

    with opened(plant, overrides) as app:
        end_on_signal(app.runner.stop)
        before = last_finding(app.store)
        done = run_once(app)
        found = last_finding(app.store) - before
    report = {name: {"ran": s.ran.value, "rows": s.result.rows, "error": s.error} for name, s in done.items()}
    finish(report, found, failures(done), json_, fail_on_finding)


@cli.command()
@plant_argument
@as_json
@click.option("--from", "start", type=Instant(), required=True, help="First instant (exclusive).")
@click.option("--to", "end", type=Instant(), required=True, help="Last instant (inclusive).")
@click.option("--fail-on-finding", is_flag=True, help="Exit with 1 when a detector found something.")
@click.option("--notify", is_flag=True, help="Also send notifications by URL; else they go to the log alone.")
@openmetrics
def replay(
    plant: str,
    overrides: Sequence[str],
    json_: bool,
    start: datetime,
    end: datetime,
    fail_on_finding: bool,
    notify: bool,
    openmetrics: Recorded | None,
) -> None:
    """Run history at full speed under a simulated clock; nothing is seen before it was available.

    Example: gatewatch replay plant.yaml --from 2026-01-01 --to 2026-02-01

    With --openmetrics, what /metrics showed over that time becomes a file that promtool turns into the past of a
    Prometheus: promtool tsdb create-blocks-from openmetrics FILE DATA_DIR.
    """
    from monitor.clock import SimulatedClock
    from monitor.runtime.progress import Progress
    from monitor.runtime.recording import recording
    from monitor.runtime.replay import replay as run_replay
    from monitor.scheduling.runner import Ran
    from monitor.store.questions import last_finding

    if start >= end:
        raise UsageError(f"--from {start} is not before --to {end}")
    clock = SimulatedClock(start)
    slots: dict[str, int] = {}
    errors: dict[str, str] = {}
    with (
        opened(plant, overrides, clock, notify) as app,
        recording(app, openmetrics, start, end) as record,
        Progress("replay", start, end) as progress,
    ):
        end_on_signal(app.runner.stop)
        before = last_finding(app.store)
        for at, name, slot in run_replay(app, clock, start, end, record):
            progress.reached(at)
            slots[name] = slots.get(name, 0) + (slot.ran is Ran.SUCCESS)
            if slot.ran is Ran.FAILURE:
                errors[name] = f"{name}: {slot.error}"
        found = last_finding(app.store) - before
        if app.runner.stop.is_set():
            errors["signal"] = (
                f"ended by a signal at {clock.now():%Y-%m-%dT%H:%MZ}; the same command goes on from there"
            )
    finish({name: {"slots": n} for name, n in slots.items()}, found, list(errors.values()), json_, fail_on_finding)


def finish(report: Any, findings: int, errors: Sequence[str], json_: bool, fail_on_finding: bool) -> None:
    """Print what was done and leave with the exit code that says it."""
    if json_:
        say({"jobs": report, "findings": findings, "errors": list(errors)})
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


def end_on_signal(stop: Any) -> None:
    """Let SIGTERM and SIGINT end the work after the transaction at hand."""

    def end(*_: Any) -> None:
        # The second signal ends at once; it must not find this one inside `set`.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


@cli.command()
@as_json
@click.option("--dir", "folder", default=".gatewatch-demo", show_default=True, help="Where the demo keeps its files.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Seed of the simulated plant.")
@click.option("--days", default=5, show_default=True, type=click.IntRange(1, 60), help="Simulated days.")
@click.option("--serve", is_flag=True, help="Keep metrics, health and pages up on loopback afterwards.")
@click.option("--port", default=9464, show_default=True, type=click.IntRange(1, 65535), help="Port to serve on.")
@click.option("--faults/--no-faults", default=True, show_default=True, help="Whether anything goes wrong in it.")
@click.option("--end", type=Instant(), help="When the simulated days end; by default now.")
@openmetrics
def demo(
    json_: bool,
    folder: str,
    seed: int,
    days: int,
    serve: bool,
    port: int,
    faults: bool,
    end: datetime | None,
    openmetrics: Recorded | None,
) -> None:
    """Simulate a plant with faults, run everything on its history, and say what was found.

    Example: gatewatch demo --serve
    """
    from monitor.demo.run import run_demo

    if serve and end is not None:
        raise UsageError("--end and --serve: a demo that is served ends now; leave one of them out")
    run_demo(Path(folder), seed, days, json_, serve, port, faults, end, openmetrics)


@cli.command()
@plant_argument
@click.option("--from", "start", type=Instant(), help="First instant (inclusive); a day before --to by default.")
@click.option("--to", "end", type=Instant(), help="Last instant (exclusive); now by default.")
@click.option("--out", "file", type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
def report(
    plant: str, overrides: Sequence[str], start: datetime | None, end: datetime | None, file: Path | None
) -> None:
    """Write one HTML page on a stretch of time, the last day by default: gates, machines, drift, alerts, models.

    It needs no server and runs no script. Example: gatewatch report plant.yaml --from 2026-01-01 --to 2026-01-08
    """
    from monitor.clock import WallClock
    from monitor.reports.plant import write_report

    click.echo(f"{write_report(load(plant, overrides), WallClock(), start, end, file)}: written")


@cli.group()
def part() -> None:
    """What is known of single parts."""


@part.command("show")
@click.argument("serial")
@plant_option
@as_json
def part_show(serial: str, plant: str, overrides: Sequence[str], json_: bool) -> None:
    """Everything the store knows of one part, in order of time. Example: gatewatch part show B000123."""
    from monitor.reports.passport import as_text, passport
    from monitor.store.database.schema import open_existing

    loaded = load(plant, overrides)
    store = open_existing(loaded.plant.store.url)
    with store.read() as connection:
        found = passport(connection, serial)
    if found is None:
        raise UsageError(f"part {serial!r}: the store has no such part; serials are compared letter by letter")
    if json_:
        say(found)
    else:
        click.echo(as_text(found))


commands.register(cli)
cli.add_command(dashboards)
cli.add_command(drift)


def main() -> None:
    """Run the command line; every error a person can cause is one sentence and an exit code."""
    try:
        cli(standalone_mode=True)
    except MonitorError as exc:
        for line in str(exc).splitlines():
            click.echo(f"gatewatch: {line}", err=True)
        sys.exit(exc.exit_code)
    except OSError as exc:
        click.echo(f"gatewatch: {exc.filename or 'a file'}: {exc.strerror or exc}", err=True)
        sys.exit(3)


if __name__ == "__main__":
    main()

"""The command line. Heavy libraries are imported by the commands that need them."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from monitor import __version__
from monitor.errors import MonitorError, UsageError

F = TypeVar("F", bound=Callable[..., Any])

# Libraries that would otherwise report to their makers.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


class Instant(click.ParamType[datetime]):
    """An ISO time with an offset, or a date, which is midnight UTC."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        """To aware UTC."""
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        except ValueError:
            self.fail(f"{value!r} is no time; expected one such as 2026-01-31 or 2026-01-31T06:00:00Z", param, ctx)
        if found.tzinfo is None:
            if len(str(value)) > len("2026-01-31"):
                self.fail(f"{value!r} has no offset; write 2026-01-31T06:00:00Z for UTC", param, ctx)
            found = found.replace(tzinfo=UTC)
        return found.astimezone(UTC)


def plant_argument(command: F) -> F:
    """PLANT as an argument, and --set."""
    command = click.argument("plant", default="plant.yaml", envvar="GATEWATCH_PLANT")(command)
    return _overrides(command)


def plant_option(command: F) -> F:
    """PLANT as an option, and --set."""
    command = click.option(
        "--plant", "-p", default="plant.yaml", show_default=True, envvar="GATEWATCH_PLANT", help="The plant file."
    )(command)
    return _overrides(command)


def _overrides(command: F) -> F:
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override a key, as sources.mes.url=sqlite:///x.db.",
    )(command)


def as_json(command: F) -> F:
    """--json."""
    return click.option("--json", "json_", is_flag=True, help="Print data for programs.")(command)


def say(value: Any) -> None:
    """Print JSON, times as ISO 8601 with their offset."""
    click.echo(json.dumps(value, indent=2, sort_keys=True, default=_plain))


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def load(plant: str, overrides: Sequence[str]) -> Any:
    """The plant file, checked."""
    from monitor.plant_file import load as load_plant

    return load_plant(Path(plant), overrides)


@contextmanager
def opened(plant: str, overrides: Sequence[str], clock: Any = None) -> Iterator[Any]:
    """A plant ready to run, on the real clock or a simulated one; leases and connections are given back at the end."""
    from monitor.app import make_app
    from monitor.clock import WallClock

    app = make_app(load(plant, overrides), clock or WallClock(), simulated=clock is not None)
    try:
        yield app
    finally:
        app.close()


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
    from monitor.checking import problems

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
    from monitor.app import make_app
    from monitor.clock import WallClock
    from monitor.service import Service

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
    from monitor.once import failures
    from monitor.once import once as run_once
    from monitor.store.reading import last_finding

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
def replay(
    plant: str, overrides: Sequence[str], json_: bool, start: datetime, end: datetime, fail_on_finding: bool
) -> None:
    """Run history at full speed under a simulated clock; nothing is seen before it was available.

    Example: gatewatch replay plant.yaml --from 2026-01-01 --to 2026-02-01
    """
    from monitor.clock import SimulatedClock
    from monitor.progress import Progress
    from monitor.replay import replay as run_replay
    from monitor.runner import Ran
    from monitor.store.reading import last_finding

    if start >= end:
        raise UsageError(f"--from {start} is not before --to {end}")
    clock = SimulatedClock(start)
    slots: dict[str, int] = {}
    errors: dict[str, str] = {}
    with opened(plant, overrides, clock) as app, Progress("replay", start, end) as progress:
        end_on_signal(app.runner.stop)
        before = last_finding(app.store)
        for at, name, slot in run_replay(app, clock, start, end):
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
def demo(json_: bool, folder: str, seed: int, days: int, serve: bool, port: int) -> None:
    """Simulate a plant with faults, run everything on its history, and say what was found.

    Example: gatewatch demo --serve
    """
    from monitor.demo import run_demo

    run_demo(Path(folder), seed, days, json_, serve, port)


@cli.group()
def part() -> None:
    """What is known of single parts."""


@part.command("show")
@click.argument("serial")
@plant_option
@as_json
def part_show(serial: str, plant: str, overrides: Sequence[str], json_: bool) -> None:
    """Everything the store knows of one part, in order of time. Example: gatewatch part show B000123."""
    from monitor.passport import as_text, passport
    from monitor.store.schema import open_existing

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


def main() -> None:
    """Run the command line; every error a person can cause is one sentence and an exit code."""
    from monitor.commands import register

    register(cli)
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

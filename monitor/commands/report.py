"""The plant's report as one HTML page, and the history of one part."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from monitor.commands.shared.options import Instant, as_json, load, plant_argument, plant_option, print_json
from monitor.errors import UsageError


@click.command()
@plant_argument
@click.option("--from", "start", type=Instant(), help="Start (inclusive); by default a day before --to.")
@click.option("--to", "end", type=Instant(), help="End (exclusive); by default now.")
@click.option(
    "--out", "file", type=click.Path(dir_okay=False, path_type=Path), help="File to write; by default in reports/."
)
def report(
    plant: str, overrides: Sequence[str], start: datetime | None, end: datetime | None, file: Path | None
) -> None:
    """Write an HTML report on a period, by default the last day: gates, machines, drift, alerts, models.

    It needs no server and contains no script. Example: gatewatch report plant.yaml --from 2026-01-01 --to 2026-01-08
    """
    from monitor.clock import WallClock
    from monitor.reports.plant import write_report

    click.echo(f"{write_report(load(plant, overrides), WallClock(), start, end, file)}: written")


@click.group()
def part() -> None:
    """History of single parts."""


@part.command("show")
@click.argument("serial")
@plant_option
@as_json
def part_show(serial: str, plant: str, overrides: Sequence[str], json_: bool) -> None:
    """Show everything recorded about one part, in chronological order. Example: gatewatch part show B000123."""
    from monitor.reports.passport import as_text, passport
    from monitor.store.database.schema import open_existing

    loaded = load(plant, overrides)
    store = open_existing(loaded.plant.store.url)
    with store.read() as connection:
        history = passport(connection, serial, loaded.plant.class_names())
    if history is None:
        raise UsageError(f"part {serial!r}: the store has no such part; serial numbers must match exactly")
    if json_:
        print_json(history)
    else:
        click.echo(as_text(history))

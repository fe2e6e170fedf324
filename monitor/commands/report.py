"""The plant's report as one HTML page, what its gates saved, and the history of one part."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.commands.shared.options import Instant, as_json, load, plant_argument, plant_option, print_json
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.plant.file.load import LoadedPlant
    from monitor.store.database.database import Store


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


@click.command()
@plant_argument
@click.option("--month", metavar="YYYY-MM", help="One month (UTC); by default the newest three with decisions.")
@as_json
def savings(plant: str, overrides: Sequence[str], month: str | None, json_: bool) -> None:
    """Show what the gates with costs saved, by month: cost avoided with its interval, false scraps, escapes.

    Example: gatewatch savings plant.yaml --month 2026-11
    """
    from monitor.clock import WallClock
    from monitor.reports.savings import as_text, as_values, plant_savings

    found = plant_savings(load(plant, overrides), WallClock(), month)
    if json_:
        print_json(as_values(found))
    else:
        click.echo(as_text(found), nl=False)


@click.group()
def part() -> None:
    """History of single parts."""


@part.command("show")
@click.argument("serial")
@plant_option
@click.option(
    "--pictures",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the part's pictures into this folder, also painted where its gate's model found them unlike good.",
)
@as_json
def part_show(serial: str, plant: str, overrides: Sequence[str], pictures: Path | None, json_: bool) -> None:
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
    if pictures is not None:
        _write_pictures(loaded, store, serial, pictures)


def _write_pictures(loaded: LoadedPlant, store: Store, serial: str, folder: Path) -> None:
    from monitor.commands.shared.pictures import tell_written, write_png
    from monitor.gate_models.picture_files import pictures_of_part
    from monitor.gate_models.rederive import stored_plants
    from monitor.runtime.app import make_registry

    plants = stored_plants(store, loaded.path.parent)
    written = 0
    for name, png in pictures_of_part(store, plants.__getitem__, make_registry(loaded.plant), serial):
        tell_written(write_png(folder, name, png))
        written += 1
    if not written:
        click.echo(f"part {serial}: no picture of it is stored", err=True)

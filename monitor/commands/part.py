"""The history of one part."""

from __future__ import annotations

from collections.abc import Sequence

import click

from monitor.commands.shared.options import as_json, load, plant_option, print_json
from monitor.errors import UsageError


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
        history = passport(connection, serial)
    if history is None:
        raise UsageError(f"part {serial!r}: the store has no such part; serial numbers must match exactly")
    if json_:
        print_json(history)
    else:
        click.echo(as_text(history))

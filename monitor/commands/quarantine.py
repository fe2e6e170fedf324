"""Source rows that could not be read."""

from __future__ import annotations

from collections.abc import Sequence

import click

from exporters.html.formatting import escape_controls
from monitor.commands.shared.options import as_json, open_store_of, plant_option, print_json


@click.group()
def quarantine() -> None:
    """Source rows that could not be read."""


@quarantine.command("list")
@plant_option
@as_json
@click.option("--newest", default=20, show_default=True, type=click.IntRange(1, 100000))
def quarantine_list(plant: str, overrides: Sequence[str], json_: bool, newest: int) -> None:
    """List the newest rows in quarantine with their reasons. Example: gatewatch quarantine list --newest 5."""
    from monitor.store.rows.quarantine import newest_quarantined

    rows = newest_quarantined(open_store_of(plant, overrides), newest)
    if json_:
        print_json([row._asdict() for row in rows])
        return
    for row in rows:
        click.echo(escape_controls(f"{row.source}  {row.reason}  {row.key}"))
    if not rows:
        click.echo("no rows in quarantine")

"""The plant's report as one HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from monitor.commands.shared.options import Instant, load, plant_argument


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

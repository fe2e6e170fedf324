"""The plant's report as one HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from monitor.commands.shared.options import Instant, load, plant_argument


@click.command()
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

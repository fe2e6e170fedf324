"""The demo: a simulated plant, run and compared with its truth."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.commands.shared.options import Instant, as_json, openmetrics
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.runtime.recording import RecordingOptions


@click.command()
@as_json
@click.option("--dir", "folder", default=".gatewatch-demo", show_default=True, help="Folder of the demo's files.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Seed of the simulated plant.")
@click.option("--days", default=5, show_default=True, type=click.IntRange(1, 60), help="Simulated days.")
@click.option("--serve", is_flag=True, help="Keep serving metrics, health and pages on loopback afterwards.")
@click.option("--port", default=9464, show_default=True, type=click.IntRange(1, 65535), help="Port to serve on.")
@click.option("--faults/--no-faults", default=True, show_default=True, help="Whether to inject faults.")
@click.option("--end", type=Instant(), help="End of the simulated period; by default now.")
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
    openmetrics: RecordingOptions | None,
) -> None:
    """Simulate a plant with faults, replay its history through the product, and report what was detected.

    Example: gatewatch demo --serve
    """
    from monitor.demo.run import run_demo

    if serve and end is not None:
        raise UsageError("--end and --serve exclude each other: a demo that is served ends now")
    run_demo(Path(folder), seed, days, json_, serve, port, faults, end, openmetrics)

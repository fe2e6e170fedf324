"""The commands that make the Grafana dashboards and bring them to a running Grafana."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def dashboards() -> None:
    """The Grafana dashboards."""


@dashboards.command("build")
@click.option(
    "--out", default="dashboards/generated", show_default=True, type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the files.",
)  # fmt: skip
def build(out: Path) -> None:
    """Write the dashboards as JSON for Grafana to provision. Example: gatewatch dashboards build --out /tmp/grafana."""
    from dashboards.files import write

    for path in write(out):
        click.echo(f"{path}: written")

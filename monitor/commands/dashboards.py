"""The commands that build the Grafana dashboards and publish them to a running Grafana."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.commands.shared.options import as_json, print_json


@click.group()
def dashboards() -> None:
    """Grafana dashboards."""


@dashboards.command("build")
@click.option(
    "--out", default="dashboards/generated", show_default=True, type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the files.",
)  # fmt: skip
def build(out: Path) -> None:
    """Write the dashboards as JSON files for provisioning. Example: gatewatch dashboards build --out /tmp/grafana."""
    from dashboards.files import write

    for path in write(out):
        click.echo(f"{path}: written")


@dashboards.command("publish")
@as_json
@click.option("--url", required=True, help="Address of Grafana, such as http://127.0.0.1:3000.")
@click.option(
    "--token-file", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the token of a service account that may edit dashboards.",
)  # fmt: skip
@click.option("--folder", help="Uid of the folder; by default the dashboard's present folder, or the root.")
@click.option(
    "--timeout",
    default=10.0,
    show_default=True,
    type=click.FloatRange(0.1, 600),
    help="Timeout per request in seconds.",
)
@click.option("--force", is_flag=True, help="Overwrite a version that somebody else has saved.")
def publish(json_: bool, url: str, token_file: Path, folder: str | None, timeout: float, force: bool) -> None:
    """Publish the dashboards to a running Grafana. A dashboard provisioned from a file is never overwritten.

    Example: gatewatch dashboards publish --url http://127.0.0.1:3000 --token-file grafana.token
    """
    from dashboards.files import dashboards as built
    from dashboards.grafana import Grafana
    from dashboards.publishing import publish as publish_all
    from dashboards.publishing import read_token

    published = publish_all(Grafana(url, read_token(token_file), timeout), built(), folder, force)
    if json_:
        print_json(published)
    for uid, result in [] if json_ else published.items():
        click.echo(f"{uid}: {result}")

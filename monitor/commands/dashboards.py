"""The commands that build the Grafana dashboards and publish them to a running Grafana."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.commands.shared.options import F, Interval, as_json, load, plant_option, print_json

if TYPE_CHECKING:
    from dashboards.grafana import Grafana


@click.group()
def dashboards() -> None:
    """Grafana dashboards."""


def _with_part(command: F) -> F:
    """--with-part."""
    return click.option(
        "--with-part",
        is_flag=True,
        help="Also the dashboard of a part, on the views of 'gatewatch store views'.",
    )(command)


@dashboards.command("build")
@click.option(
    "--out", default="dashboards/generated", show_default=True, type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the files.",
)  # fmt: skip
@_with_part
def build(out: Path, with_part: bool) -> None:
    """Write the dashboards as JSON files for provisioning. Example: gatewatch dashboards build --out /tmp/grafana."""
    from dashboards.files import write

    for path in write(out, with_part):
        click.echo(f"{path}: written")


def _grafana(command: F) -> F:
    """--url, --token-file and --timeout."""
    options = (
        click.option("--url", required=True, help="Address of Grafana, such as http://127.0.0.1:3000."),
        click.option(
            "--token-file", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="File with the token of a service account that may edit dashboards.",
        ),
        click.option("--timeout", default=10.0, show_default=True, type=click.FloatRange(0.1, 600),
                     help="Timeout per request in seconds."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def _period(command: F) -> F:
    """--since."""
    return click.option(
        "--since", default="30d", show_default=True, type=Interval(), help="How far back annotations go."
    )(command)


@dashboards.command("publish")
@as_json
@_grafana
@click.option("--folder", help="Uid of the folder; by default the dashboard's present folder, or the root.")
@click.option("--force", is_flag=True, help="Overwrite a version that somebody else has saved.")
@click.option("--annotations", metavar="PLANT", help="Plant file: post what happened there too, as 'annotate' does.")
@_period
@_with_part
def publish(
    json_: bool, url: str, token_file: Path, folder: str | None, timeout: float, force: bool, annotations: str | None,
    since: timedelta, with_part: bool,
) -> None:  # fmt: skip
    """Publish the dashboards to a running Grafana. A dashboard provisioned from a file is never overwritten.

    Example: gatewatch dashboards publish --url http://127.0.0.1:3000 --token-file grafana.token
    """
    from dashboards.files import dashboards as built
    from dashboards.grafana import Grafana
    from dashboards.publishing import publish as publish_all
    from dashboards.publishing import read_token

    grafana = Grafana(url, read_token(token_file), timeout)
    published: dict[str, object] = dict(publish_all(grafana, built(with_part), folder, force))
    for uid, result in [] if json_ else published.items():
        click.echo(f"{uid}: {result}")
    if annotations is not None:
        published["annotations"] = _annotate(grafana, annotations, (), since, json_)
    if json_:
        print_json(published)


@dashboards.command("annotate")
@as_json
@_grafana
@_period
@plant_option
def annotate(
    json_: bool, url: str, token_file: Path, timeout: float, since: timedelta, plant: str, overrides: Sequence[str]
) -> None:
    """Post changes of models and recipes, set-ups, stops and baselines that began anew to Grafana as annotations.

    What is there already is not posted again. Example: gatewatch dashboards annotate -p plant.yaml --url
    http://127.0.0.1:3000 --token-file grafana.token
    """
    from dashboards.grafana import Grafana
    from dashboards.publishing import read_token

    done = _annotate(Grafana(url, read_token(token_file), timeout), plant, overrides, since, json_)
    if json_:
        print_json(done)


def _annotate(
    grafana: Grafana, plant: str, overrides: Sequence[str], since: timedelta, json_: bool
) -> Mapping[str, object]:
    """Post what happened in a plant, and say how much; as values for JSON."""
    from dashboards.annotating import annotate as post
    from monitor.clock import WallClock
    from monitor.reports.marks import happenings
    from monitor.store.database.schema import open_existing

    config = load(plant, overrides).plant
    store = open_existing(config.store.url)
    try:
        with store.read() as connection:
            found = happenings(connection, WallClock().now() - since)
    finally:
        store.close()
    done = post(grafana, config.site, found.marks)
    left_out = done.left_out + found.older
    if not json_:
        older = f", {left_out} older ones left out" if left_out else ""
        click.echo(f"annotations of {config.site}: {done.posted} posted, {done.present} there already{older}")
        for what in found.unknown:
            click.echo(f"not known: {what}")
    return {"posted": done.posted, "present": done.present, "left_out": left_out, "unknown": found.unknown}

"""Check a plant file and the databases it names."""

from __future__ import annotations

from collections.abc import Sequence

import click

from monitor.commands.shared.options import as_json, load, plant_argument, print_json


@click.command()
@plant_argument
@as_json
@click.option("--connect/--no-connect", default=True, show_default=True, help="Whether to check the databases too.")
def check(plant: str, overrides: Sequence[str], json_: bool, connect: bool) -> None:
    """Check a plant file and the databases it names, and print every problem at once.

    Example: gatewatch check plant.yaml
    """
    from monitor.runtime.checking import problems

    loaded = load(plant, overrides)
    lines = problems(loaded) if connect else []
    if json_:
        print_json({"problems": lines})
    for line in [] if json_ else lines:
        click.echo(line, err=True)
    if lines:
        raise SystemExit(3)
    if not json_:
        click.echo(f"{plant}: no problems")

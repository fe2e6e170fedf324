"""Check a plant file and the databases it names."""

from __future__ import annotations

from collections.abc import Sequence

import click

from monitor.commands.shared.options import as_json, load, plant_argument, say


@click.command()
@plant_argument
@as_json
@click.option("--connect/--no-connect", default=True, show_default=True, help="Whether to check the databases too.")
def check(plant: str, overrides: Sequence[str], json_: bool, connect: bool) -> None:
    """Check a plant file and the databases it names, and print every problem at once.

    Example: gatewatch check plant.yaml
    """
    from monitor.runtime.checking import problems

    problems_found = problems(load(plant, overrides)) if connect else []
    if json_:
        say({"problems": problems_found})
    for line in [] if json_ else problems_found:
        click.echo(line, err=True)
    if problems_found:
        raise SystemExit(3)
    if not json_:
        click.echo(f"{plant}: no problems")

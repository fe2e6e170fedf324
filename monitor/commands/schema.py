"""Print the JSON schema of the plant file."""

from __future__ import annotations

import click

from monitor.commands.shared.options import print_json


@click.command()
def schema() -> None:
    """Print the JSON schema of the plant file, by which editors complete and check it as you write.

    Example: gatewatch schema > gatewatch.schema.json
    """
    from monitor.plant.file.schema import plant_schema

    print_json(plant_schema())

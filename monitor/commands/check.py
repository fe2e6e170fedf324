"""Check a plant file and the databases it names."""

from __future__ import annotations

from collections.abc import Sequence

import click

from monitor.commands.shared.options import as_json, plant_argument, print_json


@click.command()
@plant_argument
@as_json
@click.option("--connect/--no-connect", default=True, show_default=True, help="Whether to check the databases too.")
def check(plant: str, overrides: Sequence[str], json_: bool, connect: bool) -> None:
    """Check a plant file and the databases it names, and print every problem and warning at once.

    Says in a sentence what was understood of each source; `gatewatch preview` shows its rows.
    If the file has problems, the databases of its other sections are checked too. Example: gatewatch check plant.yaml
    """
    from pathlib import Path

    from exporters.html.formatting import escape_controls
    from monitor.plant.file.load import examine
    from monitor.runtime.checking import Checked, check_databases

    examined = examine(Path(plant), overrides)
    found = check_databases(examined) if connect else Checked()
    lines = [*examined.problems, *found.problems]
    warnings = [*examined.warnings, *found.warnings]
    if json_:
        print_json({"problems": lines, "warnings": warnings, "sources": list(found.sources)})
    else:
        for line in found.sources:
            click.echo(escape_controls(line))
        for line in warnings:
            click.echo(f"gatewatch: warning: {line}", err=True)
        for line in (*(f"gatewatch: {problem}" for problem in examined.problems), *found.problems):
            click.echo(line, err=True)
    if lines:
        raise SystemExit(2 if examined.problems else 3)
    if not json_:
        click.echo(f"{plant}: no problems")

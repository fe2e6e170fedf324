"""Checks: of a plant file with the databases it names, and of stored decisions against their recorded inputs."""

from __future__ import annotations

from collections.abc import Sequence

import click

from monitor.commands.shared.options import as_json, load, open_store_of, plant_argument, plant_option, print_json


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
        number = len(warnings)
        click.echo(f"{plant}: no problems" + (f", {number} warning{'s' * (number > 1)}" if number else ""))


@click.command()
@plant_option
@as_json
def verify(plant: str, overrides: Sequence[str], json_: bool) -> None:
    """Recompute every stored decision from its recorded inputs and compare; exit with 3 if any differs.

    Example: gatewatch verify -p plant.yaml
    """
    from monitor.gate_models.rederive import recompute_decisions, stored_plants
    from monitor.runtime.app import make_registry
    from monitor.runtime.progress import CountProgress
    from monitor.store.rows.decisions import count_decisions

    loaded = load(plant, overrides)
    store = open_store_of(plant, overrides)
    plants = stored_plants(store, loaded.path.parent)
    with store.read() as connection:
        total = count_decisions(connection)
    checked, different = 0, []
    with CountProgress("verify", total) as progress:
        for decision in recompute_decisions(store, plants.__getitem__, make_registry(loaded.plant)):
            checked += 1
            progress.reached(checked)
            if not decision.matches:
                different.append({"key": list(decision.key), "stored": decision.stored, "again": decision.recomputed})
    if json_:
        print_json({"checked": checked, "different": different})
    else:
        for d in different:
            click.echo(f"{d['key']}: stored {d['stored']}, recomputed {d['again']}", err=True)
        click.echo(f"{checked} decisions recomputed, {len(different)} different")
    if different:
        raise SystemExit(3)

"""Stored decisions made again from their recorded inputs."""

from __future__ import annotations

from collections.abc import Sequence

import click

from monitor.commands.shared.options import as_json, load, open_store_of, plant_option, say


@click.command()
@plant_option
@as_json
def verify(plant: str, overrides: Sequence[str], json_: bool) -> None:
    """Recompute every stored decision from its recorded inputs and compare; exit with 3 if any differs.

    Example: gatewatch verify -p plant.yaml
    """
    from monitor.gate_models.rederive import decisions, stored_plants
    from monitor.runtime.app import make_registry
    from monitor.runtime.progress import CountProgress
    from monitor.store.rows.decisions import count_decisions

    loaded = load(plant, overrides)
    at = open_store_of(plant, overrides)
    plants = stored_plants(at, loaded.path.parent)
    with at.read() as connection:
        total = count_decisions(connection)
    checked, different = 0, []
    with CountProgress("verify", total) as progress:
        for one in decisions(at, plants.__getitem__, make_registry(loaded.plant)):
            checked += 1
            progress.reached(checked)
            if not one.same:
                different.append({"key": list(one.key), "stored": one.stored, "again": one.again})
    if json_:
        say({"checked": checked, "different": different})
    else:
        for d in different:
            click.echo(f"{d['key']}: stored {d['stored']}, made again {d['again']}", err=True)
        click.echo(f"{checked} decisions made again, {len(different)} different")
    if different:
        raise SystemExit(3)

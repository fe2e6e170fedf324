"""The command that recomputes stored decisions from their recorded inputs."""

from __future__ import annotations

from collections.abc import Sequence

import click

from monitor.commands.shared.options import as_json, load, open_store_of, plant_option, print_json


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

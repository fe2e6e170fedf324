"""The commands about the store: backup, restore, upgrade and pruning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from monitor.commands.shared.options import load, open_app, open_store_of, plant_option
from monitor.errors import MonitorError, UsageError


@click.group()
def store() -> None:
    """Gatewatch's own database."""


@store.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@plant_option
def store_backup(file: Path, plant: str, overrides: Sequence[str]) -> None:
    """Copy the store to FILE while other processes continue. Example: gatewatch store backup monday.db."""
    from monitor.store.database.backup import backup

    backup(open_store_of(plant, overrides), file)
    click.echo(f"{file}: written")


@store.command("restore")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@plant_option
def store_restore(file: Path, plant: str, overrides: Sequence[str]) -> None:
    """Replace the store with a backup. Example: gatewatch store restore monday.db."""
    from monitor.store.database.backup import restore
    from monitor.store.database.database import Store

    config = load(plant, overrides).plant.store
    restore(Store(config.url), file, config.lease.total_seconds())
    click.echo(f"{file}: restored")


@store.command("upgrade")
@plant_option
def store_upgrade(plant: str, overrides: Sequence[str]) -> None:
    """Create the store's tables, or migrate them to this version.

    Example: gatewatch store upgrade -p plant.yaml
    """
    from monitor.store.database.database import Store
    from monitor.store.database.schema import upgrade

    before, after = upgrade(Store(load(plant, overrides).plant.store.url))
    click.echo(f"store: revision {before or 'none'} -> {after}" if before != after else f"store: revision {after}")


@store.command("views")
@click.option("--role", required=True, help="PostgreSQL role that shall read the views; it must exist.")
@plant_option
def store_views(role: str, plant: str, overrides: Sequence[str]) -> None:
    """Print SQL that lets a role read what is known of parts, through views and nothing else; nothing is changed.

    Example: gatewatch store views --role grafana_reader -p plant.yaml | psql -v ON_ERROR_STOP=1 gatewatch
    """
    from monitor.store.parts.views import views_sql

    if not load(plant, overrides).plant.store.url.startswith("postgresql"):
        raise UsageError("store.url: expected a store on PostgreSQL; views are for its roles, and SQLite has none")
    click.echo(views_sql(role), nl=False)


@store.command("prune")
@plant_option
def store_prune(plant: str, overrides: Sequence[str]) -> None:
    """Delete rows older than store.retention. Example: gatewatch store prune -p plant.yaml."""
    from monitor.scheduling.runner import SlotOutcome

    open_store_of(plant, overrides).close()
    with open_app(plant, overrides) as app:
        job = next(j for j in app.jobs if j.name == "prune")
        slot = app.runner.run(job, app.clock.now())
    if slot.outcome is not SlotOutcome.SUCCESS:
        raise MonitorError(f"store prune: {slot.error or 'another process is pruning the store'}")
    click.echo(f"{slot.result.rows} rows deleted")

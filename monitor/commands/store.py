"""The commands that look after the store, the models, the outbox and the alerts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from exporters.html.words import shown, visible
from monitor.commands import model as retraining_commands
from monitor.commands.alerts import alerts_log, alerts_test
from monitor.commands.options import as_json, load, opened, plant_option, say
from monitor.errors import MonitorError, UsageError


def register(cli: click.Group) -> None:
    """Add every group to the command line."""
    for group in (store, model, outbox, alerts, quarantine):
        cli.add_command(group)
    for command in (alerts_log, alerts_test):
        alerts.add_command(command)
    retraining_commands.register(model)
    cli.add_command(verify)


@click.group()
def store() -> None:
    """Gatewatch's own database."""


def _open(plant: str, overrides: Sequence[str]) -> Any:
    from monitor.store.database.schema import open_existing

    return open_existing(load(plant, overrides).plant.store.url)


@store.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@plant_option
def store_backup(file: Path, plant: str, overrides: Sequence[str]) -> None:
    """Copy the store to FILE while others go on. Example: gatewatch store backup monday.db."""
    from monitor.store.database.backup import backup

    backup(_open(plant, overrides), file)
    click.echo(f"{file}: written")


@store.command("restore")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@plant_option
def store_restore(file: Path, plant: str, overrides: Sequence[str]) -> None:
    """Replace the store by a backup. Example: gatewatch store restore monday.db."""
    from monitor.store.database.backup import restore
    from monitor.store.database.database import Store

    restore(Store(load(plant, overrides).plant.store.url), file)
    click.echo(f"{file}: restored")


@store.command("upgrade")
@plant_option
def store_upgrade(plant: str, overrides: Sequence[str]) -> None:
    """Bring the store's tables to this version; make them where there are none.

    Example: gatewatch store upgrade -p plant.yaml
    """
    from monitor.store.database.database import Store
    from monitor.store.database.schema import upgrade

    before, after = upgrade(Store(load(plant, overrides).plant.store.url))
    click.echo(f"store: revision {before or 'none'} -> {after}" if before != after else f"store: revision {after}")


@store.command("prune")
@plant_option
def store_prune(plant: str, overrides: Sequence[str]) -> None:
    """Delete what is older than store.retention keeps, now. Example: gatewatch store prune -p plant.yaml."""
    from monitor.scheduling.runner import Ran

    _open(plant, overrides).close()
    with opened(plant, overrides) as app:
        job = next(j for j in app.jobs if j.name == "prune")
        slot = app.runner.run(job, app.clock.now())
    if slot.ran is not Ran.SUCCESS:
        raise MonitorError(f"store prune: {slot.error or 'another process prunes now; nothing is left to do here'}")
    click.echo(f"{slot.result.rows} rows deleted")


@click.group()
def model() -> None:
    """The gates' models."""


@model.command("train")
@click.argument("gate")
@plant_option
@as_json
@click.option("--put-in-force", is_flag=True, help="Use it from now on, in place of the one in force.")
def model_train(gate: str, plant: str, overrides: Sequence[str], json_: bool, put_in_force: bool) -> None:
    """Train a version on the outcomes at hand and register it. Example: gatewatch model train forging.

    The first version of a gate is put in force; a later one only with --put-in-force.
    """
    from monitor.jobs.models import put_in_force as put
    from monitor.jobs.models import train_version
    from monitor.store.models import in_force, versions

    gates = load(plant, overrides).plant.gates
    if gate not in gates:
        raise UsageError(f"gate {gate!r}: the plant file has no such gate; it has {', '.join(gates) or 'none'}")
    _open(plant, overrides).close()
    with opened(plant, overrides) as app:
        now = app.clock.now()
        version = train_version(app.store, app.plant, gate, now, now, None)
        with app.store.read() as connection:
            current = in_force(connection, gate)
            same = (version.model, version.version)
            row = next(v for v in versions(connection, gate) if (v.model, v.version) == same)
        changes = current.changes if current else 0
        known = current is not None and (current.model, current.version) == same
        used = known or (
            (current is None or put_in_force) and put(app.store, app.registry, None, gate, row, changes, now)
        )
    if json_:
        say({**version.metrics, "version": version.version, "digest": version.digest, "in_force": used})
        return
    click.echo(
        f"{gate}: {version.model} version {version.version}, trained on {version.rows} parts, "
        f"skill {version.metrics['skill']:.2f}; {'in force' if used else 'registered, not in force'}"
    )


@click.group()
def outbox() -> None:
    """Recommendations on their way to the MES, notifications on their way to people."""


@outbox.command("list")
@plant_option
@as_json
@click.option("--status", type=click.Choice(["pending", "dead"]), default="dead", show_default=True)
def outbox_list(plant: str, overrides: Sequence[str], json_: bool, status: str) -> None:
    """Messages that were given up, or that wait. Example: gatewatch outbox list --status pending."""
    from monitor.store.questions import undelivered

    rows = undelivered(_open(plant, overrides), status)
    if json_:
        say([dict(row._mapping) for row in rows])
        return
    for row in rows:
        what = row.payload["step"] if row.channel == "mes" else row.key
        told = f"{row.id}  {row.channel}  {row.subject}  {what}  tries {row.attempts}  {row.error or ''}"
        click.echo(visible(told))
    click.echo(f"{len(rows)} {status}")


@outbox.command("resend")
@click.argument("ids", nargs=-1, type=int)
@plant_option
def outbox_resend(ids: Sequence[int], plant: str, overrides: Sequence[str]) -> None:
    """Try dead letters again: those named by number, or all. Example: gatewatch outbox resend."""
    from monitor.clock import WallClock
    from monitor.jobs.deliver import resend
    from monitor.store.questions import undelivered

    at = _open(plant, overrides)
    unknown = set(ids) - {row.id for row in undelivered(at, "dead")}
    if unknown:
        raise UsageError(f"outbox: no dead letter {', '.join(map(str, sorted(unknown)))}; see 'gatewatch outbox list'")
    click.echo(f"{resend(at, WallClock().now(), ids)} to be sent again")


@click.group()
def alerts() -> None:
    """What a person must know of."""


@alerts.command("list")
@plant_option
@as_json
@click.option("--all", "ended", is_flag=True, help="Also those that are over, that are pending, and Watchdog.")
def alerts_list(plant: str, overrides: Sequence[str], json_: bool, ended: bool) -> None:
    """Alerts that fire now, with what to do about each. Example: gatewatch alerts list --all."""
    from alerting.alerts.specs import BY_NAME
    from monitor.store.questions import alerts as stored

    rows = stored(_open(plant, overrides), not ended)
    if json_:
        say([dict(row._mapping) for row in rows])
        return
    for row in rows:
        over = f" until {row.ended_at:%Y-%m-%d %H:%M}" if row.ended_at else ""
        state = f"{row.state}, absent" if row.condition == "absent" else row.state
        said = (row.severity, row.name, row.subject, row.line or "-", f"for {row.team or '-'}", state)
        click.echo("  ".join((*said, f"since {row.since:%Y-%m-%d %H:%M}{over}")))
        told = "" if row.value is None else f" ({shown(row.value)} against {shown(row.limit)})"
        click.echo(f"    {visible(row.summary)}{told}")
        if row.name in BY_NAME:
            click.echo(f"    {BY_NAME[row.name].action}")
    if not rows:
        click.echo("no alerts")


@alerts.command("rules")
@plant_option
def alerts_rules(plant: str, overrides: Sequence[str]) -> None:
    """The alerts of a plant as a Prometheus rule file. Example: gatewatch alerts rules > alerts.rules.yml."""
    from alerting.alerts.rules import rule_file
    from alerting.alerts.specs import in_force

    found = load(plant, overrides).plant
    click.echo(rule_file(in_force(found), found.alerts.runbooks), nl=False)


@click.group()
def quarantine() -> None:
    """Rows of the sources that could not be read."""


@quarantine.command("list")
@plant_option
@as_json
@click.option("--newest", default=20, show_default=True, type=click.IntRange(1, 100000))
def quarantine_list(plant: str, overrides: Sequence[str], json_: bool, newest: int) -> None:
    """The newest rows in quarantine with their reasons. Example: gatewatch quarantine list --newest 5."""
    from monitor.store.questions import quarantined

    rows = quarantined(_open(plant, overrides), newest)
    if json_:
        say([dict(row._mapping) for row in rows])
        return
    for row in rows:
        click.echo(visible(f"{row.source}  {row.reason}  {row.key}"))
    if not rows:
        click.echo("no rows in quarantine")


@click.command()
@plant_option
@as_json
def verify(plant: str, overrides: Sequence[str], json_: bool) -> None:
    """Make every stored decision again from its recorded inputs and compare. Exits with 3 on a difference.

    Example: gatewatch verify -p plant.yaml
    """
    from functools import partial

    from inference.gate import judge
    from monitor.gate_models.rederive import decisions, stored_plants
    from monitor.runtime.app import load_cached, make_registry

    loaded = load(plant, overrides)
    at = _open(plant, overrides)
    plants = stored_plants(at, loaded.path.parent)
    checked, different = 0, []
    for one in decisions(at, plants.__getitem__, partial(load_cached, make_registry(loaded.plant)), judge):
        checked += 1
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

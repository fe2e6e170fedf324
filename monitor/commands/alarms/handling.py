"""The commands by which people answer alerts: acknowledge, note, shelve, unshelve, and what is shelved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import click

from alerting.handling.actions import Action, Wish
from exporters.html.formatting import escape_controls
from monitor.commands.alarms.alerts import alerts
from monitor.commands.shared.options import Interval, as_json, open_store_of, plant_option, print_json
from monitor.commands.shared.person import by_option, person_here


@alerts.command("ack")
@click.argument("name")
@click.argument("subject")
@plant_option
@by_option
@click.option("--note", default="", help="What you do about it, or found.")
def alerts_ack(name: str, subject: str, plant: str, overrides: Sequence[str], by: str, note: str) -> None:
    """Acknowledge a firing alert: you have seen it and attend to it. It is not repeated and not escalated.

    Example: gatewatch alerts ack MachineOutOfSpec mill-2 --note "cooling is being checked"
    """
    _handle(Action.ACKNOWLEDGE, name, subject, plant, overrides, by, note)


@alerts.command("note")
@click.argument("name")
@click.argument("subject")
@click.argument("note")
@plant_option
@by_option
def alerts_note(name: str, subject: str, note: str, plant: str, overrides: Sequence[str], by: str) -> None:
    """Put a note about an alert on record. Example: gatewatch alerts note SensorDead mill-2 "plug was loose"."""
    _handle(Action.NOTE, name, subject, plant, overrides, by, note)


@alerts.command("shelve")
@click.argument("name")
@click.argument("subject")
@plant_option
@by_option
@click.option("--for", "lasting", type=Interval(), required=True, metavar="DURATION", help="How long, such as 2h.")
@click.option("--reason", required=True, help="Why; goes on record.")
def alerts_shelve(
    name: str, subject: str, plant: str, overrides: Sequence[str], by: str, lasting: timedelta, reason: str
) -> None:
    """Do not tell an alert for some time. If it still fires then, it is told.

    Example: gatewatch alerts shelve SensorStuck mill-2 --for 8h --reason "sensor is on order"
    """
    _handle(Action.SHELVE, name, subject, plant, overrides, by, reason, lasting)


@alerts.command("unshelve")
@click.argument("name")
@click.argument("subject")
@plant_option
@by_option
def alerts_unshelve(name: str, subject: str, plant: str, overrides: Sequence[str], by: str) -> None:
    """Tell a shelved alert again. Example: gatewatch alerts unshelve SensorStuck mill-2."""
    _handle(Action.UNSHELVE, name, subject, plant, overrides, by)


@alerts.command("shelved")
@plant_option
@as_json
def alerts_shelved(plant: str, overrides: Sequence[str], json_: bool) -> None:
    """List the alerts that are shelved or silenced in Alertmanager, by whom and why.

    Example: gatewatch alerts shelved
    """
    from alerting.handling.shelves import words_of
    from monitor.clock import WallClock
    from monitor.store.watching.handling import shelves

    store = open_store_of(plant, overrides)
    with store.read() as connection:
        rows = shelves(connection, WallClock().now())
    if json_:
        print_json([row._asdict() for row in rows])
        return
    for row in rows:
        click.echo(escape_controls(f"{row.name}  {row.subject}  {words_of(row)}"))
    if not rows:
        click.echo("nothing is shelved")


def _handle(
    action: Action, name: str, subject: str, plant: str, overrides: Sequence[str], by: str, note: str = "",
    lasting: timedelta | None = None,
) -> None:  # fmt: skip
    from monitor.clock import WallClock
    from monitor.store.watching.handling import handle

    now: datetime = WallClock().now()
    until = None if lasting is None else now + lasting
    entry = handle(open_store_of(plant, overrides), Wish(action, name, subject, note, until), person_here(by), now)
    click.echo(f"{action}: {entry.about} by {entry.actor}, entry {entry.id} of the record")

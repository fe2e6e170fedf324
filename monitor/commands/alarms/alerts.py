"""The commands about alerts, their Prometheus rules and their notifications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from exporters.html.formatting import escape_controls
from monitor.commands.shared.options import as_json, load, open_store_of, plant_option, print_json
from monitor.errors import MonitorError, UsageError

if TYPE_CHECKING:
    from monitor.statuses import OutboxStatus


@click.group()
def alerts() -> None:
    """Alerts and their notifications."""


@alerts.command("test")
@click.argument("team")
@plant_option
@as_json
def alerts_test(team: str, plant: str, overrides: Sequence[str], json_: bool) -> None:
    """Send a test notification to every URL of a team and report whether each accepted it; exit with 3 otherwise.

    It says how an alert reads in the language of the team.

    Example: gatewatch alerts test operators -p plant.yaml
    """
    from exporters.metrics.shared.labels import TEAMS
    from monitor.clock import WallClock
    from monitor.delivery.notifications import receivers_of, send_test

    if team not in TEAMS:
        raise UsageError(f"alerts test: unknown team {team!r}; allowed: {', '.join(TEAMS)}")
    loaded = load(plant, overrides)
    receivers = receivers_of(loaded.plant)
    if not receivers.get(team):
        where = loaded.plant.notify.urls_file or "the plant file, which has no notify.urls_file"
        raise UsageError(f"alerts test: no URL for {team} in {where}; its notifications go only to the log")
    result = send_test(loaded.plant, receivers, team, WallClock().now())
    if json_:
        print_json({"id": result.id, "text": result.text, "errors": list(result.errors)})
    for number, error in enumerate([] if json_ else result.errors, 1):
        click.echo(f"URL {number} of {team}: {'delivered' if error is None else 'not delivered'}")
    if not json_:
        click.echo(f"\n{result.text}")
    failed = [error for error in result.errors if error is not None]
    if failed:
        raise MonitorError("\n".join(failed))


@alerts.command("log")
@plant_option
@as_json
@click.option("--newest", default=20, show_default=True, type=click.IntRange(1, 10000))
def alerts_log(plant: str, overrides: Sequence[str], json_: bool, newest: int) -> None:
    """List the newest notifications with their delivery status. Example: gatewatch alerts log --newest 5."""
    from alerting.notifications.receivers import MOST_URLS
    from monitor.store.delivery.notifications import delivery_statuses, recent_notifications

    store = open_store_of(plant, overrides)
    with store.read() as connection:
        rows = recent_notifications(connection, newest)
        sent = delivery_statuses(connection, {row.message for row in rows}, MOST_URLS)
    if json_:
        print_json([{**row._asdict(), "deliveries": sent.get(row.message, {})} for row in rows])
        return
    for row in rows:
        click.echo(f"{row.at:%Y-%m-%d %H:%M}  {row.team}  {row.kind}  {escape_controls(row.title)}")
        click.echo(f"    {row.message}  {_delivery_status(row.team, sent.get(row.message, {}))}")
    if not rows:
        click.echo("no notifications")


def _delivery_status(team: str, statuses: Mapping[str, Sequence[OutboxStatus]]) -> str:
    """The delivery status of a message as text; its outbox rows are kept for a limited time."""
    from exporters.metrics.shared.labels import LOG_CHANNEL, channel_of

    delivered = [f"log {status}" for status in statuses.get(LOG_CHANNEL, ())]
    delivered += [f"URL {n} {status}" for n, status in enumerate(statuses.get(channel_of(team), ()), 1)]
    return ", ".join(delivered) or "no longer in the outbox"


@alerts.command("list")
@plant_option
@as_json
@click.option("--all", "all_", is_flag=True, help="Include resolved and pending alerts, and Watchdog.")
def alerts_list(plant: str, overrides: Sequence[str], json_: bool, all_: bool) -> None:
    """List firing alerts, with what to do about each. Example: gatewatch alerts list --all."""
    from alerting.handling.maintenance import covering, said_of, windows_on
    from alerting.handling.shelves import shelf_of, words_of
    from alerting.specs.roster import BY_NAME
    from monitor.clock import WallClock
    from monitor.statuses import AlertCondition
    from monitor.store.database.schema import open_existing
    from monitor.store.watching.alerts import alerts as stored
    from monitor.store.watching.alerts import place_of
    from monitor.store.watching.causes import cited_by
    from monitor.store.watching.handling import shelves

    loaded = load(plant, overrides).plant
    store = open_existing(loaded.store.url)
    rows = stored(store, not all_)
    causes = cited_by(store, rows)
    now = WallClock().now()
    on = windows_on(loaded.maintenance, loaded.time_zone, now)
    with store.read() as connection:
        away = shelves(connection, now)
    # What is over is in no maintenance, and on no shelf.
    windows = {row.id: "" if row.ended_at else said_of(covering(on, place_of(row))) for row in rows}
    found = {row.id: None if row.ended_at else shelf_of(away, row.name, row.condition, row.subject) for row in rows}
    shelved = {number: "" if shelf is None else words_of(shelf) for number, shelf in found.items()}
    if json_:
        more = {"likely_cause": causes, "maintenance": windows, "shelved": shelved}
        print_json([row._asdict() | {name: said[row.id] for name, said in more.items()} for row in rows])
        return
    for row in rows:
        until = f" until {row.ended_at:%Y-%m-%d %H:%M}" if row.ended_at else ""
        state = f"{row.state}, absent" if row.condition == AlertCondition.ABSENT else row.state
        facts = (row.severity, row.name, row.subject, row.line or "-", f"for {row.team or '-'}", state)
        click.echo("  ".join((*facts, f"since {row.since:%Y-%m-%d %H:%M}{until}")))
        click.echo(f"    {escape_controls(row.summary)}")
        if windows[row.id]:
            click.echo(f"    in maintenance {escape_controls(windows[row.id])}")
        if shelved[row.id]:
            click.echo(f"    shelved {escape_controls(shelved[row.id])}")
        if causes[row.id]:
            click.echo(f"    likely cause: {escape_controls(causes[row.id])}")
        if row.name in BY_NAME:
            click.echo(f"    {BY_NAME[row.name].action}")
    if not rows:
        click.echo("no alerts")


@alerts.command("causes")
@plant_option
@as_json
@click.option("--all", "all_", is_flag=True, help="Include causes that are over, as long as they are kept.")
def alerts_causes(plant: str, overrides: Sequence[str], json_: bool, all_: bool) -> None:
    """List the likely causes of the findings in breach. Example: gatewatch alerts causes --all."""
    from monitor.store.watching.causes import instead_words, listed_causes, words_of

    rows = listed_causes(open_store_of(plant, overrides), all_)
    if json_:
        print_json([row._asdict() | {"instead": instead_words(row), "words": words_of(row)} for row in rows])
        return
    for row in rows:
        until = f" until {row.ended_at:%Y-%m-%d %H:%M}" if row.ended_at else ""
        words = escape_controls(words_of(row))
        click.echo(f"{row.kind}  {words}, since {row.since:%Y-%m-%d %H:%M}{until}, certainty {row.certainty:.2f}")
        named = ", ".join(dict.fromkeys(f"{key[0]} of {key[2]}" for key in row.findings))
        click.echo(f"    explains {escape_controls(named)}")
        if row.gates:
            click.echo(f"    reaches the gates {', '.join(row.gates)}")
    if not rows:
        click.echo("no likely causes")


@alerts.command("rules")
@plant_option
def alerts_rules(plant: str, overrides: Sequence[str]) -> None:
    """Print the plant's alerts as a Prometheus rule file. Example: gatewatch alerts rules > alerts.rules.yml."""
    from alerting.alerts.in_force import alerts_in_force
    from alerting.alerts.rules import rule_file

    loaded_plant = load(plant, overrides).plant
    config = loaded_plant.alerts
    click.echo(rule_file(alerts_in_force(loaded_plant), config.runbooks, interval=config.every), nl=False)


@alerts.command("alertmanager")
@plant_option
def alerts_alertmanager(plant: str, overrides: Sequence[str]) -> None:
    """Print Alertmanager's configuration with the plant's maintenance, quiet hours and shifts as time_intervals.

    Example: gatewatch alerts alertmanager > alertmanager.yml
    """
    from alerting.alerts.intervals import time_intervals
    from alerting.alerts.servers import alertmanager

    click.echo(alertmanager(intervals=time_intervals(load(plant, overrides).plant)), nl=False)

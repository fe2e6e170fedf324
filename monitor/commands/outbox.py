"""The commands about undelivered recommendations and notifications."""

from __future__ import annotations

from collections.abc import Sequence

import click

from exporters.html.formatting import escape_controls
from monitor.commands.shared.options import as_json, open_store_of, plant_option, print_json
from monitor.errors import UsageError


@click.group()
def outbox() -> None:
    """Recommendations and notifications that are not delivered yet."""


@outbox.command("list")
@plant_option
@as_json
@click.option("--status", type=click.Choice(["pending", "dead"]), default="dead", show_default=True)
def outbox_list(plant: str, overrides: Sequence[str], json_: bool, status: str) -> None:
    """List dead or pending messages. Example: gatewatch outbox list --status pending."""
    from monitor.statuses import OutboxStatus
    from monitor.store.delivery.outbox import messages_with_status

    rows = messages_with_status(open_store_of(plant, overrides), OutboxStatus(status))
    if json_:
        print_json([row._asdict() for row in rows])
        return
    for row in rows:
        what = row.payload["step"] if row.channel == "mes" else row.key
        line = f"{row.id}  {row.channel}  {row.subject}  {what}  tries {row.attempts}  {row.error or ''}"
        click.echo(escape_controls(line))
    click.echo(f"{len(rows)} {status}")


@outbox.command("resend")
@click.argument("ids", nargs=-1, type=int)
@plant_option
def outbox_resend(ids: Sequence[int], plant: str, overrides: Sequence[str]) -> None:
    """Queue dead letters again: those with the given ids, or all. Example: gatewatch outbox resend."""
    from monitor.clock import WallClock
    from monitor.statuses import OutboxStatus
    from monitor.store.delivery.outbox import messages_with_status, resend

    store = open_store_of(plant, overrides)
    unknown = set(ids) - {row.id for row in messages_with_status(store, OutboxStatus.DEAD)}
    if unknown:
        raise UsageError(f"outbox: no dead letter {', '.join(map(str, sorted(unknown)))}; see 'gatewatch outbox list'")
    click.echo(f"{resend(store, WallClock().now(), ids)} queued again")

"""The commands about the record of what people did."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from exporters.html.formatting import escape_controls
from monitor.commands.shared.options import as_json, open_store_of, plant_option, print_json
from monitor.errors import MonitorError, UsageError

if TYPE_CHECKING:
    from alerting.handling.audit import Entry, Last

_END = re.compile(r"(\d{1,18}):([0-9a-f]{64})")
_TOLD_EVERY = 100_000


@click.group()
def audit() -> None:
    """The record of what people did about alerts; each entry is chained to the one before it."""


@audit.command("list")
@plant_option
@as_json
@click.option("--newest", default=20, show_default=True, type=click.IntRange(1, 100_000))
def audit_list(plant: str, overrides: Sequence[str], json_: bool, newest: int) -> None:
    """List the newest entries. Example: gatewatch audit list --newest 5."""
    from monitor.store.watching.handling import newest_entries

    with open_store_of(plant, overrides).read() as connection:
        rows = newest_entries(connection, newest)
    if json_:
        print_json([{**row._asdict(), "details": json.loads(row.details)} for row in rows])
        return
    for row in rows:
        details = json.loads(row.details)
        note = f": {details['note']}" if "note" in details else ""
        until = f" until {details['until']}" if "until" in details else ""
        line = f"{row.id}  {row.at:%Y-%m-%d %H:%M}  {row.actor} ({row.role}, {row.via})  {row.action}  {row.about}"
        click.echo(escape_controls(f"{line}{until}{note}"))
    if not rows:
        click.echo("the record is empty")


@audit.command("verify")
@plant_option
@click.option("--expect", metavar="ENTRY:DIGEST", help="An end of the record that was told earlier.")
def audit_verify(plant: str, overrides: Sequence[str], expect: str | None) -> None:
    """Check that no entry was changed, removed or inserted; the first that was is named, and the exit code is 3.

    The printed end, kept elsewhere and given as --expect, also proves that none was removed from the end.

    Example: gatewatch audit verify --expect 12:6b51...
    """
    from alerting.handling.audit import verify
    from monitor.store.watching.handling import entries

    expected = _end_of(expect)
    with open_store_of(plant, overrides).read() as connection:
        last, broken = verify(_with_progress(entries(connection)), expected)
    if broken is not None:
        raise MonitorError(f"the record is broken at entry {broken.id}: {broken.sentence}; restore a backup to compare")
    click.echo(f"{last.id} entries are whole; the end is {last.id}:{last.digest}")


def _with_progress(rows: Iterable[Entry]) -> Iterator[Entry]:
    for row in rows:
        if row.id % _TOLD_EVERY == 0:
            click.echo(f"{row.id} entries", err=True)
        yield row


def _end_of(text: str | None) -> Last | None:
    from alerting.handling.audit import Last

    if text is None:
        return None
    found = _END.fullmatch(text)
    if found is None:
        raise UsageError("--expect: expected ENTRY:DIGEST as 'gatewatch audit verify' prints it")
    return Last(int(found.group(1)), found.group(2))

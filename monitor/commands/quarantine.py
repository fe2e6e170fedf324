"""Source rows that could not be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from exporters.html.formatting import escape_controls
from monitor.commands.run import end_on_signal
from monitor.commands.shared.options import as_json, load, open_app, open_store_of, plant_option, print_json
from monitor.connecting.said import SAID
from monitor.errors import UsageError
from monitor.statuses import NOT_KEPT

if TYPE_CHECKING:
    from monitor.plant.plant import Plant
    from monitor.runtime.retry import Retried
    from monitor.store.rows.quarantine import Refusals


@click.group()
def quarantine() -> None:
    """Source rows that could not be read."""


@quarantine.command("list")
@plant_option
@as_json
@click.option("--newest", default=20, show_default=True, type=click.IntRange(1, 100000))
def quarantine_list(plant: str, overrides: Sequence[str], json_: bool, newest: int) -> None:
    """List what is in quarantine: counts by reason, then the newest refusals; equal ones are one line.

    --json lists single rows with all their values. Example: gatewatch quarantine list --newest 5
    """
    from monitor.store.rows.quarantine import newest_quarantined, newest_refusals, open_by_reason

    store = open_store_of(plant, overrides)
    if json_:
        print_json([row._asdict() for row in newest_quarantined(store, newest)])
        return
    refusals, many = newest_refusals(store, newest)
    for source, reason, rows in open_by_reason(store):
        click.echo(f"{source}: {_rows(rows)} refused: {reason}")
    for line in refusals:
        click.echo(escape_controls(_line(line)))
    if many > len(refusals):
        click.echo(f"and {many - len(refusals)} more kinds of refusals; --newest shows more")
    if not refusals:
        click.echo("no rows in quarantine")


def _line(refusals: Refusals) -> str:
    """Time, source, reason, what is wrong, how often, and the key of the newest row."""
    said = SAID.get(refusals.reason, "cannot be read")
    what = f"{refusals.column}: {refusals.value or 'no value'} {said}" if refusals.column else f"row {said}"
    times = f"{_rows(refusals.rows)}, newest " if refusals.rows > 1 else ""
    at = f"{refusals.newest_at:%Y-%m-%d %H:%M:%SZ}"
    return f"{at}  {refusals.source}  {refusals.reason}  {what}  ({times}{refusals.key})"


def _rows(number: int) -> str:
    return f"{number} row{'' if number == 1 else 's'}"


@quarantine.command("retry")
@click.argument("source", required=False)
@plant_option
@as_json
def quarantine_retry(source: str | None, plant: str, overrides: Sequence[str], json_: bool) -> None:
    """Take rows in quarantine in again, of SOURCE or of every source, after the plant file was corrected.

    A row that can be read now is judged like one that comes late, exactly once; the others stay, and their number is
    said by reason. If another process runs the plant, it tries them at its next pull, by the plant file it has loaded.
    Example: gatewatch quarantine retry mes
    """
    from monitor.runtime.retry import retry

    sources = _chosen(load(plant, overrides).plant, source)
    open_store_of(plant, overrides).close()
    with open_app(plant, overrides) as app:
        end_on_signal(app.runner.stop)
        done = retry(app, sources)
    if json_:
        print_json({**vars(done), "refused": {reason: n for reason, n in done.refused.items() if n}})
        return
    for line in _outcome(done):
        click.echo(line)


def _chosen(plant: Plant, source: str | None) -> tuple[str, ...]:
    if source is not None and source not in plant.sources:
        names = ", ".join(plant.sources) or "none"
        raise UsageError(f"source {source!r}: the plant file has no such source; it has {names}")
    return tuple(plant.sources) if source is None else (source,)


def _outcome(done: Retried) -> Iterator[str]:
    if not done.asked:
        yield "no rows in quarantine"
        return
    yield f"taken in: {_rows(done.taken_in)} of {done.asked}"
    for reason, number in sorted(done.refused.items()):
        if number:
            why = "their values were not kept, or the plant file names a column that was not read" * (
                reason == NOT_KEPT
            )
            yield f"still refused: {_rows(number)}: {why or reason}"
    if done.elsewhere:
        yield f"tried by another process meanwhile: {_rows(done.elsewhere)}"
    if done.waiting:
        yield (
            f"waiting: {_rows(done.waiting)}; the process that runs the plant tries them at its next pull, "
            "by the plant file it has loaded (SIGHUP loads the corrected one)"
        )

"""Connecting a plant: what is understood of its sources, and the schema of the plant file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.commands.shared.options import as_json, load, plant_argument, print_json
from monitor.errors import MonitorError, UsageError

if TYPE_CHECKING:
    from monitor.connecting.preview import Preview

_INDENT = "  "


@click.command()
def schema() -> None:
    """Print the JSON schema of the plant file, by which editors complete and check it as you write.

    Example: gatewatch schema > gatewatch.schema.json
    """
    from monitor.plant.file.schema import plant_schema

    print_json(plant_schema())


@click.command()
@click.argument("urls", nargs=-1, required=True, metavar="DATABASE_URL...")
@click.option(
    "--out", "file", default="plant.yaml", show_default=True, type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; one that exists is left alone.",
)  # fmt: skip
@click.option("--zone", help="IANA zone of local times, such as Europe/Berlin; without it, to be decided.")
def init(urls: Sequence[str], file: Path, zone: str | None) -> None:
    """Write a plant file to begin with, from the tables, columns and some rows of databases, which are only read.

    What a person must decide is marked. Example: gatewatch init sqlite:///mes.db --zone Europe/Berlin
    """
    from monitor.connecting.plant_text import DECIDE, plant_text
    from monitor.runtime.looking import propose_all

    if file.exists():
        raise UsageError(f"{file}: exists already; name another file by --out, or move it away")
    _check_zone(zone)
    proposals = propose_all(urls, file)
    if not any(proposal.kind for _, proposal in proposals):
        tables = ", ".join(f"{p.table.name} ({p.why})" for _, p in proposals) or "none"
        raise UsageError(f"no table of these databases looks like a source; tables: {tables}")
    text = plant_text(proposals, zone)
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(text)
    except OSError as exc:
        raise UsageError(f"{file}: cannot be written: {exc.strerror}") from exc
    for _, proposal in proposals:
        click.echo(_printable(f"{proposal.table.name}: {proposal.kind or f'not proposed, {proposal.why}'}"))
    click.echo(f"{file}: written; decide the {text.count(DECIDE)} things marked {DECIDE}, then: gatewatch check {file}")


def _check_zone(zone: str | None) -> None:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(zone or "UTC")
    except (ValueError, OSError, KeyError):
        raise UsageError(f"--zone {zone!r}: expected an IANA zone such as Europe/Berlin or UTC") from None


@click.command()
@plant_argument
@click.argument("source", required=False)
@as_json
def preview(plant: str, source: str | None, overrides: Sequence[str], json_: bool) -> None:
    """Show what is understood of SOURCE, or of every source: its newest rows raw beside typed, what would be refused.

    Also the time format, rows an hour, and machines, steps and sensors that the plant file does not map. Nothing is
    written. Example: gatewatch preview plant.yaml historian
    """
    from monitor.clock import WallClock
    from monitor.connecting.preview import Preview
    from monitor.runtime.looking import look

    loaded = load(plant, overrides).plant
    if source is not None and source not in loaded.sources:
        raise UsageError(f"source {source!r}: the plant file has no such source; it has {', '.join(loaded.sources)}")
    now = WallClock().now()
    found = []
    for name in loaded.sources if source is None else (source,):
        try:
            found.append(look(name, loaded, now).preview)
        except MonitorError as exc:
            found.append(Preview(name, loaded.sources[name].kind, problem=str(exc)))
    if json_:
        print_json([{**asdict(seen), "refused": seen.refused} for seen in found])
    else:
        for seen in found:
            click.echo("\n".join(_printable(line) for line in _lines(seen, now)))
    if all(seen.problem and not seen.rows for seen in found):
        raise SystemExit(3)


def _printable(text: str) -> str:
    from exporters.html.formatting import escape_controls

    return escape_controls(text)


def _lines(seen: Preview, now: datetime) -> Iterator[str]:
    from monitor.connecting.preview import sentence
    from monitor.plant.messages import join_names

    yield sentence(seen, now)
    if seen.problem and seen.rows:
        yield f"{_INDENT}{seen.problem}"
    for key, words in (seen.times or {}).items() if not seen.problem else ():
        yield f"{_INDENT}times in {key}: {words}"
    if seen.recipes:
        yield f"{_INDENT}recipes: {join_names(seen.recipes)}"
    for refusal in seen.refusals:
        yield f"{_INDENT}would be refused: {refusal.rows:,} of {seen.rows:,}, as {refusal.sentence()}"
    for row in seen.shown:
        yield f"{_INDENT}{_cells(row.raw)}"
        yield f"{_INDENT}  -> {f'refused: {row.refused}' if row.refused else _cells(row.typed)}"


def _cells(cells: Mapping[str, object]) -> str:
    return " ".join(f"{name}={_cell(value)}" for name, value in cells.items())


def _cell(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)

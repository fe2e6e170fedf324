"""The plant's report as one HTML page, what its gates saved; single parts and lists of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from exporters.html.formatting import escape_controls
from monitor.commands.shared.options import (
    Instant,
    as_json,
    load,
    plant_argument,
    plant_option,
    print_json,
    serial_argument,
)
from monitor.errors import UsageError
from monitor.files import check_place

if TYPE_CHECKING:
    from monitor.gate_models.rederive import Recomputed
    from monitor.plant.file.load import LoadedPlant
    from monitor.plant.plant import Plant
    from monitor.reports.part.reading import Lens
    from monitor.store.database.database import Connection, Store

_UNKNOWN = "part {!r}: the store has no such part; {}"


@click.command()
@plant_argument
@click.option("--from", "start", type=Instant(), help="Start (inclusive); by default a day before --to.")
@click.option("--to", "end", type=Instant(), help="End (exclusive); by default now.")
@click.option(
    "--out", "file", type=click.Path(dir_okay=False, path_type=Path), help="File to write; by default in reports/."
)
def report(
    plant: str, overrides: Sequence[str], start: datetime | None, end: datetime | None, file: Path | None
) -> None:
    """Write an HTML report on a period, by default the last day: gates, machines, drift, alerts, models.

    It needs no server and contains no script. Example: gatewatch report plant.yaml --from 2026-01-01 --to 2026-01-08
    """
    from monitor.clock import WallClock
    from monitor.reports.plant import write_report

    if file is not None:
        check_place("--out", file)
    click.echo(f"{write_report(load(plant, overrides), WallClock(), start, end, file)}: written")


@click.command()
@plant_argument
@click.option("--month", metavar="YYYY-MM", help="One month (UTC); by default the newest three with decisions.")
@as_json
def savings(plant: str, overrides: Sequence[str], month: str | None, json_: bool) -> None:
    """Show what the gates with costs saved, by month: cost avoided with its interval, false scraps, escapes.

    Example: gatewatch savings plant.yaml --month 2026-11
    """
    from monitor.clock import WallClock
    from monitor.reports.savings import as_text, as_values, plant_savings

    loaded = load(plant, overrides)
    found = plant_savings(loaded, WallClock(), month)
    if json_:
        print_json(as_values(found, loaded.plant.currency))
    else:
        click.echo(as_text(found, loaded.plant.currency), nl=False)


@click.group()
def part() -> None:
    """Single parts: what was decided and why; lists of parts; the holds that wait."""


@part.command("show")
@serial_argument
@plant_option
@click.option(
    "--pictures",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the part's pictures into this folder, also painted where its gate's model found them unlike good.",
)
@as_json
def part_show(serial: str, plant: str, overrides: Sequence[str], pictures: Path | None, json_: bool) -> None:
    """Show what was decided on one part and why, its neighbours, and everything recorded about it in order of time.

    Example: gatewatch part show B000123
    """
    from monitor.reports.part.text import as_text
    from monitor.reports.passport import passport

    with _looking(plant, overrides) as (connection, lens, _):
        history = passport(connection, serial, lens.plant.class_names() if lens.plant else None, lens)
        if history is None:
            raise UsageError(_unknown(connection, serial))
    if json_:
        print_json(history)
    else:
        click.echo(as_text(history), nl=False)
    if pictures is not None:
        _write_pictures(load(plant, overrides), serial, pictures)


@part.command("replay")
@serial_argument
@plant_option
@as_json
def part_replay(serial: str, plant: str, overrides: Sequence[str], json_: bool) -> None:
    """Make each decision on one part again from what it rests on, and compare; exit with 3 if any differs.

    Example: gatewatch part replay B000123
    """
    from monitor.gate_models.plant_files import PlantFiles
    from monitor.gate_models.rederive import recompute_part
    from monitor.runtime.app import make_registry
    from monitor.store.database.schema import open_existing

    loaded = load(plant, overrides)
    store, files = open_existing(loaded.plant.store.url), PlantFiles(loaded.path.parent)

    def stored(digest: str) -> Plant | None:
        with store.read() as connection:
            return files.of(connection, digest)

    _check_known(store, serial)
    found = list(recompute_part(store, stored, make_registry(loaded.plant), serial))
    if json_:
        print_json({"serial": serial, "decisions": [_again(one) for one in found]})
    else:
        for one in found:
            click.echo(escape_controls(_compared(one)))
        if not found:
            click.echo("no gate has decided on this part")
    if not all(one.matches for one in found):
        raise SystemExit(3)


def _check_known(store: Store, serial: str) -> None:
    from monitor.reports.passport import passport

    with store.read() as connection:
        if passport(connection, serial) is None:
            raise UsageError(_unknown(connection, serial))


def _unknown(connection: Connection, serial: str) -> str:
    from monitor.store.rows.parts import nearest_serials

    near = nearest_serials(connection, serial)
    return _UNKNOWN.format(
        serial, f"the nearest are {', '.join(map(repr, near))}" if near else "it has no parts at all"
    )


def _again(one: Recomputed) -> dict[str, object]:
    _, step, visit, revision = one.key
    names = ("verdict", "reason", "predicted")
    return {
        "gate": one.gate, "step": step, "visit": visit, "revision": revision, "equal": one.matches,
        "different": list(one.different), "stored": dict(zip(names, one.stored, strict=True)),
        "again": dict(zip(names, one.recomputed, strict=True)),
    }  # fmt: skip


def _compared(one: Recomputed) -> str:
    """A decision that was made again: what it is, or what differs."""
    _, step, visit, _ = one.key
    name, stored, again = f"gate {one.gate} at {step}, visit {visit}", _said(one.stored), _said(one.recomputed)
    if one.matches:
        return f"{name}: equal: {stored}"
    if not one.recomputed[0]:
        return f"{name}: DIFFERENT: stored {stored}; it cannot be made again: {one.recomputed[1]}"
    return f"{name}: DIFFERENT in {', '.join(one.different)}: stored {stored}, again {again}"


def _said(one: tuple[str, str, float | None]) -> str:
    verdict, reason, predicted = one
    return f"{verdict} ({reason})" + ("" if predicted is None else f", predicted {predicted:.6g}")


@part.command("list")
@plant_option
@click.option("--verdict", type=click.Choice(["continue", "correct", "scrap", "hold"]), help="Only with this verdict.")
@click.option("--gate", metavar="GATE", help="Only of this gate.")
@click.option("--reason", metavar="REASON", help="Only with this reason, such as uncertain.")
@click.option("--since", type=Instant(), help="Only of parts that passed the gate's step since then.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many at most.")
@as_json
def part_list(
    plant: str, overrides: Sequence[str], verdict: str | None, gate: str | None, reason: str | None,
    since: datetime | None, limit: int, json_: bool,
) -> None:  # fmt: skip
    """List decisions on parts, the newest passage first, with what became of the part.

    Example: gatewatch part list --verdict scrap --since 2026-01-31
    """
    from monitor.reports.part.lists import check_gate, list_parts, parts_as_text, wanted_of

    at = None if since is None else since.isoformat()
    wanted = wanted_of({"verdict": verdict, "gate": gate, "reason": reason, "since": at})
    with _looking(plant, overrides) as (connection, lens, _):
        check_gate(connection, wanted, lens)
        found = list_parts(connection, wanted, limit, lens)
    if json_:
        print_json(found)
    else:
        click.echo(parts_as_text(found), nl=False)


@part.command("holds")
@plant_option
@as_json
def part_holds(plant: str, overrides: Sequence[str], json_: bool) -> None:
    """List the parts that wait for a decision by people, overdue ones first.

    A part waits while its newest decision is a hold and neither a disposition, an outcome nor a later passage is
    known. `steps.NAME.decide_by` in the plant file sets when it is overdue. Example: gatewatch part holds
    """
    from monitor.reports.part.lists import holds_as_text, list_holds

    with _looking(plant, overrides) as (connection, lens, now):
        found = list_holds(connection, now, lens)
    if json_:
        print_json(found)
    else:
        click.echo(holds_as_text(found), nl=False)


@contextmanager
def _looking(plant: str, overrides: Sequence[str]) -> Iterator[tuple[Connection, Lens, datetime]]:
    """The store of a plant, with what its rows are read through, and the time."""
    from monitor.clock import WallClock
    from monitor.gate_models.plant_files import PlantFiles
    from monitor.reports.part.reading import Lens
    from monitor.store.database.schema import open_existing

    loaded, now = load(plant, overrides), WallClock().now()
    with open_existing(loaded.plant.store.url).read() as connection:
        yield connection, Lens(PlantFiles(loaded.path.parent).of, loaded.plant, now), now


def _write_pictures(loaded: LoadedPlant, serial: str, folder: Path) -> None:
    from monitor.commands.shared.pictures import tell_written, write_png
    from monitor.gate_models.picture_files import pictures_of_part
    from monitor.gate_models.rederive import stored_plants
    from monitor.runtime.app import make_registry
    from monitor.store.database.schema import open_existing

    store = open_existing(loaded.plant.store.url)
    plants = stored_plants(store, loaded.path.parent)
    written = 0
    for name, png in pictures_of_part(store, plants.__getitem__, make_registry(loaded.plant), serial):
        tell_written(write_png(folder, name, png))
        written += 1
    if not written:
        click.echo(f"part {serial}: no picture of it is stored", err=True)

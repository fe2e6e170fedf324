"""The commands about machines."""

from __future__ import annotations

import getpass
from collections.abc import Sequence

import click

from exporters.html.formatting import escape_controls
from monitor.commands.shared.options import as_json, load, open_store_of, plant_option, print_json
from monitor.errors import UsageError

_LONGEST = 1000


@click.group()
def machine() -> None:
    """Machines and what is normal for them."""


@machine.command("forget")
@click.argument("machine_", metavar="MACHINE")
@click.option("--recipe", help="Forget the baseline of this recipe only.")
@click.option("--reason", required=True, help="Why, for the record.")
@click.option("--by", "person", help="Who says so, for the record.  [default: the user of this process]")
@plant_option
@as_json
def machine_forget(
    machine_: str, recipe: str | None, reason: str, person: str | None, plant: str, overrides: Sequence[str],
    json_: bool,
) -> None:  # fmt: skip
    """Let the baseline of MACHINE start anew, after an overhaul or a swap: it is learnt from the next readings on.

    The operating limits stay. Works while another process runs the plant, which goes on with the new baseline.
    Example: gatewatch machine forget forge-1 --reason "new main bearing"
    """
    from monitor.clock import WallClock
    from monitor.jobs.detect import Asked
    from monitor.runtime.forgetting import forget_baseline

    loaded = load(plant, overrides).plant
    asked = Asked(machine_, recipe, _said("--reason", reason), _user() if person is None else _said("--by", person))
    store = open_store_of(plant, overrides)
    try:
        forgotten = forget_baseline(store, loaded, asked, WallClock().now())
    finally:
        store.close()
    if json_:
        print_json(forgotten._asdict())
        return
    of_recipe = "" if recipe is None else f", recipe {recipe!r}"
    after = f"{forgotten.until:%Y-%m-%d %H:%M:%SZ}"
    click.echo(escape_controls(f"{machine_}{of_recipe}: the baseline is learnt anew from the readings after {after}"))


@machine.command("forgotten")
@plant_option
@as_json
def machine_forgotten(plant: str, overrides: Sequence[str], json_: bool) -> None:
    """List the baselines that were made to start anew, newest first, with reasons.

    Example: gatewatch machine forgotten --json
    """
    from monitor.store.rows.forgotten import newest_forgotten

    store = open_store_of(plant, overrides)
    with store.read() as connection:
        rows = newest_forgotten(connection)
    store.close()
    if json_:
        print_json([row._asdict() for row in rows])
        return
    for row in rows:
        what = row.machine if row.recipe is None else f"{row.machine}, recipe {row.recipe!r}"
        who = f" by {row.person}" if row.person else ""
        after = f"after {row.until:%Y-%m-%d %H:%M:%SZ}"
        click.echo(escape_controls(f"{row.at:%Y-%m-%d %H:%M:%SZ}  {what}  {after}{who}: {row.reason}"))
    if not rows:
        click.echo("no baseline was made to start anew")


@machine.command("borrowed")
@plant_option
@as_json
def machine_borrowed(plant: str, overrides: Sequence[str], json_: bool) -> None:
    """List the baselines that machines took over from a sister (`like` in the plant file), newest first.

    Example: gatewatch machine borrowed
    """
    from monitor.store.rows.forgotten import newest_borrowed

    store = open_store_of(plant, overrides)
    with store.read() as connection:
        rows = newest_borrowed(connection)
    store.close()
    if json_:
        print_json([{name: value for name, value in row._asdict().items() if name != "content"} for row in rows])
        return
    for row in rows:
        of_recipe = f" of recipe {row.recipe!r}" if row.recipe else ""
        what = f"{row.machine}  compared with {row.sister}'s baseline{of_recipe} after {row.until:%Y-%m-%d %H:%M:%SZ}"
        click.echo(escape_controls(f"{row.at:%Y-%m-%d %H:%M:%SZ}  {what}, until its own is there"))
    if not rows:
        click.echo("no machine took over a baseline")


def _said(option: str, text: str) -> str:
    text = " ".join(text.split())
    if not text or len(text) > _LONGEST:
        raise UsageError(f"{option}: it has {len(text)} characters; expected 1 to {_LONGEST}, for the record")
    return text


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""  # an account without a name, as containers have

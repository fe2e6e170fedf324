"""The commands about steps: which of them matter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from monitor.commands.shared.options import as_json, load, plant_argument, print_json
from monitor.errors import MonitorError, UsageError
from monitor.files import check_place


@click.group()
def steps() -> None:
    """Steps of the line: what they tell of the end result."""


@steps.command("rank")
@plant_argument
@click.option("--characteristic", metavar="NAME", help="Characteristic to rank the steps by; by default each.")
@click.option(
    "--newest",
    type=click.IntRange(100, 100_000),
    default=5000,
    show_default=True,
    help="Newest parts with an outcome that are used.",
)
@click.option("--trial", is_flag=True, help="Do not keep the result for /metrics and the report.")
@as_json
@click.option(
    "--html", "file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Write a page with a plot."
)
def steps_rank(
    plant: str,
    overrides: Sequence[str],
    characteristic: str | None,
    newest: int,
    trial: bool,
    json_: bool,
    file: Path | None,
) -> None:
    """Rank the steps by what their values tell of the outcome that was not known before them.

    For each step in line order: its gain, the share of the remaining loss that its values take away on whole lots held
    out, with a 90 % interval and a p-value; the share of all the loss that it explains; whether it deserves a gate and
    whether it has one. The result is kept for /metrics, and takes a minute or so for each thousand parts. Progress is
    on standard error. Example: gatewatch steps rank plant.yaml --html steps.html
    """
    from monitor.clock import WallClock
    from monitor.reports.step_text import as_text, as_values
    from monitor.reports.steps import rank_plant, write_page
    from monitor.runtime.progress import ShareProgress
    from monitor.store.database.schema import open_existing

    if file is not None:
        check_place("--html", file)
    loaded = load(plant, overrides)
    known = list(loaded.plant.characteristics)
    if not known:
        raise UsageError(f"{plant}: the plant file has no characteristics; add one, and a source of its outcomes")
    if characteristic is not None and characteristic not in known:
        raise UsageError(
            f"characteristic {characteristic!r}: the plant file has no such characteristic; it has {', '.join(known)}"
        )
    store = open_existing(loaded.plant.store.url)
    chosen = known if characteristic is None else [characteristic]
    with ShareProgress("steps rank") as progress:
        rankings, refused = rank_plant(
            store, loaded.plant, chosen, WallClock().now(), newest, trial=trial, reached=progress.reached
        )
    store.close()
    if not rankings:
        raise MonitorError("\n".join(refused.values()))
    if file is not None:
        write_page(file, loaded.plant.site, rankings, refused)
        click.echo(f"{file}: written", err=True)
    if json_:
        print_json({"rankings": [as_values(ranking) for ranking in rankings], "refused": refused})
        return
    click.echo("\n\n".join(map(as_text, rankings)))
    for sentence in refused.values():
        click.echo(f"gatewatch: {sentence}", err=True)
